"""The servers as a container runs them: a process of their own, told by mounted files alone."""

import os
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import trustme

from socle_local.ports import Ports, listens

READY_SECONDS = 40


class Mounts:
    """The folders that a cluster would mount, made by hand."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home, self.scratch = folder / "home", folder / "scratch"
        for made in (self.home, self.scratch):
            made.mkdir()

    def certificate(self, *names: str) -> ssl.SSLContext:
        """A certificate of a fresh authority; returns what a client needs to believe it and no other."""
        authority = trustme.CA()
        leaf = authority.issue_cert(*names)
        self.write("tls/ca.crt", authority.cert_pem.bytes())
        self.write("tls/tls.key", leaf.private_key_pem.bytes())
        self.write("tls/tls.crt", b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
        context = ssl.create_default_context()
        authority.configure_trust(context)
        return context

    def password(self, kind: str, name: str, value: str) -> None:
        self.write(f"{kind}/{name}/password", f"{value}\n".encode())

    def write(self, path: str, content: bytes) -> None:
        """All at once: the server may be reading."""
        place = self.folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        draft = place.with_name(f".{place.name}")
        draft.write_bytes(content)
        draft.rename(place)

    def environment(self, ports: Mapping[str, int]) -> dict[str, str]:
        paths = {
            "TLS": "tls",
            "DATABASES": "databases",
            "NATS_USERS": "nats-users",
            "CLIENTS": "clients",
            "HOME": "home",
            "SCRATCH": "scratch",
        }
        return {
            **os.environ,
            **{f"SOCLE_SERVE_{name}": str(self.folder / path) for name, path in paths.items()},
            **{f"SOCLE_SERVE_{name}_PORT": str(port) for name, port in ports.items()},
            "SOCLE_SERVE_HOST": "127.0.0.1",
            "SOCLE_SERVE_LOOK_SECONDS": "0.5",
        }


class Server:
    """`python -m socle_local.serve <name>`, in a process of its own."""

    def __init__(self, name: str, mounts: Mounts, ports: Mapping[str, int]) -> None:
        self.mounts, self.ports = mounts, dict(ports)
        self._name = name
        self.said = mounts.folder / "said.txt"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.said.open("wb") as said:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "socle_local.serve", self._name],
                env=self.mounts.environment(self.ports),
                stdout=said,
                stderr=subprocess.STDOUT,
            )
        self.wait_said(f"{self._name} is ready.")

    def wait_said(self, sentence: str) -> None:
        """Returns once the server has said it; fails with all it said when it ends or takes too long."""
        assert self._process
        for _ in range(READY_SECONDS * 20):
            if sentence in self.said.read_text():
                return
            try:
                code = self._process.wait(0.05)
            except subprocess.TimeoutExpired:
                continue
            pytest.fail(f"{self._name} ended with {code}:\n{self.said.read_text()}")
        pytest.fail(f"{self._name} never said {sentence!r}:\n{self.said.read_text()}")

    def stop(self) -> int:
        """SIGTERM, as a kubelet does; the exit code."""
        assert self._process
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(30)

    def kill(self) -> None:
        """At the end of a test, whatever became of it."""
        if self._process and self._process.poll() is None:
            self.stop()


def taken(ports: Mapping[str, int]) -> list[str]:
    """The ports that somebody listens on."""
    return [name for name, port in ports.items() if listens(port)]


def free_ports(*names: str) -> dict[str, int]:
    """A free port for each name, three at most."""
    chosen = Ports.free([]).by_name.values()
    return dict(zip(names, chosen, strict=False))


@pytest.fixture(scope="module")
def mounts(tmp_path_factory: pytest.TempPathFactory) -> Mounts:
    return Mounts(tmp_path_factory.mktemp("mounts"))


@pytest.fixture(scope="module")
def running_postgres(mounts: Mounts) -> Iterator[Server]:
    mounts.certificate("localhost")
    mounts.password("databases", "dmp", "first")
    mounts.password("databases", "identity-ins", "other")
    server = Server("postgres", mounts, free_ports("POSTGRES", "POSTGRES_INNER"))
    server.start()
    yield server
    server.kill()
