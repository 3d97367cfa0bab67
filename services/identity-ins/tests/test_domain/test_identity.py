"""What INSi answers, and the status machine of a local identity."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from chassis.errors import RuleViolated
from identity_ins import domain
from identity_ins.domain import (
    ALLOWED,
    REFUSED,
    STATUS_OF,
    Answer,
    AnswerCode,
    Attribute,
    Authority,
    Criteria,
    Identity,
    IdentityAlreadyDoubtful,
    IdentityAlreadyQualified,
    IdentityDoubtful,
    IdentityFictitious,
    IdentityId,
    Ins,
    InsAlreadyRetrieved,
    Paper,
    PaperAlreadyChecked,
    PaperCheck,
    PaperRefused,
    Person,
    PersonId,
    Retrieval,
    Search,
    Sex,
    SexNeeded,
    Status,
    Step,
    Traits,
    TraitsDisagree,
)

MakeTraits = Callable[..., Traits]
NOW = datetime(2026, 6, 12, 10, 0, tzinfo=UTC)
TODAY = NOW.date()


def found_person(traits: Traits, number: int = 1) -> Person:
    ins = Ins("279035121518989", Authority.NIR_TEST)
    return Person(PersonId(f"00000000-0000-7000-8000-{number:012d}"), traits, ins)


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
        assert domain.better(one, other) is expected


# --- the status machine


def make_identity(
    traits: Traits, status: Status = Status.PROVISOIRE, attributes: frozenset[Attribute] = frozenset()
) -> Identity:
    retrieved, checked = next(facts for facts, made in STATUS_OF.items() if made is status)
    ins = Ins("279035121518989", Authority.NIR_TEST)
    retrieval = Retrieval(ins, PersonId("00000000-0000-7000-8000-000000000001"), NOW) if retrieved else None
    check = PaperCheck(Paper.PASSPORT, NOW) if checked else None
    return Identity(IdentityId.new(), "1750000018", "IPP1", traits, NOW, retrieval, check, attributes, 3)


def take(identity: Identity, step: Step) -> Identity:
    """Takes a step with an answer of INSi that agrees."""
    if step is Step.RETRIEVE_INS:
        return domain.retrieve(identity, Answer(AnswerCode.FOUND, found_person(identity.traits)), NOW)
    if step is Step.CHECK_PAPER:
        return domain.check_paper(identity, Paper.PASSPORT, NOW)
    return domain.mark_doubtful(identity)


def test_transition_table_when_read_then_says_yes_or_no_to_every_step_of_every_status() -> None:
    every = set(itertools.product(Status, Step))
    assert ALLOWED.keys() | REFUSED.keys() == every
    assert not ALLOWED.keys() & REFUSED.keys()


@pytest.mark.parametrize(("start", "step"), sorted(ALLOWED))
def test_step_when_allowed_then_leads_where_the_table_says(
    start: Status, step: Step, make_traits: MakeTraits
) -> None:
    identity = make_identity(make_traits(), start)
    after = take(identity, step)
    assert after.status is ALLOWED[start, step]
    assert after.version == identity.version + 1


@pytest.mark.parametrize(
    ("start", "step", "error"),
    [
        (Status.RECUPEREE, Step.RETRIEVE_INS, InsAlreadyRetrieved),
        (Status.QUALIFIEE, Step.RETRIEVE_INS, IdentityAlreadyQualified),
        (Status.VALIDEE, Step.CHECK_PAPER, PaperAlreadyChecked),
        (Status.QUALIFIEE, Step.CHECK_PAPER, IdentityAlreadyQualified),
    ],
)
def test_step_when_already_done_then_refused(
    start: Status, step: Step, error: type[RuleViolated], make_traits: MakeTraits
) -> None:
    with pytest.raises(error):
        take(make_identity(make_traits(), start), step)


@pytest.mark.parametrize(
    ("attribute", "step", "error"),
    [
        (Attribute.DOUTEUSE, Step.RETRIEVE_INS, IdentityDoubtful),
        (Attribute.DOUTEUSE, Step.CHECK_PAPER, IdentityDoubtful),
        (Attribute.DOUTEUSE, Step.MARK_DOUBTFUL, IdentityAlreadyDoubtful),
        (Attribute.FICTIVE, Step.RETRIEVE_INS, IdentityFictitious),
        (Attribute.FICTIVE, Step.CHECK_PAPER, IdentityFictitious),
    ],
)
def test_step_when_an_attribute_forbids_it_then_refused(
    attribute: Attribute, step: Step, error: type[RuleViolated], make_traits: MakeTraits
) -> None:
    identity = make_identity(make_traits(), attributes=frozenset({attribute}))
    with pytest.raises(error):
        take(identity, step)
    if step is Step.RETRIEVE_INS:
        with pytest.raises(error):
            domain.searches(identity)


def test_homonym_when_retrieved_then_nothing_forbids_it(make_traits: MakeTraits) -> None:
    identity = make_identity(make_traits(), attributes=frozenset({Attribute.HOMONYME}))
    assert take(identity, Step.RETRIEVE_INS).status is Status.RECUPEREE


def test_doubt_when_marked_then_removes_the_number_and_keeps_the_other_attributes(
    make_traits: MakeTraits,
) -> None:
    identity = make_identity(make_traits(), Status.QUALIFIEE, frozenset({Attribute.HOMONYME}))
    after = domain.mark_doubtful(identity)
    assert (after.retrieval, after.paper_check, after.person_id) == (None, None, None)
    assert after.attributes == {Attribute.HOMONYME, Attribute.DOUTEUSE}


def test_retrieve_when_insi_finds_nobody_then_nothing_changes(make_traits: MakeTraits) -> None:
    identity = make_identity(make_traits())
    for code in (AnswerCode.NOBODY, AnswerCode.SEVERAL):
        assert domain.retrieve(identity, Answer(code), NOW) is identity


def test_retrieve_when_found_then_insi_traits_replace_the_local_ones(make_traits: MakeTraits) -> None:
    local = make_traits(
        birth_first_names=("DOMINIQUE",), birth_place="", used_name="LEGRAND", used_first_name="DOM"
    )
    person = found_person(make_traits())
    after = domain.retrieve(make_identity(local), Answer(AnswerCode.FOUND, person), NOW)
    assert after.traits == replace(person.traits, used_name="LEGRAND", used_first_name="DOM")
    assert after.retrieval == Retrieval(person.ins, person.id, NOW)


@pytest.mark.parametrize(
    ("local", "agrees"),
    [
        ({}, True),
        ({"birth_name": "PAT TROIS", "birth_place": "", "birth_first_names": ("MARIE LOUISE",)}, True),
        ({"birth_place": "75101"}, False),
        ({"birth_first_names": ("DOMINIQUE", "PAULE")}, False),
        ({"birth_date": date(1979, 3, 27)}, False),
        ({"sex": Sex.MALE}, False),
        ({"birth_name": "PATTROIS"}, False),
    ],
)
def test_validated_identity_when_traits_differ_from_insi_then_stays_validated(
    local: dict[str, object], agrees: bool, make_traits: MakeTraits
) -> None:
    identity = make_identity(make_traits(**local), Status.VALIDEE)
    answer = Answer(AnswerCode.FOUND, found_person(make_traits()))
    if agrees:
        assert domain.retrieve(identity, answer, NOW).status is Status.QUALIFIEE
    else:
        with pytest.raises(TraitsDisagree):
            domain.retrieve(identity, answer, NOW)


def test_search_when_the_sex_is_unknown_then_refused(make_traits: MakeTraits) -> None:
    with pytest.raises(SexNeeded):
        domain.searches(make_identity(make_traits(sex=Sex.UNKNOWN)))


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


def test_ipp_when_made_then_short_distinct_and_readable() -> None:
    made = [domain.ipp_of(IdentityId.new()) for _ in range(1000)]
    assert len(set(made)) == 1000
    assert {len(ipp) for ipp in made} == {12}
    assert not set("".join(made)) & set("01IO")
    assert (
        domain.create(IdentityId.new(), "D", "MINE", Traits("A", ("B",), Sex.MALE, TODAY), NOW).ipp == "MINE"
    )


class StatusMachine(RuleBasedStateMachine):
    """Any sequence of steps: the status always follows from the two facts, a refusal changes nothing."""

    def __init__(self) -> None:
        super().__init__()
        traits = Traits("PAT-TROIS", ("DOMINIQUE",), Sex.FEMALE, date(1979, 3, 28))
        self.identity = domain.create(IdentityId.new(), "1750000018", "", traits, NOW)
        self.taken = 0

    @rule(step=st.sampled_from(Step))
    def step(self, step: Step) -> None:
        before = self.identity
        try:
            self.identity = take(before, step)
        except RuleViolated:
            assert (before.status, step) in REFUSED or Attribute.DOUTEUSE in before.attributes
        else:
            self.taken += 1
            assert self.identity.status is ALLOWED[before.status, step]

    @invariant()
    def version_counts_the_changes(self) -> None:
        assert self.identity.version == 1 + self.taken

    @invariant()
    def doubt_keeps_provisional(self) -> None:
        if Attribute.DOUTEUSE in self.identity.attributes:
            assert self.identity.status is Status.PROVISOIRE

    @invariant()
    def number_goes_with_the_person(self) -> None:
        known = self.identity.status in (Status.RECUPEREE, Status.QUALIFIEE)
        assert (self.identity.person_id is not None) is known


TestStatusMachine = StatusMachine.TestCase


def test_values_when_printed_then_hide_the_person(make_traits: MakeTraits) -> None:
    identity = make_identity(make_traits())
    values = (identity, Criteria(family="PAT"), domain.attempts(identity.traits), found_person(make_traits()))
    shown = str(values)
    for trait in ("PAT", "DOMINIQUE", "51215", "1979", "279035"):
        assert trait not in shown.replace("PATIENT", "")


# --- what INSi answers
