"""What INSi answers, what an identity is searched by, what is never shown."""

import itertools
from collections.abc import Callable
from datetime import date

import pytest

from identity_ins import domain
from identity_ins.domain import (
    Answer,
    AnswerCode,
    BillingNumber,
    Creation,
    Criteria,
    IdentityId,
    PaperRefused,
    Search,
    Sex,
    Status,
    Traits,
)

from .given import INS, NOW, TRAITS, asked, identity_in
from .given import person_of as found_person

MakeTraits = Callable[..., Traits]


@pytest.mark.parametrize(
    ("first_name", "place", "code"),
    [
        ("DOMINIQUE", "", AnswerCode.SEVERAL),
        ("Dominique", "51215", AnswerCode.FOUND),
        ("marie louise", "", AnswerCode.FOUND),
        ("MARIE", "", AnswerCode.NOBODY),
        ("DOMINIQUE", "75101", AnswerCode.NOBODY),
        ("PAULE", "", AnswerCode.FOUND),
    ],
)
def test_search_when_one_first_name_is_given_then_answered_by_the_insi_rules(
    first_name: str, place: str, code: AnswerCode, make_traits: MakeTraits
) -> None:
    one = found_person(make_traits())
    other = found_person(make_traits(birth_first_names=("DOMINIQUE", "PAULE"), birth_place="69383"), 2)
    search = Search("PAT-TROIS", first_name, Sex.FEMALE, date(1979, 3, 28), place)
    answer = domain.answer(search, [one, other])
    assert answer.code is code
    assert (answer.person is None) is (code is not AnswerCode.FOUND)
    assert answer.label in ("OK", "Aucune identité trouvée", "Plusieurs identités trouvées")


def test_attempts_when_the_place_is_known_then_it_is_tried_last(make_traits: MakeTraits) -> None:
    asked = [(search.first_name, search.birth_place) for search in domain.attempts(make_traits())]
    assert asked == [
        ("DOMINIQUE", ""),
        ("MARIE-LOUISE", ""),
        ("DOMINIQUE", "51215"),
        ("MARIE-LOUISE", "51215"),
    ]


def test_attempts_when_no_place_is_known_then_each_first_name_is_tried_once(make_traits: MakeTraits) -> None:
    assert len(domain.attempts(make_traits(birth_place=""))) == 2


def test_answers_when_compared_then_the_one_that_says_more_wins(make_traits: MakeTraits) -> None:
    nobody, several = Answer(AnswerCode.NOBODY), Answer(AnswerCode.SEVERAL)
    found = Answer(AnswerCode.FOUND, found_person(make_traits()))
    for one, other in itertools.permutations([nobody, several, found], 2):
        expected = found if found in (one, other) else several
        assert domain.better(one, other) == expected


@pytest.mark.parametrize(
    "code", ["CN", "PA", "CS", "eCN", "IN", "AV", "LECV", "AN", "LEP", "CC", "ANCV", "CIMS"]
)
def test_paper_when_of_high_confidence_then_accepted(code: str) -> None:
    assert domain.parse_paper(code).value == code


@pytest.mark.parametrize(
    ("code", "said"), [("PC", "driving licence"), ("CM", "use one of CN, PA"), ("", "use one of")]
)
def test_paper_when_not_of_high_confidence_then_refused_with_the_reason(code: str, said: str) -> None:
    with pytest.raises(PaperRefused) as told:
        domain.parse_paper(code)
    assert said in told.value.violations[0].problem


def test_criteria_when_none_or_no_name_then_refused() -> None:
    with pytest.raises(domain.CriterionNeeded):
        domain.check_criteria(Criteria())
    with pytest.raises(domain.CriteriaWrong) as told:
        domain.check_criteria(Criteria(family="-", given="4"))
    assert [violation.field for violation in told.value.violations] == ["family", "given"]


def test_criteria_when_the_dates_are_crossed_then_refused_and_one_day_is_a_period() -> None:
    day = date(1979, 3, 28)
    with pytest.raises(domain.CriteriaWrong) as told:
        domain.check_criteria(Criteria(born_from=day, born_to=date(1979, 3, 27)))
    assert [violation.field for violation in told.value.violations] == ["born_to"]
    for criteria in (Criteria(born_from=day, born_to=day), Criteria(born_from=day), Criteria(born_to=day)):
        assert domain.check_criteria(criteria) is criteria


def test_ipp_when_made_then_short_distinct_and_readable() -> None:
    made = [domain.ipp_of(IdentityId.new()) for _ in range(1000)]
    assert len(set(made)) == 1000
    assert {len(ipp) for ipp in made} == {12}
    assert not set("".join(made)) & set("01IO")
    given = Creation(TRAITS, "MINE")
    assert domain.create(IdentityId.new(), "D", given, None, NOW).ipp == "MINE"


def test_values_when_printed_then_hide_the_person(make_traits: MakeTraits) -> None:
    identity = identity_in(Status.QUALIFIEE, traits=make_traits())
    creation = Creation(TRAITS, "IPP1", billing_number=BillingNumber(INS.matricule), ins=INS)
    asked_ = (asked(identity), Criteria(family="PAT"), domain.attempts(identity.traits))
    shown = str((identity, creation, *asked_, found_person(make_traits())))
    for trait in ("PAT", "DOMINIQUE", "51215", "1979", "279035", "IPP1"):
        assert trait not in shown.replace("PATIENT", "")
