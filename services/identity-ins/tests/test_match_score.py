"""How near two identities are, case by case, and what every score holds to."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.testing import NOW
from identity_ins.domain import Authority, Ins, PersonId, Precision, Retrieval, Sex, Traits
from identity_ins.domain.identity import Identity, IdentityId
from identity_ins.domain.match import (
    CERTAIN,
    POSSIBLE,
    PROBABLE,
    Agreement,
    Candidate,
    Description,
    DescriptionTooThin,
    DescriptionWrong,
    Grade,
    Kind,
    check_description,
    choose,
    compare,
    describe,
    worth_a_look,
)
from identity_ins.domain.match.weights import FULL, Born, First, Name, Place

PERSON = Traits(
    "MARTIN-DELORME", ("CAMILLE", "JEANNE", "LUCIE"), Sex.FEMALE, date(1984, 3, 12), "69383", "ROUSSEL"
)
ONE = Identity(IdentityId.new(), "1750000018", "IPP-1", PERSON, NOW)
NUMBER = Ins("284036938301234", Authority.NIR_TEST)


def other(**traits: Any) -> Identity:
    """Another identity, with these traits in place of those of the first."""
    return replace(ONE, id=IdentityId.new(), ipp="IPP-2", traits=replace(PERSON, **traits))


def known(identity: Identity, person: PersonId, ins: Ins = NUMBER) -> Identity:
    return replace(identity, retrieval=Retrieval(ins, person, NOW))


def told(candidate: Candidate, field: str) -> str:
    (found,) = [one.agreement.value for one in candidate.fields if one.field == field]
    return found


DUPLICATES = {
    "a slip": {"birth_name": "MARTIN-DELROME"},
    "two slips": {"birth_name": "MARTIM-DELROME"},
    "a hyphen lost": {"birth_name": "MARTIN DELORME"},
    "run together": {"birth_name": "MARTINDELORME"},
    "heard": {"birth_name": "MARTAIN-DELORM", "birth_first_names": ("KAMILLE",)},
    "one name of two": {"birth_name": "DELORME"},
    "the initial of one of two": {"birth_name": "M-DELORME"},
    "names swapped": {"birth_name": "CAMILLE", "birth_first_names": ("MARTIN-DELORME",)},
    "the used name as birth name": {"birth_name": "ROUSSEL", "used_name": ""},
    "a married name nobody recorded": {"birth_name": "PETIT", "used_name": ""},
    "first names left out": {"birth_first_names": ("CAMILLE",)},
    "first names in another order": {"birth_first_names": ("JEANNE", "CAMILLE", "LUCIE")},
    "the used first name": {"birth_first_names": ("LILOU",), "used_first_name": "CAMILLE"},
    "day and month swapped": {"birth_date": date(1984, 12, 3)},
    "a wrong digit of the year": {"birth_date": date(1948, 3, 12)},
    "a wrong day": {"birth_date": date(1984, 3, 29)},
    "1 January": {"birth_date": date(1984, 1, 1)},
    "the year only": {"birth_date": date(1984, 12, 31), "birth_date_precision": Precision.YEAR},
    "the month only": {"birth_date": date(1984, 3, 31), "birth_date_precision": Precision.MONTH},
    "no place": {"birth_place": ""},
    "another place": {"birth_place": "13055"},
    "the wrong sex": {"sex": Sex.MALE},
    "no sex": {"sex": Sex.UNKNOWN},
    "a slip and a wrong day": {"birth_name": "MARTIN-DELROME", "birth_date": date(1984, 3, 29)},
}
STRANGERS = {
    "a twin": {"birth_first_names": ("SOLENE", "ANNE")},
    "a sister": {"birth_first_names": ("SOLENE",), "birth_date": date(1986, 5, 2)},
    "a mother of the same name": {"birth_date": date(1955, 9, 27)},
    "a homonym of one day": {"birth_first_names": ("CAMILLE", "AGATHE"), "birth_place": "13055"},
    "a homonym of another day": {"birth_date": date(1961, 11, 30), "birth_place": "13055"},
    "someone born that day": {"birth_name": "PETIT", "birth_first_names": ("AGATHE",)},
}


@pytest.mark.parametrize("traits", DUPLICATES.values(), ids=DUPLICATES.keys())
def test_compare_when_one_person_is_written_twice_then_probable(traits: dict[str, Any]) -> None:
    candidate = compare(ONE, other(**traits))
    assert candidate.grade in (Grade.PROBABLE, Grade.CERTAIN)
    assert worth_a_look(candidate)


@pytest.mark.parametrize("traits", STRANGERS.values(), ids=STRANGERS.keys())
def test_compare_when_two_persons_look_alike_then_not_for_the_worklist(traits: dict[str, Any]) -> None:
    candidate = compare(ONE, other(used_name="", **traits))
    assert candidate.grade in (Grade.POSSIBLE, Grade.CERTAINLY_NOT)
    assert not worth_a_look(candidate)


LEVELS = [
    ({"birth_name": "MARTIN DELORME"}, "birth_name", Name.SAME),
    ({"birth_name": "MARTINDELORME"}, "birth_name", Name.SPELT),
    ({"birth_name": "ROUSSEL"}, "birth_name", Name.USED),
    ({"birth_first_names": ("CAMILLE",)}, "first_names", First.FEWER),
    ({"birth_first_names": ("CAMILLE", "AGATHE")}, "first_names", First.CLASH),
    ({"birth_first_names": ("SOLENE",)}, "first_names", First.OTHER),
    ({"birth_date": date(1984, 12, 3)}, "birth_date", Born.TURNED),
    ({"birth_date": date(1984, 3, 13)}, "birth_date", Born.SLIP),
    ({"birth_date": date(1984, 1, 1)}, "birth_date", Born.PRESUMED),
    ({"birth_place": "69001"}, "birth_place", Place.REGION),
    ({"birth_place": "99999"}, "birth_place", Place.UNKNOWN),
    ({"birth_place": "13055"}, "birth_place", Place.OTHER),
]


@pytest.mark.parametrize(("traits", "field", "level"), LEVELS)
def test_compare_then_each_field_says_how_it_agrees_and_what_it_weighs(
    traits: dict[str, Any], field: str, level: Name | First | Born | Place
) -> None:
    candidate = compare(ONE, other(**traits))
    assert told(candidate, field) == level.value.agreement.value
    (weight,) = [one.weight for one in candidate.fields if one.field == field]
    assert weight == pytest.approx(level.value.bits / FULL)


def test_compare_when_the_ins_is_the_same_then_certain_whatever_the_traits() -> None:
    person = PersonId.new()
    candidate = compare(known(ONE, person), known(other(birth_name="ZYGLER", sex=Sex.MALE), person))
    assert (candidate.grade, candidate.kind) == (Grade.CERTAIN, Kind.DUPLICATE)
    assert candidate.score == pytest.approx(1.0)
    assert told(candidate, "ins") == "exact"


def test_compare_when_insi_proves_two_persons_then_homonyms_and_never_a_duplicate() -> None:
    candidate = compare(known(ONE, PersonId.new()), known(other(), PersonId.new()))
    assert (candidate.grade, candidate.kind) == (Grade.CERTAINLY_NOT, Kind.HOMONYM)
    assert candidate.score > CERTAIN
    assert told(candidate, "ins") == "different"
    assert worth_a_look(candidate)


def test_compare_when_two_persons_are_unlike_then_nobody_looks() -> None:
    unlike = other(birth_first_names=("SOLENE",), birth_date=date(1961, 11, 30))
    candidate = compare(known(ONE, PersonId.new()), known(unlike, PersonId.new()))
    assert candidate.grade is Grade.CERTAINLY_NOT
    assert not worth_a_look(candidate)


def test_compare_when_only_the_number_differs_then_the_score_falls_without_a_verdict() -> None:
    described = replace(describe(ONE), ins=Ins("284036938301299", Authority.NIR_TEST))
    candidate = compare(described, known(other(), PersonId.new()))
    assert candidate.kind is Kind.DUPLICATE
    assert candidate.score < compare(describe(ONE), known(other(), PersonId.new())).score


def test_compare_when_the_ipp_is_given_then_it_adds_to_the_score() -> None:
    thin = Description(birth_name=PERSON.birth_name)
    with_ipp = replace(thin, ipp=ONE.ipp)
    assert compare(with_ipp, ONE).score > compare(thin, ONE).score
    assert told(compare(with_ipp, ONE), "ipp") == "exact"


THIN = {
    "a name": Description(birth_name="MARTIN DELORME"),
    "a used name": Description(birth_name="ROUSSEL"),
    "a name and a first name": Description(birth_name="MARTIN DELORME", first_names=("CAMILLE",)),
    "a date": Description(birth_date=PERSON.birth_date),
}


@pytest.mark.parametrize("described", THIN.values(), ids=THIN.keys())
def test_compare_when_thin_then_possible_and_a_contradiction_ends_it(described: Description) -> None:
    assert compare(described, ONE).grade is Grade.POSSIBLE
    contradicted = replace(described, sex=Sex.MALE)
    if contradicted.birth_date is None and not contradicted.first_names:
        assert compare(contradicted, ONE).grade is Grade.CERTAINLY_NOT
    missing = {one.field for one in compare(described, ONE).fields if one.agreement is Agreement.MISSING}
    assert missing >= {"sex", "birth_place"}


def test_description_when_neither_name_nor_date_then_too_thin() -> None:
    for nothing in (Description(), Description(sex=Sex.MALE, ins=NUMBER), Description(first_names=("LEO",))):
        with pytest.raises(DescriptionTooThin) as told_:
            check_description(nothing)
        assert told_.value.hint


def test_description_when_names_are_raw_then_in_civil_form_and_wrong_ones_told() -> None:
    assert check_description(Description(birth_name="martin-délorme")).birth_name == "MARTIN-DELORME"
    with pytest.raises(DescriptionWrong) as told_:
        check_description(Description(birth_name="X1", first_names=("Лео",)))
    fields = [violation.field for violation in told_.value.violations]
    assert fields == ["description.birth_name", "description.birth_first_names[0]"]


def test_printing_a_description_shows_nothing() -> None:
    assert "MARTIN" not in repr(describe(ONE))


def test_choose_then_by_score_and_id_and_never_below_the_grade_wanted() -> None:
    candidates = [compare(ONE, one) for one in (other(birth_place=""), other(), other())]
    chosen = choose(candidates, Grade.PROBABLE, 10)
    assert [one.score for one in chosen] == sorted((one.score for one in candidates), reverse=True)
    assert [one.identity.id.value for one in chosen[:2]] == sorted(
        one.identity.id.value for one in candidates[1:]
    )
    assert len(choose(candidates, Grade.CERTAIN, 10)) == 2
    assert len(choose(candidates, Grade.CERTAIN, 1)) == 1


NAMES = st.from_regex(r"[A-Z]{1,10}(?:[ '-][A-Z]{1,10}){0,2}", fullmatch=True)
TRAITS = st.builds(
    Traits,
    NAMES,
    st.lists(NAMES, min_size=1, max_size=4).map(tuple),
    st.sampled_from(Sex),
    st.dates(date(1925, 1, 1), date(2025, 12, 31)),
    st.sampled_from(["", "69383", "69001", "13055", "99999", "99352"]),
    st.just("") | NAMES,
    st.just("") | NAMES,
    st.just(""),
    st.just(Precision.DAY),
)
IDENTITIES = st.builds(lambda traits: replace(ONE, id=IdentityId.new(), traits=traits), TRAITS)


@given(IDENTITIES, IDENTITIES)
def test_compare_is_symmetric(one: Identity, two: Identity) -> None:
    there, back = compare(one, two), compare(two, one)
    assert there.score == pytest.approx(back.score)
    assert (there.grade, there.kind) == (back.grade, back.kind)
    assert [(f.field, f.agreement) for f in there.fields] == [(f.field, f.agreement) for f in back.fields]


@given(IDENTITIES, IDENTITIES)
def test_compare_then_the_reasons_add_up_to_the_score(one: Identity, two: Identity) -> None:
    candidate = compare(one, two)
    total = sum(field.weight for field in candidate.fields)
    assert candidate.score == pytest.approx(min(max(total, 0.0), 1.0))
    assert all(0.0 <= field.similarity <= 1.0 for field in candidate.fields)


@given(IDENTITIES)
def test_compare_when_identical_and_whole_then_certain(one: Identity) -> None:
    whole = replace(one, traits=replace(one.traits, sex=Sex.MALE, birth_place="69383"))
    assert compare(whole, whole).grade is Grade.CERTAIN


def test_thresholds_are_in_order() -> None:
    assert 0 < POSSIBLE < PROBABLE < CERTAIN < 1
