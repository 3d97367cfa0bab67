"""Documents on their way to the DMP: sent once, whatever is away, lost, cancelled or refused."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from chassis.db import Database
from chassis.errors import AlreadyExists, Forbidden, InvalidInput, NotFound, RuleViolated, Unavailable
from chassis.testing import NOW, LocalIssuer, call_as, callers
from eprescription.domain.cda.read_prescription import read
from eprescription.domain.content import Content
from eprescription.domain.ids import DispensingId, PersonId
from eprescription.domain.prescriptions import Prescription
from eprescription.domain.sendings import LONGEST_DELAY, delay_after
from eprescription.domain.states import State
from eprescription.store import sendings as store
from eprescription.store.tables import SENDING
from eprescription.workers.sending import LAST_ATTEMPT, LEASE, Sender

from . import dispensing_given as counters
from . import given
from .neighbours_given import INS, TRAITS, Neighbourhood, neighbourhood

ROWS = sa.select(*SENDING.c).order_by(SENDING.c.created_at)
FORGET = sa.delete(SENDING)


@pytest.fixture
async def around(database: Database, issuer: LocalIssuer) -> AsyncIterator[Neighbourhood]:
    async with database.begin(call_as(callers.service)) as tx:
        await tx.change(FORGET)
    async with neighbourhood(database, issuer) as found:
        yield found


def sender(database: Database, around: Neighbourhood, **changes: Any) -> Sender:
    usual = Sender(database, around.identities, around.record, pause=0, clock=lambda: NOW)
    return replace(usual, **changes)


def later(by: timedelta) -> Any:
    return lambda: NOW + by


async def due(database: Database, written: Content | None = None, **changes: Any) -> Prescription:
    """A signed prescription and its row, as `usecases.signing` writes them."""
    async with database.begin(call_as(callers.doctor)) as tx:
        of = await given.signed(tx, written, **changes)
        store.insert_sending(tx, "prescription", of.id, of.person, NOW)
    return of


async def rows(database: Database) -> list[Any]:
    async with database.read() as tx:
        return list(await tx.all(ROWS))


async def outcomes(database: Database) -> list[str]:
    return [row["outcome"] for row in await rows(database)]


async def test_prescription_is_deposited_once_with_its_metadata(
    database: Database, around: Neighbourhood
) -> None:
    of = await due(database)
    assert await sender(database, around).work()
    [(_, request, call)] = [one for one in around.dmp.asked if one[0] == "SubmitDocuments"]
    [row] = await rows(database)
    assert (row["outcome"], row["done_at"], row["attempts"]) == ("sent", NOW, 1)
    assert (call.caller.kind, call.caller.subject) == ("service", "eprescription")
    assert call.idempotency is not None
    assert call.idempotency.key == str(row["sending_id"])
    [document] = request.documents
    assert request.person_id == of.person.value
    assert document.entry.unique_id == f"urn:uuid:{of.id}"
    assert (document.entry.type.code, getattr(document.entry, "class").code) == ("57833-6", "42")
    assert [author.professional for author in document.entry.authors] == [of.prescriber]
    assert read(document.content).number == of.number
    assert INS.matricule.encode() in document.content
    assert not await sender(database, around).work()


async def test_registry_is_told_which_paper_and_for_whom(database: Database, around: Neighbourhood) -> None:
    of = await due(database)
    await sender(database, around).work()
    [asked] = around.registry.requests("DescribePerson")
    assert (asked.paper, asked.object_id, asked.on_behalf_of) == ("prescription", of.id.value, of.prescriber)


async def test_copy_in_the_record_does_not_open_the_prescription(
    database: Database, around: Neighbourhood
) -> None:
    """Whoever may read the record would hold the key of a claim."""
    of = await due(database)
    await sender(database, around).work()
    [request] = around.dmp.requests("SubmitDocuments")
    assert given.SECRETS.access_code(of.id).encode() not in request.documents[0].content


async def test_closed_visit_is_deposited_for_its_pharmacist(
    database: Database, around: Neighbourhood
) -> None:
    line = counters.prescribed()
    await counters.stock(database)
    of = await counters.wrote(database, line, person=PersonId.new())
    async with counters.counter(database) as counter:
        closed = (await counter.whole(of, counters.gives(line))).closed
    await sender(database, around).work()
    [request] = around.dmp.requests("SubmitDocuments")
    entry = request.documents[0].entry
    assert (entry.type.code, entry.unique_id) == ("60593-1", f"urn:uuid:{closed.id}")
    assert [author.professional for author in entry.authors] == [callers.pharmacist.subject]
    assert entry.facility.code == "SA33"
    assert await outcomes(database) == ["sent"]


async def test_visit_that_gave_nothing_has_no_document(database: Database, around: Neighbourhood) -> None:
    line = counters.prescribed()
    await counters.stock(database)
    of = await counters.wrote(database, line, person=PersonId.new())
    async with counters.counter(database) as counter:
        await counter.whole(of, counters.refuses(line))
    await sender(database, around).work()
    assert await outcomes(database) == ["nothing"]
    assert around.dmp.asked == []


FINAL: list[tuple[str, Any, str]] = [
    ("no record", NotFound(reason="RECORD_NOT_FOUND"), "no_record"),
    ("closed", RuleViolated(reason="RECORD_CLOSED"), "no_record"),
    ("opposed", Forbidden(rules=["R1111-47", "consent.feeding"]), "opposed"),
    ("answered before", AlreadyExists(reason="DUPLICATE_DOCUMENT"), "sent"),
    ("asked before", RuleViolated(reason="IDEMPOTENCY_KEY_REUSED"), "sent"),
]


@pytest.mark.parametrize(("name", "fault", "outcome"), FINAL, ids=[f[0] for f in FINAL])
async def test_refusal_that_says_all_ends_the_sending(
    database: Database, around: Neighbourhood, name: str, fault: Any, outcome: str
) -> None:
    await due(database)
    around.dmp.faults.append(fault)
    await sender(database, around).work()
    assert await outcomes(database) == [outcome]


@pytest.mark.parametrize("neighbour", ["registry", "dmp"])
async def test_neighbour_that_is_away_is_asked_again_later(
    database: Database, around: Neighbourhood, neighbour: str
) -> None:
    await due(database)
    getattr(around, neighbour).faults.append(Unavailable())
    await sender(database, around).work()
    [row] = await rows(database)
    assert (row["outcome"], row["done_at"], row["try_at"]) == ("", None, NOW + delay_after(1))
    assert not await sender(database, around, clock=later(delay_after(1) / 2)).work()
    await sender(database, around, clock=later(delay_after(1))).work()
    assert await outcomes(database) == ["sent"]


async def test_other_refusal_is_tried_for_hours_then_final(database: Database, around: Neighbourhood) -> None:
    """A door that a setting keeps shut is mended within hours; a document that is refused stays refused."""
    await due(database)
    around.dmp.faults += [InvalidInput(reason="CDA_HEADER_CONTRADICTS")] * LAST_ATTEMPT
    for attempt in range(LAST_ATTEMPT):
        assert await outcomes(database) == [""]
        await sender(database, around, clock=later(attempt * LONGEST_DELAY)).work()
    assert await outcomes(database) == ["refused"]


async def test_what_was_altered_since_its_signature_is_final_at_once(
    database: Database, around: Neighbourhood
) -> None:
    await due(database, signature="e30..e30")
    await sender(database, around).work()
    assert await outcomes(database) == ["refused"]
    assert around.dmp.asked == []


async def test_restricted_prescription_is_withheld_and_nobody_is_asked(
    database: Database, around: Neighbourhood
) -> None:
    await due(database, given.content(restricted=True))
    await sender(database, around).work()
    assert await outcomes(database) == ["withheld"]
    assert (around.registry.asked, around.dmp.asked) == ([], [])


async def test_prescription_cancelled_before_it_was_sent_is_not_sent(
    database: Database, around: Neighbourhood
) -> None:
    await due(database, state=State.CANCELLED)
    await sender(database, around).work()
    assert await outcomes(database) == ["cancelled"]
    assert around.dmp.asked == []


async def test_one_that_fails_holds_up_no_other(database: Database, around: Neighbourhood) -> None:
    async with database.begin(call_as(callers.doctor)) as tx:
        store.insert_sending(tx, "dispensing", DispensingId.new(), given.PERSON, NOW - timedelta(hours=1))
    await due(database)
    await sender(database, around).work()
    assert await outcomes(database) == ["", "sent"]


async def test_several_senders_send_each_document_once(database: Database, around: Neighbourhood) -> None:
    sent = [(await due(database)).id.value for _ in range(12)]
    await asyncio.gather(*(sender(database, around).work() for _ in range(4)))
    while await sender(database, around).work():
        pass
    deposited = [r.documents[0].entry.unique_id for r in around.dmp.requests("SubmitDocuments")]
    assert sorted(deposited) == sorted(f"urn:uuid:{one}" for one in sent)
    assert await outcomes(database) == ["sent"] * 12


async def test_sender_that_died_in_the_middle_leaves_the_row_to_another(
    database: Database, around: Neighbourhood
) -> None:
    await due(database)
    async with database.begin(call_as(callers.service)) as tx:
        assert len(await store.take_due(tx, 10, NOW, NOW + LEASE)) == 1
    assert not await sender(database, around, clock=later(LEASE / 2)).work()
    await sender(database, around, clock=later(LEASE)).work()
    assert await outcomes(database) == ["sent"]


async def test_log_says_nothing_of_the_patient(
    database: Database, around: Neighbourhood, capsys: pytest.CaptureFixture[str]
) -> None:
    of = await due(database)
    around.dmp.faults.append(Unavailable())
    await sender(database, around).work()
    said = "".join(capsys.readouterr())
    assert "sending.later" in said
    for secret in (TRAITS.birth_name, INS.matricule, of.person.value, of.number, "PARACETAMOL"):
        assert secret not in said


def test_delay_doubles_within_a_bound() -> None:
    waits = [delay_after(attempt) for attempt in range(40)]
    assert waits == sorted(waits)
    assert (waits[1], waits[2], waits[-1]) == (timedelta(seconds=2), timedelta(seconds=4), LONGEST_DELAY)
