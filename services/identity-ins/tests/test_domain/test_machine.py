"""Any sequence of steps: what must hold whatever a structure and INSi do."""

from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from chassis.errors import RuleViolated
from identity_ins import domain
from identity_ins.domain import (
    ALLOWED,
    FORBIDDEN_BY,
    REFUSED,
    STATUS_OF,
    Attribute,
    Creation,
    Identity,
    IdentityId,
    IdentityMerged,
    MarkAbsent,
    Precision,
    Status,
    Step,
    TraitsLocked,
)
from identity_ins.usecases.common import told_by

from .given import INS, LATER, NOW, PERSON, TRAITS, take

LOST = "IdentityDowngraded"
NEVER_SENT = {Attribute.DOUTEUSE, Attribute.FICTIVE}


def expected_refusals(before: Identity, step: Step) -> set[type[RuleViolated] | None]:
    """What the tables say of a step; None: it is taken."""
    if before.merged_into:
        return {IdentityMerged}
    marks = {FORBIDDEN_BY.get((mark, step)) for mark in before.attributes} - {None}
    if step is Step.CLEAR_MARK and not before.attributes:
        return {MarkAbsent}
    return marks or {REFUSED.get((before.status, step))}


class StatusMachine(RuleBasedStateMachine):
    """The status always follows from the two facts, and a refusal changes nothing."""

    def __init__(self) -> None:
        super().__init__()
        wanted = Creation(TRAITS)
        self.identity = domain.create(IdentityId.new(), "1750000018", wanted, None, NOW)
        self.taken = 0

    def accept(self, after: Identity) -> None:
        before, self.identity = self.identity, after
        self.taken += 1
        events = [type(event).__name__ for event in told_by(before, after)]
        lost = before.status is Status.QUALIFIEE and after.status is not Status.QUALIFIEE
        assert events.count(LOST) == lost

    @rule(step=st.sampled_from(Step))
    def step(self, step: Step) -> None:
        before, refusal = self.identity, None
        try:
            after = take(before, step)
        except RuleViolated as error:
            refusal = type(error)
        else:
            assert after.status is ALLOWED[before.status, step]
            self.accept(after)
        assert refusal in expected_refusals(before, step)

    @rule(
        name=st.sampled_from(["PAT-TROIS", "PATTROIS"]),
        used=st.sampled_from(["", "LEGRAND"]),
        known=st.sampled_from(Precision),
    )
    def correct(self, name: str, used: str, known: Precision) -> None:
        before = self.identity
        if before.merged_into:
            return
        traits = replace(before.traits, birth_name=name, used_name=used, birth_date_precision=known)
        try:
            after = domain.correct_traits(before, traits, None, LATER)
        except TraitsLocked:
            assert before.status is Status.QUALIFIEE
            assert before.traits.strict != traits.strict
        else:
            if after is not before:
                self.accept(after)

    @rule()
    def ask(self) -> None:
        try:
            domain.ask(self.identity)
        except RuleViolated:
            return
        assert not self.identity.attributes & NEVER_SENT
        assert self.identity.retrieval is None

    @rule()
    def verify(self) -> None:
        try:
            domain.ask_verification(self.identity, None)
        except RuleViolated:
            return
        assert not self.identity.attributes & NEVER_SENT
        assert self.identity.retrieval is not None

    @precondition(lambda self: self.taken > 5)
    @rule()
    def merge(self) -> None:
        self.identity = replace(self.identity, merged_into=IdentityId.new())

    @invariant()
    def status_follows_from_the_two_facts(self) -> None:
        facts = (self.identity.retrieval is not None, self.identity.paper_check is not None)
        expected = Status.PROVISOIRE if self.identity.merged_into else STATUS_OF[facts]
        assert self.identity.status is expected

    @invariant()
    def version_counts_the_changes(self) -> None:
        assert self.identity.version == 1 + self.taken

    @invariant()
    def doubt_and_fiction_keep_provisional(self) -> None:
        if self.identity.attributes & NEVER_SENT:
            assert self.identity.status is Status.PROVISOIRE

    @invariant()
    def number_goes_with_the_person(self) -> None:
        if not self.identity.merged_into:
            known = self.identity.status in (Status.RECUPEREE, Status.QUALIFIEE)
            assert (self.identity.person_id is not None) is known


TestStatusMachine = StatusMachine.TestCase


def test_creation_when_facts_hold_then_told_in_order() -> None:
    paper = domain.Paper.PASSPORT
    made = domain.create(IdentityId.new(), "D", Creation(TRAITS, ins=INS, paper=paper), PERSON, NOW)
    names = [type(event).__name__ for event in told_by(None, made)]
    assert names == ["IdentityCreated", "IdentityRetrieved", "IdentityQualified"]
