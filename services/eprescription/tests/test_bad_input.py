"""Bad input through every door: told at its field, never a fault of ours, nothing half written."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from chassis.db import Database
from chassis.testing import LocalIssuer, Served, served
from eprescription.api import shown
from eprescription.api.prescriptions import PrescriptionServicer
from eprescription.domain.content import Ingredient, LineKind, Product
from socle.eprescription.v1 import eprescription_pb2 as pb

from .api_given import ask, created, fails, signed
from .given import PARACETAMOL, content, desk, line
from .medicines_given import seeded


@pytest.fixture
async def service(database: Database, issuer: LocalIssuer) -> AsyncIterator[Served]:
    await seeded(database)
    async with served(PrescriptionServicer(desk(database)), database, issuer) as running:
        yield running


@pytest.fixture
def person() -> str:
    """A fresh one for each test: its lists hold nothing of another test."""
    return str(uuid4())


BAD_LINE: list[tuple[dict[str, Any], str]] = [
    ({"product": {"cip13": "3400930000001"}}, "content.lines[0].product.cip13"),
    ({"product": {"cis": "69999999"}}, "content.lines[0].product.cis"),
]


@pytest.mark.parametrize(("wrong", "field"), BAD_LINE)
async def test_an_unknown_product_is_refused_at_its_field_and_nothing_is_written(
    service: Served, person: str, wrong: dict[str, Any], field: str
) -> None:
    written = shown.content(content())
    written.lines[0].product.CopyFrom(pb.Product(**wrong["product"]))
    made = await created(service, person, written)
    request = pb.SignPrescriptionRequest(prescription_id=made.prescription_id)
    refusal = await fails(ask(service, "SignPrescription", request))
    assert (refusal.reason, [one.field for one in refusal.violations]) == ("UNKNOWN_PRODUCT", [field])
    kept = await ask(
        service, "GetPrescription", pb.GetPrescriptionRequest(prescription_id=made.prescription_id)
    )
    assert kept.prescription == made


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda c: c.ClearField("lines"), "content.lines"),
        (lambda c: c.lines.extend([c.lines[0]] * 60), "content.lines"),
        (lambda c: setattr(c, "comment", "x" * 2001), "content.comment"),
        (lambda c: setattr(c, "planned_discharge_on", "2026-02-30"), "content.planned_discharge_on"),
        (lambda c: setattr(c.lines[0], "line_id", "X"), "content.lines[0].line_id"),
        (lambda c: setattr(c.lines[0], "kind", 77), "content.lines[0].kind"),
        (lambda c: setattr(c.lines[0], "renewals", 4_000_000_000), "content.lines[0].renewals"),
        (lambda c: setattr(c.lines[0].quantity, "value", "-3"), "content.lines[0].quantity.value"),
        (lambda c: setattr(c.lines[0].quantity, "value", "0"), "content.lines[0].quantity.value"),
        (lambda c: setattr(c.lines[0].quantity, "value", "1e9"), "content.lines[0].quantity.value"),
        (lambda c: setattr(c.lines[0].quantity, "value", "NaN"), "content.lines[0].quantity.value"),
        (lambda c: setattr(c.lines[0].product, "label", "a\x00b"), "content.lines[0].product.label"),
        (lambda c: c.lines.append(c.lines[0]), "content.lines[1].line_id"),
    ],
)
async def test_bad_input_is_told_at_its_field(service: Served, person: str, change: Any, field: str) -> None:
    written = shown.content(content())
    change(written)
    error = await fails(created(service, person, written))
    assert error.kind.http == 400
    assert field in [one.field for one in error.violations]
    listed = await ask(service, "ListPrescriptions", pb.ListPrescriptionsRequest(person_id=person))
    assert len(listed.prescriptions) == 0


async def test_sixty_lines_are_signed(service: Served, person: str) -> None:
    creams = [
        line(
            kind=LineKind.PREPARATION, product=Product(), ingredients=(Ingredient(f"excipient {at}", "10 g"),)
        )
        for at in range(60)
    ]
    made = await created(service, person, shown.content(content(*creams)))
    request = pb.SignPrescriptionRequest(prescription_id=made.prescription_id)
    done = await ask(service, "SignPrescription", request)
    assert [one.state for one in done.prescription.lines] == [pb.LINE_STATE_ORDERED] * 60


async def test_a_line_of_another_prescription_is_refused_and_nothing_is_signed(
    service: Served, person: str
) -> None:
    of = (await signed(service, person)).prescription
    copied = shown.content(content(line(product=PARACETAMOL)))
    copied.lines[0].line_id = of.lines[0].line_id
    made = await created(service, person, copied)
    request = pb.SignPrescriptionRequest(prescription_id=made.prescription_id)
    refusal = await fails(ask(service, "SignPrescription", request))
    if refusal.reason == "DECISION_NEEDED":
        request.decisions.extend(pb.Decision(code=one.problem, reason="essai") for one in refusal.violations)
        refusal = await fails(ask(service, "SignPrescription", request))
    assert (refusal.reason, refusal.kind.http) == ("LINE_TAKEN", 409)
    kept = await ask(
        service, "GetPrescription", pb.GetPrescriptionRequest(prescription_id=made.prescription_id)
    )
    assert kept.prescription == made
