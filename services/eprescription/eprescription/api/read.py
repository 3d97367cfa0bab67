"""From the messages of the contract to the values of the domain; every fault of a message at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import TypeVar

from chassis.errors import InvalidInput
from eprescription.domain.content import (
    Content,
    CountUnit,
    Decision,
    Dose,
    Ingredient,
    Line,
    LineKind,
    NonSubstitution,
    Posology,
    Product,
    Quantity,
    Substance,
)
from eprescription.domain.ids import LineId
from eprescription.domain.states import State
from socle.eprescription.v1 import eprescription_pb2 as pb

T = TypeVar("T")
KINDS: Mapping[int, LineKind] = {
    pb.LINE_KIND_MEDICINE: LineKind.MEDICINE,
    pb.LINE_KIND_PREPARATION: LineKind.PREPARATION,
    pb.LINE_KIND_DEVICE: LineKind.DEVICE,
}
UNITS: Mapping[int, CountUnit] = {
    pb.COUNT_UNIT_BOX: CountUnit.BOX,
    pb.COUNT_UNIT_DOSE: CountUnit.DOSE,
    pb.COUNT_UNIT_DAY: CountUnit.DAY,
}
NON_SUBSTITUTIONS: Mapping[int, NonSubstitution] = {
    pb.NON_SUBSTITUTION_UNSPECIFIED: NonSubstitution.NONE,
    pb.NON_SUBSTITUTION_MTE: NonSubstitution.MTE,
    pb.NON_SUBSTITUTION_EFG: NonSubstitution.EFG,
    pb.NON_SUBSTITUTION_CIF: NonSubstitution.CIF,
}
STATES: Mapping[int, State] = {
    pb.PrescriptionState.Value(f"PRESCRIPTION_STATE_{state.name}"): state for state in State
}
# Of the signed content: their names are the same in the contract and in the domain.
SAID_OF_CONTENT = (
    "bizone",
    "exception_medicines",
    "secure",
    "large_equipment",
    "at_home",
    "urgent",
    "military",
    "hospital",
    "replaced_prescriber",
    "named_pharmacy",
    "weight_grams",
    "height_millimetres",
    "pregnant",
    "restricted",
    "initial_reference",
    "initial_by_hospital",
    "comment",
)
SAID_OF_LINE = (
    "duration_days",
    "renewals",
    "renewal_forbidden",
    "early_renewal_allowed",
    "ald",
    "work_accident",
    "prevention",
    "non_reimbursable",
    "off_label",
    "non_substitution_text",
    "single_delivery",
    "overlap_allowed",
    "exception_indication",
    "patient_note",
    "dispenser_note",
    "precondition",
    "rental_days",
)
SAID_OF_PRODUCT = ("cis", "cip13", "mv", "label", "dci", "atc", "form_code", "emdn", "lpp")
SAID_OF_DOSE = ("unit_code", "unit_label", "frequency", "days")


class UnknownValue(InvalidInput):
    """This value is none of those that the contract lists here."""


def content(given: pb.PrescriptionContent) -> Content:
    """What a prescriber writes; a line without an id gets one."""
    return Content(
        lines=tuple(line(one, f"content.lines[{at}]") for at, one in enumerate(given.lines)),
        planned_discharge_on=day(given.planned_discharge_on),
        initial_written_on=day(given.initial_written_on),
        **{name: getattr(given, name) for name in SAID_OF_CONTENT},
    )


def line(given: pb.PrescribedLine, at: str) -> Line:
    """One line; `at` is the path of its message, for the errors."""
    return Line(
        line_id=given.line_id or LineId.new().value,
        kind=_of(KINDS, given.kind, f"{at}.kind"),
        product=_product(given.product),
        ingredients=tuple(Ingredient(one.name, one.quantity) for one in given.ingredients),
        posology=_posology(given.posology),
        starts_on=day(given.starts_on),
        quantity=_quantity(given.quantity, f"{at}.quantity") if given.HasField("quantity") else None,
        non_substitution=_of(NON_SUBSTITUTIONS, given.non_substitution, f"{at}.non_substitution"),
        mentions=tuple(given.mentions),
        **{name: getattr(given, name) for name in SAID_OF_LINE},
    )


def _product(given: pb.Product) -> Product:
    substances = tuple(Substance(one.code, one.name, one.strength) for one in given.substances)
    return Product(substances=substances, **{name: getattr(given, name) for name in SAID_OF_PRODUCT})


def _posology(given: pb.Posology) -> Posology:
    return Posology(
        text=given.text,
        doses=tuple(_dose(one) for one in given.doses),
        as_needed=given.as_needed,
        condition=given.condition,
        max_per_day=number(given.max_per_day),
        route_code=given.route_code,
        route_label=given.route_label,
    )


def _dose(given: pb.Dose) -> Dose:
    return Dose(
        sequence=given.sequence or 1,
        quantity=number(given.quantity),
        quantity_high=number(given.quantity_high),
        period=number(given.period) or Decimal(1),
        period_unit=given.period_unit or "d",
        when=tuple(given.when),
        days_of_week=tuple(given.days_of_week),
        **{name: getattr(given, name) for name in SAID_OF_DOSE},
    )


def _quantity(given: pb.Quantity, at: str) -> Quantity:
    return Quantity(
        Decimal(given.value), _of(UNITS, given.unit, f"{at}.unit"), given.unit_label, given.in_words
    )


def decisions(given: Sequence[pb.Decision]) -> tuple[Decision, ...]:
    return tuple(Decision(one.code, one.reason) for one in given)


def states(given: Sequence[int]) -> frozenset[State]:
    """Those asked for; empty: all of them."""
    return frozenset(_of(STATES, one, "states") for one in given)


def day(text: str) -> date | None:
    """The contract's checks let only a date that exists through."""
    return date.fromisoformat(text) if text else None


def number(text: str) -> Decimal | None:
    return Decimal(text) if text else None


def _of(known: Mapping[int, T], value: int, at: str) -> T:
    if value not in known:
        raise UnknownValue(field=at, hint="Read the contract for the values of this field.")
    return known[value]
