"""Depositing a lot: all of it, none of it, or the same answer as the first time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from chassis import outbox
from chassis.caller import Caller, Decision
from chassis.db import Tx
from dmp import policy
from dmp.domain import (
    Confidentiality,
    Deposit,
    DepositedMeanwhile,
    Document,
    DocumentId,
    DuplicateDocument,
    DuplicateLot,
    EntryId,
    Item,
    Link,
    LinkKind,
    Lot,
    LotId,
    LotKind,
    PersonId,
    Scan,
    Sealed,
    Status,
    StoredLot,
    announcements,
    changes,
    facts_of,
)
from dmp.domain.deposit import classed
from dmp.domain.lots import author_ids_of
from dmp.store import deposits as store
from socle.dmp.v1 import events_pb2 as ev

from .documents import write
from .records import allowed, no_record
from .targets import Targets


@dataclass(frozen=True, slots=True)
class SealedItem:
    """What was made of one document before the transaction: its bytes are in the object store."""

    id: DocumentId
    sealed: Sealed
    blob: str
    scan: Scan


@dataclass(frozen=True, slots=True)
class SealedDeposit:
    """The words of a lot, of its documents and of its folders, in the order of the deposit."""

    lot_id: LotId
    lot: Sealed
    items: tuple[SealedItem, ...]
    folder_ids: tuple[LotId, ...] = ()
    folders: tuple[Sealed, ...] = ()


@dataclass(frozen=True, slots=True)
class Deposited:
    """`documents` in the order of the lot; `replayed` when they were there already, to the byte."""

    lot_id: LotId
    documents: Sequence[Document]
    replayed: bool
    folder_ids: tuple[LotId, ...] = ()
    # Those that became superseded, as they now are.
    replaced: tuple[Document, ...] = ()


@dataclass(frozen=True, slots=True)
class Arriving:
    """A lot at the door of a record."""

    caller: Caller
    person: PersonId
    deposit: Deposit
    parameters: policy.Parameters


async def submit_documents(
    tx: Tx, arriving: Arriving, sealed: SealedDeposit | None, qualified: bool, now: datetime
) -> Deposited:
    """Stores an examined lot; `qualified`: the caller's structure holds the person as qualifiée.

    `sealed` is None when nothing new was expected: the record is not there, or holds the lot already.
    """
    caller, person, deposit = arriving.caller, arriving.person, arriving.deposit
    destination = await store.take_destination(tx, person, deposit, caller, now)
    record = destination.relation.record if destination else None
    codes = [item.entry.confidentiality for item in deposit.items]
    types = [item.entry.type.code for item in deposit.items]
    decision = allowed(policy.may_feed(caller, person, record, codes, qualified, types), caller, person)
    if destination is None or record is None:
        raise no_record(person)
    targets = Targets(caller, person, destination)
    deposited = _replayed(targets, deposit)
    if deposited is None:
        # Another deposit was being committed, or the record opened, between the two readings.
        if sealed is None:
            raise DepositedMeanwhile
        deposited = _stored(tx, arriving, targets, sealed)
    _write(tx, caller, deposited, decision, now)
    return deposited


def _replayed(targets: Targets, deposit: Deposit) -> Deposited | None:
    """The first answer, when every document is there with the same bytes; None when none is there."""
    there = targets.destination.same
    if not there:
        if targets.destination.lot is not None:
            hint = "The lot is there with other documents: give a new lot a new identifier."
            raise DuplicateLot(field="lot.unique_id", hint=hint, rules=["XDSDuplicateUniqueIdInRegistry"])
        return None
    documents = [_same(there, item, place) for place, item in enumerate(deposit.items)]
    links = [link for document in documents for link in document.links if link.kind is LinkKind.REPLACES]
    replaced = tuple(found.document for link in links if targets.may_replace(found := targets.at(link)))
    return Deposited(documents[0].lot_id, documents, replayed=True, replaced=replaced)


def _same(there: Mapping[str, Document], item: Item, place: int) -> Document:
    found, field = there.get(item.entry.unique_id), f"documents[{place}].entry.unique_id"
    if found is None:
        hint = (
            "Other documents of this lot are stored already and this one is not: send it in a lot of its own."
        )
        raise DuplicateLot(field=field, hint=hint, rules=["XDSRegistryMetadataError"])
    if found.sha256 != item.sha256:
        hint = "Its bytes differ from the ones stored: a new content needs a new unique identifier."
        raise DuplicateDocument(field=field, hint=hint, rules=["XDSNonIdenticalHash"])
    told = [link for link in found.links if any(_meant(r, link) for r in item.entry.relations)]
    return replace(found, links=tuple(told))


def _meant(relation: Link, link: Link) -> bool:
    return relation.names(link.document_id, link.unique_id)


def _stored(tx: Tx, arriving: Arriving, targets: Targets, sealed: SealedDeposit) -> Deposited:
    destination = targets.destination
    _insert_lot(tx, arriving, destination, (sealed.lot_id, LotKind.DEPOSIT, arriving.deposit.lot, sealed.lot))
    documents: list[Document] = []
    replaced: list[Document] = []
    for place, (item, made) in enumerate(zip(arriving.deposit.items, sealed.items, strict=True)):
        links = targets.links(item, f"documents[{place}].entry.relations")
        document = replace(_new(arriving, destination, sealed.lot_id, item, made), links=links)
        store.insert_document(tx, document, made.sealed.tokens)
        old = [targets.at(link).document for link in links if link.kind is LinkKind.REPLACES]
        replaced += [_superseded(tx, arriving.caller, target, document) for target in old]
        _announce(tx, destination, document, old)
        documents.append(document)
    for place, folder_id in enumerate(sealed.folder_ids):
        folder, words = arriving.deposit.folders[place], sealed.folders[place]
        _insert_lot(tx, arriving, destination, (folder_id, LotKind.FOLDER, folder, words))
        for unique_id in dict.fromkeys(folder.members):
            member = targets.member(unique_id, documents, f"folders[{place}].documents")
            store.insert_member(tx, folder_id, member)
    return Deposited(sealed.lot_id, documents, False, sealed.folder_ids, tuple(replaced))


def _insert_lot(
    tx: Tx, arriving: Arriving, destination: store.Destination, made: tuple[LotId, LotKind, Lot, Sealed]
) -> None:
    lot_id, kind, lot, sealed = made
    stored = StoredLot(
        id=lot_id,
        person_id=arriving.person,
        kind=kind,
        unique_id=lot.unique_id,
        source_id=lot.source_id,
        content_type=lot.content_type.code,
        author_ids=author_ids_of(lot),
        sealed=sealed.words,
        submitted_at=lot.submitted_at,
        received_at=destination.received_at,
    )
    caller = arriving.caller
    store.insert_lot(tx, stored, sealed.tokens, caller.public_subject, caller.organisation)


def _new(
    arriving: Arriving, destination: store.Destination, lot_id: LotId, item: Item, made: SealedItem
) -> Document:
    record, facts = destination.relation.record, facts_of(classed(item.entry))
    if record is not None and record.masked_by_default:
        codes = changes.masked_at_deposit(facts.confidentiality, arriving.parameters)
        facts = replace(facts, confidentiality=codes)
    return Document(
        id=made.id,
        person_id=arriving.person,
        lot_id=lot_id,
        entry_id=EntryId.new(),
        facts=facts,
        sealed=made.sealed.words,
        blob=made.blob,
        sha256=item.sha256,
        submitted_at=destination.received_at,
        submitted_by=arriving.caller.public_subject,
        submitted_for=arriving.caller.organisation,
        changed_at=destination.received_at,
        scan=made.scan,
    )


def _superseded(tx: Tx, caller: Caller, target: Document, by: Document) -> Document:
    """The same transaction: there is never a moment with two current documents, or none."""
    after = replace(
        target,
        status=Status.SUPERSEDED,
        version=target.version + 1,
        entry_id=EntryId.new(),
        changed_at=by.submitted_at,
    )
    store.supersede(tx, after, by.lot_id, caller.public_subject)
    event = ev.DocumentReplaced(
        document_id=after.id.value,
        person_id=after.person_id.value,
        version=after.version,
        replaced_by=by.id.value,
    )
    outbox.emit(tx, event, now=by.submitted_at)
    return after


def _announce(
    tx: Tx, destination: store.Destination, document: Document, replaced: Sequence[Document]
) -> None:
    if Confidentiality.HIDDEN_FROM_PATIENT not in document.facts.confidentiality:
        return
    timers = announcements.timers_of(document.submitted_at)
    for target in replaced:
        timers = announcements.sooner(timers, destination.timers.get(target.id))
    store.insert_announcement(tx, document, timers)


def _write(tx: Tx, caller: Caller, deposited: Deposited, decision: Decision, now: datetime) -> None:
    if not deposited.replayed:
        for document in deposited.documents:
            event = ev.DocumentSubmitted(
                document_id=document.id.value,
                person_id=document.person_id.value,
                lot_id=deposited.lot_id.value,
                version=document.version,
            )
            outbox.emit(tx, event, now=now)
    lines = [("dmp_document.submit", document) for document in deposited.documents]
    if not deposited.replayed:
        lines += [("dmp_document.replace", document) for document in deposited.replaced]
    for action, document in lines:
        write(tx, caller, action, document, decision, now=now)
