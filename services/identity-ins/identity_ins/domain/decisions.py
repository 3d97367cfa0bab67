"""Each step as a decision: an identity and what was learnt in, the next version of the identity out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, cast

from chassis.errors import Conflict, RuleViolated

from .identity import (
    Attribute,
    CollectionMethod,
    Creation,
    Identity,
    IdentityId,
    Paper,
    PaperCheck,
    Retrieval,
    ipp_of,
    paper_checked_at,
)
from .ins import Ins
from .registry import Answer, Person, Search, Verdict, attempts
from .steps import Step, allow
from .traits import Sex, Traits, same_person


class TraitsDisagree(RuleViolated):
    """The checked traits of this identity differ from those of INSi: it stays validée, without an INS."""


class CardOfAnother(RuleViolated):
    """The carte Vitale names someone whose birth date, sex and first names are not those of this identity."""


class InsNotConfirmed(RuleViolated):
    """INSi does not know the person of these traits under this INS."""


class SexNeeded(RuleViolated):
    """INSi searches by the sex of the civil status: an identity of unknown sex cannot be sent."""


class MarkAbsent(RuleViolated):
    """This identity does not carry this mark."""


class AnswerOutdated(Conflict):
    """The identity was changed while INSi was asked about it."""


@dataclass(frozen=True, slots=True)
class Question:
    """What INSi is asked about an identity: by its traits, or by a card that names someone of such traits."""

    traits: Traits

    @property
    def searches(self) -> tuple[Search, ...]:
        """The searches by traits, to be asked in this order."""
        return attempts(self.traits)


@dataclass(frozen=True, slots=True)
class Verification(Question):
    """What INSi is asked about a number: is it that of these traits?"""

    ins: Ins
    # The number is the one that the identity holds, not one read elsewhere.
    held: bool = False


def create(id: IdentityId, domain: str, wanted: Creation, person: Person | None, now: datetime) -> Identity:
    """A new identity, provisoire unless INSi knows the `person` under the claimed INS or a paper was checked.

    The service makes an IPP for a structure that gives none. Raises what `allow` raises when it is fictitious
    and yet has an INS or a paper, and PaperDateWrong.
    """
    checked_at = paper_checked_at(wanted, now)
    made = Identity(
        id,
        domain,
        wanted.ipp or ipp_of(id),
        wanted.traits,
        now,
        attributes=frozenset({Attribute.FICTIVE}) if wanted.fictitious else frozenset(),
        collection_method=wanted.collection_method,
        ipp_authority=wanted.ipp_authority,
        billing_number=wanted.billing_number,
        updated_at=now,
    )
    if person:
        made = _link(made, person, Step.VERIFY_INS, now)
    if wanted.paper:
        allow(made, Step.CHECK_PAPER)
        made = replace(made, paper_check=PaperCheck(wanted.paper, checked_at))
    return replace(made, version=1)


def ask(identity: Identity, *, by_card: bool = False) -> Question:
    """What INSi may be asked to find the number of this identity; raises as `allow`, or SexNeeded."""
    allow(identity, Step.RETRIEVE_INS)
    if not by_card:
        check_sex(identity.traits)
    return Question(identity.traits)


def ask_verification(identity: Identity, given: Ins | None) -> Verification:
    """What INSi may be asked about `given`, or about the number that is held; raises what `allow` raises."""
    held = identity.retrieval.ins if identity.retrieval else None
    step = Step.CONFIRM_INS if given in (None, held) else Step.VERIFY_INS
    allow(identity, step)
    check_sex(identity.traits)
    # The table lets nobody confirm without a number.
    return Verification(identity.traits, cast(Ins, given or held), held=step is Step.CONFIRM_INS)


def check_sex(traits: Traits) -> None:
    """Raises SexNeeded when INSi cannot be asked about these traits."""
    if traits.sex is Sex.UNKNOWN:
        raise SexNeeded(field="traits.sex", hint="Give the identity the sex of the civil status first.")


def retrieve(identity: Identity, asked: Question, answer: Answer, now: datetime) -> Identity:
    """The identity once INSi has answered: unchanged without a person, else with the traits of INSi.

    Raises what `allow` raises, AnswerOutdated, TraitsDisagree or CardOfAnother.
    """
    allow(identity, Step.RETRIEVE_INS)
    check_asked(identity, asked)
    if answer.person is None:
        return identity
    # A search by traits cannot find anyone else; a card may be that of another member of the family.
    if not _may_be(identity.traits, answer.person.traits):
        raise CardOfAnother(field="card", hint="Read the card of the patient, or correct the traits first.")
    linked = _link(identity, answer.person, Step.RETRIEVE_INS, now)
    return replace(linked, collection_method=CollectionMethod.INSI)


def link(identity: Identity, asked: Question, person: Person, now: datetime) -> Identity:
    """The identity that gets the number read elsewhere, which INSi confirmed; raises as `retrieve` does."""
    allow(identity, Step.VERIFY_INS)
    check_asked(identity, asked)
    return _link(identity, person, Step.VERIFY_INS, now)


def confirm(identity: Identity, asked: Verification, now: datetime) -> Identity:
    """The identity whose number INSi confirmed again."""
    retrieval = _held(identity, Step.CONFIRM_INS, asked)
    return _next(identity, now, retrieval=replace(retrieval, verified_at=now))


def replace_ins(identity: Identity, asked: Verification, person: Person, now: datetime) -> Identity:
    """The identity that holds the number that its person has by now; the person stays the same."""
    retrieval = _held(identity, Step.REPLACE_INS, asked)
    return _next(identity, now, retrieval=replace(retrieval, ins=person.ins, verified_at=now))


def refute(identity: Identity, asked: Verification, now: datetime) -> Identity:
    """The identity without the number that INSi confirms no longer; the paper was seen all the same."""
    _held(identity, Step.REFUTE_INS, asked)
    return _next(identity, now, retrieval=None)


def is_replaced(identity: Identity, answer: Answer) -> bool:
    """Whether INSi, which refutes the number, finds the same person under another one."""
    held, found = identity.retrieval, answer.person
    return held is not None and found is not None and held.person_id == found.id and held.ins != found.ins


def judge(
    identity: Identity, asked: Verification, verdict: Verdict, other: Answer, now: datetime
) -> tuple[Step | None, Identity]:
    """What a verification makes of an identity, and the step taken: none when a number given is refuted.

    `other` is what a search by traits found once the number that is held was refuted.
    """
    if not asked.held:
        if verdict.person is None:
            allow(identity, Step.VERIFY_INS)
            return None, identity
        return Step.VERIFY_INS, link(identity, asked, verdict.person, now)
    if verdict.confirmed:
        return Step.CONFIRM_INS, confirm(identity, asked, now)
    if other.person and is_replaced(identity, other):
        return Step.REPLACE_INS, replace_ins(identity, asked, other.person, now)
    return Step.REFUTE_INS, refute(identity, asked, now)


def confirmed_person(verdict: Verdict) -> Person:
    """Whom INSi knows under the number that was claimed; raises InsNotConfirmed."""
    if verdict.person is None:
        hint = "Check the number and the traits, or create the identity without an INS, then retrieve it."
        raise InsNotConfirmed(field="ins", hint=hint)
    return verdict.person


def remove_ins(identity: Identity, now: datetime) -> Identity:
    """Back to provisoire: the number is gone, and the paper is to be shown again."""
    allow(identity, Step.REMOVE_INS)
    return _next(identity, now, retrieval=None, paper_check=None)


def check_paper(identity: Identity, paper: Paper, now: datetime) -> Identity:
    """The identity whose paper was seen."""
    allow(identity, Step.CHECK_PAPER)
    return _next(identity, now, paper_check=PaperCheck(paper, now))


def cancel_paper_check(identity: Identity, now: datetime) -> Identity:
    """The identity as if no paper had been seen."""
    allow(identity, Step.CANCEL_PAPER_CHECK)
    return _next(identity, now, paper_check=None)


def correction_of(identity: Identity, traits: Traits) -> Step:
    """Which step a correction is: one of the five traits of the civil status, or of the rest only."""
    strict = identity.traits.strict != traits.strict
    return Step.CORRECT_TRAITS if strict else Step.CHANGE_USED_NAMES


def correct_traits(
    identity: Identity, traits: Traits, method: CollectionMethod | None, now: datetime
) -> Identity:
    """The identity with these traits, all of them; the same object when they are what they were.

    Both facts fall with a strict trait, since they were established on another one. `method` None: typed in,
    when a strict trait changes.
    """
    step = correction_of(identity, traits)
    allow(identity, step)
    if step is Step.CHANGE_USED_NAMES:
        method = method or identity.collection_method
        if (identity.traits, identity.collection_method) == (traits, method):
            return identity
        return _next(identity, now, traits=traits, collection_method=method)
    method = method or CollectionMethod.TYPED
    return _next(identity, now, traits=traits, collection_method=method, retrieval=None, paper_check=None)


def mark(identity: Identity, step: Step, now: datetime) -> Identity:
    """The identity with the attribute of a marking step; with a doubt or a fiction, both facts are gone."""
    allow(identity, step)
    attribute = MARK_OF[step]
    if attribute is Attribute.HOMONYME:
        rest = identity.attributes - {Attribute.HOMONYME_DETECTEE}
        return _next(identity, now, attributes=rest | {attribute})
    marked = identity.attributes | {attribute}
    return _next(identity, now, attributes=marked, retrieval=None, paper_check=None)


def clear_mark(identity: Identity, attribute: Attribute, now: datetime) -> Identity:
    """The identity without an attribute; the facts that it cost do not come back. Raises MarkAbsent."""
    allow(identity, Step.CLEAR_MARK)
    cleared = CLEARED_BY.get(attribute, frozenset({attribute}))
    if not identity.attributes & cleared:
        raise MarkAbsent(field="mark", hint="Read the identity again: see its attributes.")
    return _next(identity, now, attributes=identity.attributes - cleared)


MARK_OF = {
    Step.MARK_DOUBTFUL: Attribute.DOUTEUSE,
    Step.MARK_FICTITIOUS: Attribute.FICTIVE,
    Step.MARK_HOMONYM: Attribute.HOMONYME,
}
# What was only detected goes with what was confirmed.
CLEARED_BY = {Attribute.HOMONYME: frozenset({Attribute.HOMONYME, Attribute.HOMONYME_DETECTEE})}


def check_asked(identity: Identity, asked: Question) -> None:
    """Raises AnswerOutdated when the answer speaks of traits that the identity no longer has."""
    if identity.traits.strict != asked.traits.strict:
        raise AnswerOutdated(field="identity_id", hint="Read the identity again, then ask again.")


def _held(identity: Identity, step: Step, asked: Verification) -> Retrieval:
    allow(identity, step)
    check_asked(identity, asked)
    # The table has no row for these steps without a number.
    retrieval = identity.retrieval
    if retrieval is None or retrieval.ins != asked.ins:
        raise AnswerOutdated(field="identity_id", hint="Read the identity again, then ask again.")
    return retrieval


def _link(identity: Identity, person: Person, step: Step, now: datetime) -> Identity:
    """First fact: the traits of INSi take the place of the local ones, the names in use stay."""
    allow(identity, step)
    if identity.paper_check and not same_person(identity.traits, person.traits):
        raise TraitsDisagree(field="identity_id", hint="Check the paper against the traits of INSi again.")
    local = identity.traits
    traits = replace(person.traits, used_name=local.used_name, used_first_name=local.used_first_name)
    if traits.birth_place == local.birth_place:
        traits = replace(traits, birth_place_name=local.birth_place_name)
    return _next(identity, now, traits=traits, retrieval=Retrieval(person.ins, person.id, now))


def _may_be(local: Traits, insi: Traits) -> bool:
    """Whether two sets of traits can be those of one person, whatever the names written on a card."""
    return (
        local.birth_date == insi.birth_date
        and local.sex in (Sex.UNKNOWN, insi.sex)
        and bool(set(local.first_name_keys) & set(insi.first_name_keys))
    )


def _next(identity: Identity, now: datetime, **changes: Any) -> Identity:
    return replace(identity, version=identity.version + 1, updated_at=now, **changes)
