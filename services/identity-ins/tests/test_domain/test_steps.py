"""The table of (status, step): total, as RNIV has it, and what each attribute forbids."""

import itertools
from dataclasses import replace

import pytest

from chassis.errors import RuleViolated
from identity_ins import domain
from identity_ins.domain import (
    ALLOWED,
    FORBIDDEN_BY,
    REFUSED,
    Attribute,
    Identity,
    IdentityAlreadyDoubtful,
    IdentityAlreadyFictitious,
    IdentityAlreadyHomonym,
    IdentityAlreadyQualified,
    IdentityDoubtful,
    IdentityFictitious,
    IdentityId,
    IdentityMerged,
    InsAlreadyRetrieved,
    InsNotHeld,
    PaperAlreadyChecked,
    PaperNotChecked,
    Status,
    Step,
    TraitsDisagree,
    TraitsLocked,
)

from .given import LATER, TRAITS, asked, found, identity_in, person_of, take

PROV, RECUP, VALI, QUAL = Status.PROVISOIRE, Status.RECUPEREE, Status.VALIDEE, Status.QUALIFIEE


def test_table_when_read_then_says_yes_or_no_to_every_step_of_every_status() -> None:
    every = set(itertools.product(Status, Step))
    assert ALLOWED.keys() | REFUSED.keys() == every
    assert not ALLOWED.keys() & REFUSED.keys()


@pytest.mark.parametrize(("start", "step"), sorted(ALLOWED))
def test_step_when_allowed_then_leads_where_the_table_says(start: Status, step: Step) -> None:
    marks = (Attribute.HOMONYME,) if step is Step.CLEAR_MARK else ()
    identity = identity_in(start, *marks)
    after = take(identity, step)
    assert after.status is ALLOWED[start, step]
    assert (after.version, after.updated_at) == (identity.version + 1, LATER)


@pytest.mark.parametrize(("start", "step"), sorted(REFUSED))
def test_step_when_refused_then_by_the_class_of_the_table_with_what_to_do(start: Status, step: Step) -> None:
    with pytest.raises(REFUSED[start, step]) as told:
        take(identity_in(start), step)
    assert told.value.field == "identity_id"
    assert told.value.hint


# Each row of the transition table of RNIV: a step, where it leads from where, and where it is refused.
ROWS: list[tuple[str, Step, dict[Status, Status], dict[Status, type[RuleViolated]]]] = [
    (
        "INSi answers 00",
        Step.RETRIEVE_INS,
        {PROV: RECUP, VALI: QUAL},
        {RECUP: InsAlreadyRetrieved, QUAL: IdentityAlreadyQualified},
    ),
    (
        "INSi confirms a number read elsewhere",
        Step.VERIFY_INS,
        {PROV: RECUP, VALI: QUAL},
        {RECUP: InsAlreadyRetrieved, QUAL: IdentityAlreadyQualified},
    ),
    (
        "an identity paper is checked",
        Step.CHECK_PAPER,
        {PROV: VALI, RECUP: QUAL},
        {VALI: PaperAlreadyChecked, QUAL: IdentityAlreadyQualified},
    ),
    (
        "the check of the paper is cancelled",
        Step.CANCEL_PAPER_CHECK,
        {QUAL: RECUP, VALI: PROV},
        {PROV: PaperNotChecked, RECUP: PaperNotChecked},
    ),
    (
        "INSi refutes the number",
        Step.REFUTE_INS,
        {QUAL: VALI, RECUP: PROV},
        {PROV: InsNotHeld, VALI: InsNotHeld},
    ),
    ("the INS is removed", Step.REMOVE_INS, {RECUP: PROV, QUAL: PROV}, {PROV: InsNotHeld, VALI: InsNotHeld}),
    (
        "INSi confirms the number again",
        Step.CONFIRM_INS,
        {RECUP: RECUP, QUAL: QUAL},
        {PROV: InsNotHeld, VALI: InsNotHeld},
    ),
    (
        "the person has another number",
        Step.REPLACE_INS,
        {RECUP: RECUP, QUAL: QUAL},
        {PROV: InsNotHeld, VALI: InsNotHeld},
    ),
    (
        "a strict trait is corrected",
        Step.CORRECT_TRAITS,
        {PROV: PROV, RECUP: PROV, VALI: PROV},
        {QUAL: TraitsLocked},
    ),
]


@pytest.mark.parametrize(("what", "step", "leads", "refused"), ROWS, ids=[row[0] for row in ROWS])
def test_row_of_rniv_when_taken_then_leads_or_is_refused(
    what: str, step: Step, leads: dict[Status, Status], refused: dict[Status, type[RuleViolated]]
) -> None:
    assert leads.keys() | refused.keys() == set(Status), what
    for start, end in leads.items():
        assert take(identity_in(start), step).status is end
    for start, error in refused.items():
        with pytest.raises(error):
            take(identity_in(start), step)


@pytest.mark.parametrize("start", Status)
@pytest.mark.parametrize(
    ("step", "attribute", "error"),
    [
        (Step.MARK_DOUBTFUL, Attribute.DOUTEUSE, IdentityAlreadyDoubtful),
        (Step.MARK_FICTITIOUS, Attribute.FICTIVE, IdentityAlreadyFictitious),
    ],
)
def test_row_of_doubt_and_fiction_when_marked_then_provisional_from_anywhere_and_once(
    start: Status, step: Step, attribute: Attribute, error: type[RuleViolated]
) -> None:
    after = take(identity_in(start, Attribute.HOMONYME), step)
    assert (after.status, after.retrieval, after.paper_check) == (PROV, None, None)
    assert after.attributes == {Attribute.HOMONYME, attribute}
    with pytest.raises(error):
        take(after, step)


def test_row_of_validated_when_insi_disagrees_then_stays_validated() -> None:
    identity = identity_in(VALI)
    other = found(person_of(replace(TRAITS, birth_place="75101")))
    with pytest.raises(TraitsDisagree):
        domain.retrieve(identity, asked(identity), other, LATER)


FORBIDDEN: list[tuple[Attribute, tuple[Step, ...], type[RuleViolated]]] = [
    (Attribute.DOUTEUSE, (Step.RETRIEVE_INS, Step.VERIFY_INS, Step.CHECK_PAPER), IdentityDoubtful),
    (Attribute.DOUTEUSE, (Step.CONFIRM_INS, Step.REPLACE_INS, Step.REFUTE_INS), IdentityDoubtful),
    (Attribute.DOUTEUSE, (Step.MARK_DOUBTFUL,), IdentityAlreadyDoubtful),
    (Attribute.FICTIVE, (Step.RETRIEVE_INS, Step.VERIFY_INS, Step.CHECK_PAPER), IdentityFictitious),
    (Attribute.FICTIVE, (Step.CONFIRM_INS, Step.REPLACE_INS, Step.REFUTE_INS), IdentityFictitious),
    (Attribute.FICTIVE, (Step.MARK_FICTITIOUS,), IdentityAlreadyFictitious),
    (Attribute.HOMONYME, (Step.MARK_HOMONYM,), IdentityAlreadyHomonym),
]


@pytest.mark.parametrize(("attribute", "steps", "error"), FORBIDDEN)
def test_step_when_an_attribute_forbids_it_then_refused(
    attribute: Attribute, steps: tuple[Step, ...], error: type[RuleViolated]
) -> None:
    for step in steps:
        with pytest.raises(error):
            take(identity_in(PROV, attribute), step)


def test_attributes_when_read_then_forbid_what_is_reviewed_here_and_nothing_else() -> None:
    reviewed = {(attribute, step): error for attribute, steps, error in FORBIDDEN for step in steps}
    assert reviewed == FORBIDDEN_BY


@pytest.mark.parametrize("attribute", [Attribute.HOMONYME, Attribute.HOMONYME_DETECTEE])
def test_homonym_when_any_other_step_is_taken_then_nothing_forbids_it(attribute: Attribute) -> None:
    for start, step in ALLOWED:
        if step is not Step.MARK_HOMONYM:
            assert take(identity_in(start, attribute), step).status is ALLOWED[start, step]


@pytest.mark.parametrize("step", Step)
def test_step_when_the_identity_was_merged_then_refused_with_the_one_to_use(step: Step) -> None:
    kept = IdentityId("01900000-0000-7000-8000-00000000cafe")
    merged: Identity = replace(identity_in(PROV, Attribute.DOUTEUSE), merged_into=kept)
    with pytest.raises(IdentityMerged) as told:
        domain.allow(merged, step)
    assert kept.value in told.value.hint
