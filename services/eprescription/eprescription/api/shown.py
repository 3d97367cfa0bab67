"""From the values of the domain to the messages of the contract."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

from google.protobuf.timestamp_pb2 import Timestamp

from eprescription.domain.cancelling import CancelReason, LineCancelled, Outcome
from eprescription.domain.content import (
    Content,
    CountUnit,
    Decision,
    Dose,
    Kind,
    Line,
    LineKind,
    NonSubstitution,
    Posology,
    Prescriber,
    Product,
)
from eprescription.domain.dispensing import Agreement, Claim, Intervention, InterventionKind, LineStatus
from eprescription.domain.findings import Finding, Severity
from eprescription.domain.prescriptions import Prescription
from eprescription.domain.states import LineState, State
from socle.eprescription.v1 import eprescription_pb2 as pb

from .read import SAID_OF_CONTENT, SAID_OF_DOSE, SAID_OF_LINE, SAID_OF_PRODUCT

STATES = {state: pb.PrescriptionState.Value(f"PRESCRIPTION_STATE_{state.name}") for state in State}
LINE_STATES = {state: pb.LineState.Value(f"LINE_STATE_{state.name}") for state in LineState}
KINDS = {kind: pb.PrescriptionKind.Value(f"PRESCRIPTION_KIND_{kind.name}") for kind in Kind}
LINE_KINDS = {kind: pb.LineKind.Value(f"LINE_KIND_{kind.name}") for kind in LineKind}
UNITS = {unit: pb.CountUnit.Value(f"COUNT_UNIT_{unit.name}") for unit in CountUnit}
NON_SUBSTITUTIONS = {
    NonSubstitution.NONE: pb.NON_SUBSTITUTION_UNSPECIFIED,
    NonSubstitution.MTE: pb.NON_SUBSTITUTION_MTE,
    NonSubstitution.EFG: pb.NON_SUBSTITUTION_EFG,
    NonSubstitution.CIF: pb.NON_SUBSTITUTION_CIF,
}
SEVERITIES = {severity: pb.Severity.Value(f"SEVERITY_{severity.name}") for severity in Severity}
INTERVENTIONS = {
    kind: pb.InterventionKind.Value(f"INTERVENTION_KIND_{kind.name}") for kind in InterventionKind
}
REASONS = {reason: pb.CancelReason.Value(f"CANCEL_REASON_{reason.name}") for reason in CancelReason}
OUTCOMES = {outcome: pb.CancelOutcome.Value(f"CANCEL_OUTCOME_{outcome.name}") for outcome in Outcome}


def prescription(
    of: Prescription,
    lines: Sequence[LineStatus] = (),
    interventions: Sequence[Intervention] = (),
    claim: Claim | None = None,
    *,
    execution_hidden: bool = False,
) -> pb.Prescription:
    """`lines`, `interventions` and `claim` as far as the reader may see them."""
    signed = of.signed
    return pb.Prescription(
        prescription_id=of.id.value,
        number=of.number,
        person_id=of.person.value,
        kind=KINDS[of.kind],
        state=STATES[of.state],
        version=of.version,
        prescriber=prescriber(signed.prescriber),
        content=content(signed.content),
        written_on=day(of.written_on),
        expires_on=day(of.expires_on),
        created_at=moment(of.created_at),
        signed_at=moment(of.signed_at),
        lines=[line_status(one) for one in lines],
        decisions=decisions(signed.decisions),
        interventions=[intervention(one) for one in interventions],
        held_by=claim.pharmacy if claim else "",
        held_until=moment(claim.expires_at) if claim else None,
        parent_id=of.parent_id.value if of.parent_id else "",
        execution_hidden=execution_hidden,
    )


def prescriber(of: Prescriber) -> pb.Prescriber:
    return pb.Prescriber(
        id=of.id,
        name=of.name,
        profession=of.profession,
        know_how=of.know_how,
        organisation=of.organisation,
        sector=of.sector,
    )


def content(of: Content) -> pb.PrescriptionContent:
    return pb.PrescriptionContent(
        lines=[line(one) for one in of.lines],
        planned_discharge_on=day(of.planned_discharge_on),
        initial_written_on=day(of.initial_written_on),
        **{name: getattr(of, name) for name in SAID_OF_CONTENT},
    )


def line(of: Line) -> pb.PrescribedLine:
    quantity = of.quantity
    return pb.PrescribedLine(
        line_id=of.line_id,
        kind=LINE_KINDS[of.kind],
        product=_product(of.product),
        ingredients=[pb.Ingredient(name=one.name, quantity=one.quantity) for one in of.ingredients],
        posology=_posology(of.posology),
        starts_on=day(of.starts_on),
        quantity=pb.Quantity(
            value=number(quantity.value),
            unit=UNITS[quantity.unit],
            unit_label=quantity.unit_label,
            in_words=quantity.in_words,
        )
        if quantity
        else None,
        non_substitution=NON_SUBSTITUTIONS[of.non_substitution],
        mentions=of.mentions,
        **{name: getattr(of, name) for name in SAID_OF_LINE},
    )


def _product(of: Product) -> pb.Product:
    substances = [pb.Substance(code=one.code, name=one.name, strength=one.strength) for one in of.substances]
    return pb.Product(substances=substances, **{name: getattr(of, name) for name in SAID_OF_PRODUCT})


def _posology(of: Posology) -> pb.Posology:
    return pb.Posology(
        text=of.text,
        doses=[_dose(one) for one in of.doses],
        as_needed=of.as_needed,
        condition=of.condition,
        max_per_day=number(of.max_per_day),
        route_code=of.route_code,
        route_label=of.route_label,
    )


def _dose(of: Dose) -> pb.Dose:
    return pb.Dose(
        sequence=of.sequence,
        quantity=number(of.quantity),
        quantity_high=number(of.quantity_high),
        period=number(of.period),
        period_unit=of.period_unit,
        when=of.when,
        days_of_week=of.days_of_week,
        **{name: getattr(of, name) for name in SAID_OF_DOSE},
    )


def line_status(of: LineStatus) -> pb.LineStatus:
    return pb.LineStatus(
        line_id=of.line_id.value,
        state=LINE_STATES[of.state],
        authorised=number(of.authorised),
        delivered=number(of.delivered),
        forfeited=number(of.forfeited),
        unit=UNITS[of.unit],
        deliveries=of.deliveries,
        next_on=day(of.next_on),
        until=day(of.until),
        cancel_requested=of.cancel_requested,
        cancel_reason=_reason(of.cancel_reason),
        cancel_comment=of.cancel_comment,
    )


def _reason(stored: str) -> pb.CancelReason.ValueType:
    return REASONS[CancelReason(stored)] if stored else pb.CANCEL_REASON_UNSPECIFIED


def intervention(of: Intervention) -> pb.Intervention:
    details = of.details
    return pb.Intervention(
        intervention_id=of.id.value,
        line_id=of.line_id.value,
        kind=INTERVENTIONS[of.kind],
        recorded_at=moment(of.recorded_at),
        delivered_on=day(of.delivered_on),
        pharmacist=of.pharmacist,
        pharmacy=of.pharmacy,
        cip13=of.cip13,
        product_label=of.label,
        packs=number(of.packs),
        counted=number(of.counted),
        lot=details.lot,
        expires=day(details.expires),
        days_covered=of.days_covered,
        reason=details.reason or (details.not_delivered.value if details.not_delivered else ""),
        agreement=agreement(details.agreement) if details.agreement else None,
        note=details.note,
        decisions=decisions(details.decisions),
        offline=of.offline,
        excess=number(of.excess),
        undoes=of.undoes.value if of.undoes else "",
        undone_by=of.undone_by.value if of.undone_by else "",
    )


def agreement(of: Agreement) -> pb.PrescriberAgreement:
    return pb.PrescriberAgreement(obtained=of.obtained, obtained_at=moment(of.obtained_at), means=of.means)


def finding(of: Finding) -> pb.Finding:
    return pb.Finding(
        rule=of.rule,
        severity=SEVERITIES[of.severity],
        line_id=of.line_id,
        sentence=of.sentence,
        hint=of.hint,
        article=of.article,
        code=of.code,
    )


def findings(of: Sequence[Finding]) -> list[pb.Finding]:
    return [finding(one) for one in of]


def decisions(of: Sequence[Decision]) -> list[pb.Decision]:
    return [pb.Decision(code=one.code, reason=one.reason) for one in of]


def cancelled(of: LineCancelled) -> pb.LineCancellation:
    return pb.LineCancellation(line_id=of.line_id, outcome=OUTCOMES[of.outcome], code=of.outcome.value)


def number(value: Decimal | None) -> str:
    """Without exponent nor trailing zeros: 30, 0.5."""
    if value is None:
        return ""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def day(value: date | None) -> str:
    return value.isoformat() if value else ""


def moment(value: datetime | None) -> Timestamp | None:
    if value is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(value)
    return stamp
