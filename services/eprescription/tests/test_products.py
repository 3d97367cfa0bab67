"""Products of lines against the medicines base."""

from decimal import Decimal
from typing import Any

import pytest

from chassis.db import Database, ReadTx, Tx
from chassis.testing import NOW
from eprescription.domain.content import Line, LineKind, Product, Substance
from eprescription.domain.findings import Severity
from eprescription.seed.load import load
from eprescription.usecases import products
from eprescription.usecases.products import UnknownProduct

from .medicines_given import DOLPARIX_1G, DOLPARIX_1G_PACK, PARACETAMOL_SOLENNE_1G, seeded

pytestmark = pytest.mark.usefixtures("_seeded")


@pytest.fixture(scope="module")
async def _seeded(database: Database) -> None:
    await seeded(database)


def line(**product: Any) -> Line:
    return Line("l1", product=Product(**product))


async def test_a_brand_is_resolved_and_its_line_filled(tx: Tx) -> None:
    resolved = await products.resolve(tx, [line(cis=DOLPARIX_1G)])
    assert resolved.medicines["l1"].label == "DOLPARIX 1000 mg, comprimé"
    filled = resolved.lines[0].product
    assert filled.substances == (Substance("02202", "PARACÉTAMOL", "1000 mg"),)
    assert (filled.atc, filled.dci) == ("N02BE01", "paracétamol 1000 mg")


async def test_a_pack_alone_names_its_medicine(tx: Tx) -> None:
    resolved = await products.resolve(tx, [line(cip13=DOLPARIX_1G_PACK)])
    assert resolved.lines[0].product.cis == DOLPARIX_1G


WRONG = {
    "cip13": (
        {"cip13": "3400990000017"},
        "The check digit of this CIP13 is wrong: it ends with 7, 6 is expected.",
    ),
    "cip13 ": ({"cip13": "3400999999991"}, "No pack of the medicines base has this CIP13."),
    "cip13  ": ({"cip13": "34009"}, "A CIP13 has 13 digits."),
    "cis": ({"cis": "61234567"}, "No medicine of the base has this CIS."),
    "cis ": ({"cis": "71234567"}, "A CIS has 8 digits, the first is 6."),
    "cip13   ": (
        {"cis": PARACETAMOL_SOLENNE_1G, "cip13": DOLPARIX_1G_PACK},
        f"This pack is of the CIS {DOLPARIX_1G}, not of {PARACETAMOL_SOLENNE_1G}.",
    ),
    "cis  ": ({"cis": "69996040"}, "This medicine is withdrawn (autorisation abrogée): prescribe another."),
    "substances[0].code": (
        {"substances": (Substance("2202", "PARACÉTAMOL"),)},
        "A substance has a code of 5 digits.",
    ),
}


@pytest.mark.parametrize(("field", "given", "problem"), [(k.strip(), *v) for k, v in WRONG.items()])
async def test_a_product_that_is_wrong_is_refused_where_it_is_wrong(
    tx: Tx, field: str, given: dict[str, Any], problem: str
) -> None:
    with pytest.raises(UnknownProduct) as refused:
        await products.resolve(tx, [line(cis=DOLPARIX_1G), line(**given)])
    (violation,) = refused.value.violations
    assert violation.field == f"content.lines[1].product.{field}"
    assert violation.problem == problem


async def test_every_fault_is_told_at_once(tx: Tx) -> None:
    with pytest.raises(UnknownProduct) as refused:
        await products.resolve(tx, [line(cis="61234567"), line(cip13="3400990000017")])
    assert [one.field for one in refused.value.violations] == [
        "content.lines[0].product.cis",
        "content.lines[1].product.cip13",
    ]


async def test_a_product_in_dci_is_what_its_medicines_share(tx: Tx) -> None:
    wanted = (Substance("", "morphine", "10 mg"),)
    resolved = await products.resolve(tx, [line(dci="morphine 10 mg", substances=wanted)])
    medicine = resolved.medicines["l1"]
    assert medicine.cis == ""
    assert {"narcotic", "secure", "in_words", "max_days:28", "overlap_forbidden"} <= medicine.rules
    assert [one.group_id for one in medicine.generics]
    assert resolved.findings == ()
    filled = resolved.lines[0].product
    assert (filled.cis, filled.atc) == ("", "N02AA01")
    assert filled.substances[0].strength == "10 mg"


@pytest.mark.parametrize("strength", ["1 g", "1000 mg", "1,00 g", "1 000 mg"])
async def test_a_strength_is_the_same_however_it_is_written(tx: Tx, strength: str) -> None:
    wanted = (Substance("02202", "", strength),)
    assert (await products.resolve(tx, [line(substances=wanted)])).findings == ()


async def test_a_strength_that_no_medicine_has_is_a_warning(tx: Tx) -> None:
    resolved = await products.resolve(tx, [line(substances=(Substance("02202", "", "10 g"),))])
    (found,) = resolved.findings
    assert (found.rule, found.severity) == ("P1", Severity.WARNING)
    assert "dosage" in found.sentence
    assert "l1" in resolved.medicines


@pytest.mark.parametrize(
    ("dci", "names"),
    [
        ("Codéine 30 mg + Paracétamol 500 mg", {"CODÉINE", "PARACÉTAMOL"}),
        ("codéine 30 mg / paracétamol 500 mg, comprimé", {"CODÉINE", "PARACÉTAMOL"}),
        ("zolpidem 10 mg, comprimé", {"TARTRATE DE ZOLPIDEM"}),
        ("fentanyl 25 microgrammes/h, dispositif", {"FENTANYL"}),
        ("paracétamol", {"PARACÉTAMOL"}),
    ],
)
async def test_a_dci_in_words_is_read_with_its_strengths(tx: Tx, dci: str, names: set[str]) -> None:
    resolved = await products.resolve(tx, [line(dci=dci)])
    assert {one.name for one in resolved.medicines["l1"].components} == names
    assert resolved.findings == ()


@pytest.mark.parametrize("given", [{"label": "tisane"}, {"dci": "poudre de perlimpinpin"}, {}])
async def test_what_the_base_does_not_know_is_a_warning(tx: Tx, given: dict[str, Any]) -> None:
    resolved = await products.resolve(tx, [line(**given)])
    assert dict(resolved.medicines) == {}
    assert [(one.rule, one.severity) for one in resolved.findings] == [("P1", Severity.WARNING)]


@pytest.mark.parametrize("kind", [LineKind.PREPARATION, LineKind.DEVICE])
async def test_a_preparation_and_a_device_are_no_medicine(tx: Tx, kind: LineKind) -> None:
    other = Line("l1", kind=kind, product=Product(label="bandes"))
    resolved = await products.resolve(tx, [other])
    assert (dict(resolved.medicines), resolved.lines, resolved.findings) == ({}, (other,), ())


async def test_what_is_given_is_found_by_its_pack(tx: Tx) -> None:
    medicine, pack = (await products.given(tx, ["", DOLPARIX_1G_PACK]))[DOLPARIX_1G_PACK]
    assert (medicine.cis, pack.units, pack.unit_label) == (DOLPARIX_1G, Decimal(8), "comprimé")


async def test_a_pack_that_is_wrong_is_refused_at_its_act(tx: Tx) -> None:
    with pytest.raises(UnknownProduct) as refused:
        await products.given(tx, [DOLPARIX_1G_PACK, "", "3400990000017", "3400999999991"])
    assert [one.field for one in refused.value.violations] == ["acts[2].cip13", "acts[3].cip13"]


class Counted(ReadTx):
    """Counts what is asked of the database."""

    asked = 0

    async def one(self, statement: Any, **params: Any) -> Any:
        self.asked += 1
        return await super().one(statement, **params)

    async def all(self, statement: Any, **params: Any) -> Any:
        self.asked += 1
        return await super().all(statement, **params)


async def test_a_known_product_costs_one_statement_and_an_import_is_seen(database: Database) -> None:
    lines = [line(cis=DOLPARIX_1G), line(substances=(Substance("02202", "", "1 g"),))]
    async with database.pool.acquire() as connection:
        for most in (20, 1):
            counted = Counted(connection)
            await products.resolve(counted, lines)
            await products.given(counted, [DOLPARIX_1G_PACK])
            await products.thesaurus(counted)
            assert counted.asked <= most
        await load(connection, NOW)
        again = Counted(connection)
        await products.resolve(again, lines)
        assert again.asked > 1


async def test_what_was_signed_is_known_though_it_was_withdrawn_since(tx: Tx) -> None:
    lines = [
        Line("l1", product=Product(cis="69996040")),
        Line("l2", product=Product(cis="61234567")),
        Line("l3", product=Product(cip13=DOLPARIX_1G_PACK)),
        Line("l4", product=Product(substances=(Substance("99999", "X"),))),
        Line("l5", product=Product(dci="paracétamol 500 mg")),
    ]
    found = await products.of_lines(tx, lines)
    assert {name: one.withdrawn for name, one in found.items()} == {"l1": True, "l3": False, "l5": False}
