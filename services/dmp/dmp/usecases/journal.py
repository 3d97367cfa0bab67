"""The journal of a record: who looked, when, why, by which rule."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from chassis import audit
from chassis.caller import Caller, CallerKind, require
from chassis.db import Tx
from chassis.page import PageRequest
from dmp import policy, store
from dmp.domain import PersonId

from .records import unseen


async def list_journal(
    tx: Tx, caller: Caller, person: PersonId, page: PageRequest, now: datetime
) -> tuple[Sequence[audit.Entry], str]:
    """A page of the journal, newest first, and the token of the next one; this reading is a line of its own.

    Refused accesses to a record that is not open are there too, so no record is needed to read it.
    """
    decision = require(policy.may_read_journal(caller, person), subject=person.value, unseen=unseen(caller))
    entries, more = await audit.list_entries(tx, person.value, page)
    shown = await _shown(tx, caller, person, entries)
    audit.record(tx, caller, "dmp_journal.read", person.value, rules=decision.rules, now=now)
    return shown, more


async def _shown(
    tx: Tx, caller: Caller, person: PersonId, entries: Sequence[audit.Entry]
) -> Sequence[audit.Entry]:
    """Without the lines about documents hidden from this reader.

    They would announce what R1111-53 leaves to a consultation and what R1111-50 keeps from a minor's
    parents; they come back with the document.
    """
    if caller.kind is CallerKind.AUDITOR:
        return entries
    own = caller.person_id == person.value
    hidden = policy.HIDDEN_FROM_HOLDER if own else policy.HIDDEN_FROM_REPRESENTATIVE
    about = sorted({entry.object_id for entry in entries if entry.object_id})
    kept_back = await store.list_hidden(tx, about, list(hidden)) if about else set()
    return [entry for entry in entries if entry.object_id not in kept_back]
