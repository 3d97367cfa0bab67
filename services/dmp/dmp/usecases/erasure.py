"""Destroying a record, and proving it (R1111-36)."""

from __future__ import annotations

from datetime import datetime

from chassis import audit, outbox
from chassis.caller import Caller, CallerKind, require
from chassis.db import Tx
from chassis.errors import Refusal
from dmp import policy
from dmp.domain import records
from dmp.domain.erasure import Erased, Receipt, ReceiptId
from dmp.domain.errors import ReceiptNotFound, RecordNotFound
from dmp.domain.records import PersonId
from dmp.domain.sealing import Wrapped
from dmp.store import erasure, keys
from socle.dmp.v1 import events_pb2 as ev

# A record that was opened before keys were made, and never used since.
NO_KEY = Wrapped(b"", 0)


async def destroy_record(tx: Tx, caller: Caller, person: PersonId, now: datetime) -> Erased:
    """Destroys a closed record whose time is over: rows, key, words; raises DestructionNotDue before that.

    The journal stays, as traces must. Once this is committed the key is gone, and with it whatever is still
    in the object store under the names returned: whoever calls deletes those.
    """
    record = await erasure.lock_life(tx, person)
    if record is None:
        raise RecordNotFound
    records.destroy(record, now)
    wrapped = await keys.find_key(tx, person) or NO_KEY
    blobs, size = await erasure.list_blobs(tx, person)
    lots = await erasure.count_lots(tx, person)
    receipt = Receipt(
        ReceiptId.new(), person, now, len(blobs), lots, size, wrapped.fingerprint, wrapped.master_version
    )
    await erasure.destroy(tx, person)
    erasure.insert_receipt(tx, receipt)
    audit.record(tx, caller, "dmp_record.destroy", person.value, rules=("R1111-36",), now=now)
    outbox.emit(tx, ev.RecordDestroyed(person_id=person.value, receipt_id=receipt.id.value), now=now)
    return Erased(receipt, blobs)


async def get_receipt(tx: Tx, caller: Caller, person: PersonId, now: datetime) -> Receipt:
    """The receipt of the erasure of a record, for whoever may read its journal."""
    unseen = ReceiptNotFound if caller.kind is CallerKind.CITIZEN else None
    decision = require(policy.may_read_journal(caller, person), subject=person.value, unseen=unseen)
    receipt = await erasure.find_receipt(tx, person)
    if receipt is None:
        raise ReceiptNotFound(refusal=Refusal(person.value, "", ("dmp.no_receipt",)))
    audit.record(tx, caller, "dmp_record.read_receipt", person.value, rules=decision.rules, now=now)
    return receipt
