"""Lists of prescriptions: of a person, of a prescriber, of a pharmacy. Each line shown is in the journal."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from chassis import audit, page
from chassis.caller import Caller, CallerKind, Decision, require
from chassis.db import ReadTx, Tx
from eprescription.domain.ids import PersonId
from eprescription.domain.rules import rights
from eprescription.domain.rules.calendar import paris_day
from eprescription.domain.states import State
from eprescription.policy import prescriptions as policy
from eprescription.store import listing as store

from .prescriptions import View, shown

Permitted = tuple[store.Seen, Decision]


async def list_prescriptions(
    tx: Tx,
    caller: Caller,
    person: PersonId,
    states: Collection[State],
    request: page.PageRequest,
    now: datetime,
) -> tuple[list[View], str]:
    """Those of a person that the caller may see, newest first, and the token of the next page."""
    decision = require(policy.may_list(caller, person.value), subject=person.value)
    wanted = _page(request, states, now)
    found = await store.list_of_person(tx, person, _reader(caller, decision), wanted)
    given, more = _cut(found, wanted)
    permitted = _permitted(caller, given)
    audit.record(
        tx,
        caller,
        "prescription.list",
        person.value,
        rules=decision.rules,
        hits=[audit.Hit(seen.prescription.id.value, by.rules) for seen, by in permitted],
        now=now,
    )
    return await _views(tx, permitted, now), more


async def list_my_prescriptions(
    tx: Tx, caller: Caller, states: Collection[State], request: page.PageRequest, now: datetime
) -> tuple[list[View], str]:
    """What a prescriber wrote, or what a pharmacy holds or served, newest first."""
    wanted = _page(request, states, now)
    if rights.is_dispenser(caller.profession) and caller.organisation:
        found = await store.list_of_pharmacy(tx, caller.organisation, wanted)
    else:
        found = await store.list_written(tx, _own(caller), wanted)
    given, more = _cut(found, wanted)
    permitted = _permitted(caller, given)
    for seen, by in permitted:
        of = seen.prescription
        audit.record(
            tx,
            caller,
            "prescription.list_mine",
            of.person.value,
            object_id=of.id.value,
            rules=by.rules,
            now=now,
        )
    return await _views(tx, permitted, now), more


def _page(request: page.PageRequest, states: Collection[State], now: datetime) -> store.Page:
    """One more than is shown: whether another page follows."""
    size, cursor = page.after(request, last=UUID)
    last = str(cursor["last"]) if cursor else None
    return store.Page(size + 1, paris_day(now), states, last)


def _cut(found: Sequence[store.Seen], wanted: store.Page) -> tuple[Sequence[store.Seen], str]:
    if len(found) < wanted.size:
        return found, ""
    given = found[: wanted.size - 1]
    return given, page.token(last=given[-1].prescription.id.value)


def _reader(caller: Caller, decision: Decision) -> store.Reader:
    """The conditions of `policy.prescriptions.may_read`, for a list of one person."""
    match caller.kind:
        case CallerKind.CITIZEN:
            return store.Reader(everything=True, person_in_person="erx.person" in decision.rules)
        case CallerKind.MACHINE:
            return store.Reader(structure=caller.organisation, blind=True)
    structure = caller.organisation if caller.profession in policy.PRESCRIBERS else ""
    return store.Reader(author=caller.subject, structure=structure, works_for=caller.organisation, blind=True)


def _own(caller: Caller) -> store.Reader:
    return store.Reader(author=caller.subject, works_for=caller.organisation, blind=True)


def _permitted(caller: Caller, found: Sequence[store.Seen]) -> list[Permitted]:
    """Each with the rules that show it; the query and the policy are one rule, and this says so."""
    decided = [(seen, policy.may_read(caller, seen.prescription, seen.standing)) for seen in found]
    if not all(decision.permitted for _, decision in decided):
        raise RuntimeError("a query showed what the policy refuses")
    return decided


async def _views(tx: ReadTx, permitted: Sequence[Permitted], now: datetime) -> list[View]:
    """Without interventions: a list says how far each line is, the prescription says by whom."""
    lines = await store.list_lines_of(tx, [seen.prescription.id for seen, _ in permitted])
    return [shown(seen, lines.get(seen.prescription.id, ()), (), by, now) for seen, by in permitted]
