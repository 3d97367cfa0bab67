"""The platform from its images and manifests, with the face that the integration tests know."""

from __future__ import annotations

import io
import tarfile
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import httpx

from socle_k8s.render import render
from socle_k8s.secrets import all_secrets
from socle_local.manifest import Service, find_services
from socle_local.nats import user_of
from socle_local.platform import SUBSCRIBER
from socle_local.postgres import ADMIN
from tests.containers.changes import DEV, changed
from tests.containers.cluster import Cluster
from tests.containers.kubelet import wait_until
from tests.containers.manifests import Manifests
from tests.containers.names import resolved, trusted
from tests.containers.running import READY_SECONDS, PodFailed
from tests.containers.volumes import VOLUMES

NAMESPACE = "socle"
DATABASE = "socle-postgres-rw:5432"


@dataclass(frozen=True, slots=True)
class Passwords:
    """The Secrets of the platform, asked for by the names of the local platform's folders."""

    cluster: Cluster

    def value(self, *name: str) -> str:
        """A password: `("database", role)` or `("nats", user)`."""
        if name == ("database", ADMIN):
            return self._superuser()
        kind, account = name
        found = self.cluster.manifests.store.secret(f"{hyphened(account)}-{kind}", "the tests")
        return found["password"].decode()

    def _superuser(self) -> str:
        """PostgreSQL's own, which it keeps on its volume and tells nobody."""
        with TemporaryDirectory() as folder:
            copy_out(self.cluster["postgres"].sandbox, f"{VOLUMES}/data/postgres/secrets", Path(folder))
            return Path(folder, ADMIN).read_text()


@dataclass(frozen=True, slots=True)
class Server:
    """Where a server is, for a client that knows the cluster's names."""

    base: str

    @property
    def url(self) -> str:
        return self.base


class Database:
    """The addresses of the databases."""

    def url(self, user: str, database: str) -> str:
        return f"postgresql://{user}@{DATABASE}/{database}"


class ContainerPlatform:
    """Every pod of the dev overlay in containers: `with ContainerPlatform(tmp_path) as platform: ...`.

    Takes the place of `socle_local.platform.Platform` for tests that reach a platform from outside.
    """

    def __init__(self, home: Path) -> None:
        self.home = home.resolve()
        self.services: list[Service] = find_services()
        self.manifests = self._manifests()
        self.cluster = Cluster(self.manifests, self.home)
        self.secrets = Passwords(self.cluster)
        self.postgres, self.nats = Database(), Server("tls://nats:4222")
        self._open = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self.cluster)
            stack.enter_context(trusted(self._authority()))
            stack.enter_context(resolved(self.cluster.names()))
            copy_out(self.cluster["issuer"].sandbox, f"{VOLUMES}/home", self.home / "issuer")
            self._whole()
            self._open = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    def url(self, front: str = "gateway") -> str:
        """The address of a web front, without a final slash."""
        return "http://gateway:8080" if front == "gateway" else "http://issuer:8081"

    @property
    def issuer_url(self) -> str:
        """The base of the three OIDC issuers: in their tokens and in the services' settings too."""
        return self.url("issuer")

    @property
    def nats_ca(self) -> str:
        """The authority of NATS's certificate, in PEM."""
        return self.manifests.store.secret("nats-tls", "the tests")["ca.crt"].decode()

    def database(self, service: str) -> tuple[str, str]:
        """The address of a service's database and the password of its role."""
        role = user_of(service)
        return self.postgres.url(role, role), self.secrets.value("database", role)

    def nats_password(self, user: str = SUBSCRIBER) -> str:
        """The password of a NATS user."""
        return self.secrets.value("nats", user)

    def _whole(self) -> None:
        """Returns once the gateway says that every service answers it. Raises PodFailed."""
        said = ["nothing"]

        def ready() -> bool:
            with suppress(httpx.TransportError):
                answer = httpx.get(f"{self.url()}/readyz")
                said[0] = answer.text
                return answer.status_code == 200
            return False

        if not wait_until(ready, READY_SECONDS):
            raise PodFailed(f"the gateway does not find the platform ready: {said[0]}")

    def _manifests(self) -> Manifests:
        return Manifests.of(changed(render("dev"), DEV), all_secrets(self.services, NAMESPACE))

    def _authority(self) -> Path:
        path = self.home / "ca.crt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.manifests.store.secret("socle-postgres-ca", "the tests")["ca.crt"])
        return path


def hyphened(user: str) -> str:
    """The spelling of Kubernetes for a NATS user or a database role."""
    return user.replace("_", "-")


def copy_out(container: Any, folder: str, to: Path) -> None:
    """Copies a folder out of a container."""
    chunks, _ = container.get_archive(f"{folder}/.")
    with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
        archive.extractall(to, filter="data")
