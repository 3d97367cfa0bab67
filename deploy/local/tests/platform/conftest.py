"""A small repository of two services, so that the launcher is tested without the real ones."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import socle_local
from socle_local.manifest import find_services
from socle_local.nats import Nats, users
from socle_local.ports import Ports

ECHO = """
import json, os, signal, sys
from concurrent.futures import ThreadPoolExecutor
import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

if os.environ.get("ECHO_BROKEN"):
    sys.exit("echo cannot start: the answer is missing")
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
password = open(os.environ["SOCLE_DATABASE_PASSWORD_FILE"]).read()
assert password and os.environ["SOCLE_DATABASE_URL"].startswith("postgresql://echo_back@127.0.0.1:")
server = grpc.server(ThreadPoolExecutor(2))
servicer = health.HealthServicer()
servicer.set("", health_pb2.HealthCheckResponse.SERVING)
health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
if os.environ.get("SOCLE_TLS_CERT_FILE"):
    key, cert, ca = (open(os.environ[f"SOCLE_TLS_{n}_FILE"], "rb").read() for n in ("KEY", "CERT", "CA"))
    assert "platform" in json.loads(os.environ["SOCLE_ALLOWED_PROGRAMS"])
    server.add_secure_port(os.environ["SOCLE_GRPC_LISTEN"],
                           grpc.ssl_server_credentials([(key, cert)], ca, require_client_auth=True))
else:
    server.add_insecure_port(os.environ["SOCLE_GRPC_LISTEN"])
server.start()
signal.sigwait({signal.SIGTERM})
server.stop(1).wait()
print("echo drained")
"""

FRONT = """
import os
from http.server import BaseHTTPRequestHandler, HTTPServer

class Front(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/readyz" else 404)
        self.end_headers()

assert "SOCLE_DATABASE_URL" not in os.environ
host, _, port = os.environ["SOCLE_HTTP_LISTEN"].rpartition(":")
HTTPServer((host, int(port)), Front).serve_forever()
"""

MANIFEST = '[tool.socle]\nname = "{name}"\nmodule = "{module}"\n{kind} = {port}\n'


@pytest.fixture
def small_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a gRPC service, `echo-back`, a web front, `gateway`, and a copy of the launcher."""
    root = tmp_path / "repository"
    for name, kind, port, code in (
        ("echo-back", "grpc_port", 15059, ECHO),
        ("gateway", "http_port", 8089, FRONT),
    ):
        module = name.replace("-", "_")
        package = root / "services" / name / module
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / "app.py").write_text(code)
        manifest = MANIFEST.format(name=name, module=module, kind=kind, port=port)
        (package.parent / "pyproject.toml").write_text(manifest)
    package = Path(socle_local.__file__).parent
    copy = root / "deploy" / "local" / "socle_local"
    shutil.copytree(package, copy, ignore=shutil.ignore_patterns("__pycache__"))
    folders = [copy.parent, root / "services" / "echo-back", root / "services" / "gateway"]
    monkeypatch.setenv("PYTHONPATH", ":".join(map(str, folders)))
    return root


@pytest.fixture
def nats_server(tmp_path: Path) -> Iterator[Nats]:
    """A server with two services, a consumer each, and a reader; passwords are the names."""
    names = ("dmp", "identity_ins", "subscriber")
    durables = {"dmp": ["dmp-know"], "identity-ins": ["identity-ins-tell"]}
    accounts = users({n: n for n in names}, durables, ["subscriber"])
    server = Nats(tmp_path / "nats", Ports.free([])["nats"], accounts)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def free_ports(small_repository: Path) -> Ports:
    """Ports for the services of the small repository."""
    return Ports.free(find_services(small_repository))
