"""Substances without their salts, and strengths however they are written."""

import pytest

from eprescription.domain.actives import actives, strength_of
from eprescription.domain.moieties import moiety
from eprescription.domain.products import Component

NAMES = {
    "Tartrate de zolpidem": "ZOLPIDEM",
    "MORPHINE (SULFATE DE)": "MORPHINE",
    "CHLORHYDRATE D'OXYCODONE": "OXYCODONE",
    "BÉSILATE D'AMLODIPINE": "AMLODIPINE",
    "LÉVOTHYROXINE SODIQUE ANHYDRE": "LEVOTHYROXINE",
    "AMOXICILLINE TRIHYDRATÉE": "AMOXICILLINE",
    "PÉRINDOPRIL ARGININE": "PERINDOPRIL",
    "CLAVULANIQUE (ACIDE)": "ACIDE CLAVULANIQUE",
    "ACIDE ACÉTYLSALICYLIQUE": "ACIDE ACETYLSALICYLIQUE",
    "CHLORURE DE SODIUM": "CHLORURE DE SODIUM",
    "SODIUM (CHLORURE DE)": "SODIUM (CHLORURE DE)",
    "SULFATE DE MAGNESIUM": "SULFATE DE MAGNESIUM",
    "VALPROATE DE SODIUM": "VALPROATE DE SODIUM",
    "HUILE DE RICIN": "HUILE DE RICIN",
    "INSULINE GLARGINE": "INSULINE GLARGINE",
    "": "",
}


@pytest.mark.parametrize(("name", "bare"), NAMES.items())
def test_a_salt_is_left_out_and_a_mineral_keeps_its_own(name: str, bare: str) -> None:
    assert moiety(name) == bare


STRENGTHS = [
    ("1 g", "1000 mg"),
    ("1,00 g", "1 000 mg"),
    ("0,5 mg", "500 microgrammes"),
    ("62,50 mg", "62,5 mg"),
    ("100 microgrammes/dose", "100 MICROGRAMMES/DOSE"),
    ("100 000 UI", "100000 U.I."),
    ("25 µg", "0,025 mg"),
]


@pytest.mark.parametrize(("one", "other"), STRENGTHS)
def test_a_strength_compares_equal_however_it_is_written(one: str, other: str) -> None:
    assert strength_of(one) == strength_of(other)


@pytest.mark.parametrize(
    ("one", "other"), [("1 g", "10 g"), ("1 mg", "1 ml"), ("5 mg", "5 mg/ml"), ("", "1 g")]
)
def test_other_strengths_are_other(one: str, other: str) -> None:
    assert strength_of(one) != strength_of(other)


def test_what_acts_is_the_fraction_of_each_salt_once() -> None:
    salt = Component("00001", "SEL", nature="SA", link=1)
    fraction = Component("00002", "FRACTION", nature="FT", link=1)
    alone = Component("00003", "SEULE", nature="SA", link=2)
    twice = Component("00003", "SEULE", nature="SA", link=3)
    assert actives([salt, fraction, alone, twice]) == (fraction, alone)
    unlinked = [Component("00004", "A"), Component("00005", "B")]
    assert actives(unlinked) == tuple(unlinked)
