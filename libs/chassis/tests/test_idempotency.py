"""The same request twice: one effect, one answer, whatever happens in between."""

import asyncio
from dataclasses import replace
from hashlib import sha256
from types import ModuleType
from typing import Any

import grpc
import pytest

from chassis import answers
from chassis.call import Key
from chassis.db import Database
from chassis.errors import Conflict, NotFound, SocleError
from chassis.housekeeping import _forget_keys
from chassis.ids import Id
from chassis.status import from_status
from chassis.testing import NOW, LocalIssuer, Served, call_as, callers, served


async def refused(answer: Any) -> SocleError:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await answer
    return from_status(error.value)


async def events(database: Database, note: str) -> int:
    return int(
        await database.pool.fetchval("SELECT count(*) FROM outbox WHERE aggregate = $1", f"note/{note}")
    )


async def kept_answers(database: Database) -> int:
    return int(await database.pool.fetchval("SELECT count(*) FROM idempotency"))


async def test_same_key_gives_the_same_answer_once_in_effect(
    service: Served, probe: ModuleType, database: Database
) -> None:
    request = probe.WriteNoteRequest(note_id=Id.new().value, body="once")
    first = await service.ask("WriteNote", request, callers.doctor, idempotency_key="k1")
    again = await service.ask("WriteNote", request, callers.doctor, idempotency_key="k1")
    assert first == again
    assert await events(database, request.note_id) == 1


async def test_without_key_it_is_two_requests(service: Served, probe: ModuleType) -> None:
    request = probe.WriteNoteRequest(note_id=Id.new().value, body="once")
    await service.ask("WriteNote", request, callers.doctor)
    assert (await refused(service.ask("WriteNote", request, callers.doctor))).reason == "NOTE_EXISTS"


async def test_same_key_at_the_same_time(service: Served, probe: ModuleType, database: Database) -> None:
    request = probe.WriteNoteRequest(note_id=Id.new().value, body="once")
    asked = (service.ask("WriteNote", request, callers.doctor, idempotency_key="k2") for _ in range(16))
    answers = await asyncio.gather(*asked)
    assert len({a.stamp for a in answers}) == 1
    assert await events(database, request.note_id) == 1


async def test_twin_that_fails_on_what_the_first_one_made_gets_its_answer(
    service: Served, probe: ModuleType
) -> None:
    """The rule that stops the twin is broken by the first of the pair: the caller did nothing wrong."""
    request = probe.WriteNoteRequest(note_id=Id.new().value, body="flush")
    asked = (service.ask("WriteNote", request, callers.doctor, idempotency_key="k3") for _ in range(8))
    assert len({a.stamp for a in await asyncio.gather(*asked)}) == 1


async def test_same_key_with_another_body_is_refused(service: Served, probe: ModuleType) -> None:
    one, two = (probe.WriteNoteRequest(note_id=Id.new().value, body=b) for b in ("one", "two"))
    await service.ask("WriteNote", one, callers.doctor, idempotency_key="k4")
    error = await refused(service.ask("WriteNote", two, callers.doctor, idempotency_key="k4"))
    assert (error.reason, error.field) == ("IDEMPOTENCY_KEY_REUSED", "Idempotency-Key")


@pytest.mark.parametrize("change", [{"subject": "810100000052"}, {"organisation": "1750000059"}])
async def test_a_key_belongs_to_its_caller_at_work_for_one_structure(
    service: Served, probe: ModuleType, change: dict[str, Any]
) -> None:
    key, other = f"k5-{change}", replace(callers.doctor, **change)
    one, two = (probe.WriteNoteRequest(note_id=Id.new().value, body=b) for b in ("one", "two"))
    await service.ask("WriteNote", one, callers.doctor, idempotency_key=key)
    assert (await service.ask("WriteNote", two, other, idempotency_key=key)).note_id == two.note_id


async def test_a_failure_is_not_kept(service: Served, probe: ModuleType, database: Database) -> None:
    note = Id.new().value
    await service.ask("WriteNote", probe.WriteNoteRequest(note_id=note), callers.doctor)
    request = probe.WriteNoteRequest(note_id=note, body="two")
    before = await kept_answers(database)
    for _ in range(2):
        error = await refused(service.ask("WriteNote", request, callers.doctor, idempotency_key="k6"))
        assert error.reason == "NOTE_EXISTS"
    assert await kept_answers(database) == before


async def test_a_key_too_long_is_refused(service: Served, probe: ModuleType) -> None:
    request = probe.WriteNoteRequest(note_id=Id.new().value)
    error = await refused(service.ask("WriteNote", request, callers.doctor, idempotency_key="k" * 256))
    assert error.reason == "IDEMPOTENCY_KEY_TOO_LONG"


async def test_an_rpc_that_changes_nothing_ignores_keys(service: Served, probe: ModuleType) -> None:
    for _ in range(2):
        request = probe.ReadNoteRequest(note_id=Id.new().value)
        error = await refused(service.ask("ReadNote", request, callers.doctor, idempotency_key="k7"))
        assert type(error) is NotFound


async def test_an_answer_that_was_forgotten_undoes_all(
    database: Database, probe: ModuleType, issuer: LocalIssuer, note_table: Any, service: Served
) -> None:
    class Forgetful(type(service.servicer)):  # type: ignore[misc]
        async def WriteNote(self, request: Any, call: Any) -> Any:
            async with self.db.begin(call) as tx:
                tx.insert(note_table, id=request.note_id, body="x")
                return self.pb.WriteNoteResponse()

    request = probe.WriteNoteRequest(note_id=Id.new().value)
    async with served(Forgetful(database, probe), database, issuer) as running:
        await running.ask("WriteNote", probe.WriteNoteRequest(note_id=Id.new().value), callers.doctor)
        error = await refused(running.ask("WriteNote", request, callers.doctor, idempotency_key="k8"))
    assert error.reason == "INTERNAL"
    assert await database.pool.fetchval("SELECT count(*) FROM note WHERE id = $1", request.note_id) == 0


async def test_keys_are_forgotten_after_a_day(database: Database) -> None:
    await database.pool.execute(
        "INSERT INTO idempotency VALUES ('s', 'old', '', '', now() - interval '25 hours'),"
        " ('s', 'new', '', '', now() - interval '23 hours')"
    )
    await _forget_keys(database)
    kept = await database.pool.fetch("SELECT key FROM idempotency WHERE scope = 's'")
    assert [row["key"] for row in kept] == ["new"]


async def test_what_is_kept_says_nothing_of_key_request_or_answer(
    service: Served, probe: ModuleType, database: Database
) -> None:
    """A backup of the table is of no use to whoever has not the caller's key and request."""
    request = probe.WriteNoteRequest(note_id=Id.new().value, body="a secret word")
    await service.ask("WriteNote", request, callers.doctor, idempotency_key="key-of-caller")
    row = await database.pool.fetchrow("SELECT * FROM idempotency ORDER BY answered_at DESC LIMIT 1")
    assert row is not None
    held = b"\0".join(value for value in row.values() if isinstance(value, bytes)) + row["key"].encode()
    raw = request.SerializeToString()
    for known in (b"key-of-caller", b"a secret word", request.note_id.encode(), sha256(raw).digest()):
        assert known not in held


def test_an_answer_opens_with_its_own_key_and_request_only() -> None:
    key = Key("caller rpc", "one", sha256(b"request").digest())
    row = answers.row(key, b"answer", NOW)
    assert answers.opened(key, row) == b"answer"
    with pytest.raises(answers.IdempotencyKeyReused):
        answers.opened(replace(key, fingerprint=sha256(b"another").digest()), row)
    altered = {**row, "answer": row["answer"][:-1] + bytes([row["answer"][-1] ^ 1])}
    with pytest.raises(answers.AnswerAltered):
        answers.opened(key, altered)
    names = {answers.name_of(k) for k in (key, replace(key, key="two"), replace(key, scope="other rpc"))}
    assert len(names) == 3


async def test_a_twin_in_flight_that_leaves_no_answer_is_a_conflict(database: Database) -> None:
    """Only seen when the first of the pair was committed and its key removed at once: ask again."""
    call = call_as(callers.doctor)
    call.idempotency = Key("scope", "key", b"f")
    with pytest.raises(Conflict):
        async with database.begin(call) as tx:
            twin = answers.row(call.idempotency, b"", NOW)
            await database.pool.execute("INSERT INTO idempotency VALUES ($1, $2, $3, $4, $5)", *twin.values())
            tx.answer(_Empty())


class _Empty:
    def SerializeToString(self) -> bytes:
        return b""
