"""Depositing a lot: all of it, none of it, or the same answer as the first time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from chassis import audit, outbox
from chassis.caller import Caller, require
from chassis.db import Tx
from dmp import policy, store
from dmp.domain import (
    Deposit,
    Document,
    DocumentId,
    DuplicateDocument,
    DuplicateLot,
    Item,
    LotId,
    PersonId,
    class_of,
)
from socle.dmp.v1 import events_pb2 as ev

from .records import no_record, unseen


@dataclass(frozen=True, slots=True)
class Deposited:
    """`documents` in the order of the lot; `replayed` when they were there already, to the byte."""

    lot_id: LotId
    documents: Sequence[Document]
    replayed: bool


async def submit_documents(
    tx: Tx, caller: Caller, person: PersonId, deposit: Deposit, qualified: bool, now: datetime
) -> Deposited:
    """Stores an examined lot; `qualified`: the caller's structure holds the person as qualifiée."""
    destination = await store.find_destination(tx, person, deposit)
    codes = frozenset(code for item in deposit.items for code in item.entry.confidentiality)
    decision = require(
        policy.may_feed(caller, person, codes, qualified), subject=person.value, unseen=unseen(caller)
    )
    if destination.record is None:
        raise no_record(person)
    deposited = _replayed(destination, deposit) or _stored(tx, caller, person, deposit, now)
    if not deposited.replayed:
        _tell(tx, deposited, now)
    for document in deposited.documents:
        audit.record(
            tx,
            caller,
            "dmp_document.submit",
            person.value,
            object_id=document.id.value,
            rules=decision.rules,
            now=now,
        )
    return deposited


def _replayed(destination: store.Destination, deposit: Deposit) -> Deposited | None:
    """The first answer, when every document is there with the same bytes; None when none is there."""
    there = {document.entry.unique_id: document for document in destination.documents}
    if not there:
        if destination.lot is not None:
            hint = "The lot is there with other documents: give a new lot a new identifier."
            raise DuplicateLot(field="lot.unique_id", hint=hint, rules=["XDSDuplicateUniqueIdInRegistry"])
        return None
    documents = [_same(there, item, place) for place, item in enumerate(deposit.items)]
    return Deposited(documents[0].lot_id, documents, replayed=True)


def _same(there: dict[str, Document], item: Item, place: int) -> Document:
    found = there.get(item.entry.unique_id)
    if found is None:
        hint = (
            "Other documents of this lot are stored already and this one is not: send it in a lot of its own."
        )
        raise DuplicateLot(
            field=f"documents[{place}].entry.unique_id", hint=hint, rules=["XDSRegistryMetadataError"]
        )
    if found.sha256 != item.sha256:
        hint = "Its bytes differ from the ones stored: a new content needs a new unique identifier."
        field = f"documents[{place}].entry.unique_id"
        raise DuplicateDocument(field=field, hint=hint, rules=["XDSNonIdenticalHash"])
    return found


def _stored(tx: Tx, caller: Caller, person: PersonId, deposit: Deposit, now: datetime) -> Deposited:
    lot_id = LotId.new()
    documents = [_new(caller, person, lot_id, item, now) for item in deposit.items]
    store.insert_lot(tx, lot_id, person, deposit, documents)
    return Deposited(lot_id, documents, replayed=False)


def _new(caller: Caller, person: PersonId, lot_id: LotId, item: Item, now: datetime) -> Document:
    category = replace(item.entry.category, code=class_of(item.entry.type.code) or "")
    return Document(
        id=DocumentId.new(),
        person_id=person,
        lot_id=lot_id,
        entry=replace(item.entry, category=category),
        submitted_at=now,
        submitted_by=caller.public_subject,
        submitted_for=caller.organisation,
        sha256=item.sha256,
    )


def _tell(tx: Tx, deposited: Deposited, now: datetime) -> None:
    for document in deposited.documents:
        event = ev.DocumentSubmitted(
            document_id=document.id.value,
            person_id=document.person_id.value,
            lot_id=deposited.lot_id.value,
            version=document.version,
        )
        outbox.emit(tx, event, now=now)
