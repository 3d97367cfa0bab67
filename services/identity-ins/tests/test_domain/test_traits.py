"""The traits: how names are stored and compared, what no civil status can hold."""

from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity_ins import domain
from identity_ins.domain import (
    Traits,
    TraitsWrong,
)

MakeTraits = Callable[..., Traits]
TODAY = date(2026, 6, 12)


@pytest.mark.parametrize(
    ("typed", "stored", "compared"),
    [
        ("d’Artagnan de l'Hérault", "D'ARTAGNAN DE L'HERAULT", "D ARTAGNAN DE L HERAULT"),
        ("Lefèbvre-Œuvrard", "LEFEBVRE-OEUVRARD", "LEFEBVRE OEUVRARD"),
        ("  marie   claire ", "MARIE CLAIRE", "MARIE CLAIRE"),
        ("MÜLLER", "MULLER", "MULLER"),
        ("Strauß", "STRAUSS", "STRAUSS"),
        ("Çelik-Ørsted", "CELIK-ORSTED", "CELIK ORSTED"),
        ("Jean\u2010Pierre", "JEAN-PIERRE", "JEAN PIERRE"),
        ("ﬁlip", "FILIP", "FILIP"),
    ],
)
def test_name_when_typed_then_stored_as_insi_writes_it(typed: str, stored: str, compared: str) -> None:
    assert domain.civil_form(typed) == stored
    assert domain.comparison_key(typed) == compared


@given(st.text(max_size=40))
def test_name_when_in_civil_form_then_stays_as_it_is(text: str) -> None:
    once = domain.civil_form(text)
    if domain.is_name(once):
        assert domain.civil_form(once) == once
        assert set(once) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ '-")
        assert domain.comparison_key(once) == domain.comparison_key(text)


@pytest.mark.parametrize(
    "name",
    ["", " ", "-", "'A", "-A", "A-", "DUPONT2", "ПЕТРОВ", "DUP\u041eNT", "A\u0000B", "A\u202eB", "X" * 101],
)
def test_name_when_not_one_then_refused(name: str, make_traits: MakeTraits) -> None:
    with pytest.raises(TraitsWrong) as told:
        domain.check_traits(make_traits(birth_name=name), TODAY)
    assert [violation.field for violation in told.value.violations] == ["traits.birth_name"]


def test_traits_when_several_are_wrong_then_all_are_told(make_traits: MakeTraits) -> None:
    wrong = make_traits(
        birth_name="?",
        birth_first_names=("ANNE", "3"),
        birth_date=date(2026, 6, 13),
        birth_place="2C004",
        used_name="!",
        used_first_name="1",
    )
    with pytest.raises(TraitsWrong) as told:
        domain.check_traits(wrong, TODAY)
    assert [violation.field.removeprefix("traits.") for violation in told.value.violations] == [
        "birth_name",
        "birth_first_names[1]",
        "used_name",
        "used_first_name",
        "birth_date",
        "birth_place",
    ]


@pytest.mark.parametrize("count", [0, 21])
def test_first_names_when_none_or_too_many_then_refused(count: int, make_traits: MakeTraits) -> None:
    with pytest.raises(TraitsWrong):
        domain.check_traits(make_traits(birth_first_names=("ANNE",) * count), TODAY)


def test_birth_date_when_longer_ago_than_any_life_then_refused(make_traits: MakeTraits) -> None:
    with pytest.raises(TraitsWrong):
        domain.check_traits(make_traits(birth_date=date(1895, 12, 31)), TODAY)


def test_birth_date_when_it_is_tomorrow_already_in_wallis_then_accepted(make_traits: MakeTraits) -> None:
    late = datetime(2026, 6, 12, 13, 0, tzinfo=UTC)
    born = make_traits(birth_date=date(2026, 6, 13))
    assert domain.check_traits(born, domain.today_in_france(late)).birth_date == date(2026, 6, 13)


def test_traits_when_right_then_normalised(make_traits: MakeTraits) -> None:
    typed = make_traits(
        birth_name="Pat-Troïs", birth_first_names=("dominique",), birth_place="2a004", used_name="léon"
    )
    checked = domain.check_traits(typed, TODAY)
    assert (checked.birth_name, checked.birth_first_names) == ("PAT-TROIS", ("DOMINIQUE",))
    assert (checked.birth_place, checked.used_name, checked.used_first_name) == ("2A004", "LEON", "")
