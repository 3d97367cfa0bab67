"""The platform as a whole: which programs it is made of, what each is told, where it can be reached."""

import os
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from socle_local import backup_archive
from socle_local.credentials import Authority, Certificate, Secrets
from socle_local.manifest import ROOT, Service, find_services
from socle_local.nats import Nats, User, user_of, users
from socle_local.personas import MACHINES
from socle_local.ports import Ports
from socle_local.postgres import ADMIN, Postgres
from socle_local.probes import grpc_ready, http_ready
from socle_local.programs import Program
from socle_local.stores import kept
from socle_local.supervisor import Component, Observer, Supervisor

SUBSCRIBER = "subscriber"
INTEGRATOR = "integrator"
# The launcher itself: it asks each service for its health.
WATCHER = "platform"
DATA, BUS, SERVICES, FRONTS = range(4)


class Platform:
    """PostgreSQL, NATS, the issuer, the services and the web fronts, all on loopback, all data below `home`.

    For the launcher, and for tests of the whole: `with Platform(tmp_path, fsync=False) as platform: ...`.
    `ports` are free ones unless given. `extra` is added to the environment of every service. `observed` adds
    the receiver of traces and metrics (`socle_local.observe`), to which every service then sends all it has.
    """

    def __init__(
        self,
        home: Path,
        ports: Ports | None = None,
        *,
        tls: bool = False,
        observed: bool = False,
        fsync: bool = True,
        extra: Mapping[str, str] | None = None,
        observe: Observer = lambda component: None,
        root: Path = ROOT,
    ) -> None:
        self.home = home.resolve()
        self.services = find_services(root)
        self.observed = observed
        self.ports = ports or Ports.free(self.services, observed=observed)
        self.secrets = Secrets(self.home / "secrets")
        self._root = root
        self._extra = dict(extra or {})
        self.certificates = self._certificates() if tls else {}
        self.postgres = Postgres(
            self.home / "postgres",
            self.ports["postgres"],
            self.secrets.value("database", ADMIN),
            fsync=fsync,
            log=self._log("postgres"),
            settings=backup_archive.SETTINGS,
        )
        self.nats = Nats(self.home / "nats", self.ports["nats"], self._users(), log=self._log("nats"))
        self.supervisor = Supervisor(self._components(), observe)
        self._watching: threading.Thread | None = None

    def start(self) -> None:
        """Returns when all is ready; else raises PlatformFailedError and leaves nothing running."""
        self.supervisor.start()

    def watch_in_background(self) -> None:
        """Brings fallen components back, as the launcher does, while a test goes on."""
        self._watching = threading.Thread(target=self.supervisor.watch, name="socle-watch", daemon=True)
        self._watching.start()

    def stop(self) -> list[str]:
        """Stops everything in order; the names of the programs that had to be killed."""
        self.supervisor.give_up()
        if self._watching:
            self._watching.join()
        return self.supervisor.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.stop()

    def url(self, front: str = "gateway") -> str:
        """The address of a web front, without a final slash."""
        return f"http://{self.ports.address(front)}"

    @property
    def issuer_url(self) -> str:
        """The base of the three OIDC issuers."""
        return self.url("issuer")

    def database(self, service: str) -> tuple[str, str]:
        """The address of a service's database and the password of its role."""
        role = user_of(service)
        return self.postgres.url(role, role), self.secrets.value("database", role)

    def nats_password(self, user: str = SUBSCRIBER) -> str:
        """The password of a NATS user."""
        return self.secrets.value("nats", user)

    def environment(self, service: Service) -> dict[str, str]:
        """The settings a service is started with."""
        listen = "SOCLE_GRPC_LISTEN" if service.grpc else "SOCLE_HTTP_LISTEN"
        own = {
            listen: self.ports.address(service.name),
            "SOCLE_NATS_URL": self.nats.url,
            "SOCLE_NATS_USER": service.snake,
            "SOCLE_NATS_PASSWORD_FILE": str(self.secrets.file("nats", service.snake)),
            "SOCLE_OIDC_CLIENT_SECRET_FILE": str(self.secrets.file("clients", service.name)),
            "SOCLE_SERVICES": self._addresses(),
        }
        if service.grpc:
            own["SOCLE_DATABASE_URL"], _ = self.database(service.name)
            own["SOCLE_DATABASE_PASSWORD_FILE"] = str(self.secrets.file("database", service.snake))
        stores = kept(service.name, service.keeps, self.home)
        return {**self._common(), **own, **stores, **self._tls(service), **self._telemetry(), **self._extra}

    def _common(self) -> dict[str, str]:
        return {
            **os.environ,
            "SOCLE_PROFILE": "local",
            "SOCLE_OIDC_BASE": self.issuer_url,
            "PYTHONUNBUFFERED": "1",
        }

    def _addresses(self) -> str:
        pairs = (f'"{s.name}":"{self.ports.address(s.name)}"' for s in self.services if s.grpc)
        return "{" + ",".join(pairs) + "}"

    def _tls(self, service: Service) -> dict[str, str]:
        if service.name not in self.certificates:
            return {}
        own = self.certificates[service.name]
        callers = sorted({*(service.callers or self.certificates), WATCHER, INTEGRATOR})
        return {
            "SOCLE_TLS_CERT_FILE": str(own.cert),
            "SOCLE_TLS_KEY_FILE": str(own.key),
            "SOCLE_TLS_CA_FILE": str(own.ca),
            "SOCLE_ALLOWED_PROGRAMS": "[" + ",".join(f'"{name}"' for name in callers) + "]",
        }

    def _telemetry(self) -> dict[str, str]:
        """On one machine every trace is wanted, and at once: the usual intervals are made for a fleet."""
        if not self.observed:
            return {}
        return {
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.url("observe"),
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_METRIC_EXPORT_INTERVAL": "5000",
            "OTEL_BSP_SCHEDULE_DELAY": "1000",
            "SOCLE_TRACE_RATIO": "1",
        }

    def _certificates(self) -> dict[str, Certificate]:
        programs = [*(service.name for service in self.services), INTEGRATOR, WATCHER]
        return Authority(self.home / "tls").certificates(programs)

    def _users(self) -> list[User]:
        owners = {service.name: service.durables for service in self.services if service.grpc}
        readers = [*(service.snake for service in self.services if not service.grpc), SUBSCRIBER]
        names = [*map(user_of, owners), *readers]
        return users({name: self.secrets.value("nats", name) for name in names}, owners, readers)

    def _log(self, name: str) -> Path:
        return self.home / "logs" / f"{name}.log"

    def _components(self) -> list[Component]:
        beside = [self._observe()] if self.observed else []
        return [*beside, self._postgres(), self._nats(), self._issuer(), *map(self._service, self.services)]

    def _postgres(self) -> Component:
        return Component(
            name="postgres",
            program=self.postgres.program,
            address=self.ports.address("postgres"),
            stage=DATA,
            launch=self.postgres.launch,
            is_ready=self.postgres.is_ready,
            prepare=self._create_databases,
            stop_seconds=30,
        )

    def _create_databases(self) -> None:
        for service in self.services:
            if service.grpc:
                self.postgres.create_database(
                    service.snake, service.snake, self.secrets.value("database", service.snake)
                )

    def _nats(self) -> Component:
        return Component(
            name="nats",
            program=self.nats.program,
            address=self.ports.address("nats"),
            stage=BUS,
            launch=self.nats.launch,
            is_ready=self.nats.is_ready,
        )

    def _issuer(self) -> Component:
        for client in [*(s.name for s in self.services), *(machine.name for machine in MACHINES)]:
            self.secrets.file("clients", client)
        settings = {
            "SOCLE_ISSUER_LISTEN": self.ports.address("issuer"),
            "SOCLE_ISSUER_HOME": str(self.home / "issuer"),
            "SOCLE_ISSUER_CLIENT_SECRETS": str(self.secrets.folder / "clients"),
        }
        program = self._python("issuer", "socle_local.issuer", {**self._common(), **settings, **self._extra})
        return Component(
            name="issuer",
            program=program,
            address=self.ports.address("issuer"),
            stage=BUS,
            launch=program.start,
            is_ready=http_ready(self.ports["issuer"], "/healthz"),
        )

    def _observe(self) -> Component:
        """Stopped with the last: a service sends what it still holds when it ends."""
        address = self.ports.address("observe")
        settings = {**os.environ, "SOCLE_OBSERVE_LISTEN": address}
        program = self._python("observe", "socle_local.observe", settings)
        return Component(
            name="observe",
            program=program,
            address=address,
            stage=DATA,
            launch=program.start,
            is_ready=http_ready(self.ports["observe"], "/healthz"),
        )

    def _service(self, service: Service) -> Component:
        port = self.ports[service.name]
        program = self._python(service.name, f"{service.module}.app", self.environment(service))
        watcher = self.certificates.get(WATCHER)
        return Component(
            name=service.name,
            program=program,
            address=self.ports.address(service.name),
            stage=SERVICES if service.grpc else FRONTS,
            launch=program.start,
            is_ready=grpc_ready(port, watcher) if service.grpc else http_ready(port, "/readyz"),
            # NATS and the issuer may come later: events wait in the outbox, keys are fetched when needed.
            needs=("postgres",) if service.grpc else (),
        )

    def _python(self, name: str, module: str, env: Mapping[str, str]) -> Program:
        return Program(name, [sys.executable, "-m", module], log=self._log(name), cwd=self._root, env=env)
