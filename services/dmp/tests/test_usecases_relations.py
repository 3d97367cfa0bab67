"""Replacing, completing and filing documents, on a real PostgreSQL."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
import sqlalchemy as sa

from chassis.caller import Caller
from chassis.db import Database, Tx
from chassis.testing import NOW, Served, callers
from dmp import domain, usecases
from dmp.domain import (
    Change,
    Deposit,
    Document,
    Grant,
    GranteeKind,
    Item,
    Link,
    LinkKind,
    LotKind,
    LotSearch,
    Status,
    errors,
)
from dmp.usecases import lots
from socle.dmp.v1 import dmp_pb2 as pb

from .dmp_given import (
    PERSON,
    WARD,
    changed,
    count,
    deposit,
    document,
    events,
    folder,
    item,
    journal,
    open_record,
    opened,
    refused,
    rows,
    seen,
    submission,
    submitted,
    urn,
)

Deposited = Callable[..., Awaitable[Document]]
READER = callers.other_doctor


def replacing(old: Document) -> Item:
    return item(relations=(Link(LinkKind.REPLACES, unique_id=old.facts.unique_id),))


def completing(old: Document) -> Item:
    return item(relations=(Link(LinkKind.APPENDS, old.id.value),))


async def authorise(tx: Tx, caller: Caller) -> None:
    await usecases.grant_access(
        tx, callers.citizen, PERSON, Grant(caller.subject, GranteeKind.PROFESSIONAL), NOW
    )


# -- replacing


async def test_replacement_supersedes_in_the_same_lot(tx: Tx, deposited: Deposited) -> None:
    old = await deposited()
    done = await submitted(tx, callers.doctor, deposit(replacing(old)))
    new, before = done.documents[0], done.replaced[0]
    assert (before.id, before.status, before.version) == (old.id, Status.SUPERSEDED, 2)
    assert before.entry_id != old.entry_id
    assert new.links == (Link(LinkKind.REPLACES, old.id.value, old.facts.unique_id),)
    told = dict(await events(tx))["document.replaced"]
    assert (told["document_id"], told["replaced_by"]) == (old.id.value, new.id.value)
    assert [line[0] for line in (await journal(tx))[-2:]] == ["dmp_document.submit", "dmp_document.replace"]
    lot = (await lots.read_lot(tx, callers.citizen, done.lot_id, NOW)).lots[0]
    assert set(lot.documents) == {old.id, new.id}


async def test_only_the_current_one_is_listed_as_current(tx: Tx, deposited: Deposited) -> None:
    old = await deposited()
    new = (await submitted(tx, callers.doctor, deposit(replacing(old)))).documents[0]
    assert await seen(tx, callers.doctor, domain.Search(statuses=(Status.CURRENT,))) == [new.id]
    assert await seen(tx, callers.doctor, domain.Search(statuses=(Status.SUPERSEDED,))) == [old.id]


async def test_replacement_twice_is_refused_and_stores_nothing(tx: Tx, deposited: Deposited) -> None:
    old = await deposited()
    await submitted(tx, callers.doctor, deposit(replacing(old)))
    with pytest.raises(errors.DocumentAlreadyReplaced) as again:
        await submitted(tx, callers.doctor, deposit(replacing(old)))
    assert again.value.rules == ("XDSReplaceFailed",)
    assert again.value.field == "documents[0].entry.relations"


async def test_deleted_document_is_not_replaced(tx: Tx, deposited: Deposited) -> None:
    old = await deposited()
    await changed(tx, callers.doctor, old.id, Change.DELETE)
    with pytest.raises(errors.DocumentAlreadyReplaced):
        await submitted(tx, callers.doctor, deposit(replacing(old)))


async def test_author_and_author_structure_replace_others_do_not(tx: Tx, deposited: Deposited) -> None:
    mate = replace(callers.nurse, organisation=callers.doctor.organisation)
    old = await deposited()
    newer = (await submitted(tx, mate, deposit(replacing(old)))).documents[0]
    await authorise(tx, READER)
    told = []
    for target in (newer, replace(newer, facts=replace(newer.facts, unique_id=urn()))):
        with pytest.raises(errors.ReplacedDocumentNotThere) as refusal:
            await submitted(tx, READER, deposit(replacing(target)))
        told.append((str(refusal.value), refusal.value.hint, refusal.value.rules))
    assert told[0] == told[1]
    assert told[0][2] == ("XDSReplaceFailed",)


async def test_document_of_another_record_is_not_there(tx: Tx, deposited: Deposited) -> None:
    old = await deposited()
    await open_record(tx, callers.guardian, WARD)
    by_id = item(relations=(Link(LinkKind.REPLACES, old.id.value),))
    for sent in (replacing(old), by_id):
        with pytest.raises(errors.ReplacedDocumentNotThere):
            await submitted(tx, callers.doctor, deposit(sent), person=WARD)


async def test_both_identifiers_must_be_of_the_same_document(tx: Tx, deposited: Deposited) -> None:
    one, other = await deposited(), await deposited()
    mixed = Link(LinkKind.REPLACES, one.id.value, other.facts.unique_id)
    with pytest.raises(errors.ReplacedDocumentNotThere):
        await submitted(tx, callers.doctor, deposit(item(relations=(mixed,))))


async def test_replayed_replacement_gives_the_same_answer(tx: Tx, deposited: Deposited) -> None:
    sent = deposit(replacing(await deposited()))
    first = await submitted(tx, callers.doctor, sent)
    again = await submitted(tx, callers.doctor, sent)
    assert again == replace(first, replayed=True)
    assert await count(tx, "association") == 1
    assert [line[0] for line in await journal(tx)].count("dmp_document.replace") == 1
    # Who happens to hold the same bytes learns nothing of what they replaced.
    assert (await submitted(tx, READER, sent)).replaced == ()


# -- faults of the lot itself


def links(*kinds_and_targets: tuple[LinkKind, str]) -> tuple[Link, ...]:
    return tuple(Link(kind, unique_id=target) for kind, target in kinds_and_targets)


TWIN = item()
ELSEWHERE = urn()
RPLC = LinkKind.REPLACES


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        (deposit(item(relations=links((RPLC, urn()), (RPLC, urn())))), errors.SeveralReplacements),
        (deposit(TWIN, item(relations=links((RPLC, TWIN.entry.unique_id)))), errors.RelationWithinLot),
        (
            deposit(item(relations=links((RPLC, ELSEWHERE))), item(relations=links((RPLC, ELSEWHERE)))),
            errors.ReplacedTwice,
        ),
        (deposit(item(relations=(Link(RPLC),))), errors.RelationWithoutTarget),
        (deposit(folders=(folder(),)), errors.FolderEmpty),
    ],
)
def test_lot_that_contradicts_itself_is_refused(sent: Deposit, error: type[Exception]) -> None:
    with pytest.raises(error) as fault:
        domain.examine(sent, domain.arrival_of(callers.doctor, NOW))
    assert fault.value.hint  # type: ignore[attr-defined]
    assert fault.value.rules  # type: ignore[attr-defined]


# -- completing


async def test_addendum_shows_its_relation_to_who_may_know_the_other(tx: Tx, deposited: Deposited) -> None:
    first = await deposited()
    second = (await submitted(tx, callers.doctor, deposit(completing(first)))).documents[0]
    await authorise(tx, READER)
    found = await usecases.list_readable_documents(tx, READER, PERSON, domain.Search(), NOW)
    shown = {d.id: d.links for d in found.documents}
    assert shown == {
        first.id: (),
        second.id: (Link(LinkKind.APPENDS, first.id.value, first.facts.unique_id),),
    }
    await changed(tx, callers.citizen, first.id, Change.MASK)
    alone = await usecases.list_readable_documents(tx, READER, PERSON, domain.Search(), NOW)
    assert [(d.id, d.links) for d in alone.documents] == [(second.id, ())]
    read = await usecases.read_document(tx, READER, second.id, NOW)
    assert read.documents[0].links == ()
    own = await usecases.read_document(tx, callers.doctor, second.id, NOW)
    assert own.documents[0].links == shown[second.id]


async def test_addendum_to_what_may_not_be_known_is_as_to_what_is_not_there(
    tx: Tx, deposited: Deposited
) -> None:
    hidden = await deposited()
    for target in (hidden.id.value, domain.DocumentId.new().value):
        with pytest.raises(errors.RelatedDocumentNotThere):
            await submitted(tx, READER, deposit(item(relations=(Link(LinkKind.APPENDS, target),))))


async def test_related_documents_come_with_those_found(tx: Tx, deposited: Deposited) -> None:
    first = await deposited()
    second = (await submitted(tx, callers.doctor, deposit(completing(first)))).documents[0]
    wanted = domain.Search(unique_id=second.facts.unique_id, include_related=True)
    found = await usecases.list_readable_documents(tx, callers.citizen, PERSON, wanted, NOW)
    assert [[d.id for d in found.documents], [d.id for d in found.related]] == [[second.id], [first.id]]
    row = await tx.one(sa.text("SELECT hits FROM audit ORDER BY id DESC LIMIT 1"))
    assert row is not None
    assert [hit["object_id"] for hit in row["hits"]] == [second.id.value, first.id.value]
    to_it = domain.Search(relates_to=first.facts.unique_id)
    assert await seen(tx, callers.citizen, to_it) == [second.id]
    assert await seen(tx, callers.citizen, domain.Search(relates_to=second.id.value)) == []


# -- folders


async def test_folder_holds_documents_of_the_lot_and_of_the_record(tx: Tx, deposited: Deposited) -> None:
    before, new = await deposited(), item()
    sent = deposit(new, folders=(folder(new.entry.unique_id, before.facts.unique_id),))
    done = await submitted(tx, callers.doctor, sent)
    found = (await lots.read_lot(tx, callers.citizen, done.folder_ids[0], NOW)).lots[0]
    assert found.kind is LotKind.FOLDER
    assert set(found.documents) == {before.id, done.documents[0].id}
    listed = await lots.list_readable_lots(
        tx, callers.citizen, PERSON, LotSearch(kinds=(LotKind.FOLDER,)), NOW
    )
    assert [lot.id for lot in listed.lots] == [done.folder_ids[0]]
    usual = await lots.list_readable_lots(tx, callers.citizen, PERSON, LotSearch(), NOW)
    assert done.folder_ids[0] not in [lot.id for lot in usual.lots]


async def test_folder_of_what_the_depositor_may_not_know_is_refused_as_of_what_is_not_there(
    tx: Tx, deposited: Deposited
) -> None:
    hidden = await deposited()
    told = []
    for unique_id in (hidden.facts.unique_id, urn()):
        with pytest.raises(errors.RelatedDocumentNotThere) as refusal:
            await submitted(tx, READER, deposit(folders=(folder(unique_id),)))
        told.append((str(refusal.value), refusal.value.field, refusal.value.hint))
    assert told[0] == told[1]


# -- at the same moment


async def test_document_replaced_twice_at_the_same_moment_has_one_successor(
    service: Served, database: Database
) -> None:
    person = await opened(service)
    old = document()
    await service.ask("SubmitDocuments", submission(person, old), callers.doctor)
    link = pb.Relation(kind=pb.RELATION_KIND_REPLACES, unique_id=old.entry.unique_id)
    asked = [
        service.ask("SubmitDocuments", submission(person, document(relations=[link])), callers.doctor)
        for _ in range(5)
    ]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert len([a for a in answers if not isinstance(a, BaseException)]) == 1
    status = "SELECT status, count(*) AS n FROM document WHERE person_id = $1 GROUP BY status"
    found = {r["status"]: r["n"] for r in await rows(database, status, person)}
    assert found == {"current": 1, "superseded": 1}


async def test_change_and_replacement_at_the_same_moment_both_count(
    service: Served, database: Database
) -> None:
    """Neither is lost: whoever comes second sees what the first did."""
    person = await opened(service)
    old = document()
    done = await service.ask("SubmitDocuments", submission(person, old), callers.doctor)
    link = pb.Relation(kind=pb.RELATION_KIND_REPLACES, unique_id=old.entry.unique_id)
    archive = pb.ChangeDocumentRequest(
        document_id=done.entries[0].document_id, changes=[pb.DOCUMENT_CHANGE_ARCHIVE]
    )
    await asyncio.gather(
        service.ask("SubmitDocuments", submission(person, document(relations=[link])), callers.doctor),
        service.ask("ChangeDocument", archive, callers.doctor),
    )
    wanted = "SELECT status, archived, version FROM document WHERE document_id = $1"
    row = (await rows(database, wanted, done.entries[0].document_id))[0]
    assert (row["status"], row["archived"], row["version"]) == ("superseded", True, 3)


async def test_refused_replacement_through_the_service_names_the_xds_error(service: Served) -> None:
    person = await opened(service)
    link = pb.Relation(kind=pb.RELATION_KIND_REPLACES, unique_id=urn())
    error = await refused(
        service.ask("SubmitDocuments", submission(person, document(relations=[link])), callers.doctor)
    )
    assert (error.reason, error.rules) == ("REPLACED_DOCUMENT_NOT_THERE", ("XDSReplaceFailed",))
    assert error.kind.http == 422
