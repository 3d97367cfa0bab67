"""The holder's switch: all documents, present and to come, hidden from professionals or shown to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from chassis import audit, outbox
from chassis.caller import Caller, Decision
from chassis.db import Tx
from dmp import policy
from dmp.domain.documents import LotId
from dmp.domain.lots import OWN_SOURCE, LotKind, StoredLot
from dmp.domain.records import PersonId, Relation
from dmp.domain.tracing import chain
from dmp.store import deposits
from dmp.store import masking as store
from dmp.store import records as rows
from socle.dmp.v1 import events_pb2 as ev

from .records import Shown, allowed, opened, shown

ACTION = "dmp_consent.set_default_masking"


@dataclass(frozen=True, slots=True)
class Masked:
    record: Shown
    # Documents that were changed, of those the caller may know.
    changed: int
    # Documents that wait for their announcement, of those the patient was told of.
    waiting: int


async def set_default_masking(
    tx: Tx, caller: Caller, person: PersonId, masked: bool, now: datetime
) -> Masked:
    """Changes the documents that the caller sees, in one lot, and what new ones will be.

    A document that waits for its announcement stays as it is, and is masked when the patient sees it: the
    two codes would hide it from all (EX_2.1-1050). Only those the patient was told of are counted, since
    the count alone would announce the others (R1111-53); a representative is not told of what a minor keeps.
    """
    found = await store.take_record(tx, person, caller, now)
    relation, at = found or (Relation(None), now)
    decision = allowed(policy.may_declare(caller, person), caller, person)
    before = opened(relation, caller, person)
    record = replace(before, masked_by_default=masked)
    if record != before:
        await rows.save_record(tx, record)
        outbox.emit(tx, ev.ConsentsChanged(person_id=person.value), now=now)
    hidden = policy.hidden_from_citizen(caller, person)
    changed = await store.mask_all(tx, person, masked, hidden.keys(), caller.public_subject, at)
    if changed:
        _insert_lot(tx, caller, person, changed, at)
        _tell(tx, person, masked, changed, now)
    _write(tx, caller, person, changed, decision, now)
    unknown = hidden.keys() - policy.HIDDEN_FROM_HOLDER.keys()
    waiting = await store.count_waiting(tx, person, unknown) if masked else 0
    return Masked(await shown(tx, caller, relation, record), len(changed), waiting)


def _insert_lot(
    tx: Tx, caller: Caller, person: PersonId, changed: Sequence[store.Changed], at: datetime
) -> None:
    lot_id = LotId.new()
    lot = StoredLot(
        id=lot_id,
        person_id=person,
        kind=LotKind.CHANGE,
        unique_id=f"urn:uuid:{lot_id}",
        source_id=OWN_SOURCE,
        content_type=changed[0].content_type,
        author_ids=(),
        sealed=b"",
        submitted_at=at,
        received_at=at,
    )
    deposits.insert_lot(tx, lot, (), caller.public_subject, "")
    for document in changed:
        store.insert_member(tx, lot_id.value, document)


def _tell(tx: Tx, person: PersonId, masked: bool, changed: Sequence[store.Changed], now: datetime) -> None:
    event = ev.DocumentMasked if masked else ev.DocumentUnmasked
    for document in changed:
        told = event(document_id=document.id.value, person_id=person.value, version=document.version)
        outbox.emit(tx, told, now=now)


def _write(
    tx: Tx,
    caller: Caller,
    person: PersonId,
    changed: Sequence[store.Changed],
    decision: Decision,
    now: datetime,
) -> None:
    """One line for the switch and what it changed; one each for the documents numbered apart."""
    together: list[audit.Hit] = []
    for document in changed:
        numbered = chain(caller.purpose, document.id.value, document.codes)
        if not numbered:
            together.append(audit.Hit(document.id.value, decision.rules))
            continue
        about, rules = document.id.value, decision.rules
        audit.record(tx, caller, ACTION, person.value, object_id=about, rules=rules, chain=numbered, now=now)
    audit.record(tx, caller, ACTION, person.value, rules=decision.rules, hits=together, now=now)
