"""What was dispensed to a person (dossier pharmaceutique), and what was dispensed beyond what was
prescribed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from chassis import audit, page
from chassis.audit import Hit
from chassis.caller import Caller, CallerKind, require
from chassis.db import ReadTx, Tx
from chassis.page import PageRequest
from eprescription.domain.content import Substance
from eprescription.domain.dispensing import Duplicate
from eprescription.domain.history import Given
from eprescription.domain.ids import PersonId, PrescriptionId
from eprescription.domain.rules.calendar import add_months, paris_day
from eprescription.domain.rules.parameters import Parameters
from eprescription.policy import dispensing as policy
from eprescription.store import duplicates, oppositions
from eprescription.store import history as store

from . import products


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the history, with the substances of each delivery by CIS; `more`: token of the next one."""

    given: Sequence[Given]
    substances: Mapping[str, tuple[Substance, ...]]
    more: str


async def list_dispensings(
    tx: Tx, caller: Caller, person: PersonId, request: PageRequest, parameters: Parameters, now: datetime
) -> Page:
    """Newest first. Professionals see `parameters.history_months`; the person, all that is kept."""
    opposition = await oppositions.find_opposition(tx, person)
    sectors = frozenset(parameters.hospital_sectors)
    decision = require(
        policy.may_read_history(caller, person.value, opposition, sectors), subject=person.value
    )
    size, cursor = page.after(request, last=UUID)
    since = _since(caller, parameters, paris_day(now))
    last = str(cursor["last"]) if cursor else None
    found = await store.list_visible_deliveries(tx, caller, person, since, last, size + 1)
    shown = found[:size]
    audit.record(tx, caller, "dispensing_history.read", person.value, rules=decision.rules, now=now)
    more = page.token(last=shown[-1].intervention_id.value) if len(found) > size else ""
    return Page(shown, await _substances(tx, shown), more)


def _since(caller: Caller, parameters: Parameters, today: date) -> date:
    return date.min if caller.kind is CallerKind.CITIZEN else add_months(today, -parameters.history_months)


async def _substances(tx: ReadTx, shown: Sequence[Given]) -> dict[str, tuple[Substance, ...]]:
    known = await products.medicines(tx, (one.cis for one in shown if one.cis))
    return {
        cis: tuple(Substance(one.code, one.name, one.strength) for one in medicine.components)
        for cis, medicine in known.items()
    }


async def list_duplicates(
    tx: Tx, caller: Caller, prescription: PrescriptionId | None, request: PageRequest, now: datetime
) -> tuple[Sequence[Duplicate], str]:
    """Newest first, and the token of the next page. One line of the journal for each person they are
    about."""
    decision = require(policy.may_list_duplicates(caller), subject="")
    size, cursor = page.after(request, last=UUID)
    last = str(cursor["last"]) if cursor else None
    if "erx.every_duplicate" in decision.rules:
        found = await duplicates.list_every(tx, prescription, last, size + 1)
    else:
        found = await duplicates.list_concerned(tx, caller, prescription, last, size + 1)
    shown = found[:size]
    for person in dict.fromkeys(one.person for one in shown):
        hits = [Hit(o.duplicate.prescription_id.value, decision.rules) for o in shown if o.person == person]
        audit.record(
            tx,
            caller,
            "prescription.list_duplicates",
            person.value,
            rules=decision.rules,
            hits=list(dict.fromkeys(hits)),
            now=now,
        )
    more = page.token(last=shown[-1].duplicate.id.value) if len(found) > size else ""
    return [one.duplicate for one in shown], more
