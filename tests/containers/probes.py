"""Probes as the kubelet does them: from outside the pod, to its address, by their own periods."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.containers.fields import NotTranslated
from tests.containers.values import Doc

PROBES = ("startupProbe", "readinessProbe", "livenessProbe")
SERVING = health_pb2.HealthCheckResponse.SERVING
# Runs a command inside the container and gives its exit status.
Inside = Callable[[Sequence[str], float], int]


def patience() -> int:
    """How many times more than its manifest a probe is given; 1 unless SOCLE_CONTAINERS_PATIENCE says more.

    For a machine that others keep busy: what a cluster would start again there is then told, not failed.
    """
    return int(os.environ.get("SOCLE_CONTAINERS_PATIENCE", "") or "1")


@dataclass(frozen=True, slots=True)
class Probe:
    """One probe of a container; `action` is its grpc, httpGet, exec or tcpSocket; `port` is 0 for exec.

    Times in seconds; the defaults are those of the API server.
    """

    kind: str
    means: str
    action: Doc
    port: int
    delay: float
    period: float
    timeout: float
    successes: int
    failures: int

    @classmethod
    def of(cls, kind: str, probe: Doc, ports: Mapping[str, int], where: str) -> Probe:
        """A probe of a manifest. Raises NotTranslated when its port is not a declared one."""
        means = next((one for one in ("grpc", "httpGet", "exec", "tcpSocket") if one in probe), "")
        if not means:
            raise NotTranslated(f"{where}.{kind} asks nothing: give it grpc, httpGet, exec or tcpSocket")
        port = 0 if means == "exec" else _port(probe[means]["port"], ports, f"{where}.{kind}")
        return cls(
            kind,
            means,
            probe[means],
            port,
            probe.get("initialDelaySeconds", 0),
            probe.get("periodSeconds", 10),
            probe.get("timeoutSeconds", 1) * patience(),
            probe.get("successThreshold", 1),
            probe.get("failureThreshold", 3) * patience(),
        )

    @property
    def what(self) -> str:
        """The probe in a few words, for a report."""
        if self.means == "exec":
            return " ".join(self.action["command"])
        detail = self.action.get("path") or self.action.get("service") or ""
        return f"{self.means} {self.port} {detail}".strip()

    def ask(self, address: str, inside: Inside) -> str:
        """Asks once; the reason of the failure, or nothing when it passed."""
        means: dict[str, Callable[[], str]] = {
            "grpc": lambda: ask_grpc(address, self.port, self.action.get("service") or "", self.timeout),
            "httpGet": lambda: ask_http(address, self.port, self.action, self.timeout),
            "tcpSocket": lambda: ask_tcp(address, self.port, self.timeout),
            "exec": lambda: ask_inside(self.action["command"], inside, self.timeout),
        }
        return means[self.means]()


def _port(port: int | str, ports: Mapping[str, int], where: str) -> int:
    if isinstance(port, int):
        if port not in ports.values():
            raise NotTranslated(f"{where} asks port {port}, which the container does not declare")
        return port
    if port not in ports:
        raise NotTranslated(f"{where} asks the port named {port}, which the container does not declare")
    return ports[port]


def ask_grpc(address: str, port: int, service: str, timeout: float) -> str:
    """grpc.health.v1 without TLS on a fresh connection: the kubelet speaks no other."""
    with grpc.insecure_channel(
        f"{address}:{port}", options=[("grpc.use_local_subchannel_pool", 1)]
    ) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        try:
            answer = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=timeout)
        except grpc.RpcError as error:
            refused: Any = error
            return f"{refused.code().name}: {refused.details()}"
    return "" if answer.status == SERVING else f"service {service!r} is not serving"


def ask_http(address: str, port: int, get: Doc, timeout: float) -> str:
    """GET; 200 to 399 is a success. Certificates are not verified: the kubelet has an address, no name."""
    connection = (
        HTTPSConnection(address, port, timeout=timeout, context=_unverified())
        if get.get("scheme", "HTTP") == "HTTPS"
        else HTTPConnection(address, port, timeout=timeout)
    )
    headers = {
        "user-agent": "kube-probe",
        **{one["name"]: one["value"] for one in get.get("httpHeaders", ())},
    }
    try:
        connection.request("GET", get.get("path", "/"), headers=headers)
        status = connection.getresponse().status
    except (OSError, HTTPException) as error:
        return f"{type(error).__name__}: {error}"
    finally:
        connection.close()
    return "" if 200 <= status < 400 else f"HTTP {status}"


def _unverified() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def ask_tcp(address: str, port: int, timeout: float) -> str:
    """Whether the port accepts a connection."""
    try:
        socket.create_connection((address, port), timeout=timeout).close()
    except OSError as error:
        return f"{type(error).__name__}: {error}"
    return ""


def ask_inside(command: Sequence[str], inside: Inside, timeout: float) -> str:
    """Whether a command inside the container ends with 0."""
    status = inside(command, timeout)
    return "" if status == 0 else f"exit status {status}"
