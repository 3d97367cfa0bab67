"""Probes against real servers, and what the kubelet makes of their answers."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from tests.containers.kubelet import Kubelet, Record, wait_until
from tests.containers.probes import Probe

NOBODY = "192.0.2.1"


def probe(kind: str = "readinessProbe", port: int = 1, **spec: Any) -> Probe:
    means = spec or {"tcpSocket": {"port": port}}
    return Probe.of(kind, {"periodSeconds": 0.05, **means}, {"any": port}, "a test")


def outside(command: Any, seconds: float) -> int:
    return {"true": 0, "false": 1}[command[0]]


class Answers(BaseHTTPRequestHandler):
    """/503 is refused, anything else found."""

    def do_GET(self) -> None:
        self.send_response(503 if self.path == "/503" else 302)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def web() -> Iterator[int]:
    server = HTTPServer(("127.0.0.1", 0), Answers)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def healthy() -> Iterator[tuple[int, Callable[[str, Any], None]]]:
    server = grpc.server(ThreadPoolExecutor(2))
    servicer = health.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield port, servicer.set
    server.stop(None).wait()


def test_http_between_200_and_399_passes(web: int) -> None:
    assert probe(port=web, httpGet={"path": "/", "port": "any"}).ask("127.0.0.1", outside) == ""
    assert probe(port=web, httpGet={"path": "/503", "port": web}).ask("127.0.0.1", outside) == "HTTP 503"


def test_https_of_a_server_that_speaks_none_fails(web: int) -> None:
    asked = probe(port=web, httpGet={"path": "/", "port": web, "scheme": "HTTPS"})
    assert "SSL" in asked.ask("127.0.0.1", outside)


def test_tcp_asks_for_a_connection_only(web: int, free_port: Callable[[], int]) -> None:
    assert probe(port=web).ask("127.0.0.1", outside) == ""
    assert "refused" in probe(port=free_port()).ask("127.0.0.1", outside)


def test_grpc_asks_for_the_service_by_name(healthy: tuple[int, Callable[[str, Any], None]]) -> None:
    port, tell = healthy
    asked = probe(port=port, grpc={"port": port, "service": "live"})
    assert "NOT_FOUND" in asked.ask("127.0.0.1", outside)
    tell("live", health_pb2.HealthCheckResponse.NOT_SERVING)
    assert "not serving" in asked.ask("127.0.0.1", outside)
    tell("live", health_pb2.HealthCheckResponse.SERVING)
    assert asked.ask("127.0.0.1", outside) == ""


def test_a_command_passes_with_status_zero() -> None:
    assert probe(exec={"command": ["true"]}).ask(NOBODY, outside) == ""
    assert probe(exec={"command": ["false"]}).ask(NOBODY, outside) == "exit status 1"


def test_thresholds_are_counted_in_a_row() -> None:
    record = Record(probe(tcpSocket={"port": 1}, failureThreshold=2, successThreshold=2))
    for reason, passing in (("", False), ("", True), ("no", True), ("", True), ("no", True), ("no", False)):
        record.hear(reason)
        assert record.passing is passing
    assert (record.passed, record.failed, record.losses) == (3, 3, ["no"])


def test_nothing_else_is_asked_before_the_startup_probe_passed(
    web: int, free_port: Callable[[], int]
) -> None:
    late = free_port()
    probes = {"startupProbe": probe("startupProbe", late), "readinessProbe": probe(port=web)}
    kubelet = Kubelet("late", probes, "127.0.0.1", outside)
    kubelet.start()
    assert wait_until(lambda: kubelet.records["startupProbe"].failed > 2, 5)
    assert (kubelet.ready, kubelet.records["readinessProbe"].passed) == (False, 0)
    assert "startup probe failed" in kubelet.dead
    with_late_server(late, kubelet)
    assert wait_until(lambda: kubelet.records["readinessProbe"].passed > 0, 5)
    kubelet.stop()


def with_late_server(port: int, kubelet: Kubelet) -> None:
    """Serves until the startup probe has passed."""
    server = HTTPServer(("127.0.0.1", port), Answers)
    assert wait_until(lambda: kubelet.records["startupProbe"].passed > 0, 5)
    server.server_close()


def test_a_lost_liveness_is_remembered_for_good(web: int, free_port: Callable[[], int]) -> None:
    gone = probe("livenessProbe", free_port())
    kubelet = Kubelet("gone", {"livenessProbe": gone}, "127.0.0.1", outside)
    kubelet.start()
    assert wait_until(lambda: bool(kubelet.dead), 5)
    kubelet.stop()
    assert kubelet.dead.startswith("liveness probe: ")
