"""Vectors of V18 to V23: substitution, off-label, two-part form, exception medicines, mentions."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from eprescription.domain.content import (
    Content,
    Dose,
    Ingredient,
    Line,
    LineKind,
    NonSubstitution,
    Posology,
    Product,
    Signed,
    Substance,
)
from eprescription.domain.dispensing import InterventionKind
from eprescription.domain.findings import Finding
from eprescription.domain.products import Component, GenericType, Medicine, Membership
from eprescription.domain.rules import prescribing

from .law_given import (
    BOX,
    DAY,
    DOCTOR,
    DOSE,
    DUTY,
    LAW,
    LIST_1,
    PLAIN,
    REFUSED,
    WARNED,
    Vector,
    act,
    acted,
    boxes,
    d,
    entitled,
    judged,
    line,
    medicine,
    named,
    once,
)

V = Vector
SUBSTITUTED, EXTRA = InterventionKind.SUBSTITUTED, InterventionKind.ADDITIONAL_LINE
LEVOTHYROX = (Component("02345", "LÉVOTHYROXINE SODIQUE", "50 microgrammes"),)
INGREDIENTS = (Ingredient("Vaseline", "20 g"),)
LABEL_ONLY = Product(label="Produit sans code")
DCI = Product(dci="fictival 10 mg, comprimé", substances=(Substance("01234", "FICTIVAL", "10 mg"),))


def of_group(kind: GenericType, cis: str = "69999000", group: str = "1") -> Medicine:
    return medicine("list_1", cis=cis, generics=(Membership(group, kind),))


PRINCEPS = of_group(GenericType.PRINCEPS)
GENERIC = of_group(GenericType.GENERIC, "69999001")


def swapped(
    given: Medicine | None, of: Line | None = None, known: Medicine | None = PRINCEPS
) -> list[Finding]:
    return acted(act(SUBSTITUTED), of or line(), known, given)


def as_prescribed(given: Medicine, of: Line | None = None, known: Medicine = PRINCEPS) -> list[Finding]:
    return acted(act(), of or line(), known, given)


def excluded(
    reason: NonSubstitution, known: Medicine | None = LIST_1, text: str = "", **changes: Any
) -> list[Finding]:
    of = line(non_substitution=reason, non_substitution_text=text, **changes)
    return judged(of, known=known)


def like(**component: Any) -> Medicine:
    """Another speciality with one component."""
    return medicine("list_1", cis="69999002", components=(Component(**component),))


VECTORS = [
    V("V18", "princeps by generic", None, lambda: swapped(GENERIC)),
    V("V18", "generic by princeps", None, lambda: swapped(
        of_group(GenericType.PRINCEPS, "69999001"), known=of_group(GenericType.GENERIC))),
    V("V18", "generic by generic", None, lambda: swapped(GENERIC, known=of_group(GenericType.GENERIC))),
    V("V18", "type 2: the dose is computed again", WARNED, lambda: swapped(
        of_group(GenericType.COMPLEMENTARY, "69999001"))),
    V("V18", "type 4", None, lambda: swapped(of_group(GenericType.SUBSTITUTABLE, "69999001"))),
    V("V18", "another group", REFUSED, lambda: swapped(of_group(GenericType.GENERIC, "69999001", "2"))),
    V("V18", "no group", REFUSED, lambda: swapped(medicine("list_1", cis="69999001"))),
    V("V18", "prescribed product unknown", REFUSED, lambda: swapped(GENERIC, line(product=LABEL_ONLY), None)),
    V("V18", "as prescribed", None, lambda: as_prescribed(PRINCEPS)),
    V("V18", "another one called as prescribed", REFUSED, lambda: as_prescribed(GENERIC)),
    V("V18", "prescribed in DCI: any of it", None, lambda: as_prescribed(GENERIC, line(product=DCI))),
    V("V18", "prescribed in DCI: another substance", REFUSED, lambda: as_prescribed(
        like(code="09999", name="AUTRE", strength="10 mg"), line(product=DCI))),
    V("V18", "prescribed in DCI: another strength", REFUSED, lambda: as_prescribed(
        like(code="01234", name="FICTIVAL", strength="20 mg"), line(product=DCI))),
    V("V18", "prescribed in DCI: the same strength in other words", None, lambda: as_prescribed(
        like(code="01234", name="FICTIVAL", strength="10,00 MG"), line(product=DCI))),
    V("V19", "MTE of the list", None, lambda: excluded(
        NonSubstitution.MTE, medicine("list_1", components=LEVOTHYROX))),
    V("V19", "MTE of another substance", REFUSED, lambda: excluded(NonSubstitution.MTE)),
    V("V19", "MTE of an unknown substance", DUTY, lambda: (
        excluded(NonSubstitution.MTE, None, product=LABEL_ONLY))),
    V("V19", "MTE as written, product unknown", None, lambda: excluded(
        NonSubstitution.MTE, None, product=Product(label="X", substances=(Substance(name="Lamotrigine"),)))),
    V("V19", "EFG: the age is checked", DUTY, lambda: excluded(NonSubstitution.EFG)),
    V("V19", "CIF with its excipient", None, lambda: excluded(NonSubstitution.CIF, text="lactose")),
    V("V19", "CIF without", REFUSED, lambda: excluded(NonSubstitution.CIF)),
    V("V19", "text without a reason", REFUSED, lambda: (
        excluded(NonSubstitution.NONE, text="ne pas substituer"))),
    V("V19", "not a medicine", REFUSED, lambda: excluded(NonSubstitution.EFG, None, kind=LineKind.DEVICE)),
    V("V19", "substituted though excluded", REFUSED, lambda: swapped(
        GENERIC, line(non_substitution=NonSubstitution.CIF))),
    V("V19", "substituted, nothing excluded", None, lambda: swapped(GENERIC)),
    V("V19", "MTE by the pharmacist", None, lambda: acted(
        act(mte_by_pharmacist=True), line(), medicine("list_1", components=LEVOTHYROX))),
    V("V19", "MTE by the pharmacist, not of the list", REFUSED, lambda: acted(
        act(mte_by_pharmacist=True), line(), LIST_1)),
    V("V19", "MTE by the pharmacist who substitutes", REFUSED, lambda: acted(
        act(SUBSTITUTED, mte_by_pharmacist=True), line(), PRINCEPS, GENERIC)),
    V("V20", "within the authorisation", None, lambda: judged(line())),
    V("V20", "off-label", DUTY, lambda: judged(line(off_label=True, non_reimbursable=True))),
    V("V20", "off-label at the pharmacy", DUTY, lambda: list(entitled(line(off_label=True)).findings)),
    V("V21", "ALD on the two-part form", None, lambda: judged(line(ald=True), bizone=True)),
    V("V21", "ALD on a plain form", REFUSED, lambda: judged(line(ald=True))),
    V("V21", "two-part form without ALD", DUTY, lambda: judged(line(), bizone=True)),
    V("V21", "no ALD, plain form", None, lambda: judged(line())),
    V("V21", "upper part at the pharmacy", DUTY, lambda: (
        list(entitled(line(ald=True), bizone=True).findings))),
    V("V22", "indication stated", None, lambda: (
        judged(line(exception_indication="X"), exception_medicines=True))),
    V("V22", "indication missing", REFUSED, lambda: judged(line(), exception_medicines=True)),
    V("V22", "indication on a plain form", REFUSED, lambda: judged(line(exception_indication="X"))),
    V("V22", "neither", None, lambda: judged(line())),
    V("V22", "at the pharmacy", DUTY, lambda: list(
        entitled(line(exception_indication="X"), exception_medicines=True).findings)),
    V("V23", "all is said", None, lambda: judged(line())),
    V("V23", "no product", REFUSED, lambda: judged(line(product=Product()))),
    V("V23", "no posology", REFUSED, lambda: judged(line(posology=Posology()))),
    V("V23", "neither quantity nor length", REFUSED, lambda: judged(line(quantity=None, duration_days=0))),
    V("V23", "length by the steps", None, lambda: judged(line(
        quantity=None, duration_days=0, posology=Posology("", (once(days=5),))))),
    V("V23", "preparation without ingredients", REFUSED, lambda: judged(
        line(kind=LineKind.PREPARATION, product=Product()), known=None)),
    V("V23", "preparation", None, lambda: judged(
        line(kind=LineKind.PREPARATION, product=Product(), ingredients=INGREDIENTS), known=None)),
    V("V23", "device without posology", None, lambda: judged(
        line(kind=LineKind.DEVICE, product=Product(lpp="1234567"), posology=Posology()), known=None)),
    V("V23", "zero boxes", REFUSED, lambda: judged(line(quantity=boxes(0)))),
    V("V23", "a hundred boxes", None, lambda: judged(line(quantity=boxes(100)))),
    V("V23", "a hundred and one boxes", REFUSED, lambda: judged(line(quantity=boxes(101)))),
    V("V23", "half a box", REFUSED, lambda: judged(line(quantity=replace(boxes(1), value=Decimal("0.5"))))),
    V("V23", "half a tablet", None, lambda: (
        judged(line(quantity=replace(boxes(1, DOSE), value=Decimal("7.5")))))),
    V("V23", "more days than a year", REFUSED, lambda: judged(line(quantity=boxes(367, DAY)))),
    V("V23", "length beyond a year", REFUSED, lambda: judged(line(duration_days=367))),
    V("V23", "absurd renewals", REFUSED, lambda: judged(line(renewals=25))),
    V("V23", "a dose of zero", REFUSED, lambda: judged(line(posology=Posology("x", (once(0),))))),
    V("V23", "low above high", REFUSED, lambda: judged(line(
        posology=Posology("x", (once(3, quantity_high=Decimal(2)),))))),
    V("V23", "a period of zero", REFUSED, lambda: (
        judged(line(posology=Posology("x", (Dose(period=Decimal(0)),)))))),
    V("V23", "begins today", None, lambda: judged(line(starts_on=d("2026-01-15")))),
    V("V23", "begins yesterday", REFUSED, lambda: judged(line(starts_on=d("2026-01-14")))),
    V("V23", "begins in a year", None, lambda: judged(line(starts_on=d("2027-01-15")))),
    V("V23", "begins beyond a year", REFUSED, lambda: judged(line(starts_on=d("2027-01-16")))),
    V("V23", "no line", REFUSED, judged),
    V("V23", "no prescriber", REFUSED, lambda: judged(line(), who=replace(DOCTOR, id=""))),
    V("V23", "initial prescription of tomorrow", REFUSED, lambda: (
        judged(line(), initial_written_on=d("2026-01-16")))),
    V("V23", "discharge of yesterday", REFUSED, lambda: judged(line(), planned_discharge_on=d("2026-01-14"))),
    V("V23", "a line added by hand", DUTY, lambda: acted(act(EXTRA, additional=line()), line(), LIST_1)),
]  # fmt: skip


@pytest.mark.parametrize("vector", VECTORS, ids=named)
def test_vectors(vector: Vector) -> None:
    vector.check()


def test_a_prescription_as_it_should_be_has_nothing_to_say() -> None:
    assert judged(line()) == []
    assert judged(line(), known=LIST_1) == []
    assert acted(act(), line(), LIST_1) == []
    assert entitled(line(), LIST_1).findings == ()


def test_findings_name_their_line_and_have_one_code_each() -> None:
    one, other = (
        line(renewals=30, quantity=boxes(0)),
        line(line_id="other", starts_on=d("2026-01-01"), ald=True),
    )
    found = judged(one, other, known={})
    assert len({finding.code for finding in found}) == len(found)
    assert {finding.line_id for finding in found} == {one.line_id, "other"}


def test_substances_added_to_the_list_count_from_their_day() -> None:
    """The list of narrow margins is a parameter as another."""
    of = line(non_substitution=NonSubstitution.MTE)
    longer = replace(LAW, mte_substances=(*LAW.mte_substances, "fictival"))
    made = Signed("0" * 18, "p", DOCTOR, d("2026-01-15"), Content((of,)))
    assert [f.rule for f in prescribing.check(made, {of.line_id: PLAIN}, (), LAW)] == ["V19"]
    assert prescribing.check(made, {of.line_id: PLAIN}, (), longer) == []


@pytest.mark.parametrize(
    ("prescribed", "given", "packs", "counted"),
    [
        (30, 28, 1, "1"),
        (28, 30, 1, "1"),
        (30, 90, 1, "3"),
        (28, 84, 1, "3"),
        (30, 15, 1, "0.5"),
        (30, 100, 1, "3"),
    ],
)
def test_packs_of_another_size_count_as_the_months_they_hold(
    prescribed: int, given: int, packs: int, counted: str
) -> None:
    from eprescription.domain import quantities

    from .law_given import status

    of = line(quantity=boxes(3), duration_days=90)
    known, other = medicine(units=prescribed), medicine(units=given)
    done = act(SUBSTITUTED, packs=Decimal(packs))
    assert quantities.count(done, of, status(of, known), known, other.packs[0]) == Decimal(counted)
    assert status(of, known).unit is BOX
