"""What each decision keeps, takes away and refuses beside the table."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from chassis.errors import InvalidInput, RuleViolated
from identity_ins import domain
from identity_ins.domain import (
    Answer,
    AnswerCode,
    AnswerOutdated,
    Attribute,
    CardOfAnother,
    CollectionMethod,
    Creation,
    Identity,
    IdentityDoubtful,
    IdentityFictitious,
    IdentityId,
    InsAlreadyRetrieved,
    InsNotConfirmed,
    InsNotHeld,
    MarkAbsent,
    Paper,
    PaperCheck,
    PaperDateWrong,
    Question,
    Retrieval,
    Sex,
    SexNeeded,
    Status,
    Step,
    TraitsDisagree,
    TraitsLocked,
    Verification,
)

from .given import (
    INS,
    LATER,
    NOBODY,
    NOW,
    OTHER_INS,
    PERSON,
    REFUTED,
    RENUMBERED,
    TRAITS,
    asked,
    confirmed,
    found,
    identity_in,
    person_of,
    take,
)

QUESTION = Question(TRAITS)


def test_retrieve_when_insi_finds_nobody_then_nothing_changes() -> None:
    identity = identity_in()
    for code in (AnswerCode.NOBODY, AnswerCode.SEVERAL):
        assert domain.retrieve(identity, QUESTION, Answer(code), LATER) is identity


def test_retrieve_when_found_then_insi_traits_replace_the_local_ones() -> None:
    local = replace(
        TRAITS, birth_first_names=("DOMINIQUE",), birth_place="", used_name="LEGRAND", used_first_name="DOM"
    )
    after = domain.retrieve(identity_in(traits=local), Question(local), found(), LATER)
    assert after.traits == replace(TRAITS, used_name="LEGRAND", used_first_name="DOM")
    assert after.retrieval == Retrieval(INS, PERSON.id, LATER)
    assert after.collection_method is CollectionMethod.INSI


@pytest.mark.parametrize(("place", "label"), [("51215", "EPERNAY"), ("", "")])
def test_retrieve_when_found_then_the_label_stays_only_for_the_same_place(place: str, label: str) -> None:
    local = replace(TRAITS, birth_place=place, birth_place_name="EPERNAY")
    after = domain.retrieve(identity_in(traits=local), Question(local), found(), LATER)
    assert after.traits.birth_place_name == label


@pytest.mark.parametrize(
    ("local", "agrees"),
    [
        ({}, True),
        ({"birth_name": "PAT TROIS", "birth_place": "", "birth_first_names": ("MARIE LOUISE",)}, True),
        ({"birth_place": "75101"}, False),
        ({"birth_first_names": ("DOMINIQUE", "PAULE")}, False),
        ({"birth_name": "PATTROIS"}, False),
    ],
)
def test_validated_identity_when_traits_differ_from_insi_then_stays_validated(
    local: dict[str, Any], agrees: bool
) -> None:
    identity = identity_in(Status.VALIDEE, traits=replace(TRAITS, **local))
    if agrees:
        after = domain.retrieve(identity, asked(identity), found(), LATER)
        assert after.status is Status.QUALIFIEE
    else:
        with pytest.raises(TraitsDisagree):
            domain.retrieve(identity, asked(identity), found(), LATER)


@pytest.mark.parametrize(
    ("changes", "accepted"),
    [
        # Registered under a married name: what a card is read for.
        ({"birth_name": "LEGRAND"}, True),
        ({"sex": Sex.UNKNOWN}, True),
        ({"birth_first_names": ("MARIE-LOUISE",)}, True),
        ({"birth_date": date(2005, 3, 28)}, False),
        ({"sex": Sex.MALE}, False),
        ({"birth_first_names": ("PAULE",)}, False),
    ],
)
def test_retrieve_when_the_card_is_that_of_another_then_refused(
    changes: dict[str, Any], accepted: bool
) -> None:
    local = replace(TRAITS, **changes)
    if accepted:
        after = domain.retrieve(identity_in(traits=local), Question(local), found(), LATER)
        assert after.traits == TRAITS
    else:
        with pytest.raises(CardOfAnother):
            domain.retrieve(identity_in(traits=local), Question(local), found(), LATER)


@pytest.mark.parametrize(
    ("mark", "error"), [(Attribute.DOUTEUSE, IdentityDoubtful), (Attribute.FICTIVE, IdentityFictitious)]
)
def test_answer_when_it_comes_after_a_mark_then_refused(mark: Attribute, error: type[RuleViolated]) -> None:
    marked = identity_in(Status.PROVISOIRE, mark)
    answers: list[Any] = [
        lambda: domain.retrieve(marked, QUESTION, found(), LATER),
        lambda: domain.retrieve(marked, QUESTION, NOBODY, LATER),
        lambda: domain.judge(marked, asked(marked), confirmed(), NOBODY, LATER),
        lambda: domain.judge(marked, asked(marked), REFUTED, NOBODY, LATER),
        lambda: domain.judge(marked, asked(marked, held=False), REFUTED, NOBODY, LATER),
        lambda: domain.ask(marked),
        lambda: domain.ask_verification(marked, INS),
        lambda: domain.ask_verification(marked, None),
    ]
    for answer in answers:
        with pytest.raises(error):
            answer()


@pytest.mark.parametrize("given", [None, INS])
def test_verification_when_of_the_number_held_then_asked_as_held(given: Any) -> None:
    identity = identity_in(Status.QUALIFIEE)
    assert domain.ask_verification(identity, given) == Verification(TRAITS, INS, held=True)


def test_verification_when_of_another_number_then_only_without_one() -> None:
    assert domain.ask_verification(identity_in(), OTHER_INS) == Verification(TRAITS, OTHER_INS, held=False)
    with pytest.raises(InsAlreadyRetrieved) as told:
        domain.ask_verification(identity_in(Status.RECUPEREE), OTHER_INS)
    assert "Verify" in told.value.hint
    with pytest.raises(InsNotHeld):
        domain.ask_verification(identity_in(), None)


def test_question_when_the_sex_is_unknown_then_refused() -> None:
    unknown = identity_in(traits=replace(TRAITS, sex=Sex.UNKNOWN))
    with pytest.raises(SexNeeded):
        domain.ask(unknown)
    with pytest.raises(SexNeeded):
        domain.ask_verification(unknown, INS)
    assert domain.ask(unknown, by_card=True) == Question(unknown.traits)


MOVED = found(RENUMBERED)
OTHER_PERSON = found(person_of(TRAITS, 2, OTHER_INS))


@pytest.mark.parametrize("start", [Status.RECUPEREE, Status.QUALIFIEE])
@pytest.mark.parametrize(
    ("verdict", "other", "step"),
    [
        (confirmed(), NOBODY, Step.CONFIRM_INS),
        (REFUTED, MOVED, Step.REPLACE_INS),
        (REFUTED, NOBODY, Step.REFUTE_INS),
        (REFUTED, Answer(AnswerCode.SEVERAL), Step.REFUTE_INS),
        # Someone else of these traits is no proof for the number; nor is the same number with other traits.
        (REFUTED, OTHER_PERSON, Step.REFUTE_INS),
        (REFUTED, found(), Step.REFUTE_INS),
    ],
)
def test_held_number_when_judged_then_confirmed_replaced_or_gone(
    start: Status, verdict: domain.Verdict, other: Answer, step: Step
) -> None:
    identity = identity_in(start)
    taken, after = domain.judge(identity, asked(identity), verdict, other, LATER)
    assert taken is step
    held = {
        Step.CONFIRM_INS: Retrieval(INS, PERSON.id, NOW, LATER),
        Step.REPLACE_INS: Retrieval(OTHER_INS, PERSON.id, NOW, LATER),
    }
    assert after.retrieval == held.get(step)
    assert (after.traits, after.paper_check) == (identity.traits, identity.paper_check)


def test_given_number_when_judged_then_linked_or_unchanged() -> None:
    identity = identity_in()
    question = asked(identity, held=False)
    taken, after = domain.judge(identity, question, confirmed(), NOBODY, LATER)
    assert (taken, after.retrieval) == (Step.VERIFY_INS, Retrieval(INS, PERSON.id, LATER))
    assert domain.judge(identity, question, REFUTED, NOBODY, LATER) == (None, identity)


def test_answer_when_traits_or_number_changed_meanwhile_then_outdated() -> None:
    identity = identity_in(Status.RECUPEREE)
    corrected = replace(identity, traits=replace(TRAITS, birth_place="75101"))
    renumbered = take(identity, Step.REPLACE_INS)
    for now_is, question in ((corrected, asked(identity)), (renumbered, asked(identity))):
        with pytest.raises(AnswerOutdated):
            domain.judge(now_is, question, confirmed(), NOBODY, LATER)
    with pytest.raises(AnswerOutdated):
        domain.retrieve(replace(corrected, retrieval=None), QUESTION, found(), LATER)
    named = replace(identity, traits=replace(TRAITS, used_name="LEGRAND"))
    assert domain.judge(named, asked(identity), confirmed(), NOBODY, LATER)[0] is Step.CONFIRM_INS


STRICT: list[dict[str, Any]] = [
    {"birth_name": "PAT"},
    {"birth_first_names": ("DOMINIQUE",)},
    {"birth_first_names": ("MARIE-LOUISE", "DOMINIQUE")},
    {"sex": Sex.MALE},
    {"birth_date": date(1979, 3, 29)},
    {"birth_date": date(1979, 3, 31), "birth_date_precision": domain.Precision.MONTH},
    {"birth_place": ""},
]
LOOSE: list[dict[str, Any]] = [
    {"used_name": "LEGRAND"},
    {"used_first_name": "DOM"},
    {"birth_place_name": "EPERNAY"},
]


@pytest.mark.parametrize("changes", STRICT)
def test_strict_trait_when_corrected_then_facts_fall_and_qualified_is_locked(changes: dict[str, Any]) -> None:
    traits = replace(TRAITS, **changes)
    for start in (Status.PROVISOIRE, Status.RECUPEREE, Status.VALIDEE):
        after = domain.correct_traits(identity_in(start), traits, None, LATER)
        assert (after.traits, after.retrieval, after.paper_check) == (traits, None, None)
        assert after.collection_method is CollectionMethod.TYPED
    with pytest.raises(TraitsLocked) as told:
        domain.correct_traits(identity_in(Status.QUALIFIEE), traits, None, LATER)
    assert "Cancel" in told.value.hint


@pytest.mark.parametrize("changes", LOOSE)
@pytest.mark.parametrize("start", Status)
def test_name_in_use_when_changed_then_facts_stay(start: Status, changes: dict[str, Any]) -> None:
    identity = identity_in(start)
    after = domain.correct_traits(identity, replace(TRAITS, **changes), None, LATER)
    assert after == replace(identity, traits=replace(TRAITS, **changes), version=4, updated_at=LATER)


def test_traits_when_they_are_what_they_were_then_nothing_changes() -> None:
    identity = identity_in(Status.QUALIFIEE)
    assert domain.correct_traits(identity, TRAITS, None, LATER) is identity
    assert domain.correct_traits(identity, TRAITS, CollectionMethod.TYPED, LATER) is identity
    read = domain.correct_traits(identity, TRAITS, CollectionMethod.BAR_CODE, LATER)
    assert (read.collection_method, read.status) == (CollectionMethod.BAR_CODE, Status.QUALIFIEE)


def test_homonym_when_confirmed_or_cleared_then_the_detection_goes_with_it() -> None:
    detected = identity_in(Status.QUALIFIEE, Attribute.HOMONYME_DETECTEE)
    confirmed_ = domain.mark(detected, Step.MARK_HOMONYM, LATER)
    assert confirmed_.attributes == {Attribute.HOMONYME}
    assert confirmed_.status is Status.QUALIFIEE
    for identity in (detected, confirmed_):
        assert domain.clear_mark(identity, Attribute.HOMONYME, LATER).attributes == frozenset()


def test_mark_when_cleared_then_the_facts_do_not_come_back() -> None:
    doubtful = take(identity_in(Status.QUALIFIEE), Step.MARK_DOUBTFUL)
    cleared = domain.clear_mark(doubtful, Attribute.DOUTEUSE, LATER)
    assert (cleared.status, cleared.attributes) == (Status.PROVISOIRE, frozenset())
    with pytest.raises(MarkAbsent):
        domain.clear_mark(cleared, Attribute.DOUTEUSE, LATER)
    with pytest.raises(MarkAbsent):
        domain.clear_mark(doubtful, Attribute.FICTIVE, LATER)


def created(person: domain.Person | None = None, **wanted: Any) -> Identity:
    return domain.create(IdentityId.new(), "1750000018", Creation(TRAITS, **wanted), person, NOW)


def test_creation_when_facts_hold_then_the_status_follows_at_version_one() -> None:
    paper = Paper.PASSPORT
    made = [
        created(),
        created(PERSON, ins=INS),
        created(paper=paper),
        created(PERSON, ins=INS, paper=paper),
    ]
    assert [identity.status for identity in made] == list(Status)
    assert {identity.version for identity in made} == {1}
    assert made[3].retrieval == Retrieval(INS, PERSON.id, NOW)
    assert made[3].paper_check == PaperCheck(Paper.PASSPORT, NOW)


@pytest.mark.parametrize("wanted", [{"ins": INS, "person": PERSON}, {"paper": Paper.PASSPORT}])
def test_creation_when_fictitious_then_no_fact_may_hold(wanted: dict[str, Any]) -> None:
    assert created(fictitious=True).attributes == {Attribute.FICTIVE}
    with pytest.raises(IdentityFictitious):
        created(fictitious=True, **wanted)


def test_claimed_number_when_insi_does_not_confirm_then_refused() -> None:
    assert domain.confirmed_person(confirmed()) == PERSON
    with pytest.raises(InsNotConfirmed):
        domain.confirmed_person(REFUTED)


@pytest.mark.parametrize(
    ("checked_on", "at"),
    [
        (None, NOW),
        (date(2026, 6, 11), datetime(2026, 6, 11, 12, tzinfo=UTC)),
        # Noon has not come yet.
        (NOW.date(), NOW),
    ],
)
def test_paper_when_checked_on_a_date_then_held_at_noon(checked_on: date | None, at: datetime) -> None:
    made = created(paper=Paper.PASSPORT, paper_checked_on=checked_on)
    assert made.paper_check == PaperCheck(Paper.PASSPORT, at)


@pytest.mark.parametrize(
    ("paper", "checked_on", "said"),
    [
        (Paper.PASSPORT, (NOW + timedelta(days=1)).date(), "future"),
        (Paper.PASSPORT, date(1979, 3, 27), "before the birth"),
        (None, NOW.date(), "which paper"),
    ],
)
def test_paper_when_its_date_is_impossible_then_refused(
    paper: Paper | None, checked_on: date, said: str
) -> None:
    with pytest.raises(PaperDateWrong) as told:
        created(paper=paper, paper_checked_on=checked_on)
    assert isinstance(told.value, InvalidInput)
    assert said in told.value.violations[0].problem
