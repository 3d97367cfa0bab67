"""What time does by itself to the documents that wait for their announcement (R1111-53)."""

from __future__ import annotations

from datetime import datetime

from chassis import outbox
from chassis.caller import Caller
from chassis.db import Tx
from dmp import policy
from dmp.domain import DocumentId
from dmp.store import announcements as store
from socle.dmp.v1 import events_pb2 as ev

from .changes import show_after_a_month


async def warn_due(tx: Tx, size: int, now: datetime) -> int:
    """Two weeks are over: the patient is told that an update needs a consultation, nothing of what it holds.

    How many were told of; each once.
    """
    due = await store.take_to_warn(tx, size, now)
    for each in due:
        event = ev.AnnouncementDue(
            document_id=each.document_id.value, person_id=each.person_id.value, version=each.version
        )
        outbox.emit(tx, event, now=now)
    if due:
        store.save_warned(tx, [each.document_id for each in due], now)
    return len(due)


async def show_due(
    tx: Tx, caller: Caller, document_id: DocumentId, parameters: policy.Parameters, now: datetime
) -> bool:
    """The month is over: the document becomes visible by itself; False when there was nothing to do."""
    if not await store.take_to_show(tx, document_id, now):
        return False
    return await show_after_a_month(tx, caller, document_id, parameters, now)
