"""Changing the metadata of a document: every change asked for, each by its own rule, or none.

A change is a lot of its own in the record, so that whoever polls "what came since" finds it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chassis import outbox
from chassis.caller import Caller, CallerKind, Decision, permit, require
from chassis.db import ReadTx, Tx
from chassis.errors import Refusal
from dmp import policy
from dmp.domain import (
    Confidentiality,
    Document,
    DocumentChangedMeanwhile,
    DocumentId,
    EntryId,
    LotKind,
    PersonId,
    Relation,
    Status,
    StoredLot,
    Surroundings,
    Wrapped,
    changes,
)
from dmp.domain.changes import Change
from dmp.domain.lots import OWN_SOURCE
from dmp.domain.tracing import chain
from dmp.store import changes as store
from dmp.store import deposits, documents
from dmp.store.documents import Found
from socle.dmp.v1 import events_pb2 as ev

from .documents import no_document, readable, write
from .records import raise_state

EVENTS: dict[Change, Callable[..., Any]] = {
    Change.MASK: ev.DocumentMasked,
    Change.UNMASK: ev.DocumentUnmasked,
    Change.SHOW_TO_PATIENT: ev.DocumentShownToPatient,
    Change.SHOW_TO_REPRESENTATIVES: ev.DocumentShownToRepresentatives,
    Change.HIDE_FROM_REPRESENTATIVES: ev.DocumentHiddenFromRepresentatives,
    Change.ARCHIVE: ev.DocumentArchived,
    Change.UNARCHIVE: ev.DocumentUnarchived,
    Change.DELETE: ev.DocumentDeleted,
}
# R1111-53: what makes a document visible without anybody asking.
MONTH_OVER = permit("R1111-53", "dmp.month_over")


@dataclass(frozen=True, slots=True)
class Asked:
    """Changes asked for by one caller."""

    caller: Caller
    document_id: DocumentId
    changes: tuple[Change, ...]
    parameters: policy.Parameters
    # Version the caller read; 0 takes any.
    expected_version: int = 0
    confirmed: bool = False


@dataclass(frozen=True, slots=True)
class Changed:
    """A document as it now is; `read`: the caller read it before, and is told the rest of it."""

    document: Document
    read: bool


async def find_key(tx: ReadTx, asked: Asked, now: datetime) -> tuple[PersonId, Wrapped]:
    """Whose the document is and what opens the record, for who may make these changes.

    Refused before anything is taken or opened: what is absent and what may not be known cost the same.
    """
    there = await documents.find_document(tx, asked.document_id, asked.caller, now)
    if there is None:
        raise no_document(asked.caller, asked.document_id)
    _allowed(asked, there.found, there.relation)
    if there.relation.key is None:
        raise RuntimeError("an open record without a key: the tables contradict each other")
    return there.found.document.person_id, there.relation.key


async def change_document(tx: Tx, asked: Asked, now: datetime) -> Changed:
    """The document with all of the changes; raises what refuses one of them, and changes nothing then."""
    taken = await store.take_document(tx, asked.document_id, asked.caller, now)
    if taken is None:
        raise no_document(asked.caller, asked.document_id)
    decisions = _allowed(asked, taken.found, taken.relation)
    document = taken.found.document
    if asked.expected_version not in (0, document.version):
        hint = f"It is at version {document.version} now."
        raise DocumentChangedMeanwhile(field="expected_version", hint=hint)
    record = taken.relation.record
    around = Surroundings(
        asked.parameters,
        asked.confirmed,
        record is not None and record.masked_by_default,
        taken.shown_to_representatives,
    )
    after = changes.apply(document, asked.changes, EntryId.new(), taken.received_at, around)
    await _save(tx, asked.caller, after, taken, now)
    for change, decision in zip(asked.changes, decisions, strict=True):
        write(tx, asked.caller, f"dmp_document.{change}", after, decision, now=now)
        _tell(tx, after, change, now)
    return Changed(after, _reads(asked.caller, taken.found, taken.relation))


async def show_after_a_month(
    tx: Tx, caller: Caller, document_id: DocumentId, parameters: policy.Parameters, now: datetime
) -> bool:
    """Shows to the patient what waited for a month; False when it no longer waits."""
    taken = await store.take_document(tx, document_id, caller, now)
    if taken is None or taken.relation.record is None:
        return False
    document = taken.found.document
    waits = Confidentiality.HIDDEN_FROM_PATIENT in document.facts.confidentiality
    if not waits or document.status is Status.DELETED:
        store.end_announcement(tx, document_id, now)
        return False
    around = Surroundings(parameters, True, taken.relation.record.masked_by_default)
    after = changes.apply(document, [Change.SHOW_TO_PATIENT], EntryId.new(), taken.received_at, around)
    await _save(tx, caller, after, taken, now)
    write(tx, caller, f"dmp_document.{Change.SHOW_TO_PATIENT}", after, MONTH_OVER, now=now)
    _tell(tx, after, Change.SHOW_TO_PATIENT, now, automatic=True)
    return True


def _allowed(asked: Asked, found: Found, relation: Relation) -> Sequence[Decision]:
    """One decision for each change; the first refusal is raised.

    As a document that is not there when the caller may not know of it, in clear when they may read it.
    """
    caller, document = asked.caller, found.document
    decisions = [
        policy.may_change(caller, document, relation, change, found.habilitated) for change in asked.changes
    ]
    refused = next((decision for decision in decisions if not decision.permitted), None)
    if refused is not None and not _knows(caller, found, relation):
        readable(caller, document, refused)
    readable(caller, document, permit())
    if refused is not None:
        numbered = chain(caller.purpose, document.id.value, document.facts.confidentiality)
        subject, about = document.person_id.value, document.id.value
        raise_state(refused, Refusal(subject, about, refused.rules, numbered))
        require(refused, subject=subject, object_id=about, chain=numbered)
    return decisions


def _knows(caller: Caller, found: Found, relation: Relation) -> bool:
    """The caller reads the document, or it is of their structure: a refusal in clear tells nothing new.

    What a citizen deposited may have been hidden from them since.
    """
    document = found.document
    own = document.is_by(caller.public_subject) or document.is_from(caller.organisation)
    return (own and caller.kind is not CallerKind.CITIZEN) or _reads(caller, found, relation)


def _reads(caller: Caller, found: Found, relation: Relation) -> bool:
    reach = policy.reach(caller, found.document.person_id, relation)
    return policy.may_read(found.document, reach, found.habilitated).permitted


async def _save(tx: Tx, caller: Caller, after: Document, taken: store.Taken, now: datetime) -> None:
    """The next version, and the lot that brings it to whoever polls."""
    await documents.save_document(tx, after, caller.public_subject)
    deposits.insert_lot(tx, _lot_of(caller, after, taken), (), caller.public_subject, caller.organisation)
    deposits.insert_member(tx, taken.lot_id, after)
    codes = after.facts.confidentiality
    if after.status is Status.DELETED or Confidentiality.HIDDEN_FROM_PATIENT not in codes:
        store.end_announcement(tx, after.id, now)


def _lot_of(caller: Caller, after: Document, taken: store.Taken) -> StoredLot:
    by_name = caller.subject if caller.kind is CallerKind.PROFESSIONAL else ""
    return StoredLot(
        id=taken.lot_id,
        person_id=after.person_id,
        kind=LotKind.CHANGE,
        unique_id=f"urn:uuid:{taken.lot_id}",
        source_id=OWN_SOURCE,
        content_type=taken.content_type,
        author_ids=tuple(number for number in (by_name, caller.organisation) if number),
        sealed=b"",
        submitted_at=after.changed_at,
        received_at=after.changed_at,
    )


def _tell(tx: Tx, after: Document, change: Change, now: datetime, **more: bool) -> None:
    event = EVENTS[change](
        document_id=after.id.value, person_id=after.person_id.value, version=after.version, **more
    )
    outbox.emit(tx, event, now=now)
