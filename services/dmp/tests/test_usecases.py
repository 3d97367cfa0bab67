"""Opening and feeding a record, on a real PostgreSQL: what is stored, told and written."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from chassis.db import Tx
from chassis.errors import Forbidden
from chassis.testing import NOW, callers
from dmp import domain, store, usecases
from dmp.domain import (
    Document,
    EmergencyConsent,
    Grant,
    GranteeKind,
    PersonId,
    errors,
)

from .dmp_given import (
    CDA,
    PERSON,
    WARD,
    codes,
    count,
    deposit,
    events,
    item,
    journal,
    names,
    seen,
    urn,
)

Deposited = Callable[..., Awaitable[Document]]
READER = callers.other_doctor
ME = Grant(READER.subject, GranteeKind.PROFESSIONAL)


# -- opening


async def test_open_sets_consents_tells_and_writes(tx: Tx) -> None:
    record = await usecases.open_record(tx, callers.staff, PERSON, True, NOW)
    relation = await store.find_relation(tx, PERSON, callers.doctor, NOW)
    assert record.opened_at == NOW
    assert relation.consents == {EmergencyConsent.ETREAT, EmergencyConsent.BTG}
    assert await events(tx) == [("record.opened", {"person_id": PERSON.value})]
    assert await journal(tx) == [("dmp_record.open", "permitted", "", ["dmp.identity_qualified"])]


async def test_open_twice_gives_the_same_record_and_one_event(tx: Tx, record: PersonId) -> None:
    again = await usecases.open_record(tx, callers.doctor, record, True, NOW + timedelta(days=1))
    assert again.opened_at == NOW
    assert await names(tx) == ["record.opened"]
    assert len(await journal(tx)) == 2


async def test_open_without_a_qualified_identity_is_refused(tx: Tx) -> None:
    with pytest.raises(Forbidden) as refused:
        await usecases.open_record(tx, callers.doctor, PERSON, False, NOW)
    assert "qualifi" in refused.value.hint
    assert refused.value.refusal is not None
    assert refused.value.refusal.subject == PERSON.value


async def test_open_for_somebody_else_is_answered_as_for_nobody(tx: Tx) -> None:
    with pytest.raises(errors.RecordNotFound):
        await usecases.open_record(tx, callers.other_citizen, PERSON, False, NOW)


# -- the record


async def test_record_says_whether_the_caller_may_read_it(tx: Tx, record: PersonId) -> None:
    _, before = await usecases.get_record(tx, READER, record, NOW)
    await usecases.grant_access(tx, callers.citizen, record, ME, NOW)
    _, after = await usecases.get_record(tx, READER, record, NOW)
    assert (before.permitted, after.permitted) == (False, True)


async def test_record_that_is_not_open_is_not_found_and_the_asking_is_kept(tx: Tx) -> None:
    with pytest.raises(errors.RecordNotFound) as refused:
        await usecases.get_record(tx, READER, PERSON, NOW)
    assert refused.value.refusal is not None
    assert refused.value.refusal.rules == ("dmp.no_record",)


async def test_record_of_somebody_else_is_not_found_for_a_citizen(tx: Tx, record: PersonId) -> None:
    with pytest.raises(errors.RecordNotFound):
        await usecases.get_record(tx, callers.other_citizen, record, NOW)


# -- depositing


async def test_deposit_stores_lot_documents_bytes_history_events_and_lines(tx: Tx, record: PersonId) -> None:
    sent = deposit(item(), item(b"%PDF-1.7 x", mime_type="application/pdf"))
    done = await usecases.submit_documents(tx, callers.doctor, record, sent, True, NOW)
    assert not done.replayed
    assert [d.entry.unique_id for d in done.documents] == [i.entry.unique_id for i in sent.items]
    for document, sent_item in zip(done.documents, sent.items, strict=True):
        assert await store.get_content(tx, document.id) == sent_item.content
    assert [await count(tx, t) for t in ("lot", "document", "content", "document_version")] == [1, 2, 2, 2]
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
    )
    await deposited()
    done = await usecases.submit_documents(tx, callers.doctor, PERSON, deposit(sent), True, NOW)
    read = await usecases.read_document(tx, callers.doctor, done.documents[0].id, NOW)
    assert read == done.documents[0]
    assert read.entry == sent.entry


async def test_same_lot_again_gets_the_same_answer_and_no_second_event(tx: Tx, record: PersonId) -> None:
    sent = deposit(item(), item())
    first = await usecases.submit_documents(tx, callers.doctor, record, sent, True, NOW)
    again = await usecases.submit_documents(tx, callers.doctor, record, sent, True, NOW + timedelta(hours=1))
    assert again == replace(first, replayed=True)
    assert (await names(tx)).count("document.submitted") == 2
    assert await count(tx, "document") == 2


async def test_same_document_in_another_lot_is_the_document_already_there(tx: Tx, record: PersonId) -> None:
    one = item()
    first = await usecases.submit_documents(tx, callers.doctor, record, deposit(one), True, NOW)
    again = await usecases.submit_documents(tx, callers.machine, record, deposit(one), True, NOW)
    assert (again.lot_id, again.replayed) == (first.lot_id, True)


async def test_replay_does_not_tell_that_the_holder_masked_the_document(tx: Tx, record: PersonId) -> None:
    sent = deposit()
    first = await usecases.submit_documents(tx, callers.doctor, record, sent, True, NOW)
    await usecases.mask_document(tx, callers.citizen, first.documents[0].id, NOW)
    again = await usecases.submit_documents(tx, callers.other_doctor, record, sent, True, NOW)
    assert again.documents == first.documents


async def test_same_identifier_with_other_bytes_is_refused_and_nothing_is_stored(
    tx: Tx, record: PersonId
) -> None:
    unique = urn()
    await usecases.submit_documents(tx, callers.doctor, record, deposit(item(unique_id=unique)), True, NOW)
    other = deposit(item(CDA + b"\n", unique_id=unique))
    with pytest.raises(errors.DuplicateDocument) as refused:
        await usecases.submit_documents(tx, callers.doctor, record, other, True, NOW)
    assert refused.value.rules == ("XDSNonIdenticalHash",)
    assert refused.value.field == "documents[0].entry.unique_id"
    assert await count(tx, "document") == 1


async def test_lot_partly_there_is_refused_whole(tx: Tx, record: PersonId) -> None:
    there = item()
    await usecases.submit_documents(tx, callers.doctor, record, deposit(there), True, NOW)
    with pytest.raises(errors.DuplicateLot) as refused:
        await usecases.submit_documents(tx, callers.doctor, record, deposit(there, item()), True, NOW)
    assert refused.value.field == "documents[1].entry.unique_id"
    assert await count(tx, "document") == 1


async def test_identifier_of_a_lot_with_other_documents_is_refused(tx: Tx, record: PersonId) -> None:
    unique = urn()
    await usecases.submit_documents(tx, callers.doctor, record, deposit(unique_id=unique), True, NOW)
    with pytest.raises(errors.DuplicateLot) as refused:
        await usecases.submit_documents(tx, callers.doctor, record, deposit(unique_id=unique), True, NOW)
    assert refused.value.rules == ("XDSDuplicateUniqueIdInRegistry",)


async def test_two_records_may_hold_the_same_unique_identifier(tx: Tx, record: PersonId) -> None:
    await usecases.open_record(tx, callers.guardian, WARD, False, NOW)
    sent = deposit()
    for person in (record, WARD):
        done = await usecases.submit_documents(tx, callers.doctor, person, sent, True, NOW)
        assert not done.replayed


async def test_deposit_without_a_record_is_refused(tx: Tx) -> None:
    with pytest.raises(errors.RecordNotFound):
        await usecases.submit_documents(tx, callers.doctor, PERSON, deposit(), True, NOW)


async def test_deposit_without_a_qualified_identity_does_not_tell_whether_there_is_a_record(tx: Tx) -> None:
    with pytest.raises(Forbidden):
        await usecases.submit_documents(tx, callers.doctor, PERSON, deposit(), False, NOW)


async def test_citizen_deposits_in_their_own_record(tx: Tx, record: PersonId) -> None:
    sent = deposit(item(authors=(domain.Author(family_name="PATIENT"),)))
    done = await usecases.submit_documents(tx, callers.citizen, record, sent, False, NOW)
    assert done.documents[0].submitted_by == f"person:{PERSON}"
    assert await seen(tx, callers.citizen) == [done.documents[0].id]


async def test_citizen_may_not_hide_from_the_patient(tx: Tx, record: PersonId) -> None:
    sent = deposit(item(confidentiality=codes("N", "INVISIBLE_PATIENT")))
    with pytest.raises(errors.RecordNotFound) as refused:
        await usecases.submit_documents(tx, callers.citizen, record, sent, False, NOW)
    assert refused.value.refusal is not None
    assert refused.value.refusal.rules == ("R1111-53",)
