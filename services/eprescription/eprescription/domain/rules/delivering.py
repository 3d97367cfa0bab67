"""What may be delivered: `entitle` says how much today, `check_act` judges one act, `overlap` is rule V11."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

from eprescription.domain import quantities
from eprescription.domain.content import Content, Line
from eprescription.domain.dispensing import Intervention, LineStatus
from eprescription.domain.findings import Finding
from eprescription.domain.products import Medicine

from . import duties, periods
from .acts import check_act
from .book import refusal
from .calendar import add_days, shown
from .caps import Cap, cap_of
from .covering import Cycle, Treatment, deliveries, last_cycle, lost_days, treatment_of
from .entitled import Entitled
from .kinds import class_of
from .overlapping import overlap
from .parameters import Parameters

__all__ = ["Entitled", "check_act", "entitle", "overlap"]

NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Standing:
    """A line on a day: what was delivered of it, what one delivery holds, until when."""

    treatment: Treatment
    status: LineStatus
    cycle: Cycle | None
    cap: Cap
    today: date

    @property
    def line_id(self) -> str:
        return self.treatment.line.line_id

    @property
    def due(self) -> date:
        """First day that nothing covers."""
        return self.cycle.due if self.cycle else self.treatment.first_due

    @property
    def day(self) -> int:
        """Days of treatment delivered or lost so far."""
        return self.cycle.day + self.cycle.days if self.cycle else 0

    @property
    def owed(self) -> Decimal:
        """What is still to be given of the present delivery; 0 once its time has passed."""
        if self.cycle is None or self.today >= self.cycle.due:
            return NOTHING
        return max(NOTHING, self.cap.quantity - self.cycle.counted)

    @property
    def lost(self) -> int:
        """V9: days that the patient lost by coming late."""
        if not self.treatment.narcotic:
            return 0
        window_from = add_days(self.due, -1) if self.cycle else self.due
        return lost_days(self.due, window_from, self.today, self.treatment.parameters)


def entitle(
    line: Line,
    status: LineStatus,
    medicine: Medicine | None,
    past: Sequence[Intervention],
    written: Content,
    written_on: date,
    today: date,
    parameters: Parameters,
) -> Entitled:
    """How much may be given of a line today, with the findings that say why no more.

    `past`: interventions on the line, in any order; `today`: day of the delivery, Europe/Paris. Never more
    than what remains of the line.
    """
    standing = _standing(line, status, medicine, past, written, written_on, today, parameters)
    said = duties.of_delivery(standing.treatment, written, standing.cap)
    refused = _closed(standing) or _reserved(standing) or _too_late(standing) or _too_early(standing)
    if refused is not None:
        found = _nothing(standing, refused, said)
    elif standing.treatment.narcotic:
        found = _narcotic(standing, said)
    else:
        found = _given(standing, Fraction(status.remaining), NOTHING, said)
    return replace(found, named_pharmacy=written.named_pharmacy) if written.named_pharmacy else found


def _standing(
    line: Line,
    status: LineStatus,
    medicine: Medicine | None,
    past: Sequence[Intervention],
    written: Content,
    written_on: date,
    today: date,
    parameters: Parameters,
) -> Standing:
    treatment = treatment_of(line, status, medicine, written_on, written.planned_discharge_on, parameters)
    given = deliveries(status, past)
    cap = cap_of(treatment, 0)
    cycle = last_cycle(treatment, given, cap.quantity)
    if cycle is not None and cycle.day:
        cap = cap_of(treatment, cycle.day)
    return Standing(treatment, status, cycle, cap, today)


def _closed(standing: Standing) -> Finding | None:
    """V5: what was prescribed, renewals counted, is the whole; nobody renews beyond (R.5132-21)."""
    if standing.status.remaining > 0:
        return None
    return refusal(
        "V5",
        "Tout ce qui était prescrit sur cette ligne, renouvellements compris, a été délivré.",
        "Une nouvelle ordonnance est nécessaire ; à défaut, voyez le renouvellement exceptionnel.",
        standing.line_id,
    )


def _reserved(standing: Standing) -> Finding | None:
    """V13: what is for the hospital alone is never delivered in town."""
    medicine = standing.treatment.medicine
    if medicine is None or "hospital_use" not in medicine.rules:
        return None
    return refusal(
        "V13",
        "Médicament réservé à l'usage hospitalier : il ne se délivre pas en ville.",
        "Joignez le prescripteur.",
        standing.line_id,
    )


def _until(standing: Standing) -> date:
    treatment, cycle = standing.treatment, standing.cycle
    if cycle is None:
        return periods.first_until(
            treatment.line,
            treatment.medicine,
            treatment.written_on,
            treatment.parameters,
            treatment.discharge_on,
        )
    end = periods.later_until(treatment.medicine, cycle.first_on, treatment.written_on, treatment.parameters)
    total = treatment.total_days
    if not treatment.narcotic or total is None:
        return end
    window_from = add_days(standing.due, -1)
    left = periods.narcotic_until(total - standing.day, standing.due, window_from, treatment.parameters)
    return min(end, left)


def _too_late(standing: Standing) -> Finding | None:
    """V1, V12, V2, V6: after the last day; a narcotic has its own clock (V9)."""
    until, treatment = _until(standing), standing.treatment
    if standing.today <= until:
        return None
    known = class_of(treatment.medicine)
    end = periods.treatment_end(treatment.written_on, treatment.parameters)
    if standing.today > end:
        return _late("V2", standing, end, "l'ordonnance valait jusqu'au")
    if treatment.narcotic:
        # Before the first delivery `_narcotic` counts the days, and tells when they cannot be counted.
        return _all_lost(standing) if standing.cycle else None
    if standing.cycle is None:
        rule = "V12" if known.assimilated else "V1"
        return _late(rule, standing, until, "la première délivrance n'était possible que jusqu'au")
    return _late("V6", standing, until, "la durée de prescription de ce médicament s'arrêtait au")


def _late(rule: str, standing: Standing, until: date, why: str) -> Finding:
    return refusal(
        rule,
        f"Trop tard : {why} {shown(until)}.",
        "Une nouvelle ordonnance est nécessaire.",
        standing.line_id,
    )


def _all_lost(standing: Standing) -> Finding:
    """V9: no day of the narcotic prescription remains."""
    return refusal(
        "V9",
        "Stupéfiant présenté trop tard : aucun jour de traitement ne reste à délivrer.",
        "Une nouvelle ordonnance sécurisée est nécessaire.",
        standing.line_id,
    )


def _too_early(standing: Standing) -> Finding | None:
    """V10 before the planned discharge; V4 and V8 before what was delivered is used up."""
    cycle, treatment = standing.cycle, standing.treatment
    if cycle is None:
        opens = _opens(standing)
        if standing.today >= opens:
            return None
        sentence = f"Chirurgie programmée : présentable à partir du {shown(opens)}."
        hint = "Délivrez dans les trois jours qui précèdent ou suivent la sortie prévue."
        return refusal("V10", sentence, hint, standing.line_id)
    early = treatment.line.early_renewal_allowed and not treatment.narcotic
    if early or standing.owed > 0 or standing.today >= cycle.due:
        return None
    rule = "V8" if standing.cap.rule == "V8" else "V4"
    return refusal(
        rule,
        f"Trop tôt : ce qui a été délivré couvre le traitement jusqu'au {shown(add_days(cycle.due, -1))}.",
        f"Délivrez à partir du {shown(cycle.due)}, sauf mention contraire du prescripteur.",
        standing.line_id,
    )


def _opens(standing: Standing) -> date:
    """First day of a first delivery."""
    treatment = standing.treatment
    if not treatment.narcotic or treatment.discharge_on is None:
        return treatment.written_on
    return add_days(treatment.discharge_on, -treatment.parameters.discharge_days)


def _narcotic(standing: Standing, said: tuple[Finding, ...]) -> Entitled:
    """V9: what remains of the days, in exact units; the rest is lost for good."""
    remaining, lost = standing.status.remaining, standing.lost
    if lost == 0:
        return _given(standing, Fraction(remaining), NOTHING, said)
    total = standing.treatment.total_days
    if total is None:
        unknown = refusal(
            "V9",
            "Stupéfiant présenté après trois jours, sans durée connue : le reste ne se calcule pas.",
            "Joignez le prescripteur : une nouvelle ordonnance sécurisée est nécessaire.",
            standing.line_id,
        )
        return _nothing(standing, unknown, said)
    days = total - standing.day - lost
    if days <= 0:
        return _nothing(standing, _all_lost(standing), said)
    needed = standing.treatment.amount_of(standing.day + lost, days)
    left = remaining if needed is None else min(remaining, quantities.whole(needed, standing.treatment.unit))
    if left <= 0:
        # A tapered treatment may have its doses behind it before its days are over.
        return _nothing(standing, _all_lost(standing), said)
    told = duties.shortened(standing.line_id, lost, days)
    return _given(standing, Fraction(left), remaining - left, (*said, told))


def _given(standing: Standing, left: Fraction, forfeited: Decimal, said: tuple[Finding, ...]) -> Entitled:
    remaining = quantities.decimal(left)
    cap = standing.owed or _next_cap(standing).quantity
    quantity = min(remaining, cap)
    whole = "V9" if forfeited else "V5"
    bound = standing.cap.rule if quantity < remaining else whole
    covers = standing.treatment.days_of(quantity, standing.day + standing.lost)
    return Entitled(
        quantity=quantity,
        unit=standing.status.unit,
        days=covers or 0,
        forfeited=forfeited,
        next_on=_next_on(standing),
        until=_until(standing),
        findings=said,
        bound=bound,
    )


def _next_cap(standing: Standing) -> Cap:
    return cap_of(standing.treatment, standing.day + standing.lost)


def _next_on(standing: Standing) -> date | None:
    if standing.status.remaining <= 0:
        return None
    if standing.cycle is None:
        return _opens(standing)
    early = standing.treatment.line.early_renewal_allowed and not standing.treatment.narcotic
    if early or standing.owed > 0:
        return min(standing.cycle.starts_on, standing.today)
    return standing.cycle.due


def _nothing(standing: Standing, refused: Finding, said: tuple[Finding, ...]) -> Entitled:
    return Entitled(
        quantity=NOTHING,
        unit=standing.status.unit,
        days=0,
        forfeited=NOTHING,
        next_on=_next_on(standing),
        until=_until(standing),
        findings=(refused, *said),
        bound=refused.rule,
    )
