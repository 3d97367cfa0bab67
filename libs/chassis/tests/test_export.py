"""What a service sends to a collector, and that it lives and stops as well without one."""

import signal
import socket
import time
from collections.abc import Iterator
from types import ModuleType

import grpc
import pytest

from chassis.testing import LocalIssuer
from chassis.testing_otlp import Received, collecting

from .program_given import Place, Program, method, token

SENT = "00-" + "c" * 32 + "-" + "d" * 16
READ, WAIT = "socle.probe.v1.ProbeService/ReadNote", "socle.probe.v1.ProbeService/Wait"


@pytest.fixture
def received() -> Iterator[Received]:
    with collecting() as made:
        yield made


async def stopped(program: Program) -> float:
    """Stops it in order; the seconds that took."""
    began = time.monotonic()
    program.process.send_signal(signal.SIGTERM)
    assert await program.ended() == 0
    return time.monotonic() - began


async def test_unsampled_calls_leave_no_span_but_for_those_that_fail(
    place: Place, issuer: LocalIssuer, sso: str, probe: ModuleType, received: Received
) -> None:
    told = received.environment | {
        "SOCLE_TRACE_RATIO": "0",
        "SOCLE_VERSION": "1.2.3",
        "OTEL_RESOURCE_ATTRIBUTES": "service.instance.id=probe-0,k8s.node.name=node1",
    }
    async with (
        place.running(**told) as program,
        grpc.aio.insecure_channel(program.address) as channel,
    ):
        await program.said("service.ready")
        metadata = [*token(issuer, sso), ("traceparent", f"{SENT}-00")]
        await method(channel, probe, "Wait")(probe.WaitRequest(), metadata=metadata, timeout=10)
        request = probe.ReadNoteRequest(note_id="01900000-0000-7000-8000-000000000001")
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await method(channel, probe, "ReadNote")(request, metadata=metadata, timeout=10)
        assert error.value.code() is grpc.StatusCode.INTERNAL
        await stopped(program)
    (span,) = received.spans()
    assert (span.name, span.kind, span.trace_id, span.parent_id) == (READ, "SERVER", "c" * 32, "d" * 16)
    assert span.failed
    assert span.attributes == {
        "rpc.system": "grpc",
        "rpc.service": "socle.probe.v1.ProbeService",
        "rpc.method": "ReadNote",
        "rpc.grpc.status_code": 13,
        "error.type": "INTERNAL",
    }
    assert {(p.labels["rpc"], p.labels["code"]): p.value for p in received.points("socle.rpc.duration")} == {
        (f"/{WAIT}", "OK"): 1,
        (f"/{READ}", "INTERNAL"): 1,
    }
    for told_once in (b"1.2.3", b"probe-0", b"node1"):
        assert all(told_once in body for body in (*received.traces, *received.metrics))


async def test_a_collector_that_is_away_stops_nothing_and_is_told_once(
    place: Place, issuer: LocalIssuer, sso: str, probe: ModuleType, received: Received
) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        away = f"http://127.0.0.1:{nobody.getsockname()[1]}"
    told = received.environment | {"OTEL_EXPORTER_OTLP_ENDPOINT": away, "OTEL_METRIC_EXPORT_INTERVAL": "100"}
    async with (
        place.running(**told) as program,
        grpc.aio.insecure_channel(program.address) as channel,
    ):
        await program.said("service.ready")
        until = time.monotonic() + 1.5
        while time.monotonic() < until:
            await method(channel, probe, "Wait")(
                probe.WaitRequest(seconds=0.2), metadata=token(issuer, sso), timeout=10
            )
        assert await stopped(program) < 10
    complaints = [line["where"] for line in program.lines if line.get("event") == "library.said"]
    assert complaints
    assert len(complaints) == len({where.split(" ")[0] for where in complaints}), complaints


async def test_a_collector_that_never_answers_does_not_hold_up_the_stop(
    place: Place, issuer: LocalIssuer, sso: str, probe: ModuleType, received: Received
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        address = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        async with (
            place.running(**(received.environment | {"OTEL_EXPORTER_OTLP_ENDPOINT": address})) as program,
            grpc.aio.insecure_channel(program.address) as channel,
        ):
            await program.said("service.ready")
            ask = method(channel, probe, "Wait")
            await ask(probe.WaitRequest(), metadata=token(issuer, sso), timeout=10)
            assert await stopped(program) < 10
