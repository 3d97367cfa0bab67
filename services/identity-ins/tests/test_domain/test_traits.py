"""The traits: how names are stored and compared, what no civil status can hold."""

from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import InvalidInput
from identity_ins import domain
from identity_ins.domain import Precision, Sex, Traits, TraitsWrong

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
        ("Jean\u2013Pierre", "JEAN-PIERRE", "JEAN PIERRE"),
        ("N\u02bcDiaye", "N'DIAYE", "N DIAYE"),
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
    ("name", "said"),
    [
        ("", "are needed"),
        (" ", "are needed"),
        ("-", "are needed"),
        ("'A", "are needed"),
        ("-A", "are needed"),
        ("A-", "are needed"),
        ("DUPONT2", "are needed"),
        ("A;B", "are needed"),
        ("X" * 101, "101 characters, 100 at most"),
        ("X" * 300, "300 characters, 100 at most"),
        # Longer once its ligatures are spelled out.
        ("Œ" * 51, "102 characters"),
        ("ПЕТРОВ", "not in Latin letters"),
        ("محمد", "not in Latin letters"),
        # A Cyrillic O among Latin letters: the eye sees DUPONT, no search ever finds it.
        ("DUP\u041eNT", "several scripts (CYRILLIC, LATIN)"),
        ("\u0391NNA", "several scripts (GREEK, LATIN)"),
        ("A\u0000B", "control"),
        ("DU\tPONT", "control"),
        ("DUPONT\n", "control"),
        ("A\u202eB", "invisible"),
        ("DU\u00adPONT", "invisible"),
        ("DU\u200bPONT", "invisible"),
        ("DU\ue000PONT", "invisible"),
    ],
)
def test_name_when_not_one_then_refused_with_the_reason_and_never_quoted(
    name: str, said: str, make_traits: MakeTraits
) -> None:
    with pytest.raises(TraitsWrong) as told:
        domain.check_traits(make_traits(birth_name=name), TODAY)
    (violation,) = told.value.violations
    assert violation.field == "traits.birth_name"
    assert said in violation.problem
    assert len(name) < 4 or name not in violation.problem


@given(st.text(min_size=1, max_size=120))
def test_name_when_anything_is_typed_then_stored_clean_or_refused_with_a_reason(text: str) -> None:
    raw = Traits(text, ("ANNE",), Sex.FEMALE, date(1979, 3, 28))
    try:
        kept = domain.check_traits(raw, TODAY)
    except TraitsWrong as refused:
        (violation,) = refused.violations
        assert violation.problem
    else:
        assert domain.is_name(kept.birth_name)
        assert domain.check_traits(kept, TODAY) == kept


@pytest.mark.parametrize("field", ["used_name", "used_first_name"])
def test_name_in_use_when_absent_then_accepted_and_else_judged_as_the_others(
    field: str, make_traits: MakeTraits
) -> None:
    assert domain.check_traits(make_traits(**{field: ""}), TODAY).birth_name == "PAT-TROIS"
    for wrong in ("X" * 300, "\u200b", "ПЕТРОВ"):
        with pytest.raises(TraitsWrong):
            domain.check_traits(make_traits(**{field: wrong}), TODAY)


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


@pytest.mark.parametrize(
    ("text", "held", "precision", "earliest"),
    [
        ("1979-03-28", date(1979, 3, 28), Precision.DAY, date(1979, 3, 28)),
        ("1979-02", date(1979, 2, 28), Precision.MONTH, date(1979, 2, 1)),
        ("1980-02", date(1980, 2, 29), Precision.MONTH, date(1980, 2, 1)),
        ("1979", date(1979, 12, 31), Precision.YEAR, date(1979, 1, 1)),
    ],
)
def test_birth_date_when_the_day_or_month_is_unknown_then_held_as_the_last_one(
    text: str, held: date, precision: Precision, earliest: date, make_traits: MakeTraits
) -> None:
    assert domain.parse_birth_date(text) == (held, precision)
    traits = make_traits(birth_date=held, birth_date_precision=precision)
    assert (traits.birth_date_text, traits.earliest_birth_date) == (text, earliest)


@pytest.mark.parametrize(
    "text", ["2023-02-29", "1979-13", "1979-00-01", "1979-03-00", "1979-00", "0000", "1979-3-28", "79", "x"]
)
def test_birth_date_when_impossible_then_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        domain.parse_birth_date(text)


def test_birth_date_when_of_this_year_without_a_day_then_not_in_the_future(make_traits: MakeTraits) -> None:
    this_year = {"birth_date": date(2026, 12, 31), "birth_date_precision": Precision.YEAR}
    assert domain.check_traits(make_traits(**this_year), TODAY).birth_date_text == "2026"
    with pytest.raises(TraitsWrong):
        domain.check_traits(make_traits(**{**this_year, "birth_date": date(2027, 12, 31)}), TODAY)


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
