"""What was delivered from the paper while the platform was away, recorded later.

It happened: no state and no rule refuses that it be known. What goes beyond what was prescribed is kept apart
(`excess`), and told to the prescriber and to the pharmacies that had delivered before. Only a message that
is wrong by itself is refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from chassis.caller import Caller
from chassis.db import Tx
from chassis.errors import InvalidInput, Violation
from eprescription.domain import acting, digest
from eprescription.domain.acting import Recorder
from eprescription.domain.content import Decision
from eprescription.domain.dispensing import Act, Duplicate, Intervention
from eprescription.domain.errors import PaperRecordedAlready
from eprescription.domain.findings import Finding
from eprescription.domain.prescriptions import Prescription
from eprescription.domain.progress import follow
from eprescription.domain.rules.calendar import paris_day
from eprescription.domain.rules.parameters import Parameters
from eprescription.domain.secrets import Secrets
from eprescription.domain.states import Move
from eprescription.domain.visits import Visit
from eprescription.policy import dispensing as policy
from eprescription.store import duplicates, prescriptions

from . import announcing, weighing
from .claims import Proof, Refused, opens, refused
from .dispensing import save
from .holding import read_visit, require_dispenser, without_stale_hold
from .traces import trace


class DeliveredBefore(InvalidInput):
    """A delivery from the paper is in the past, and not before the prescription was written."""

    where = "delivered_at"
    remedy = "Give the moment of the delivery, as the paper says it."


class OneActALine(InvalidInput):
    """A paper tells of each line once."""

    where = "acts"
    remedy = "Put together what was delivered of one line, or give each delivery its own paper reference."


@dataclass(frozen=True, slots=True)
class Paper:
    """A delivery as the paper of a pharmacy tells it; the same `reference` again is the same delivery."""

    proof: Proof
    acts: tuple[Act, ...]
    delivered_at: datetime
    reference: str
    decisions: tuple[Decision, ...] = ()


@dataclass(frozen=True, slots=True)
class RecordedLater:
    visit: Visit
    interventions: tuple[Intervention, ...]
    duplicates: tuple[Duplicate, ...]
    findings: tuple[Finding, ...] = ()


async def record_offline_dispensing(
    tx: Tx, caller: Caller, paper: Paper, secrets: Secrets, parameters: Parameters, now: datetime
) -> RecordedLater | Refused:
    """Needs the code of the paper and no hold: another pharmacy may hold the prescription meanwhile."""
    require_dispenser(caller)
    prescription = await prescriptions.lock_by_number(tx, paper.proof.number)
    if prescription is None or not await opens(tx, caller, prescription, paper.proof, secrets, now):
        return await refused(tx, caller, paper.proof.number, now)
    _require_past(paper, prescription, now)
    _require_one_a_line(paper.acts)
    visit = await without_stale_hold(tx, await read_visit(tx, prescription), now)
    known = [one for one in visit.interventions if _is_of(one, caller, paper)]
    if known:
        done = await _again(tx, visit, paper, known)
    else:
        done = await _new(tx, caller, visit, paper, parameters, now)
    decision = policy.may_dispense(caller)
    trace(tx, caller, "prescription.record_offline", done.visit.prescription, decision, now)
    return done


def _require_past(paper: Paper, prescription: Prescription, now: datetime) -> None:
    written = prescription.written_on
    if paper.delivered_at > now or (written and paris_day(paper.delivered_at) < written):
        raise DeliveredBefore


def _require_one_a_line(acts: Sequence[Act]) -> None:
    told = Counter(act.line_id for act in acts if act.line_id)
    twice = [
        Violation(f"acts[{at}].line_id", "This line is told of twice.")
        for at, act in enumerate(acts)
        if told[act.line_id] > 1
    ]
    if twice:
        raise OneActALine(violations=twice)


def _is_of(one: Intervention, caller: Caller, paper: Paper) -> bool:
    return one.pharmacy == caller.organisation and one.paper_reference == paper.reference


async def _again(tx: Tx, visit: Visit, paper: Paper, known: Sequence[Intervention]) -> RecordedLater:
    """The answer to the first record was lost. Another delivery under its reference, or one that was undone
    since, would not be counted: that is said, never passed over.
    """
    told = digest.of(paper.acts, paper.delivered_at)
    if any(one.details.asked != told or one.undone_by for one in known):
        raise PaperRecordedAlready
    ids = {one.id for one in known}
    found = await duplicates.list_of(tx, visit.prescription.id)
    return RecordedLater(visit, tuple(known), tuple(one for one in found if one.intervention_id in ids))


async def _new(
    tx: Tx, caller: Caller, visit: Visit, paper: Paper, parameters: Parameters, now: datetime
) -> RecordedLater:
    recorder = Recorder(
        caller.subject,
        caller.organisation,
        paris_day(paper.delivered_at),
        now,
        paper_reference=paper.reference,
        asked=digest.of(paper.acts, paper.delivered_at),
    )
    placed = await weighing.placed(tx, visit, paper.acts, parameters)
    scales = await weighing.scales_of(tx, placed, recorder, parameters)
    weighed = await weighing.weigh(tx, scales, placed)
    told = acting.decided(weighed.weighed, paper.decisions, weighed.findings)
    after = {line.line_id: line for line in weighed.visit.lines} | {o.after.line_id: o.after for o in told}
    state = follow(visit.prescription, list(after.values()), Move.RECORD_OFFLINE)
    saved = await save(tx, weighed, told, state, now)
    found = acting.duplicates(told, weighed.visit, paper.delivered_at)
    for one in found:
        duplicates.insert_duplicate(tx, one)
        announcing.duplicated(tx, saved.prescription, one, now)
    if saved.prescription.state is not visit.prescription.state:
        announcing.became(tx, saved.prescription, (), now)
    done = tuple(one.done for one in told)
    return RecordedLater(saved, done, tuple(found), tuple(acting.softened(weighed.findings)))
