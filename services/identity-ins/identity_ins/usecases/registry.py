"""The reference registry of a test platform: a real one is not kept here, and nobody changes it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from chassis import audit as audit_log
from chassis import outbox
from chassis.caller import Caller, require
from chassis.db import Tx
from chassis.errors import Conflict
from identity_ins import policy
from identity_ins.domain import Ins, Person, PersonId, PersonUnknown, Platform
from identity_ins.domain import registry as rules
from identity_ins.store import registry
from socle.identity_ins.v1 import events_pb2 as ev


async def replace_number(
    tx: Tx, caller: Caller, id: PersonId, ins: Ins, reason: str, platform: Platform, *, now: datetime
) -> Person:
    """The person under another number (NIA to NIR, correction); the present one stays as a former one."""
    decision = require(policy.may_replace_number(caller), subject=id.value, unseen=PersonUnknown)
    person = await registry.lock_person(tx, id)
    holder = await registry.find_person_id(tx, ins)
    after = rules.replace_number(person, ins, holder, platform)
    if not await registry.hold_number(tx, id, ins, now):
        # Someone gave it to another person between the look and the change.
        raise Conflict(field="ins", hint="Read both persons again.")
    # The journal has a place for reasons: that of the caller.
    told = replace(caller, reason=reason)
    audit_log.record(tx, told, "registry.replace_number", id.value, rules=decision.rules, now=now)
    outbox.emit(tx, ev.PersonNumberReplaced(person_id=id.value), now=now)
    return after
