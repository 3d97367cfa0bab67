"""Safety with the database: the treatments, allergies and opposition of a person."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chassis.db import Database, Tx
from chassis.testing import NOW, callers
from eprescription.domain.allergies import Allergy
from eprescription.domain.content import Product, Substance
from eprescription.domain.findings import Finding, Severity
from eprescription.domain.ids import AllergyId, PersonId
from eprescription.domain.safety import SafetyItem
from eprescription.store import allergies, lines, oppositions
from eprescription.usecases import products, safety
from eprescription.usecases.safety import findings_for

from . import given
from .given import PERSON, TODAY, WARD
from .medicines_given import IBUVANE, WARFANOR, seeded

pytestmark = pytest.mark.usefixtures("_seeded")
IBUPROFEN = Product(cis=IBUVANE)


@pytest.fixture(scope="module")
async def _seeded(database: Database) -> None:
    await seeded(database)


async def items(tx: Tx, *wanted: Product) -> list[SafetyItem]:
    resolved = await products.resolve(
        tx, [given.line(line_id=f"l{at}", product=p) for at, p in enumerate(wanted)]
    )
    return [safety.item_of(one, resolved.medicines.get(one.line_id)) for one in resolved.lines]


async def treated(tx: Tx, product: Product, person: PersonId = PERSON, *, restricted: bool = False) -> None:
    """The person takes this, prescribed by another doctor."""
    written = given.content(given.line(product=product), restricted=restricted)
    made = await given.signed(tx, written, by=callers.other_doctor, person=person)
    for row in await lines.list_lines(tx, made.id):
        lines.save_line(tx, replace(row, treated_until=TODAY + timedelta(days=60)))
    await tx.flush()


def said(found: list[Finding]) -> list[tuple[str, Severity]]:
    return [(one.rule, one.severity) for one in found]


async def test_a_treatment_under_way_is_found_and_named(tx: Tx) -> None:
    await treated(tx, Product(cis=WARFANOR))
    found = await findings_for(tx, PERSON, await items(tx, IBUPROFEN), TODAY)
    assert said(found) == [("I1", Severity.WARNING)]
    assert "WARFANOR 5 mg, comprimé quadrisécable (en cours)" in found[0].sentence
    assert "saignement digestif" in found[0].sentence
    assert found[0].about == WARFANOR


async def test_a_treatment_in_dci_is_known_by_its_substances(tx: Tx) -> None:
    resolved = await products.resolve(tx, [given.line(product=Product(dci="warfarine sodique 5 mg"))])
    await treated(tx, replace(resolved.lines[0].product, cis=""))
    found = await findings_for(tx, PERSON, await items(tx, IBUPROFEN), TODAY)
    assert said(found) == [("I1", Severity.WARNING)]
    assert "warfarine sodique (en cours)" in found[0].sentence


async def test_a_treatment_that_ended_or_of_somebody_else_says_nothing(tx: Tx) -> None:
    await treated(tx, Product(cis=WARFANOR), person=WARD)
    asked = await items(tx, IBUPROFEN)
    assert await findings_for(tx, PERSON, asked, TODAY) == []
    assert said(await findings_for(tx, WARD, asked, TODAY)) == [("I1", Severity.WARNING)]
    assert await findings_for(tx, WARD, asked, TODAY + timedelta(days=61)) == []


async def test_the_lines_of_the_prescription_itself_are_no_other_treatment(tx: Tx) -> None:
    made = await given.signed(tx, given.content(given.line(product=Product(cis=WARFANOR))))
    asked = await items(tx, IBUPROFEN)
    assert len(await findings_for(tx, PERSON, asked, TODAY)) == 1
    assert await findings_for(tx, PERSON, asked, TODAY, beside=made.id) == []


async def test_a_restricted_treatment_warns_and_stays_secret(tx: Tx) -> None:
    await treated(tx, Product(cis=WARFANOR), restricted=True)
    (found,) = await findings_for(tx, PERSON, await items(tx, IBUPROFEN), TODAY)
    assert found.severity is Severity.WARNING
    assert "WARFA" not in f"{found.sentence} {found.hint} {found.code}".upper()


async def test_an_opposition_is_respected_and_told(tx: Tx) -> None:
    await treated(tx, Product(cis=WARFANOR))
    await oppositions.set_opposition(tx, PERSON, True, None, NOW)
    found = await findings_for(tx, PERSON, await items(tx, IBUPROFEN), TODAY)
    assert said(found) == [("I1", Severity.DUTY)]
    assert "WARFA" not in found[0].sentence


async def test_a_known_allergy_is_found_until_it_is_withdrawn(tx: Tx) -> None:
    made = Allergy(AllergyId.new(), PERSON, Substance("", "PENICILLINES"), "", NOW, "8001")
    allergies.insert_allergy(tx, made)
    asked = await items(tx, Product(dci="amoxicilline 500 mg"))
    assert said(await findings_for(tx, PERSON, asked, TODAY)) == [("I3", Severity.WARNING)]
    assert await allergies.withdraw_allergy(tx, made.id, PERSON, "8001", "erreur", NOW)
    assert await findings_for(tx, PERSON, asked, TODAY) == []


async def test_products_are_compared_without_a_person(tx: Tx) -> None:
    found = await safety.compare(tx, await items(tx, Product(cis=WARFANOR), IBUPROFEN), TODAY)
    assert said(found) == [("I1", Severity.WARNING)]
