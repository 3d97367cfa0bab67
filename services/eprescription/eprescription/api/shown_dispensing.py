"""From what dispensing did to the messages of the contract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from eprescription.domain.content import Substance
from eprescription.domain.dispensing import Duplicate
from eprescription.domain.history import Given
from eprescription.domain.rules.delivering import Entitled
from eprescription.domain.visits import Visit
from eprescription.usecases.history import Page
from socle.eprescription.v1 import dispensing_pb2 as pb
from socle.eprescription.v1 import eprescription_pb2 as common

from . import shown


def visit(of: Visit) -> common.Prescription:
    return shown.prescription(of.prescription, of.lines, of.interventions, of.claim)


def entitlements(of: Mapping[str, Entitled]) -> list[pb.Entitlement]:
    return [_entitlement(line_id, one) for line_id, one in of.items()]


def _entitlement(line_id: str, of: Entitled) -> pb.Entitlement:
    return pb.Entitlement(
        line_id=line_id,
        quantity=shown.number(of.quantity),
        unit=shown.UNITS[of.unit],
        days=of.days,
        forfeited=shown.number(of.forfeited),
        next_on=shown.day(of.next_on),
        until=shown.day(of.until),
    )


def duplicates(of: Sequence[Duplicate]) -> list[pb.Duplicate]:
    return [duplicate(one) for one in of]


def duplicate(of: Duplicate) -> pb.Duplicate:
    return pb.Duplicate(
        duplicate_id=of.id.value,
        prescription_id=of.prescription_id.value,
        line_id=of.line_id.value,
        intervention_id=of.intervention_id.value,
        pharmacy=of.pharmacy,
        excess=shown.number(of.excess),
        unit=shown.UNITS[of.unit],
        found_at=shown.moment(of.found_at),
        delivered_at=shown.moment(of.delivered_at),
        others=of.others,
    )


def history(of: Page) -> list[pb.Dispensing]:
    return [_given(one, of.substances.get(one.cis, ())) for one in of.given]


def _given(of: Given, substances: Sequence[Substance]) -> pb.Dispensing:
    return pb.Dispensing(
        intervention_id=of.intervention_id.value,
        prescription_id=of.prescription_id.value if of.prescription_id else "",
        line_id=of.line_id.value,
        delivered_on=shown.day(of.delivered_on),
        pharmacy=of.pharmacy,
        cip13=of.cip13,
        cis=of.cis,
        label=of.label,
        substances=[
            common.Substance(code=one.code, name=one.name, strength=one.strength) for one in substances
        ],
        packs=shown.number(of.packs),
        days_covered=of.days_covered,
        kind=shown.INTERVENTIONS[of.kind],
    )
