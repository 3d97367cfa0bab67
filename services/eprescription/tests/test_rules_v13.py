"""Vectors of V13 to V17 and V25: who prescribes, papers to see, exceptional renewal, big packs, agreement."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from eprescription.domain.content import Line, LineKind, Prescriber, Product
from eprescription.domain.dispensing import Act, Agreement, InterventionKind, NotDelivered
from eprescription.domain.findings import Finding, Severity
from eprescription.domain.products import Medicine, Pack
from eprescription.domain.rules import renewing, rights
from eprescription.domain.states import LineState

from .law_given import (
    ASSIMILATED,
    DOCTOR,
    DUTY,
    HOSPITAL_DOCTOR,
    LAW,
    LIST_1,
    NARCOTIC,
    PLAIN,
    REFUSED,
    WARNED,
    Vector,
    act,
    acted,
    boxes,
    d,
    delivery,
    entitled,
    judged,
    line,
    medicine,
    named,
    narcotic_line,
    status,
)

V = Vector
CHANGED = InterventionKind.CHANGED
CARDIOLOGIST = replace(DOCTOR, know_how=("SM04",))
PIH = medicine("list_1", "hospital_initial:12")
RESERVED = medicine("list_1", "specialist:SM04", "specialist:SM27")
SPECIALIST_FIRST = medicine("list_1", "specialist_initial:12", "specialist:SM04", "specialist_renewal:SM27")
INITIAL: dict[str, Any] = {"initial_reference": "01S2TBPZ2JCNZZYGHZ", "initial_by_hospital": True}
CONSENT = medicine("list_1", "consent_form", "attestation")
UNDER_A_YEAR = medicine("mention:traitement_inferieur_a_1_an")
BIG = medicine(packs=(Pack("1", "69999000", units=Decimal(30)), Pack("2", "69999000", units=Decimal(90))))
CHRONIC = line(renewals=2)
THREE_MONTHS = [delivery(day, 1) for day in ("2026-01-15", "2026-02-14", "2026-03-16")]


def prescribed(known: Medicine, who: Prescriber = DOCTOR, **content: Any) -> list[Finding]:
    return judged(line(), known=known, who=who, **content)


def by_reference(known: Medicine, on: str, who: Prescriber = DOCTOR) -> list[Finding]:
    """Renewed on 15 January on an initial prescription of `on`."""
    return prescribed(known, who, initial_written_on=d(on), **INITIAL)


def renewed(
    today: str, known: Medicine = LIST_1, of: Line = CHRONIC, delivered: int = 3, **changes: Any
) -> list[Finding]:
    """A prescription of 15 January for three months, all delivered: the treatment ends on 14 April."""
    past = THREE_MONTHS[:delivered]
    row = replace(status(of, known, past), **{"treated_until": d("2026-04-14"), **changes})
    return renewing.renewable(of, row, known, past, d(today), LAW)


def by_agreement(agreement: Agreement | None, reason: str = "forme buvable") -> list[Finding]:
    return acted(act(CHANGED, agreement=agreement, reason=reason), line(), LIST_1)


def by(profession: str, of: Line | None = None, known: Medicine | None = PLAIN) -> list[Finding]:
    return rights.may_prescribe(replace(DOCTOR, profession=profession), of or line(), known, LAW)


AGREED = Agreement(obtained=True, obtained_at=THREE_MONTHS[0].recorded_at, means="téléphone")
VECTORS = [
    V("V13", "no restriction", None, lambda: prescribed(LIST_1)),
    V("V13", "hospital use in town", REFUSED, lambda: prescribed(medicine("hospital_use"), HOSPITAL_DOCTOR)),
    V("V13", "hospital use at the pharmacy", REFUSED, lambda: list(
        entitled(line(), medicine("hospital_use")).findings)),
    V("V13", "hospital use given in place", REFUSED, lambda: acted(
        act(), line(), LIST_1, medicine("hospital_use"))),
    V("V13", "hospital pharmacies only", WARNED, lambda: (
        acted(act(), line(), medicine("pharmacy_hospital_only")))),
    V("V13", "hospital prescription in town", REFUSED, lambda: prescribed(medicine("hospital_prescription"))),
    V("V13", "hospital prescription in hospital", None, lambda: prescribed(
        medicine("hospital_prescription"), HOSPITAL_DOCTOR)),
    V("V13", "initial prescription by the hospital", None, lambda: prescribed(PIH, HOSPITAL_DOCTOR)),
    V("V13", "initial prescription in town", REFUSED, lambda: prescribed(PIH)),
    V("V13", "renewal within the year", None, lambda: by_reference(PIH, "2025-01-16")),
    V("V13", "renewal after the year", REFUSED, lambda: by_reference(PIH, "2025-01-15")),
    V("V13", "renewal of an initial that was not of the hospital", REFUSED, lambda: prescribed(
        PIH, initial_reference="1", initial_written_on=d("2025-12-01"))),
    V("V13", "renewal within the half-year", None, lambda: by_reference(
        medicine("hospital_initial:6"), "2025-07-16")),
    V("V13", "renewal after the half-year", REFUSED, lambda: by_reference(
        medicine("hospital_initial:6"), "2025-07-15")),
    V("V13", "renewal after three months", REFUSED, lambda: by_reference(
        medicine("hospital_initial:3"), "2025-10-15")),
    V("V13", "renewal without a term", None, lambda: (
        by_reference(medicine("hospital_initial:0"), "2020-01-01"))),
    V("V13", "specialist", None, lambda: prescribed(RESERVED, CARDIOLOGIST)),
    V("V13", "not a specialist", REFUSED, lambda: prescribed(RESERVED)),
    V("V13", "in hospital, maybe of that service", DUTY, lambda: prescribed(
        RESERVED, replace(DOCTOR, sector="SA01"))),
    V("V13", "speciality without a code", DUTY, lambda: prescribed(medicine("specialist:centre_du_sommeil"))),
    V("V13", "first prescription by a specialist", None, lambda: prescribed(SPECIALIST_FIRST, CARDIOLOGIST)),
    V("V13", "first prescription by another", REFUSED, lambda: prescribed(SPECIALIST_FIRST)),
    V("V13", "first prescription, specialists not told", DUTY, lambda: (
        prescribed(medicine("specialist_initial:12")))),
    V("V13", "renewal kept for others", REFUSED, lambda: by_reference(SPECIALIST_FIRST, "2025-12-01")),
    V("V13", "renewal by one of them", None, lambda: by_reference(
        SPECIALIST_FIRST, "2025-12-01", replace(DOCTOR, know_how=("SM27",)))),
    V("V13", "renewal not restricted", None, lambda: by_reference(
        replace(SPECIALIST_FIRST, rules=SPECIALIST_FIRST.rules | {"renewal_unrestricted"}), "2025-12-01")),
    V("V13", "professional use", WARNED, lambda: prescribed(medicine("professional_use"))),
    V("V13", "unknown product", None, lambda: judged(line(), known=None)),
    V("V14", "consent seen", None, lambda: (
        acted(act(checks=("consent_form", "attestation")), line(), CONSENT))),
    V("V14", "one of two papers not seen", REFUSED, lambda: (
        acted(act(checks=("consent_form",)), line(), CONSENT))),
    V("V14", "result not seen", REFUSED, lambda: (
        acted(act(), line(), medicine("test_result:deficit_en_dpd")))),
    V("V14", "result seen", None, lambda: acted(
        act(checks=("test_result:deficit_en_dpd",)), line(), medicine("test_result:deficit_en_dpd"))),
    V("V14", "said when it is presented", DUTY, lambda: list(entitled(line(), CONSENT).findings)),
    V("V14", "owed by the prescriber", DUTY, lambda: prescribed(CONSENT)),
    V("V14", "mention owed", DUTY, lambda: prescribed(UNDER_A_YEAR)),
    V("V14", "mention written", None, lambda: judged(
        line(mentions=("traitement_inferieur_a_1_an",)), known=UNDER_A_YEAR)),
    V("V14", "isotretinoin, a month", None, lambda: acted(
        act(checks=("pregnancy_programme",)), line(), medicine("list_1", "pregnancy_programme"))),
    V("V14", "isotretinoin, two months at once", REFUSED, lambda: acted(
        act(packs=Decimal(2), checks=("pregnancy_programme",)), line(quantity=boxes(2), duration_days=60),
        medicine("list_1", "pregnancy_programme"))),
    V("V15", "the day after its end", DUTY, lambda: renewed("2026-04-15")),
    V("V15", "a month after its end", DUTY, lambda: renewed("2026-05-14")),
    V("V15", "a month and a day after", REFUSED, lambda: renewed("2026-05-15")),
    V("V15", "still running", REFUSED, lambda: renewed("2026-04-14")),
    V("V15", "narcotic", REFUSED, lambda: renewed("2026-04-15", NARCOTIC)),
    V("V15", "narcotic-like", REFUSED, lambda: renewed("2026-04-15", ASSIMILATED)),
    V("V15", "limited in length", REFUSED, lambda: renewed("2026-04-15", medicine("max_days:84"))),
    V("V15", "two months", REFUSED, lambda: renewed("2026-04-15", of=line(renewals=1))),
    V("V15", "not renewable", REFUSED, lambda: renewed("2026-04-15", of=line(duration_days=90))),
    V("V15", "renewal forbidden", REFUSED, lambda: (
        renewed("2026-04-15", of=replace(CHRONIC, renewal_forbidden=True)))),
    V("V15", "never delivered", REFUSED, lambda: renewed("2027-01-20", delivered=0, until=d("2027-01-15"))),
    V("V15", "cancelled", REFUSED, lambda: renewed("2026-04-15", state=LineState.CANCELLED)),
    V("V15", "a device", REFUSED, lambda: renewed("2026-04-15", of=replace(CHRONIC, kind=LineKind.DEVICE))),
    V("V15", "expired before all was delivered", DUTY, lambda: renewed(
        "2027-01-20", delivered=2, until=d("2027-01-15"))),
    V("V16", "chronic, a big pack exists", DUTY, lambda: list(entitled(CHRONIC, BIG).findings)),
    V("V16", "chronic, there is one pack only", None, lambda: list(entitled(CHRONIC, LIST_1).findings)),
    V("V16", "short", None, lambda: list(entitled(line(), BIG).findings)),
    V("V16", "the small one is given", DUTY, lambda: acted(act(), CHRONIC, BIG)),
    V("V17", "with the agreement", None, lambda: by_agreement(AGREED)),
    V("V17", "without a word", REFUSED, lambda: by_agreement(None)),
    V("V17", "without a reason", REFUSED, lambda: by_agreement(AGREED, " ")),
    V("V17", "agreement without its day", REFUSED, lambda: (
        by_agreement(Agreement(obtained=True, means="fax")))),
    V("V17", "agreement without its means", REFUSED, lambda: by_agreement(replace(AGREED, means=""))),
    V("V17", "emergency", WARNED, lambda: by_agreement(Agreement(obtained=False), "urgence")),
    V("V17", "refused for the health of the patient", DUTY, lambda: acted(
        Act(InterventionKind.NOT_DELIVERED, line().line_id, not_delivered=NotDelivered.CLINICALLY_UNSUITABLE),
        line(), LIST_1)),
    V("V17", "not wanted by the patient", None, lambda: acted(
        Act(InterventionKind.NOT_DELIVERED, line().line_id, not_delivered=NotDelivered.NOT_REQUIRED),
        line(), LIST_1)),
    V("V25", "doctor", None, lambda: by("10", known=NARCOTIC)),
    V("V25", "dentist, its own list", DUTY, lambda: by("40")),
    V("V25", "midwife, its own list", DUTY, lambda: by("50")),
    V("V25", "nurse, its own list", DUTY, lambda: by("60")),
    V("V25", "nurse, a narcotic", REFUSED, lambda: by("60", narcotic_line(), NARCOTIC)),
    V("V25", "physiotherapist, a device", DUTY, lambda: by("70", line(kind=LineKind.DEVICE), None)),
    V("V25", "physiotherapist, nicotine", DUTY, lambda: by("70", known=medicine(atc=("N07BA01",)))),
    V("V25", "physiotherapist, an antibiotic", REFUSED, lambda: by("70", known=medicine(atc=("J01CA04",)))),
    V("V25", "podiatrist, its own list", DUTY, lambda: by("80")),
    V("V25", "pharmacist", REFUSED, lambda: by("21")),
    V("V25", "student or staff", REFUSED, lambda: by("")),
    V("V25", "unknown profession", REFUSED, lambda: by("99")),
]  # fmt: skip


@pytest.mark.parametrize("vector", VECTORS, ids=named)
def test_vectors(vector: Vector) -> None:
    vector.check()


@pytest.mark.parametrize(("profession", "may"), [("21", True), ("10", False), ("60", False), ("", False)])
def test_only_pharmacists_deliver(profession: str, *, may: bool) -> None:
    assert rights.is_dispenser(profession) is may
    assert rights.is_dispenser(profession, LAW) is may


@pytest.mark.parametrize(
    ("of", "quantity", "days", "renewals"),
    [
        (line(renewals=5), 1, 30, 2),
        (line(renewals=3, duration_days=28), 1, 28, 2),
        # Three months in three boxes, renewed: a month a time.
        (line(renewals=1, duration_days=90, quantity=boxes(3)), 1, 30, 2),
        # A cycle of ten days is delivered three times, no more.
        (line(renewals=20, duration_days=10), 1, 10, 2),
    ],
)
def test_exceptional_renewal_is_three_months_a_month_at_a_time(
    of: Line, quantity: int, days: int, renewals: int
) -> None:
    child = renewing.renewed(of, "child", LIST_1, LAW)
    assert child.quantity is not None
    assert (child.line_id, child.quantity.value) == ("child", Decimal(quantity))
    assert (child.duration_days, child.renewals) == (days, renewals)
    assert child.product == of.product


def test_a_line_without_length_is_not_renewed() -> None:
    of = line(posology=replace(line().posology, doses=()), duration_days=0, product=Product(label="X"))
    with pytest.raises(ValueError, match="without length"):
        renewing.renewed(of, "child", None, LAW)


def test_each_finding_of_a_restriction_tells_what_to_do() -> None:
    for found in prescribed(medicine("hospital_prescription", "hospital_initial:12", "specialist:SM04")):
        assert found.hint or found.severity is Severity.DUTY
        assert found.article
