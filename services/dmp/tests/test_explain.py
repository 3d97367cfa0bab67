"""A decision explains itself: what would this professional see, and why, on a real PostgreSQL."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from chassis.caller import Caller, CallerKind, Purpose
from chassis.db import Tx
from chassis.errors import Forbidden
from chassis.testing import NOW, callers, emergency
from dmp import domain
from dmp.domain import Document, DocumentId, Grant, GranteeKind, PersonId, errors
from dmp.domain.records import CareRole, CloseReason
from dmp.usecases import accesses, consents, explain, records

from .dmp_given import PERSON, codes, journal, names, seen
from .policy_given import MASK, PATIENT, REPRESENTATIVES

Deposited = Callable[..., Awaitable[Document]]
HOLDER = callers.citizen
NURSE = replace(callers.nurse, name="", client="", assurance="")
DOCTOR = replace(callers.other_doctor, name="", client="", assurance="")
PARENT = replace(callers.guardian, represents=frozenset({PERSON.value}))
CERTIFICATE: dict[str, Any] = {"type": domain.Coding("89601-9"), "category": domain.Coding("52")}


async def asked(
    tx: Tx, caller: Caller, reader: Caller, document: DocumentId | None = None, size: int = 50
) -> explain.Explained:
    question = explain.Question(PERSON, reader, document, size, None)
    return await explain.explain_access(tx, caller, question, NOW)


def told(found: explain.Explained) -> dict[DocumentId, tuple[bool, tuple[str, ...]]]:
    return {d.id: (decision.permitted, decision.rules) for d, decision in found.documents}


async def test_holder_learns_what_a_nurse_would_see_and_why(tx: Tx, deposited: Deposited) -> None:
    plain = await deposited()
    certificate = await deposited(**CERTIFICATE)
    masked = await deposited(confidentiality=codes("N", MASK))
    before = await asked(tx, HOLDER, NURSE)
    assert (before.record.permitted, before.record.rules) == (False, ("R1111-46",))
    assert "authorisation" in before.record.hint
    assert {permitted for permitted, _ in told(before).values()} == {False}
    await accesses.grant_access(tx, HOLDER, PERSON, Grant(NURSE.subject, GranteeKind.PROFESSIONAL), NOW)
    after = await asked(tx, HOLDER, NURSE)
    assert after.record.permitted
    assert told(after) == {
        plain.id: (True, ("R1111-46", "matrix.60.11488-4")),
        certificate.id: (False, ("matrix.60.89601-9",)),
        masked.id: (False, ("dmp.masked",)),
    }
    assert all(decision.hint for _, decision in after.documents if not decision.permitted)


async def test_explanation_is_what_the_reader_then_gets(tx: Tx, deposited: Deposited) -> None:
    for metadata in ({}, CERTIFICATE, {"confidentiality": codes("N", MASK)}):
        await deposited(**metadata)
        await deposited(by=callers.nurse, **metadata)
    readers = [
        NURSE,
        DOCTOR,
        replace(DOCTOR, purpose=Purpose.BREAK_GLASS),
        replace(NURSE, purpose=Purpose.SECRET),
    ]
    regulation = replace(DOCTOR, purpose=Purpose.REGULATION, roles=frozenset({"regulation"}))
    for step in (
        lambda: accesses.grant_access(
            tx, HOLDER, PERSON, Grant(NURSE.subject, GranteeKind.PROFESSIONAL), NOW
        ),
        lambda: consents.declare_care_role(
            tx, HOLDER, PERSON, DOCTOR.subject, CareRole.MEDECIN_TRAITANT, NOW
        ),
        lambda: accesses.block_professional(tx, HOLDER, PERSON, NURSE.subject, NOW),
    ):
        for reader in (*readers, regulation):
            explained = {
                i for i, (permitted, _) in told(await asked(tx, HOLDER, reader)).items() if permitted
            }
            typed = replace(reader, reason="coma") if reader.purpose is Purpose.BREAK_GLASS else reader
            assert explained == set(await seen(tx, typed)), reader
        await step()


async def test_holder_never_learns_of_what_is_hidden_from_them(tx: Tx, deposited: Deposited) -> None:
    plain = await deposited()
    waiting = await deposited(confidentiality=codes("N", PATIENT))
    kept = await deposited(confidentiality=codes("N", REPRESENTATIVES))
    assert told(await asked(tx, HOLDER, DOCTOR)).keys() == {plain.id, kept.id}
    assert told(await asked(tx, PARENT, DOCTOR)).keys() == {plain.id}
    assert told(await asked(tx, callers.auditor, DOCTOR)).keys() == {plain.id, waiting.id, kept.id}
    one = await asked(tx, HOLDER, DOCTOR, waiting.id)
    absent = await asked(tx, HOLDER, DOCTOR, DocumentId.new())
    assert one.documents == absent.documents == []


async def test_pages_tell_the_holder_nothing_of_what_is_hidden(tx: Tx, deposited: Deposited) -> None:
    for _ in range(3):
        await deposited(confidentiality=codes("N", PATIENT))
    await deposited()
    found = await asked(tx, HOLDER, DOCTOR, size=1)
    assert (len(found.documents), found.after) == (1, None)


async def test_professional_asks_about_themselves_and_learns_only_what_they_read(
    tx: Tx, deposited: Deposited
) -> None:
    own = await deposited(by=DOCTOR, authors=())
    await deposited()
    alone = await asked(tx, DOCTOR, DOCTOR)
    assert (alone.record.permitted, alone.record.rules) == (False, ("R1111-46",))
    assert told(alone) == {own.id: (True, ("R1111-49",))}
    with pytest.raises(Forbidden) as refused:
        await asked(tx, DOCTOR, NURSE)
    assert refused.value.rules == ("dmp.oneself_only",)


async def test_professional_who_asks_in_an_emergency_is_told_to_the_holder(
    tx: Tx, deposited: Deposited
) -> None:
    document = await deposited()
    reader = emergency(DOCTOR)
    assert told(await asked(tx, reader, reader)).keys() == {document.id}
    assert "access.emergency_used" in await names(tx)


async def test_question_of_the_holder_wakes_nobody(tx: Tx, deposited: Deposited) -> None:
    await deposited()
    before = await names(tx)
    await asked(tx, HOLDER, replace(DOCTOR, purpose=Purpose.BREAK_GLASS))
    assert await names(tx) == before


async def test_question_is_a_line_of_the_journal_that_names_what_it_showed(
    tx: Tx, deposited: Deposited
) -> None:
    document = await deposited()
    await asked(tx, HOLDER, DOCTOR)
    assert (await journal(tx))[-1] == ("dmp_policy.explain", "permitted", "", ["L1111-19"])
    row = await tx.one(sa.text("SELECT hits FROM audit WHERE action = 'dmp_policy.explain'"))
    assert row is not None
    assert [hit["object_id"] for hit in row["hits"]] == [document.id.value]


async def test_feeding_is_explained_too(tx: Tx, record: PersonId) -> None:
    unknown = await asked(tx, HOLDER, DOCTOR)
    assert (unknown.feeding.permitted, unknown.feeding.rules) == (False, ("dmp.identity_qualified",))
    qualified = "INSERT INTO qualified_identity VALUES (gen_random_uuid(), :domain, :person, 1, true)"
    await tx.change(sa.text(qualified), domain=DOCTOR.organisation, person=PERSON.value)
    await accesses.block_professional(tx, HOLDER, PERSON, DOCTOR.subject, NOW)
    blocked = await asked(tx, HOLDER, DOCTOR)
    assert (blocked.record.permitted, blocked.record.rules) == (False, ("dmp.blocked",))
    assert blocked.feeding.permitted


async def test_closed_record_explains_itself_and_shows_nothing(tx: Tx, deposited: Deposited) -> None:
    await deposited()
    await records.close_record(tx, HOLDER, PERSON, CloseReason.PATIENT_REQUEST, None, False, NOW)
    found = await asked(tx, HOLDER, DOCTOR)
    assert (found.record.rules, found.documents) == (("dmp.record_closed",), [])


async def test_titles_are_for_those_they_are_about(tx: Tx, deposited: Deposited) -> None:
    await deposited()
    assert (await asked(tx, HOLDER, DOCTOR)).key is not None
    assert (await asked(tx, callers.auditor, DOCTOR)).key is None


@pytest.mark.parametrize("caller", [callers.other_citizen, callers.guardian], ids=lambda c: c.subject[:1])
async def test_stranger_is_told_nothing(tx: Tx, deposited: Deposited, caller: Caller) -> None:
    await deposited()
    assert caller.kind is CallerKind.CITIZEN
    with pytest.raises(errors.RecordNotFound):
        await asked(tx, caller, DOCTOR)
