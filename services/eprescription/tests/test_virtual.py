"""What medicines of the same substances and strengths share, when a prescriber names none of them."""

from dataclasses import replace

import pytest

from eprescription.domain.content import Substance
from eprescription.domain.products import Component, ConditionText, GenericType, Medicine, Membership
from eprescription.domain.virtual import matches, united

WANTED = (Substance("00001", "ESSAINE", "5 mg"),)
ONE = Medicine(
    "60000001",
    "ESSAI 5 mg",
    form="comprimé",
    routes=("orale",),
    components=(Component("00001", "ESSAÏNE", "5,00 mg", link=1),),
    generics=(Membership("1", GenericType.PRINCEPS),),
    conditions=(ConditionText("liste I", ("list_1",)),),
    atc=("N01",),
    rules=frozenset({"list_1", "max_days:28", "secure"}),
)
OTHER = replace(
    ONE,
    cis="60000002",
    form="gélule",
    generics=(Membership("2", GenericType.GENERIC),),
    rules=frozenset({"list_1", "max_days:84"}),
)


def test_what_is_shared_is_kept_and_groups_are_united() -> None:
    made = united(WANTED, [ONE, OTHER], "essaïne 5 mg")
    assert made is not None
    assert (made.cis, made.label, made.form, made.routes) == ("", "essaïne 5 mg", "", ("orale",))
    assert made.rules == {"list_1", "max_days:84"}
    assert [one.group_id for one in made.generics] == ["1", "2"]
    assert made.conditions == ONE.conditions


def test_a_term_that_one_medicine_lacks_is_not_shared() -> None:
    free = replace(OTHER, rules=frozenset({"list_1"}))
    made = united(WANTED, [ONE, free], "")
    assert made is not None
    assert made.rules == {"list_1"}
    assert made.label == "ESSAINE 5 mg"


def test_hospital_and_withdrawn_medicines_are_left_out_where_others_exist() -> None:
    hospital = replace(OTHER, rules=frozenset({"hospital_use"}))
    withdrawn = replace(OTHER, withdrawn=True, rules=frozenset())
    stopped = replace(OTHER, marketed=False, rules=frozenset())
    made = united(WANTED, [ONE, hospital, withdrawn, stopped], "")
    assert made is not None
    assert made.rules == ONE.rules
    alone = united(WANTED, [hospital], "")
    assert alone is not None
    assert alone.rules == {"hospital_use"}
    assert united(WANTED, [withdrawn], "") is None


FRACTION = Component("00001", "ESSAÏNE", "5 mg", "FT", 1)
SALT = (Component("00009", "ESSAÏNE (SULFATE D')", "", "SA", 1), FRACTION)


@pytest.mark.parametrize(
    ("wanted", "components", "same"),
    [
        (WANTED, ONE.components, True),
        ((Substance("", "essaine", "5000 microgrammes"),), ONE.components, True),
        ((Substance("", "essaine", "50 mg"),), ONE.components, False),
        ((Substance("", "essaine"),), ONE.components, True),
        ((Substance("00009", "", ""),), SALT, True),
        ((Substance("00009", "", "5 mg"),), SALT, True),
        ((*WANTED, *WANTED), (*ONE.components, Component("00002", "AUTRE", link=2)), False),
        (WANTED, (FRACTION, replace(FRACTION, link=2)), True),
        ((Substance("00001", "", "5 mg"),), SALT, True),
        ((Substance("00002", "AUTRE"),), ONE.components, False),
        ((*WANTED, Substance("00002", "AUTRE")), ONE.components, False),
        (WANTED, (*ONE.components, Component("00002", "AUTRE", link=2)), False),
    ],
)
def test_a_medicine_matches_the_same_substances_and_no_other(
    wanted: tuple[Substance, ...], components: tuple[Component, ...], same: bool
) -> None:
    assert matches(replace(ONE, components=components), wanted, strengths=True) is same


def test_another_strength_matches_only_where_strengths_are_left_aside() -> None:
    ten = (Substance("00001", "", "10 mg"),)
    assert not matches(ONE, ten, strengths=True)
    assert matches(ONE, ten, strengths=False)
