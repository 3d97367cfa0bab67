"""Finding, reading and masking, on a real PostgreSQL: what is shown, told and written."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa

from chassis.caller import Caller
from chassis.db import Tx
from chassis.testing import NOW, callers, emergency
from dmp import domain, store, usecases
from dmp.domain import (
    Confidentiality,
    Document,
    DocumentId,
    Grant,
    GranteeKind,
    Search,
    errors,
)

from .dmp_given import (
    CDA,
    PERSON,
    centre_15,
    count,
    events,
    journal,
    names,
    seen,
)

Deposited = Callable[..., Awaitable[Document]]
READER = callers.other_doctor
ME = Grant(READER.subject, GranteeKind.PROFESSIONAL)


# -- searching


async def test_reader_finds_nothing_until_the_holder_authorises(tx: Tx, deposited: Deposited) -> None:
    document = await deposited()
    assert await seen(tx, READER) == []
    await usecases.grant_access(tx, callers.citizen, PERSON, ME, NOW)
    assert await seen(tx, READER) == [document.id]


async def test_refused_search_is_an_empty_answer_and_a_line(tx: Tx, deposited: Deposited) -> None:
    await deposited()
    await seen(tx, READER)
    assert (await journal(tx))[-1] == ("dmp_document.search", "refused", "", ["R1111-46"])


async def test_unknown_record_is_the_same_empty_answer(tx: Tx) -> None:
    assert await seen(tx, READER) == []
    assert await journal(tx) == [("dmp_document.search", "refused", "", ["dmp.no_record"])]


async def test_search_writes_a_line_for_the_record_and_one_for_each_hit(tx: Tx, deposited: Deposited) -> None:
    await deposited()
    await deposited()
    await usecases.grant_access(tx, callers.citizen, PERSON, ME, NOW)
    hits = await seen(tx, READER)
    lines = [line for line in await journal(tx) if line[0] == "dmp_document.search"]
    assert lines[0] == ("dmp_document.search", "permitted", "", ["R1111-46"])
    assert [line[2] for line in lines[1:]] == [h.value for h in hits]
    assert lines[1][3] == ["R1111-46", "matrix.10.11488-4"]


async def test_author_lists_own_documents_without_authorisation(tx: Tx, deposited: Deposited) -> None:
    own = await deposited()
    await deposited(by=callers.machine, authors=())
    assert await seen(tx, callers.doctor) == [own.id]
    assert (await journal(tx))[-1] == ("dmp_document.search", "permitted", own.id.value, ["R1111-49"])


async def test_search_by_each_criterion(tx: Tx, deposited: Deposited) -> None:
    report = await deposited(created_at=NOW - timedelta(days=2))
    certificate = await deposited(type=domain.Coding("89601-9"), category=domain.Coding("52"))
    for wanted, expected in [
        (Search(), [certificate, report]),
        (Search(types=("89601-9",)), [certificate]),
        (Search(classes=("10",)), [report]),
        (Search(classes=("10", "52")), [certificate, report]),
        (Search(unique_id=report.entry.unique_id), [report]),
        (Search(created_from=certificate.entry.created_at), [certificate]),
        (Search(created_to=certificate.entry.created_at), [report]),
        (Search(statuses=(domain.Status.CURRENT,)), [certificate, report]),
        (Search(statuses=(domain.Status.SUPERSEDED,)), []),
    ]:
        assert await seen(tx, callers.citizen, wanted) == [d.id for d in expected], wanted


async def test_pages_follow_each_other_even_when_moments_are_equal(tx: Tx, deposited: Deposited) -> None:
    made = {(await deposited()).id for _ in range(5)}
    found: list[DocumentId] = []
    after = None
    while True:
        page, after = await usecases.list_readable_documents(
            tx, callers.citizen, PERSON, Search(size=2, after=after), NOW
        )
        found += [d.id for d in page]
        if after is None:
            break
        assert len(page) == 2
    assert len(found) == 5
    assert set(found) == made


# -- reading and retrieving


async def test_retrieve_gives_the_bytes_and_writes_the_line(tx: Tx, deposited: Deposited) -> None:
    document = await deposited()
    _, content = await usecases.retrieve_document(tx, callers.citizen, document.id, NOW)
    assert content == CDA
    assert (await journal(tx))[-1] == ("dmp_document.retrieve", "permitted", document.id.value, ["L1111-19"])


@pytest.mark.parametrize("usecase", [usecases.read_document, usecases.retrieve_document])
async def test_document_out_of_reach_is_not_found_and_the_refusal_is_kept(
    tx: Tx, deposited: Deposited, usecase: Callable[..., Awaitable[object]]
) -> None:
    document = await deposited()
    with pytest.raises(errors.DocumentNotFound) as refused:
        await usecase(tx, READER, document.id, NOW)
    assert refused.value.refusal is not None
    assert (refused.value.refusal.object_id, refused.value.refusal.rules) == (
        document.id.value,
        ("R1111-46",),
    )
    # What the caller is told is what they are told of a document that does not exist.
    with pytest.raises(errors.DocumentNotFound) as absent:
        await usecase(tx, READER, DocumentId.new(), NOW)
    assert (str(absent.value), absent.value.hint, absent.value.rules) == (
        str(refused.value),
        refused.value.hint,
        refused.value.rules,
    )


async def test_nurse_does_not_read_a_certificate(tx: Tx, deposited: Deposited) -> None:
    certificate = await deposited(type=domain.Coding("89601-9"), category=domain.Coding("52"))
    report = await deposited()
    await usecases.grant_access(
        tx, callers.citizen, PERSON, Grant(callers.nurse.subject, GranteeKind.PROFESSIONAL), NOW
    )
    assert await seen(tx, callers.nurse) == [report.id]
    with pytest.raises(errors.DocumentNotFound) as refused:
        await usecases.read_document(tx, callers.nurse, certificate.id, NOW)
    assert refused.value.refusal is not None
    assert refused.value.refusal.rules == ("matrix.60.89601-9",)


# -- emergencies


@pytest.mark.parametrize("mode", [emergency, centre_15])
async def test_emergency_reads_without_authorisation_and_is_told(
    tx: Tx, deposited: Deposited, mode: Callable[[Caller], Caller]
) -> None:
    document = await deposited()
    assert await seen(tx, mode(READER)) == [document.id]
    await usecases.read_document(tx, mode(READER), document.id, NOW)
    told = [data for name, data in await events(tx) if name == "access.emergency_used"]
    assert len(told) == 2
    rows = await tx.all(sa.text("SELECT id, purpose, object_id FROM audit ORDER BY id"))
    lines = {str(r["id"]): r for r in rows}
    assert [lines[t["journal_id"]]["object_id"] for t in told] == ["", document.id.value]
    assert {lines[t["journal_id"]]["purpose"] for t in told} == {mode(READER).purpose.value}


async def test_glass_without_a_reason_is_a_fault_of_the_request(tx: Tx, deposited: Deposited) -> None:
    document = await deposited()
    hurried = emergency(READER, reason="")
    with pytest.raises(errors.ReasonMissing):
        await seen(tx, hurried)
    with pytest.raises(errors.ReasonMissing):
        await usecases.read_document(tx, hurried, document.id, NOW)


async def test_refused_emergency_is_not_told_as_used(tx: Tx, deposited: Deposited) -> None:
    await deposited()
    await usecases.block_professional(tx, callers.citizen, PERSON, READER.subject, NOW)
    assert await seen(tx, emergency(READER)) == []
    assert "access.emergency_used" not in await names(tx)
    assert (await journal(tx))[-1] == ("dmp_document.search", "refused", "", ["dmp.blocked"])


# -- masking


async def test_masked_document_is_left_to_holder_and_author(tx: Tx, deposited: Deposited) -> None:
    document = await deposited()
    await usecases.grant_access(tx, callers.citizen, PERSON, ME, NOW)
    masked = await usecases.mask_document(tx, callers.citizen, document.id, NOW)
    assert masked.version == 2
    assert Confidentiality.MASKED in masked.entry.confidentiality
    assert await seen(tx, READER) == []
    assert await seen(tx, emergency(READER)) == []
    assert await seen(tx, callers.doctor) == [document.id]
    assert await seen(tx, callers.citizen) == [document.id]
    await usecases.unmask_document(tx, callers.citizen, document.id, NOW)
    assert await seen(tx, READER) == [document.id]
    told = [(name, data["version"]) for name, data in await events(tx) if "masked" in name]
    assert told == [("document.masked", 2), ("document.unmasked", 3)]
    assert await count(tx, "document_version") == 3


async def test_mask_twice_is_refused_and_changes_nothing(tx: Tx, deposited: Deposited) -> None:
    document = await deposited()
    await usecases.mask_document(tx, callers.citizen, document.id, NOW)
    with pytest.raises(errors.DocumentAlreadyMasked):
        await usecases.mask_document(tx, callers.citizen, document.id, NOW)
    assert (await names(tx)).count("document.masked") == 1


async def test_another_citizen_masks_nothing(tx: Tx, deposited: Deposited) -> None:
    document = await deposited()
    with pytest.raises(errors.DocumentNotFound):
        await usecases.mask_document(tx, callers.other_citizen, document.id, NOW)


async def test_save_of_an_older_version_is_a_conflict(tx: Tx, deposited: Deposited) -> None:
    document = await deposited()
    await usecases.mask_document(tx, callers.citizen, document.id, NOW)
    stale = domain.change_masking(document, domain.Masking.MASK)
    with pytest.raises(errors.DocumentChangedMeanwhile):
        await store.save_document(tx, stale, "x", NOW)
