"""The pipeline of a method: doors, fields, errors, journal of refusals, deadlines."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from types import ModuleType
from typing import Any
from urllib.parse import quote

import grpc
import pytest
import structlog
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import Message

from chassis import rpc, status, telemetry, transport
from chassis.call import Call
from chassis.db import Database
from chassis.errors import Kind, SocleError, TimedOut, Unavailable
from chassis.ids import Id
from chassis.settings import Settings
from chassis.status import from_status
from chassis.testing import LocalIssuer, Served, callers, emergency, served

TRACE = "00-" + "c" * 32 + "-" + "d" * 16 + "-01"


async def refusal(answer: Any) -> SocleError:
    """The error of the house that an awaited call ends with."""
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await answer
    return from_status(error.value)


async def wire(answer: Any) -> tuple[Any, ...]:
    """Everything a client can see of a refusal."""
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await answer
    trailing = [(k, v) for k, v in error.value.trailing_metadata() or ()]
    return error.value.code(), error.value.details(), trailing, list(error.value.initial_metadata() or ())


async def last_refused(database: Database) -> Mapping[str, Any]:
    row = await database.pool.fetchrow(
        "SELECT * FROM audit WHERE outcome = 'refused' ORDER BY id DESC LIMIT 1"
    )
    assert row is not None
    return dict(row)


async def count(database: Database, table: str) -> int:
    return int(await database.pool.fetchval(f"SELECT count(*) FROM {table}"))  # noqa: S608


async def test_write_then_read(service: Served, probe: ModuleType, database: Database) -> None:
    note = Id.new().value
    await service.ask("WriteNote", probe.WriteNoteRequest(note_id=note, body="hello"), callers.doctor)
    answer = await service.ask("ReadNote", probe.ReadNoteRequest(note_id=note), callers.doctor)
    assert answer.body == "hello"
    row = await database.pool.fetchrow("SELECT * FROM outbox WHERE aggregate = $1", f"note/{note}")
    assert row is not None
    assert row["subject"] == "socle.probe.note.written.v1"


async def test_without_token(service: Served, probe: ModuleType) -> None:
    error = await refusal(service.ask("Wait", probe.WaitRequest()))
    assert (error.reason, error.kind) == ("TOKEN_MISSING", Kind.UNAUTHENTICATED)


async def test_with_a_token_of_another_issuer(service: Served, probe: ModuleType) -> None:
    forged = LocalIssuer().token(callers.doctor)
    error = await refusal(service.ask("Wait", probe.WaitRequest(), authorization=f"Bearer {forged}"))
    assert error.reason == "TOKEN_REFUSED"


async def test_with_an_expired_token(service: Served, probe: ModuleType) -> None:
    token = service.issuer.token(callers.doctor, seconds=-60)
    error = await refusal(service.ask("Wait", probe.WaitRequest(), authorization=f"Bearer {token}"))
    assert error.reason == "TOKEN_EXPIRED"


async def test_a_stranger_leaves_no_trace_in_the_journal(
    service: Served, probe: ModuleType, database: Database
) -> None:
    before = await count(database, "audit")
    await refusal(service.ask("WriteNote", probe.WriteNoteRequest(note_id=Id.new().value)))
    assert await count(database, "audit") == before


@pytest.mark.parametrize("kind", [k for k in callers.every_kind() if k != "professional"])
async def test_wrong_kind_is_refused_and_journaled(
    service: Served, probe: ModuleType, database: Database, kind: str
) -> None:
    caller = callers.every_kind()[kind]
    error = await refusal(service.ask("WriteNote", probe.WriteNoteRequest(note_id=Id.new().value), caller))
    assert (error.kind, error.reason, error.rules) == (
        Kind.FORBIDDEN,
        "KIND_NOT_ALLOWED",
        ("rpc.note.write",),
    )
    line = await last_refused(database)
    assert (line["actor"], line["action"], line["rules"]) == (
        caller.public_subject,
        "note.write",
        ["rpc.note.write"],
    )


async def test_wrong_kind_is_refused_before_the_fields_are_read(service: Served, probe: ModuleType) -> None:
    """Who may not call learns nothing of what would have been wrong with the call."""
    error = await refusal(service.ask("WriteNote", probe.WriteNoteRequest(note_id="7"), callers.citizen))
    assert error.violations == ()


async def test_refusal_of_a_policy_is_journaled_and_explained(
    service: Served, probe: ModuleType, database: Database
) -> None:
    caller = emergency(callers.doctor, "coma, seul, né à Évry")
    error = await refusal(service.ask("Wait", probe.WaitRequest(how="forbidden"), caller, traceparent=TRACE))
    assert (error.kind, error.rules, error.hint) == (Kind.FORBIDDEN, ("test.rule",), "Ask first.")
    line = await last_refused(database)
    assert {
        k: line[k] for k in ("actor", "subject", "object_id", "rules", "purpose", "reason", "trace_id")
    } == {
        "actor": caller.subject,
        "subject": "someone",
        "object_id": "thing",
        "rules": ["test.rule"],
        "purpose": "bris_de_glace",
        "reason": "coma, seul, né à Évry",
        "trace_id": "c" * 32,
    }


async def test_unseen_cannot_be_told_from_absent(
    service: Served, probe: ModuleType, database: Database
) -> None:
    secret = Id.new().value
    await service.ask("WriteNote", probe.WriteNoteRequest(note_id=secret, body="secret"), callers.doctor)
    before = await count(database, "audit")
    hidden = await wire(service.ask("ReadNote", probe.ReadNoteRequest(note_id=secret), callers.doctor))
    assert await count(database, "audit") == before + 1
    assert (await last_refused(database))["object_id"] == secret
    absent = await wire(
        service.ask("ReadNote", probe.ReadNoteRequest(note_id=Id.new().value), callers.doctor)
    )
    assert hidden == absent
    assert hidden[0] is grpc.StatusCode.NOT_FOUND


async def test_violations_arrive_all_at_once_and_nothing_is_written(
    service: Served, probe: ModuleType, database: Database
) -> None:
    before = [await count(database, t) for t in ("note", "audit", "outbox")]
    request = probe.WriteNoteRequest(note_id="x", body="a\x00", inners=[probe.Inner()] * 3, day="2026-13-01")
    error = await refusal(service.ask("WriteNote", request, callers.doctor))
    assert error.reason == "MALFORMED_REQUEST"
    assert [v.field for v in error.violations] == [
        "note_id",
        "body",
        "inners",
        "inners[0].name",
        "inners[1].name",
        "inners[2].name",
        "day",
    ]
    assert [await count(database, t) for t in ("note", "audit", "outbox")] == before


async def test_thousands_of_violations_still_arrive_as_invalid_input(
    service: Served, probe: ModuleType
) -> None:
    request = probe.WriteNoteRequest(note_id=Id.new().value, inners=[probe.Inner()] * 20_000)
    error = await refusal(service.ask("WriteNote", request, callers.doctor))
    assert (error.kind, len(error.violations)) == (Kind.INVALID_INPUT, status.VIOLATIONS_MOST)


class Raw:
    """Bytes that are sent as they are."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def SerializeToString(self) -> bytes:
        return self.data


@pytest.mark.parametrize("data", [b"\xff\xff\xff", b"\x0a\x05ab", b"\x0a\x02\xff\xfe"])
async def test_bytes_that_are_no_message(service: Served, data: bytes) -> None:
    raw: Any = Raw(data)
    error = await refusal(service.ask("WriteNote", raw, callers.doctor))
    assert error.reason == "MESSAGE_UNREADABLE"
    assert "socle.probe.v1.WriteNoteRequest" in error.hint


async def test_unknown_purpose_is_refused(service: Served, probe: ModuleType) -> None:
    error = await refusal(service.ask("Wait", probe.WaitRequest(), callers.doctor, socle_purpose="curiosity"))
    assert (error.kind, error.field) == (Kind.INVALID_INPUT, "Socle-Purpose")


async def test_deadline_of_the_client_is_kept(
    database: Database, probe: ModuleType, issuer: LocalIssuer
) -> None:
    started = asyncio.Event()
    ended: list[str] = []

    class Slow(Silent):
        async def Wait(self, _: Any, call: Call) -> Any:
            assert call.remaining < 0.6
            started.set()
            try:
                await asyncio.sleep(30)
            except asyncio.CancelledError:
                ended.append("cancelled")
                raise

    async with served(Slow(probe), database, issuer) as running:
        token = [("authorization", f"Bearer {issuer.token(callers.doctor)}")]
        call: Any = running.channel.unary_unary("/socle.probe.v1.ProbeService/Wait")
        began = time.monotonic()
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await call(b"", metadata=token, timeout=0.5)
        assert started.is_set()
        assert error.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert time.monotonic() - began < 5
        await asyncio.sleep(0.2)
        assert ended == ["cancelled"]


async def test_without_deadline_the_service_has_its_own(
    database: Database, probe: ModuleType, issuer: LocalIssuer
) -> None:
    async with hosted(
        Silent(probe), rpc.Runtime(issuer.verifier(), database, default_deadline=0.2)
    ) as channel:
        token = [("authorization", f"Bearer {issuer.token(callers.doctor)}")]
        request = probe.WaitRequest(seconds=30).SerializeToString()
        error = await refusal(
            channel.unary_unary("/socle.probe.v1.ProbeService/Wait")(request, metadata=token)
        )
        assert (type(error), error.hint) == (TimedOut, "Set a longer deadline, or ask for less.")


@pytest.mark.parametrize("how", ["fail", "write and fail"])
async def test_unexpected_failure_says_nothing_writes_nothing_and_is_logged(
    service: Served, probe: ModuleType, database: Database, how: str
) -> None:
    before = [await count(database, t) for t in ("note", "audit", "outbox")]
    with structlog.testing.capture_logs([telemetry.in_trace]) as logged:
        error = await refusal(
            service.ask("Wait", probe.WaitRequest(how=how), callers.doctor, traceparent=TRACE)
        )
    assert (error.kind, error.reason, error.sentence) == (
        Kind.INTERNAL,
        "INTERNAL",
        str(rpc.Internal.__doc__),
    )
    assert "must not travel" not in repr(vars(error))
    assert [await count(database, t) for t in ("note", "audit", "outbox")] == before
    (failed,) = [line for line in logged if line["event"] == "rpc.failed"]
    assert failed["trace_id"] == "c" * 32
    assert isinstance(failed["exc_info"], ZeroDivisionError)


async def test_a_trace_of_the_clients_making_reaches_no_journal(
    service: Served, probe: ModuleType, database: Database
) -> None:
    note = Id.new().value
    request = probe.WriteNoteRequest(note_id=note)
    await service.ask("WriteNote", request, callers.doctor, traceparent="DUPONT Marie 2791275120005")
    traces = await database.pool.fetch(
        "SELECT trace_id FROM audit WHERE object_id = $1"
        " UNION ALL SELECT traceparent FROM outbox WHERE aggregate = $2",
        note,
        f"note/{note}",
    )
    assert len(traces) == 2
    assert all("DUPONT" not in row["trace_id"] for row in traces)


async def test_a_reason_in_clear_or_percent_encoded_is_the_same(
    service: Served, probe: ModuleType, database: Database
) -> None:
    for sent in ("seul", quote("seul")):
        metadata = {"socle_purpose": "bris_de_glace", "socle_reason": sent}
        await refusal(service.ask("Wait", probe.WaitRequest(how="forbidden"), callers.doctor, **metadata))
        assert (await last_refused(database))["reason"] == "seul"


async def test_journal_that_cannot_be_written_is_no_refusal(
    service: Served, probe: ModuleType, database: Database
) -> None:
    """No trace, no answer: whoever was refused is told to come back."""
    await database.pool.execute(
        "ALTER TABLE audit ADD CONSTRAINT stop CHECK (outcome <> 'refused') NOT VALID"
    )
    try:
        error = await refusal(service.ask("Wait", probe.WaitRequest(how="forbidden"), callers.doctor))
    finally:
        await database.pool.execute("ALTER TABLE audit DROP CONSTRAINT stop")
    assert error.kind is Kind.INTERNAL


class Silent:
    """Has every method of the probe; waits as long as asked."""

    def __init__(self, probe: ModuleType) -> None:
        self.probe = probe
        self.service: ServiceDescriptor = probe.DESCRIPTOR.services_by_name["ProbeService"]

    async def WriteNote(self, request: Any, call: Call) -> Message:
        raise AssertionError("no test calls this method")

    async def ReadNote(self, request: Any, call: Call) -> Message:
        raise AssertionError("no test calls this method")

    async def Wait(self, request: Any, call: Call) -> Any:
        await asyncio.sleep(request.seconds)
        return self.probe.WaitResponse()


@asynccontextmanager
async def hosted(servicer: Any, runtime: rpc.Runtime) -> AsyncIterator[grpc.aio.Channel]:
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((rpc.handlers(servicer, runtime),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield channel
    finally:
        await server.stop(None)


async def test_invoke_passes_on_token_trace_and_what_is_left_of_the_time(
    database: Database, probe: ModuleType, issuer: LocalIssuer
) -> None:
    seen: list[Call] = []

    class Asked(Silent):
        async def Wait(self, request: Any, call: Call) -> Any:
            seen.append(call)
            return await super().Wait(request, call)

    async with hosted(Asked(probe), rpc.Runtime(issuer.verifier(), database)) as channel:
        method = waiting(channel, probe)
        token = f"Bearer {issuer.token(callers.doctor)}"
        call = Call(callers.doctor, token=token, traceparent=TRACE, deadline=time.monotonic() + 2)
        await rpc.invoke(method, probe.WaitRequest(), call)
        assert replace(seen[0].caller, roles=frozenset()) == callers.doctor
        # On the wire gRPC rounds what is left up, to the next hundredth of a second.
        assert seen[0].remaining <= 2.01
        # The same trace, drawn as it was, below the part of who asked.
        assert (seen[0].trace_id, seen[0].traceparent[-2:]) == (TRACE[3:35], TRACE[-2:])
        assert seen[0].traceparent[36:52] != TRACE[36:52]
        late = Call(callers.doctor, token=token, deadline=time.monotonic() - 1)
        with pytest.raises(TimedOut):
            await rpc.invoke(method, probe.WaitRequest(), late)
        assert len(seen) == 1


def waiting(channel: grpc.aio.Channel, probe: ModuleType) -> Any:
    return channel.unary_unary(
        "/socle.probe.v1.ProbeService/Wait",
        request_serializer=probe.WaitRequest.SerializeToString,
        response_deserializer=probe.WaitResponse.FromString,
    )


async def test_invoke_when_the_other_is_away_then_unavailable(probe: ModuleType) -> None:
    async with transport.channel("127.0.0.1:1", Settings()) as channel:
        with pytest.raises(Unavailable) as error:
            await rpc.invoke(waiting(channel, probe), probe.WaitRequest(), Call(callers.doctor))
    assert error.value.retry_after == 1.0
