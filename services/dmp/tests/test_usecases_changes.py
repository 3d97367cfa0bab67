"""Changes of metadata on a real PostgreSQL: what is stored, told, written, and found by who polls."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa

from chassis.caller import Caller
from chassis.db import Tx
from chassis.errors import Forbidden
from chassis.testing import NOW, callers
from dmp import domain, store, usecases
from dmp.domain import (
    Change,
    Confidentiality,
    Document,
    DocumentId,
    EntryId,
    Grant,
    GranteeKind,
    LotKind,
    LotSearch,
    Range,
    Status,
    Surroundings,
    changes,
    errors,
)
from dmp.usecases import lots

from .dmp_given import (
    PARAMETERS,
    PERSON,
    changed,
    codes,
    count,
    deposit,
    events,
    journal,
    names,
    seen,
    submitted,
)

Deposited = Callable[..., Awaitable[Document]]
READER = callers.other_doctor
ME = Grant(READER.subject, GranteeKind.PROFESSIONAL)
HIDDEN = codes("N", "INVISIBLE_PATIENT")
KEPT = codes("N", "INVISIBLE_REPRESENTANTS_LEGAUX")


async def test_masked_document_is_left_to_holder_and_author(tx: Tx, deposited: Deposited) -> None:
    document = await deposited()
    await usecases.grant_access(tx, callers.citizen, PERSON, ME, NOW)
    masked = await changed(tx, callers.citizen, document.id, Change.MASK)
    assert masked.version == 2
    assert masked.entry_id != document.entry_id
    assert Confidentiality.MASKED in masked.facts.confidentiality
    assert await seen(tx, READER) == []
    assert await seen(tx, callers.doctor) == [document.id]
    assert await seen(tx, callers.citizen) == [document.id]
    await changed(tx, callers.citizen, document.id, Change.UNMASK)
    assert await seen(tx, READER) == [document.id]
    told = [(name, data["version"]) for name, data in await events(tx) if "masked" in name]
    assert told == [("document.masked", 2), ("document.unmasked", 3)]
    assert await count(tx, "document_version") == 3


async def test_each_version_is_kept_with_its_own_entry(tx: Tx, deposited: Deposited) -> None:
    document = await deposited()
    await changed(tx, callers.doctor, document.id, Change.ARCHIVE)
    rows = await tx.all(sa.text("SELECT version, entry_id, archived FROM document_version ORDER BY version"))
    assert [(r["version"], r["archived"]) for r in rows] == [(1, False), (2, True)]
    assert rows[0]["entry_id"] != rows[1]["entry_id"]
    assert str(rows[0]["entry_id"]) == document.entry_id.value


async def test_mask_twice_is_refused_and_changes_nothing(tx: Tx, deposited: Deposited) -> None:
    document = await deposited()
    await changed(tx, callers.citizen, document.id, Change.MASK)
    with pytest.raises(errors.DocumentAlreadyMasked):
        await changed(tx, callers.citizen, document.id, Change.MASK)
    assert (await names(tx)).count("document.masked") == 1


async def test_every_change_has_its_event_and_its_line(tx: Tx, deposited: Deposited) -> None:
    document = await deposited(confidentiality=HIDDEN)
    kept = await deposited(confidentiality=KEPT)
    for about, change, name in [
        (document, Change.SHOW_TO_PATIENT, "shown_to_patient"),
        (kept, Change.SHOW_TO_REPRESENTATIVES, "shown_to_representatives"),
        (document, Change.ARCHIVE, "archived"),
        (document, Change.UNARCHIVE, "unarchived"),
        (document, Change.DELETE, "deleted"),
    ]:
        await changed(tx, callers.doctor, about.id, change, confirmed=True)
        assert (await names(tx))[-1] == f"document.{name}"
        assert (await journal(tx))[-1][:3] == (f"dmp_document.{change}", "permitted", about.id.value)


async def test_several_changes_are_one_version_with_a_line_and_an_event_each(
    tx: Tx, deposited: Deposited
) -> None:
    document = await deposited()
    await usecases.grant_access(tx, callers.citizen, PERSON, ME, NOW)
    after = await changed(tx, callers.doctor, document.id, Change.MASK, Change.ARCHIVE)
    assert (after.version, after.archived) == (2, True)
    assert (await names(tx))[-2:] == ["document.masked", "document.archived"]
    assert [line[0] for line in (await journal(tx))[-2:]] == ["dmp_document.mask", "dmp_document.archive"]


async def test_version_that_is_not_the_one_read_is_a_conflict(tx: Tx, deposited: Deposited) -> None:
    document = await deposited()
    await changed(tx, callers.citizen, document.id, Change.MASK, expected_version=1)
    with pytest.raises(errors.DocumentChangedMeanwhile) as refused:
        await changed(tx, callers.citizen, document.id, Change.UNMASK, expected_version=1)
    assert "2" in refused.value.hint


async def test_save_of_an_older_version_is_a_conflict(tx: Tx, deposited: Deposited) -> None:
    document = await deposited()
    await changed(tx, callers.citizen, document.id, Change.MASK)
    stale = changes.apply(document, [Change.MASK], EntryId.new(), NOW, Surroundings(PARAMETERS))
    with pytest.raises(errors.DocumentChangedMeanwhile):
        await store.save_document(tx, stale, "x")


# -- who may


@pytest.mark.parametrize("caller", [callers.other_citizen, READER], ids=lambda c: c.kind)
async def test_change_of_what_may_not_be_known_is_as_of_what_is_not_there(
    tx: Tx, deposited: Deposited, caller: Caller
) -> None:
    document = await deposited()
    told = []
    for target in (document.id, DocumentId.new()):
        with pytest.raises(errors.DocumentNotFound) as refused:
            await changed(tx, caller, target, Change.MASK)
        assert refused.value.refusal is not None
        told.append((str(refused.value), refused.value.hint, refused.value.rules))
    assert told[0] == told[1]


async def test_reader_who_is_not_the_author_deletes_nothing_and_is_told_so(
    tx: Tx, deposited: Deposited
) -> None:
    document = await deposited()
    await usecases.grant_access(tx, callers.citizen, PERSON, ME, NOW)
    with pytest.raises(Forbidden) as refused:
        await changed(tx, READER, document.id, Change.DELETE)
    assert "dmp.author" in refused.value.rules
    assert refused.value.hint


async def test_minor_hides_again_only_what_the_parents_never_saw(tx: Tx, deposited: Deposited) -> None:
    document = await deposited(confidentiality=KEPT)
    await changed(tx, callers.doctor, document.id, Change.SHOW_TO_REPRESENTATIVES, confirmed=True)
    with pytest.raises(errors.DocumentWasShown):
        await changed(tx, callers.citizen, document.id, Change.HIDE_FROM_REPRESENTATIVES)
    other = await deposited()
    after = await changed(tx, callers.citizen, other.id, Change.HIDE_FROM_REPRESENTATIVES)
    assert after.facts.confidentiality == KEPT


# -- deleted


async def test_deleted_document_is_in_no_list_and_gone_for_who_could_read_it(
    tx: Tx, deposited: Deposited
) -> None:
    document = await deposited()
    await usecases.grant_access(tx, callers.citizen, PERSON, ME, NOW)
    await changed(tx, callers.doctor, document.id, Change.DELETE)
    for caller in (callers.citizen, callers.doctor, READER):
        assert await seen(tx, caller) == []
        for usecase in (usecases.read_document, usecases.retrieve_document):
            with pytest.raises(errors.DocumentDeleted) as refused:
                await usecase(tx, caller, document.id, NOW)
            assert refused.value.refusal is not None
    with pytest.raises(errors.DocumentNotFound):
        await usecases.read_document(tx, callers.nurse, document.id, NOW)
    with pytest.raises(errors.DocumentDeleted):
        await changed(tx, callers.doctor, document.id, Change.UNARCHIVE)
    wanted = domain.Search(statuses=(Status.DELETED,))
    assert await seen(tx, callers.citizen, wanted) == []


# -- polling


async def test_change_is_a_lot_that_polling_finds(tx: Tx, deposited: Deposited) -> None:
    document = await deposited()
    await usecases.grant_access(tx, callers.citizen, PERSON, ME, NOW)
    last = document.submitted_at
    since = LotSearch(received=Range(last + timedelta(microseconds=1)), oldest_first=True)
    assert (await lots.list_readable_lots(tx, READER, PERSON, since, NOW)).lots == []
    after = await changed(tx, callers.doctor, document.id, Change.ARCHIVE)
    found = await lots.list_readable_lots(tx, READER, PERSON, since, NOW)
    lot = found.lots[0]
    assert (len(found.lots), lot.kind, lot.documents) == (1, LotKind.CHANGE, (document.id,))
    assert lot.received_at == after.changed_at > last
    assert lot.unique_id == f"urn:uuid:{lot.id}"
    assert lot.author_ids == (callers.doctor.subject, callers.doctor.organisation)
    assert [d.entry_id for d in found.documents] == [after.entry_id]


async def test_deletion_is_told_to_who_could_read_and_shows_no_metadata(tx: Tx, deposited: Deposited) -> None:
    document = await deposited()
    await usecases.grant_access(tx, callers.citizen, PERSON, ME, NOW)
    await changed(tx, callers.doctor, document.id, Change.DELETE)
    found = await lots.list_readable_lots(tx, READER, PERSON, LotSearch(), NOW)
    assert [(lot.kind, lot.documents) for lot in found.lots] == [(LotKind.CHANGE, (document.id,))]
    assert found.documents == []
    assert (await lots.list_readable_lots(tx, callers.nurse, PERSON, LotSearch(), NOW)).lots == []


async def test_announcement_ends_when_shown_or_deleted(tx: Tx, deposited: Deposited) -> None:
    shown, deleted = [await deposited(confidentiality=HIDDEN) for _ in range(2)]
    await changed(tx, callers.doctor, shown.id, Change.SHOW_TO_PATIENT, confirmed=True)
    await changed(tx, callers.doctor, deleted.id, Change.DELETE)
    rows = await tx.all(sa.text("SELECT done_at FROM announcement"))
    assert [row["done_at"] for row in rows] == [NOW, NOW]


async def test_replacement_waits_no_longer_than_what_it_replaces(tx: Tx, deposited: Deposited) -> None:
    from .dmp_given import item

    old = await deposited(confidentiality=HIDDEN)
    link = domain.Link(domain.LinkKind.REPLACES, old.id.value)
    sent = deposit(item(confidentiality=HIDDEN, relations=(link,)))
    await submitted(tx, callers.doctor, sent, now=NOW + timedelta(days=20))
    rows = await tx.all(sa.text("SELECT DISTINCT show_at FROM announcement"))
    assert len(rows) == 1
