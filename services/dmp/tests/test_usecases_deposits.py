"""Feeding a record, on a real PostgreSQL: what is stored, told and written."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from chassis.db import Tx
from chassis.errors import Forbidden
from chassis.testing import NOW, callers
from dmp import domain, usecases
from dmp.domain import Change, Document, PersonId, details, errors

from .dmp_given import (
    CONTENT,
    KEY,
    PARAMETERS,
    PERSON,
    WARD,
    changed,
    codes,
    count,
    deposit,
    events,
    item,
    journal,
    names,
    open_record,
    seen,
    submitted,
    urn,
)

Deposited = Callable[..., Awaitable[Document]]
LATER = NOW + timedelta(hours=1)


async def mask_by_default(tx: Tx) -> None:
    await tx.change(sa.text("UPDATE record SET masked_by_default = true"))


async def test_deposit_stores_lot_documents_history_members_events_and_lines(
    tx: Tx, record: PersonId
) -> None:
    sent = deposit(item(), item(b"%PDF-1.7 x", mime_type="application/pdf"))
    done = await submitted(tx, callers.doctor, sent)
    assert not done.replayed
    assert [d.facts.unique_id for d in done.documents] == [i.entry.unique_id for i in sent.items]
    tables = ("lot", "document", "document_version", "lot_member")
    assert [await count(tx, table) for table in tables] == [1, 2, 2, 2]
    assert (await names(tx))[1:] == ["document.submitted", "document.submitted"]
    assert (await events(tx))[1][1] == {
        "document_id": done.documents[0].id.value,
        "person_id": record.value,
        "lot_id": done.lot_id.value,
        "version": 1,
    }
    lines = (await journal(tx))[1:]
    assert [(a, o) for a, _, o, _ in lines] == [("dmp_document.submit", d.id.value) for d in done.documents]


async def test_deposit_comes_back_as_it_went_in(tx: Tx, deposited: Deposited) -> None:
    coding = domain.Coding("G15_10", "urn:x", "Médecin")
    author = domain.Author(callers.doctor.subject, "DOCTEUR", "Anne", "1750000018", "CH", coding, coding)
    sent = item(
        authors=(author,),
        authenticator=author,
        custodian=domain.Author(organisation="1750000018"),
        events=(coding,),
        service_end=NOW,
        language="fr-FR",
        description="à relire",
        confidentiality=codes("R", "INVISIBLE_PATIENT"),
        references=(domain.Reference("2026-17", "urn:oid:1.2.3", "accession"),),
    )
    await deposited()
    done = await submitted(tx, callers.doctor, deposit(sent))
    read = await usecases.read_document(tx, callers.doctor, done.documents[0].id, NOW)
    assert read.documents == list(done.documents)
    whole = details.open_entry(KEY, read.documents[0])
    assert replace(whole, category=sent.entry.category) == sent.entry
    assert whole.category == domain.Coding("10", domain.CLASS_SYSTEM, "Compte rendu")


async def test_no_word_of_the_metadata_is_stored_in_clear(tx: Tx, record: PersonId) -> None:
    author = domain.Author(callers.doctor.subject, "PRATICIENNE", "Bérénice")
    await submitted(
        tx,
        callers.doctor,
        deposit(item(title="Séropositivité", description="rassurer", authors=(author,)), title="Retour"),
    )
    for table in ("document", "lot", "document_version"):
        rows = await tx.all(sa.text(f"SELECT to_jsonb(t)::text AS row FROM {table} t"))  # noqa: S608
        for row in rows:
            for word in ("Séro", "rassurer", "PRATICIENNE", "Bérénice", "Retour"):
                assert word not in row["row"]
                assert word.encode().hex() not in row["row"]


async def test_lots_of_a_record_are_received_one_after_the_other_even_at_one_moment(
    tx: Tx, record: PersonId
) -> None:
    done = [await submitted(tx, callers.doctor, deposit(), now=now) for now in (NOW, NOW, NOW - timedelta(1))]
    rows = await tx.all(sa.text("SELECT lot_id, received_at FROM lot ORDER BY received_at"))
    assert [str(row["lot_id"]) for row in rows] == [each.lot_id.value for each in done]
    assert [row["received_at"] - NOW for row in rows] == [timedelta(microseconds=n) for n in range(3)]


# -- the same again


async def test_same_lot_again_gets_the_same_answer_and_no_second_event(tx: Tx, record: PersonId) -> None:
    sent = deposit(item(), item())
    first = await submitted(tx, callers.doctor, sent)
    again = await submitted(tx, callers.doctor, sent, now=LATER)
    assert again == replace(first, replayed=True)
    assert (await names(tx)).count("document.submitted") == 2
    assert await count(tx, "document") == 2


async def test_same_document_in_another_lot_is_the_document_already_there(tx: Tx, record: PersonId) -> None:
    one = item()
    first = await submitted(tx, callers.doctor, deposit(one))
    again = await submitted(tx, callers.machine, deposit(one))
    assert (again.lot_id, again.replayed) == (first.lot_id, True)


async def test_replay_does_not_tell_that_the_holder_masked_the_document(tx: Tx, record: PersonId) -> None:
    sent = deposit()
    first = await submitted(tx, callers.doctor, sent)
    await changed(tx, callers.citizen, first.documents[0].id, Change.MASK)
    again = await submitted(tx, callers.other_doctor, sent)
    assert again.documents == first.documents


async def test_same_identifier_with_other_bytes_is_refused_and_nothing_is_stored(
    tx: Tx, record: PersonId
) -> None:
    unique = urn()
    await submitted(tx, callers.doctor, deposit(item(unique_id=unique)))
    with pytest.raises(errors.DuplicateDocument) as refused:
        await submitted(tx, callers.doctor, deposit(item(CONTENT + b"\n", unique_id=unique)))
    assert refused.value.rules == ("XDSNonIdenticalHash",)
    assert refused.value.field == "documents[0].entry.unique_id"
    assert await count(tx, "document") == 1


async def test_lot_partly_there_is_refused_whole(tx: Tx, record: PersonId) -> None:
    there = item()
    await submitted(tx, callers.doctor, deposit(there))
    with pytest.raises(errors.DuplicateLot) as refused:
        await submitted(tx, callers.doctor, deposit(there, item()))
    assert refused.value.field == "documents[1].entry.unique_id"
    assert await count(tx, "document") == 1


async def test_identifier_of_a_lot_with_other_documents_is_refused(tx: Tx, record: PersonId) -> None:
    unique = urn()
    await submitted(tx, callers.doctor, deposit(unique_id=unique))
    with pytest.raises(errors.DuplicateLot) as refused:
        await submitted(tx, callers.doctor, deposit(unique_id=unique))
    assert refused.value.rules == ("XDSDuplicateUniqueIdInRegistry",)


async def test_two_records_may_hold_the_same_unique_identifier(tx: Tx, record: PersonId) -> None:
    await open_record(tx, callers.guardian, WARD)
    sent = deposit()
    for person in (record, WARD):
        assert not (await submitted(tx, callers.doctor, sent, person=person)).replayed


# -- who may


async def test_deposit_without_a_record_is_refused(tx: Tx) -> None:
    with pytest.raises(errors.RecordNotFound):
        await submitted(tx, callers.doctor, deposit())


async def test_deposit_without_a_qualified_identity_does_not_tell_whether_there_is_a_record(tx: Tx) -> None:
    with pytest.raises(Forbidden):
        await submitted(tx, callers.doctor, deposit(), qualified=False)


async def test_deposit_in_a_closed_record_is_refused(tx: Tx, record: PersonId) -> None:
    await tx.change(sa.text("UPDATE record SET state = 'closed'"))
    with pytest.raises(errors.RecordClosed):
        await submitted(tx, callers.doctor, deposit())


async def test_citizen_deposits_in_their_own_record(tx: Tx, record: PersonId) -> None:
    sent = deposit(item(authors=(domain.Author(family_name="PATIENT"),)))
    done = await submitted(tx, callers.citizen, sent, qualified=False)
    assert done.documents[0].submitted_by == f"person:{PERSON}"
    assert await seen(tx, callers.citizen) == [done.documents[0].id]


async def test_citizen_may_not_hide_from_the_patient(tx: Tx, record: PersonId) -> None:
    sent = deposit(item(confidentiality=codes("N", "INVISIBLE_PATIENT")))
    with pytest.raises(Forbidden) as refused:
        await submitted(tx, callers.citizen, sent, qualified=False)
    assert refused.value.rules == ("R1111-53",)


# -- masking by default, announcements


async def test_new_document_is_masked_where_the_holder_wants_new_ones_masked(
    tx: Tx, record: PersonId
) -> None:
    await mask_by_default(tx)
    done = await submitted(tx, callers.doctor, deposit())
    assert done.documents[0].facts.confidentiality == codes("N", "MASQUE_PS")
    assert await seen(tx, callers.doctor) == [done.documents[0].id]


async def test_document_hidden_from_the_patient_is_masked_once_it_is_shown(tx: Tx, record: PersonId) -> None:
    await mask_by_default(tx)
    sent = deposit(item(confidentiality=codes("N", "INVISIBLE_PATIENT")))
    document = (await submitted(tx, callers.doctor, sent)).documents[0]
    assert document.facts.confidentiality == codes("N", "INVISIBLE_PATIENT")
    shown = await changed(tx, callers.doctor, document.id, Change.SHOW_TO_PATIENT, confirmed=True)
    assert shown.facts.confidentiality == codes("N", "MASQUE_PS")


async def test_both_codes_at_once_where_the_platform_allows_it(tx: Tx, record: PersonId) -> None:
    await mask_by_default(tx)
    both = replace(PARAMETERS, masked_and_hidden=True)
    sent = deposit(item(confidentiality=codes("N", "INVISIBLE_PATIENT")))
    document = (await submitted(tx, callers.doctor, sent, parameters=both)).documents[0]
    assert [c.value for c in document.facts.confidentiality] == ["N", "MASQUE_PS", "INVISIBLE_PATIENT"]


async def test_document_hidden_from_the_patient_has_its_two_timers(tx: Tx, deposited: Deposited) -> None:
    await deposited()
    hidden = await deposited(confidentiality=codes("N", "INVISIBLE_PATIENT"))
    row = await tx.one(sa.text("SELECT * FROM announcement"))
    assert row is not None
    assert (str(row["document_id"]), row["done_at"]) == (hidden.id.value, None)
    assert row["warn_at"] == hidden.submitted_at + timedelta(days=14)
    assert row["show_at"].day == hidden.submitted_at.day
    assert row["show_at"].month == hidden.submitted_at.month % 12 + 1
    assert await count(tx, "announcement") == 1
