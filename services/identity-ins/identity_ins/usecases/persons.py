"""The person behind the identities: resolved, read, and what the journal says of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from chassis import audit as audit_log
from chassis.caller import Caller, require
from chassis.db import Tx
from chassis.errors import Refusal
from chassis.page import PageRequest
from identity_ins import policy, store
from identity_ins.domain import Ins, Person, PersonId, PersonUnknown
from identity_ins.domain.described import Described, Likeness, Purpose, compare


async def resolve_person(tx: Tx, caller: Caller, ins: Ins, *, now: datetime) -> tuple[PersonId, bool]:
    """The opaque id of whom a number names, and whether it is the current one.

    A number that names nobody is traced as well.
    """
    decision = require(policy.may_resolve_person(caller), subject="")
    holder = await store.find_holder(tx, ins)
    if holder is None:
        raise PersonUnknown(field="ins", refusal=Refusal("", "", ("person.unknown_ins",)))
    audit_log.record(tx, caller, "person.resolve", holder[0].value, rules=decision.rules, now=now)
    return holder


async def get_person(tx: Tx, caller: Caller, id: PersonId, *, now: datetime) -> Person:
    """The reference identity of a person."""
    person = await store.get_person(tx, id)
    linked = bool(caller.organisation) and await store.is_linked(tx, id, caller.organisation)
    decision = require(policy.may_read_person(caller, id, linked), subject=id.value, unseen=PersonUnknown)
    audit_log.record(tx, caller, "person.read", id.value, rules=decision.rules, now=now)
    return person


async def get_standing(tx: Tx, caller: Caller, id: PersonId, structure: str, *, now: datetime) -> bool:
    """Whether a structure holds a qualifiée identity of a person."""
    decision = require(policy.may_ask_standing(caller), subject=id.value)
    qualified = await store.is_qualified(tx, id, structure)
    audit_log.record(
        tx, caller, "person.standing", id.value, object_id=structure, rules=decision.rules, now=now
    )
    return qualified


async def compare_with_person(
    tx: Tx, caller: Caller, id: PersonId, said: Described, *, now: datetime
) -> Likeness:
    """Whether a description is that of a person; no trait is given."""
    decision = require(policy.may_compare_person(caller), subject=id.value)
    likeness = compare(await store.get_person(tx, id), said)
    audit_log.record(tx, caller, "person.compare", id.value, rules=decision.rules, now=now)
    return likeness


async def describe_person(tx: Tx, caller: Caller, id: PersonId, purpose: Purpose, *, now: datetime) -> Person:
    """The reference identity, for a paper that names the person; the journal says which, and for whom."""
    decision = require(policy.may_describe_person(caller), subject=id.value, object_id=purpose.object_id)
    person = await store.get_person(tx, id)
    audit_log.record(
        tx,
        replace(caller, reason=purpose.reason),
        "person.describe",
        id.value,
        object_id=purpose.object_id,
        rules=decision.rules,
        now=now,
    )
    return person


async def list_person_journal(
    tx: Tx, caller: Caller, id: PersonId, request: PageRequest, *, now: datetime
) -> tuple[Sequence[audit_log.Entry], str]:
    """A page of what was read or changed about a person, newest first, and the token of the next one.

    This reading is a line of its own.
    """
    decision = require(policy.may_read_journal(caller, id), subject=id.value, unseen=PersonUnknown)
    entries, more = await audit_log.list_entries(tx, id.value, request)
    audit_log.record(tx, caller, "person.read_journal", id.value, rules=decision.rules, now=now)
    return entries, more
