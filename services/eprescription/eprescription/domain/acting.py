"""What acts would do to a prescription: each one counted and judged, before anything is written. Pure.

Acts of one request are weighed in their order, each after what the ones before it would leave; `past` then
holds them as if they were recorded, so that two boxes of one visit are one delivery (`rules.covering`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal

from chassis.errors import RuleViolated, Violation

from .content import Decision, Line
from .dispensing import NOTHING, Act, Details, Duplicate, Intervention, LineStatus, NotDelivered
from .errors import BeyondWhatWasPrescribed, DecisionNeeded, LineClosed, RuleRefused
from .findings import Finding, Severity, refusals, undecided
from .ids import ClaimId, DuplicateId, InterventionId
from .products import Medicine, Pack
from .progress import DELIVERING, delivered, not_delivered
from .quantities import count, covered
from .rules import delivering
from .rules.delivering import Entitled
from .rules.parameters import Parameters
from .states import OPEN_LINES, LineState
from .visits import Visit

CANCELLATION_ASKED = "C1"


@dataclass(frozen=True, slots=True)
class Bases:
    """The medicines base, as far as it knows: what is prescribed by line id, what is given by CIP13."""

    prescribed: Mapping[str, Medicine]
    given: Mapping[str, tuple[Medicine, Pack]]


@dataclass(frozen=True, slots=True)
class Recorder:
    """Who records, when, and from what: a hold, or a paper of this pharmacy."""

    pharmacist: str
    pharmacy: str
    # Day of the delivery, Europe/Paris, and moment of the record.
    on: date
    now: datetime
    claim_id: ClaimId | None = None
    paper_reference: str = ""
    # Of a paper: what the pharmacist sent (`digest.of`).
    asked: str = ""

    @property
    def offline(self) -> bool:
        return bool(self.paper_reference)


@dataclass(frozen=True, slots=True)
class Scales:
    """What every act of a request is weighed with."""

    visit: Visit
    bases: Bases
    parameters: Parameters
    recorder: Recorder

    def entitled(self, status: LineStatus, past: Sequence[Intervention]) -> Entitled:
        """What the law lets give of a line on the day of the delivery, after `past`."""
        signed = self.visit.prescription.signed
        return delivering.entitle(
            self.visit.line(status),
            status,
            self.bases.prescribed.get(status.line_id.value),
            past,
            signed.content,
            signed.written_on,
            self.recorder.on,
            self.parameters.of_kind(self.visit.prescription.kind),
        )


@dataclass(frozen=True, slots=True)
class Weighed:
    """One act: what would be recorded, and the line before and after it."""

    act: Act
    line: Line
    before: LineStatus
    after: LineStatus
    done: Intervention
    medicine: Medicine | None = None
    pack: Pack | None = None
    findings: tuple[Finding, ...] = ()

    @property
    def delivers(self) -> bool:
        return self.act.kind in DELIVERING


def entitlements(scales: Scales) -> dict[str, Entitled]:
    """By line id, for the lines that are open."""
    visit = scales.visit
    open_lines = (status for status in visit.lines if status.state in OPEN_LINES)
    return {one.line_id.value: scales.entitled(one, visit.past(one.line_id)) for one in open_lines}


def presented(visit: Visit, entitled: Mapping[str, Entitled]) -> list[Finding]:
    """What is said when the prescription is presented: the law, and the cancellations asked meanwhile."""
    said = [finding for one in entitled.values() for finding in one.findings]
    return said + [_cancellation(status) for status in visit.lines if _is_marked(status)]


def _is_marked(status: LineStatus) -> bool:
    return status.cancel_requested and status.state in OPEN_LINES


def _cancellation(status: LineStatus) -> Finding:
    return Finding(
        CANCELLATION_ASKED,
        Severity.REFUSAL,
        "Le prescripteur a demandé l'annulation de cette ligne : elle ne se délivre plus.",
        "Enregistrez « non délivrée » avec le motif d'annulation, ou clôturez : la ligne sera annulée.",
        "L.5125-23",
        status.line_id.value,
    )


def weigh(scales: Scales, acts: Sequence[Act]) -> list[Weighed]:
    """Each act in its order. Raises LineNotFound, LineClosed (not from the paper: it happened),
    QuantityUnknown."""
    lines = {status.line_id.value: status for status in scales.visit.lines}
    past: dict[str, list[Intervention]] = {}
    weighed: list[Weighed] = []
    for at, act in enumerate(acts):
        status = lines.get(act.line_id) or scales.visit.status(act.line_id)
        if status.state not in OPEN_LINES and not scales.recorder.offline:
            raise LineClosed(field=f"acts[{at}].line_id")
        known = past.setdefault(act.line_id, list(scales.visit.past(status.line_id)))
        one = _weighed(scales, act, status, known)
        weighed.append(one)
        known.append(one.done)
        lines[act.line_id] = one.after
    return weighed


def _weighed(scales: Scales, act: Act, status: LineStatus, past: Sequence[Intervention]) -> Weighed:
    line, prescribed = scales.visit.line(status), scales.bases.prescribed.get(act.line_id)
    medicine, pack = scales.bases.given.get(act.cip13, (None, None))
    entitled = scales.entitled(status, past)
    recorder = scales.recorder
    said = delivering.check_act(
        act,
        line,
        status,
        entitled,
        prescribed,
        medicine,
        pack,
        recorder.pharmacy,
        recorder.on,
        scales.parameters,
    )
    if act.kind in DELIVERING:
        # Why there is nothing to give says more than that there is nothing.
        marked = [_cancellation(status)] if _is_marked(status) else []
        said = [*entitled.findings, *said, *marked]
    done = _intervention(scales, act, line, status, entitled)
    after = _after(scales, status, done, act.not_delivered, past)
    return Weighed(act, line, status, after, done, medicine, pack, tuple(said))


def _intervention(
    scales: Scales, act: Act, line: Line, status: LineStatus, entitled: Entitled
) -> Intervention:
    recorder = scales.recorder
    prescribed = scales.bases.prescribed.get(act.line_id)
    medicine, pack = scales.bases.given.get(act.cip13, (None, None))
    gives = act.kind in DELIVERING
    total = count(act, line, status, prescribed, pack) if gives else NOTHING
    room = _room(status, recorder) if recorder.offline else total
    counted = min(total, room)
    lost = entitled.forfeited if gives else NOTHING
    return Intervention(
        id=InterventionId.new(),
        prescription_id=status.prescription_id,
        line_id=status.line_id,
        person=status.person,
        kind=act.kind,
        recorded_at=recorder.now,
        delivered_on=recorder.on,
        pharmacist=recorder.pharmacist,
        pharmacy=recorder.pharmacy,
        claim_id=recorder.claim_id,
        cis=medicine.cis if medicine else "",
        cip13=act.cip13,
        label=_label(act, line, medicine) if gives else "",
        packs=act.packs or NOTHING,
        counted=counted,
        forfeits=min(lost, room - counted) if recorder.offline else lost,
        excess=total - counted,
        days_covered=covered(line, status.unit, prescribed, total, declared=act.days_covered) if gives else 0,
        offline=recorder.offline,
        paper_reference=recorder.paper_reference,
        details=replace(details(act), asked=recorder.asked),
    )


def softened(findings: Iterable[Finding]) -> list[Finding]:
    """Of what happened already: no rule refuses that it be known."""
    return [replace(o, severity=Severity.WARNING) if o.severity is Severity.REFUSAL else o for o in findings]


def _room(status: LineStatus, recorder: Recorder) -> Decimal:
    """What a delivery from the paper may still count: nothing of a cancelled line, nothing after the last
    day."""
    late = status.until is not None and recorder.on > status.until
    return NOTHING if late or status.state is LineState.CANCELLED else max(NOTHING, status.remaining)


def _label(act: Act, line: Line, medicine: Medicine | None) -> str:
    return act.product_label or (medicine.label if medicine else line.product.label)


def details(act: Act) -> Details:
    return Details(
        lot=act.lot,
        expires=act.expires,
        reason=act.reason,
        not_delivered=act.not_delivered,
        agreement=act.agreement,
        mte_by_pharmacist=act.mte_by_pharmacist,
        checks=act.checks,
        note=act.note,
        serial=act.serial,
    )


def _after(
    scales: Scales,
    status: LineStatus,
    done: Intervention,
    why: NotDelivered | None,
    past: Sequence[Intervention],
) -> LineStatus:
    """The line once it is recorded; the law says from when and until when the rest is delivered."""
    if done.kind not in DELIVERING:
        closes = why is not None and status.state in OPEN_LINES
        return not_delivered(status, why) if closes and why else status
    now = delivered(status, done)
    if now.state not in OPEN_LINES:
        return now
    law = scales.entitled(now, [*past, done])
    return replace(now, next_on=law.next_on, until=law.until)


def decided(
    weighed: Sequence[Weighed], decisions: Sequence[Decision], said: Sequence[Finding]
) -> list[Weighed]:
    """Each with the decisions about its line; those about the whole prescription go with the first."""
    by_line: dict[str, list[Decision]] = {}
    lines = {one.code: one.line_id for one in said}
    for decision in decisions:
        if decision.code in lines:
            by_line.setdefault(lines[decision.code], []).append(decision)
    kept: list[Weighed] = []
    for one in weighed:
        own = (*by_line.pop("", ()), *by_line.pop(one.act.line_id, ()))
        told = replace(one.done, details=replace(one.done.details, decisions=tuple(own)))
        kept.append(replace(one, done=told))
    return kept


def require_within(weighed: Sequence[Weighed]) -> None:
    """Said before PostgreSQL says it: which act goes beyond what remains of its line."""
    for at, one in enumerate(weighed):
        if one.done.counted > one.before.remaining:
            raise BeyondWhatWasPrescribed(field=f"acts[{at}].packs")


def settle(findings: Iterable[Finding], decisions: Sequence[Decision], acts: Sequence[Act]) -> None:
    """Raises RuleRefused with one violation a refusal, else DecisionNeeded with one a warning that nobody
    decided about: its code, which a decision names."""
    said = list(findings)
    at = {act.line_id: f"acts[{index}]" for index, act in reversed(list(enumerate(acts)))}
    refused, undecided_still = refusals(said), undecided(said, decisions)
    if refused:
        raise RuleRefused(
            hint="Deliver what each rule lets, or record why the line is not delivered.",
            violations=[Violation(at.get(o.line_id, "acts"), f"{o.rule}: {o.sentence}") for o in refused],
            rules=sorted({one.rule for one in refused}),
        )
    if undecided_still:
        raise DecisionNeeded(
            violations=[Violation(at.get(one.line_id, "acts"), one.code) for one in undecided_still],
            rules=sorted({one.rule for one in undecided_still}),
        )


class BoxGivenAlready(RuleViolated):
    """This box was recorded for another line already: a serial number is that of one box."""

    remedy = "Scan the box again, or undo the wrong record first."


def recognised(visit: Visit, acts: Sequence[Act], pharmacy: str) -> dict[int, Intervention]:
    """The acts that were recorded already, by their place: the serial number of a box is that of no other
    box.

    A retry without its Idempotency-Key is then answered and not recorded again. Raises BoxGivenAlready.
    """
    seen = {
        (one.cip13, one.details.serial): one
        for line in visit.lines
        for one in visit.past(line.line_id)
        if one.details.serial and one.pharmacy == pharmacy
    }
    found: dict[int, Intervention] = {}
    for at, act in enumerate(acts):
        before = seen.get((act.cip13, act.serial))
        if before is None:
            continue
        if act.line_id not in ("", before.line_id.value):
            raise BoxGivenAlready(field=f"acts[{at}].serial")
        found[at] = before
    return found


def duplicates(weighed: Sequence[Weighed], visit: Visit, delivered_at: datetime) -> list[Duplicate]:
    """What was delivered from the paper beyond what was prescribed, with the pharmacies that had delivered
    before."""
    return [
        Duplicate(
            id=DuplicateId.new(),
            prescription_id=one.done.prescription_id,
            line_id=one.done.line_id,
            intervention_id=one.done.id,
            pharmacy=one.done.pharmacy,
            prescriber=visit.prescription.prescriber,
            unit=one.before.unit,
            excess=one.done.excess,
            found_at=one.done.recorded_at,
            delivered_at=delivered_at,
            others=_others(one, visit),
        )
        for one in weighed
        if one.done.excess > 0
    ]


def _others(one: Weighed, visit: Visit) -> tuple[str, ...]:
    given = (done for done in visit.past(one.done.line_id) if done.kind in DELIVERING)
    return tuple(sorted({done.pharmacy for done in given}))
