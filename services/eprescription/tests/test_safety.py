"""What is said of products against each other and against what is known of a person (pure)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chassis.testing import NOW
from eprescription.domain.content import Substance
from eprescription.domain.findings import Finding, Severity
from eprescription.domain.interactions import Thesaurus
from eprescription.domain.products import Component, ConditionText, Medicine
from eprescription.domain.safety import KnownAllergy, Patient, Running, SafetyItem, check
from eprescription.domain.thesaurus import row_of

TODAY = NOW.date()
THESAURUS = Thesaurus.of(
    [row_of("WARFARINE", "AINS", 3, "Surveiller.", "Saignement.")],
    [("IBUPROFENE", "AINS"), ("AMOXICILLINE", "PENICILLINES")],
)


def of(cis: str, *names: str, line: str = "", conditions: tuple[ConditionText, ...] = ()) -> SafetyItem:
    components = tuple(Component(f"{len(name):05}", name, link=rank) for rank, name in enumerate(names, 1))
    medicine = Medicine(cis, f"BRAND {cis}", components=components, conditions=conditions)
    return SafetyItem(line or cis, medicine.label, medicine)


WARFARIN, IBUPROFEN = of("60000001", "WARFARINE"), of("60000002", "IBUPROFENE")
RUNNING = Running("EN COURS 5 mg", "60000009", (Component("11111", "WARFARINE"),), TODAY + timedelta(days=90))


def codes(found: list[Finding]) -> list[tuple[str, str, str]]:
    return [(one.rule, one.line_id, one.about) for one in found]


def test_two_products_of_a_prescription_are_compared_once() -> None:
    found = check([WARFARIN, IBUPROFEN], Patient(), THESAURUS, TODAY)
    assert codes(found) == [("I1", "60000002", "line:60000001")]
    assert "BRAND 60000002 avec BRAND 60000001" in found[0].sentence
    assert found[0].severity is Severity.WARNING


def test_a_product_is_compared_with_what_the_person_takes() -> None:
    found = check([IBUPROFEN], Patient([RUNNING]), THESAURUS, TODAY)
    assert codes(found) == [("I1", "60000002", "60000009")]
    assert "EN COURS 5 mg (en cours)" in found[0].sentence


def test_a_secret_treatment_is_compared_and_nothing_of_it_is_named() -> None:
    found = check([IBUPROFEN], Patient([replace(RUNNING, secret=True, about="secret")]), THESAURUS, TODAY)
    assert len(found) == 1
    assert found[0].severity is Severity.WARNING
    told = f"{found[0].sentence} {found[0].hint} {found[0].code}".upper()
    assert "EN COURS 5 MG" not in told
    assert "WARFARINE" not in told


def test_a_secret_treatment_of_the_same_substance_is_not_betrayed_by_the_words() -> None:
    secret = replace(RUNNING, secret=True, about="secret", until=TODAY)
    mild = replace(secret, components=(Component("22222", "AUTRE"),))
    told = check([WARFARIN], Patient([mild, secret]), THESAURUS, TODAY)
    assert codes(told) == [("I1", "60000001", "secret")]
    assert told[0].severity is Severity.WARNING
    words = f"{told[0].sentence} {told[0].hint}".upper()
    assert "WARFARINE" not in words
    assert "SUBSTANCE" not in words
    other = check([IBUPROFEN], Patient([secret]), THESAURUS, TODAY)
    assert other[0].sentence.replace("60000002", "60000001") == told[0].sentence


@pytest.mark.parametrize(
    ("days", "severity"), [(7, Severity.INFORMATION), (8, Severity.WARNING), (0, Severity.INFORMATION)]
)
def test_the_same_substance_is_a_duplicate_unless_it_ends_soon(days: int, severity: Severity) -> None:
    treatment = replace(RUNNING, until=TODAY + timedelta(days=days))
    (found,) = check([WARFARIN], Patient([treatment]), THESAURUS, TODAY)
    assert (found.rule, found.severity) == ("I2", severity)
    assert "warfarine" in found.sentence


def test_a_salt_and_its_fraction_are_the_same_substance() -> None:
    salt = SafetyItem("l1", "SEL", substances=(Substance(name="WARFARINE SODIQUE"),))
    (found,) = check([salt], Patient([RUNNING]), THESAURUS, TODAY)
    assert found.rule == "I2"


@pytest.mark.parametrize(
    "allergy",
    [
        KnownAllergy("00012", "AUTRE NOM", "Autre nom"),
        KnownAllergy("", "AMOXICILLINE", "AMOXICILLINE"),
        KnownAllergy("", "PENICILLINES", "Pénicillines"),
    ],
)
def test_an_allergy_is_found_by_code_by_name_and_by_class(allergy: KnownAllergy) -> None:
    (found,) = check([of("60000003", "AMOXICILLINE")], Patient(allergies=[allergy]), THESAURUS, TODAY)
    assert (found.rule, found.severity, found.about) == ("I3", Severity.WARNING, allergy.name)


def test_an_allergy_to_something_else_says_nothing() -> None:
    other = KnownAllergy("", "LATEX", "LATEX")
    assert check([IBUPROFEN], Patient(allergies=[other]), THESAURUS, TODAY) == []


def test_a_condition_that_no_rule_understands_is_a_duty_with_its_text() -> None:
    texts = (ConditionText("liste I", ("list_1",)), ConditionText("à lire par un humain"))
    (found,) = check([of("60000004", "X", conditions=texts)], Patient(), THESAURUS, TODAY)
    assert (found.rule, found.severity) == ("I4", Severity.DUTY)
    assert "à lire par un humain" in found.sentence


def test_who_opposes_the_history_is_told_of_and_not_compared() -> None:
    (found,) = check([IBUPROFEN], Patient(opposed=True), THESAURUS, TODAY)
    assert (found.rule, found.severity, found.about) == ("I1", Severity.DUTY, "opposition")


def test_the_same_finding_is_told_once() -> None:
    twice = Patient([RUNNING, RUNNING])
    assert len(check([IBUPROFEN], twice, THESAURUS, TODAY)) == 1
