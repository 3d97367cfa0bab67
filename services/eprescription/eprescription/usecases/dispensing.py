"""A pharmacist records what was done about lines: all the acts of a request, or none.

What is delivered is counted by PostgreSQL as each row is inserted (`count_intervention`), and refused there
beyond what was prescribed (`ck_line_never_beyond`); what is computed here only says it better.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from chassis.caller import Caller
from chassis.db import Tx
from chassis.errors import InvalidInput, SocleError, Violation
from eprescription.domain import acting, progress
from eprescription.domain.acting import Recorder, Scales, Weighed
from eprescription.domain.content import Decision
from eprescription.domain.dispensing import Act, Claim, Intervention
from eprescription.domain.findings import Finding
from eprescription.domain.ids import PrescriptionId
from eprescription.domain.rules.calendar import paris_day
from eprescription.domain.rules.delivering import Entitled
from eprescription.domain.rules.parameters import Parameters
from eprescription.domain.secrets import Secrets
from eprescription.domain.states import Move, State
from eprescription.domain.states import require as require_move
from eprescription.domain.visits import Visit
from eprescription.policy import dispensing as policy
from eprescription.store import claims, interventions, lines

from . import announcing, weighing
from .holding import lock_held
from .traces import trace
from .weighing import Weighing

# A delivery of the evening may be recorded after midnight, and no earlier one under this hold.
BEFORE_HOLD = timedelta(days=1)


class DeliveredWhen(InvalidInput):
    """The day of the delivery is in the future, or more than a day before this pharmacy held the
    prescription."""

    where = "delivered_on"
    remedy = "Leave it out for today; what was delivered from the paper earlier is RecordOfflineDispensing."


@dataclass(frozen=True, slots=True)
class Asked:
    """What a pharmacist says to have done, under the hold that the secret proves."""

    prescription_id: PrescriptionId
    secret: str
    acts: tuple[Act, ...]
    decisions: tuple[Decision, ...] = ()
    # None: today, Europe/Paris.
    delivered_on: date | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    """What would be said, and what may be given of each line before these acts."""

    findings: tuple[Finding, ...]
    entitled: dict[str, Entitled]


@dataclass(frozen=True, slots=True)
class Recorded:
    visit: Visit
    interventions: tuple[Intervention, ...]
    findings: tuple[Finding, ...]


async def check_dispensing(
    tx: Tx, caller: Caller, asked: Asked, secrets: Secrets, parameters: Parameters, now: datetime
) -> Checked:
    """The same evaluation as `record_dispensing`, whatever it refuses; writes nothing but the trace."""
    visit, claim = await lock_held(tx, caller, asked.prescription_id, asked.secret, secrets, now)
    scales, weighed = await _weigh(tx, caller, visit, claim, asked, asked.acts, parameters, now)
    trace(tx, caller, "prescription.check_dispensing", visit.prescription, policy.may_dispense(caller), now)
    return Checked(weighed.findings, acting.entitlements(scales))


async def record_dispensing(
    tx: Tx, caller: Caller, asked: Asked, secrets: Secrets, parameters: Parameters, now: datetime
) -> Recorded:
    """Raises RuleRefused, DecisionNeeded, LineClosed, BeyondWhatWasPrescribed: then nothing is written.

    Acts that were recorded before, told by the serial number of the box, are answered and not recorded again.
    """
    visit, claim = await lock_held(tx, caller, asked.prescription_id, asked.secret, secrets, now)
    require_move(visit.prescription.state, Move.RECORD)
    before = acting.recognised(visit, asked.acts, caller.organisation)
    places = [at for at in range(len(asked.acts)) if at not in before]
    weighed = Weighing(visit, (), ())
    if places:
        with _placed_as_sent(places):
            fresh = [asked.acts[at] for at in places]
            _, weighed = await _weigh(tx, caller, visit, claim, asked, fresh, parameters, now)
            _settle(weighed, asked)
        told = acting.decided(weighed.weighed, asked.decisions, weighed.findings)
        visit = await save(tx, weighed, told, State.IN_DISPENSE, now)
    decision = policy.may_dispense(caller)
    trace(tx, caller, "prescription.dispense", visit.prescription, decision, now)
    return Recorded(visit, _in_order(asked, before, visit), weighed.findings)


async def _weigh(
    tx: Tx,
    caller: Caller,
    visit: Visit,
    claim: Claim,
    asked: Asked,
    acts: Sequence[Act],
    parameters: Parameters,
    now: datetime,
) -> tuple[Scales, Weighing]:
    recorder = Recorder(caller.subject, caller.organisation, _delivered_on(asked, claim, now), now, claim.id)
    placed = await weighing.placed(tx, visit, acts, parameters)
    scales = await weighing.scales_of(tx, placed, recorder, parameters)
    return scales, await weighing.weigh(tx, scales, placed)


@contextmanager
def _placed_as_sent(places: Sequence[int]) -> Iterator[None]:
    """Only acts that are new are weighed: what is wrong with one is told at its place in the request."""

    def path(text: str) -> str:
        return re.sub(r"^acts\[(\d+)\]", lambda found: f"acts[{places[int(found[1])]}]", text)

    try:
        yield
    except SocleError as error:
        error.field = path(error.field)
        error.violations = tuple(Violation(path(one.field), one.problem) for one in error.violations)
        raise


def _delivered_on(asked: Asked, claim: Claim, now: datetime) -> date:
    today = paris_day(now)
    on = asked.delivered_on or today
    if on > today or on < paris_day(claim.began_at) - BEFORE_HOLD:
        raise DeliveredWhen
    return on


def _settle(weighed: Weighing, asked: Asked) -> None:
    """What the prescriber decided at the signature about the same finding needs no second decision."""
    known = (*asked.decisions, *weighed.visit.prescription.signed.decisions)
    acting.require_within(weighed.weighed)
    acting.settle(weighed.findings, known, weighed.acts)


async def save(tx: Tx, weighed: Weighing, told: Sequence[Weighed], state: State, now: datetime) -> Visit:
    """Added lines, interventions, lines, prescription and events of a locked prescription.

    Two statements, three with added lines: the triggers read the state of a line as it was before this
    request.
    """
    visit = weighed.visit
    for line in weighed.added:
        lines.insert_line(tx, line)
    await tx.flush()
    for one in told:
        interventions.insert_intervention(tx, one.done)
    await tx.flush()
    # The last act about a line tells how it is now.
    now_lines = list({one.after.line_id: one.after for one in told}.values())
    after = visit.with_lines(now_lines).with_interventions([one.done for one in told])
    moved = progress.moved(visit.prescription, state, now, after.lines)
    claims.save_lines(tx, now_lines)
    claims.move_prescription(tx, moved)
    for one in told:
        announcing.intervened(tx, moved, one.done, after.status(one.done.line_id), now)
    return Visit(moved, after.lines, after.interventions, visit.claim)


def _in_order(asked: Asked, before: dict[int, Intervention], visit: Visit) -> tuple[Intervention, ...]:
    """One for each act, in its order: those recorded before, and those of now, which are the last ones."""
    count = len(asked.acts) - len(before)
    fresh = iter(visit.interventions[-count:] if count else ())
    return tuple(before[at] if at in before else next(fresh) for at in range(len(asked.acts)))
