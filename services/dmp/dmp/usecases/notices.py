"""Which readings are told: first accesses to the holder, emergencies to the médecin traitant too."""

from __future__ import annotations

from datetime import datetime

from chassis import outbox
from chassis.caller import Caller, CallerKind, Purpose
from chassis.db import Tx
from dmp import policy
from dmp.domain import PersonId, Relation
from dmp.store import journal as store
from socle.dmp.v1 import events_pb2 as ev


async def tell(
    tx: Tx, caller: Caller, person: PersonId, relation: Relation, line: str, now: datetime
) -> None:
    """Emits what people must be told of a permitted reading; `line` is its line of the journal.

    Every emergency is told (R1111-48), the first access of a professional too. A secret connection is not,
    and leaves the next open access to be the first: a minor's mailbox is often their parents'.
    """
    if caller.kind is not CallerKind.PROFESSIONAL or caller.purpose is Purpose.SECRET:
        return
    if policy.is_emergency(caller):
        outbox.emit(tx, ev.EmergencyAccessUsed(person_id=person.value, journal_id=line), now=now)
    if relation.record is None or relation.known_reader:
        return
    if await store.know_reader(tx, person, caller.subject, now):
        outbox.emit(tx, ev.FirstAccessUsed(person_id=person.value, journal_id=line), now=now)
