"""Finding, reading, retrieving and masking documents. The journal is written before anything leaves."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from chassis import audit, outbox
from chassis.caller import Caller, Decision, require
from chassis.db import Tx
from dmp import policy, store
from dmp.domain import (
    Document,
    DocumentId,
    DocumentNotFound,
    Masking,
    PersonId,
    Place,
    Search,
    change_masking,
)
from socle.dmp.v1 import events_pb2 as ev


async def list_readable_documents(
    tx: Tx, caller: Caller, person: PersonId, wanted: Search, now: datetime
) -> tuple[list[Document], Place | None]:
    """The documents the caller may read, and where the next page starts.

    A refusal is an empty answer, the same for a record that is not there: only the journal tells them apart.
    """
    policy.check_purpose(caller)
    relation = await store.find_relation(tx, person, caller, now)
    reach = policy.reach(caller, person, relation)
    found = await store.list_readable(tx, person, reach, replace(wanted, size=wanted.size + 1))
    more = len(found) > wanted.size
    hits = [
        (hit.document, policy.may_read(hit.document, reach, hit.habilitated)) for hit in found[: wanted.size]
    ]
    seen = [(document, decision) for document, decision in hits if decision.permitted]
    _write_search(tx, caller, person, reach.consult, seen, now=now)
    last = found[wanted.size - 1].document if more else None
    return [document for document, _ in seen], Place(last.entry.created_at, last.id) if last else None


def _write_search(
    tx: Tx,
    caller: Caller,
    person: PersonId,
    consult: Decision,
    seen: list[tuple[Document, Decision]],
    now: datetime,
) -> None:
    """One line for the record as a whole, one for each document that the answer shows."""
    action, subject = "dmp_document.search", person.value
    outcome = audit.PERMITTED if consult.permitted else audit.REFUSED
    line = audit.record(tx, caller, action, subject, rules=consult.rules, outcome=outcome, now=now)
    if consult.permitted:
        _tell_emergency(tx, caller, person, line, now)
    for document, decision in seen:
        audit.record(tx, caller, action, subject, object_id=document.id.value, rules=decision.rules, now=now)


async def read_document(tx: Tx, caller: Caller, document_id: DocumentId, now: datetime) -> Document:
    """The metadata of one document; DocumentNotFound when the caller may not see it."""
    document, decision = await _seen(tx, caller, document_id, now)
    _write_reading(tx, caller, "dmp_document.read", document, decision, now=now)
    return document


async def retrieve_document(
    tx: Tx, caller: Caller, document_id: DocumentId, now: datetime
) -> tuple[Document, bytes]:
    """The document and its bytes as they were deposited."""
    document, decision = await _seen(tx, caller, document_id, now)
    content = await store.get_content(tx, document_id)
    _write_reading(tx, caller, "dmp_document.retrieve", document, decision, now=now)
    return document, content


async def _seen(tx: Tx, caller: Caller, document_id: DocumentId, now: datetime) -> tuple[Document, Decision]:
    policy.check_purpose(caller)
    there = await store.find_document(tx, document_id, caller, now)
    if there is None:
        raise DocumentNotFound
    found, relation = there
    document, subject = found.document, found.document.person_id
    decision = policy.may_read(document, policy.reach(caller, subject, relation), found.habilitated)
    return document, require(
        decision, subject=subject.value, object_id=document.id.value, unseen=DocumentNotFound
    )


def _write_reading(
    tx: Tx, caller: Caller, action: str, document: Document, decision: Decision, *, now: datetime
) -> None:
    person, about = document.person_id, document.id.value
    line = audit.record(tx, caller, action, person.value, object_id=about, rules=decision.rules, now=now)
    _tell_emergency(tx, caller, person, line, now)


def _tell_emergency(tx: Tx, caller: Caller, person: PersonId, line: str, now: datetime) -> None:
    if policy.is_emergency(caller):
        outbox.emit(tx, ev.EmergencyAccessUsed(person_id=person.value, journal_id=line), now=now)


async def mask_document(tx: Tx, caller: Caller, document_id: DocumentId, now: datetime) -> Document:
    """Hides the document from professionals; who put it there still sees it (R1111-49)."""
    document = await _changed(tx, caller, document_id, Masking.MASK, now)
    event = ev.DocumentMasked(
        document_id=document.id.value, person_id=document.person_id.value, version=document.version
    )
    outbox.emit(tx, event, now=now)
    return document


async def unmask_document(tx: Tx, caller: Caller, document_id: DocumentId, now: datetime) -> Document:
    """Shows it to professionals again."""
    document = await _changed(tx, caller, document_id, Masking.UNMASK, now)
    event = ev.DocumentUnmasked(
        document_id=document.id.value, person_id=document.person_id.value, version=document.version
    )
    outbox.emit(tx, event, now=now)
    return document


async def _changed(
    tx: Tx, caller: Caller, document_id: DocumentId, asked: Masking, now: datetime
) -> Document:
    there = await store.lock_document(tx, document_id, caller, now)
    if there is None:
        raise DocumentNotFound
    found, relation = there
    subject = found.document.person_id
    decision = require(
        policy.may_mask(caller, found.document, policy.reach(caller, subject, relation)),
        subject=subject.value,
        object_id=document_id.value,
        unseen=DocumentNotFound,
    )
    document = change_masking(found.document, asked)
    await store.save_document(tx, document, caller.public_subject, now)
    audit.record(
        tx,
        caller,
        f"dmp_document.{asked}",
        subject.value,
        object_id=document_id.value,
        rules=decision.rules,
        now=now,
    )
    return document
