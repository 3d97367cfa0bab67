"""What may not be known is told by no side path: answers, refusals, lots, counts and lines of the journal."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from chassis.caller import Caller
from chassis.db import Tx
from chassis.errors import Forbidden, Unavailable
from chassis.testing import NOW, Served, callers
from dmp.api import DmpServicer
from dmp.domain import (
    Change,
    Document,
    DocumentNotFound,
    Grant,
    GranteeKind,
    Link,
    LinkKind,
    LotKind,
    LotNotFound,
    LotSearch,
    Scan,
    StoredLot,
    errors,
)
from dmp.domain.lots import OWN_SOURCE
from dmp.usecases import accesses, lots, masking
from dmp.usecases.journal import export_journal, list_journal
from socle.common.v1 import common_pb2 as pb
from socle.dmp.v1 import dmp_pb2 as dmp

from .dmp_given import (
    PERSON,
    Qualified,
    changed,
    codes,
    deposit,
    holder,
    item,
    opened,
    refused,
    submission,
    submitted,
)
from .dmp_given import document as message
from .journal_given import sequence
from .policy_given import PATIENT, REPRESENTATIVES, secret

Deposited = Callable[..., Awaitable[Document]]
PARENT = replace(callers.guardian, represents=frozenset({PERSON.value}))
HIDDEN = codes("N", REPRESENTATIVES)
COLLEAGUE = replace(callers.other_doctor, organisation=callers.doctor.organisation)


async def test_parent_who_deposited_is_not_told_that_the_minor_hid_it(tx: Tx, deposited: Deposited) -> None:
    mine = await deposited(by=PARENT)
    await changed(tx, callers.citizen, mine.id, Change.HIDE_FROM_REPRESENTATIVES)
    for change in (Change.MASK, Change.DELETE, Change.ARCHIVE):
        with pytest.raises(DocumentNotFound):
            await changed(tx, PARENT, mine.id, change)


def link_to(document: Document, kind: LinkKind = LinkKind.REPLACES) -> Link:
    return Link(kind, document.id.value, document.facts.unique_id)


async def lots_of(tx: Tx, caller: Caller, **wanted: Any) -> Sequence[StoredLot]:
    return (await lots.list_readable_lots(tx, caller, PERSON, LotSearch(**wanted), NOW)).lots


async def test_reading_of_a_lot_of_hidden_documents_is_not_in_the_journal_of_a_parent(
    tx: Tx, record: object
) -> None:
    sent = deposit(item(confidentiality=HIDDEN))
    lot = (await submitted(tx, callers.doctor, sent)).lot_id
    await lots.read_lot(tx, callers.doctor, lot, NOW)
    for stranger in (PARENT, callers.other_doctor):
        with pytest.raises(LotNotFound):
            await lots.read_lot(tx, stranger, lot, NOW)
    lines, _ = await list_journal(tx, PARENT, PERSON, pb.PageRequest(), NOW)
    assert [line for line in lines if line.object_id == lot.value] == []
    own, _ = await list_journal(tx, callers.citizen, PERSON, pb.PageRequest(), NOW)
    assert [line.action for line in own if line.object_id == lot.value] == ["dmp_lot.read"]


async def test_parent_counts_no_waiting_document_that_the_minor_keeps(tx: Tx, deposited: Deposited) -> None:
    await deposited(confidentiality=codes("N", PATIENT, REPRESENTATIVES))
    await deposited(confidentiality=codes("N", PATIENT))
    await tx.change(sa.text("UPDATE announcement SET warned_at = now()"))
    assert (await masking.set_default_masking(tx, PARENT, PERSON, True, NOW)).waiting == 1
    assert (await masking.set_default_masking(tx, callers.citizen, PERSON, True, NOW)).waiting == 2


async def test_replacement_that_is_hidden_tells_nothing_of_its_lot(tx: Tx, deposited: Deposited) -> None:
    """Who sees only what was replaced sees that it was, never what its lot says nor who sent it."""
    first = await deposited()
    hidden = item(confidentiality=HIDDEN, relations=(link_to(first),))
    sent = deposit(hidden, source_id="1.2.250.1.999.7")
    lot = (await submitted(tx, secret(callers.doctor), sent)).lot_id
    for found in (await lots_of(tx, PARENT), (await lots.read_lot(tx, PARENT, lot, NOW)).lots):
        told = next(one for one in found if one.id == lot)
        assert told.documents == (first.id,)
        assert (told.kind, told.sealed, told.author_ids, told.source_id) == (
            LotKind.CHANGE,
            b"",
            (),
            OWN_SOURCE,
        )
    for said in ({"source_ids": ("1.2.250.1.999.7",)}, {"unique_id": sent.lot.unique_id}):
        assert await lots_of(tx, PARENT, **said) == []
        assert [one.id for one in await lots_of(tx, callers.citizen, **said)] == [lot]


async def test_lines_kept_from_a_parent_are_not_counted_as_pending(tx: Tx, record: object) -> None:
    await sequence(tx)
    before = await export_journal(tx, PARENT, PERSON, 0, 50, None, NOW)
    await submitted(tx, secret(callers.doctor), deposit(item(confidentiality=HIDDEN)))
    after = await export_journal(tx, PARENT, PERSON, 0, 50, None, NOW)
    assert after.pending == before.pending + 1, "its own reading, and no more"


async def test_colleague_is_refused_without_a_word_of_what_hides_a_document(
    tx: Tx, deposited: Deposited
) -> None:
    document = await deposited(confidentiality=codes("N"))
    grant = Grant(COLLEAGUE.organisation, GranteeKind.STRUCTURE)
    await accesses.grant_access(tx, callers.citizen, PERSON, grant, NOW)
    await changed(tx, callers.citizen, document.id, Change.MASK)
    with pytest.raises(Forbidden) as refusal:
        await changed(tx, COLLEAGUE, document.id, Change.UNMASK)
    assert refusal.value.rules == ("dmp.author_structure",)


async def test_parent_replaces_nothing_that_the_minor_hid(tx: Tx, deposited: Deposited) -> None:
    mine = await deposited(by=PARENT)
    await changed(tx, callers.citizen, mine.id, Change.HIDE_FROM_REPRESENTATIVES)
    for kind, error in [
        (LinkKind.REPLACES, errors.ReplacedDocumentNotThere),
        (LinkKind.APPENDS, errors.RelatedDocumentNotThere),
    ]:
        with pytest.raises(error):
            await submitted(tx, PARENT, deposit(item(relations=(link_to(mine, kind),))))


# -- through the service


async def test_replaced_document_of_a_colleague_is_told_to_a_blocked_professional_without_words(
    service: Served,
) -> None:
    citizen = holder()
    person = await opened(service, citizen)
    title = "Suivi de psychiatrie"
    sent = submission(person, message(title=title))
    old = (await service.ask("SubmitDocuments", sent, callers.doctor)).entries[0]
    await service.ask("MaskDocument", dmp.MaskDocumentRequest(document_id=old.document_id), citizen)
    block = dmp.BlockProfessionalRequest(person_id=person, professional=COLLEAGUE.subject)
    await service.ask("BlockProfessional", block, citizen)
    replaces = dmp.Relation(kind=dmp.RELATION_KIND_REPLACES, document_id=old.document_id)
    newer = submission(person, message(relations=[replaces]))
    for _ in range(2):
        told = (await service.ask("SubmitDocuments", newer, COLLEAGUE)).replaced[0]
        assert (told.document_id, told.version) == (old.document_id, 3)
        assert told.status == dmp.DOCUMENT_STATUS_SUPERSEDED
        assert (told.title, list(told.authors), list(told.confidentiality)) == ("", [], [])


async def test_change_by_the_machine_of_the_author_says_nothing_of_what_became_of_the_document(
    service: Served,
) -> None:
    citizen = holder()
    sent = submission(await opened(service, citizen))
    old = (await service.ask("SubmitDocuments", sent, callers.machine)).entries[0]
    await service.ask("MaskDocument", dmp.MaskDocumentRequest(document_id=old.document_id), citizen)
    archive = dmp.ChangeDocumentRequest(document_id=old.document_id, changes=[dmp.DOCUMENT_CHANGE_ARCHIVE])
    told = (await service.ask("ChangeDocument", archive, callers.machine)).entry
    assert (told.document_id, told.version, told.archived) == (old.document_id, 3, True)
    assert (told.title, list(told.confidentiality)) == ("", [])


async def test_traits_are_not_compared_for_who_may_not_feed_the_record(
    service: Served, servicer: DmpServicer, qualified: Qualified
) -> None:
    """Documents naming patients would be guesses at their traits, one answer each."""
    person = await opened(service)
    qualified.nowhere.add(callers.doctor.organisation)
    asked: list[object] = []

    class Counting:
        async def examine(self, *given: object) -> tuple[Scan, ...]:
            asked.append(given)
            return (Scan.NOT_SCANNED,)

    servicer.examiner = Counting()
    error = await refused(service.ask("SubmitDocuments", submission(person), callers.doctor))
    assert (error.kind.http, asked) == (403, [])


async def test_key_provider_is_not_asked_for_a_record_that_is_there(
    service: Served, servicer: DmpServicer
) -> None:
    citizen = holder()
    await opened(service, citizen)

    class Away:
        async def make(self, *_asked: object) -> None:
            raise Unavailable

    servicer.keys = Away()  # type: ignore[assignment]
    await opened(service, citizen)
    assert (await refused(opened(service, holder()))).kind is Unavailable.kind
