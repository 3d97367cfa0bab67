"""The local identity of a structure: two facts, the status they make, and what may happen to it.

Sources: RNIV 1 (référentiel national d'identitovigilance) for statuses and attributes; HL7 France FHIR
core for the codes of the papers.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum

from chassis.errors import AlreadyExists, InvalidInput, NotFound, RuleViolated, Violation
from chassis.ids import Id

from .ins import Ins
from .registry import Answer, PersonId, Search, attempts
from .traits import PROBLEM_OF_NAME, Sex, Traits, same_person, starts_name


class IdentityId(Id):
    """Opaque id of a local identity."""

    __slots__ = ()


class Status(StrEnum):
    """RNIV status: computed from the two facts, never stored."""

    PROVISOIRE = "provisoire"
    RECUPEREE = "récupérée"
    VALIDEE = "validée"
    QUALIFIEE = "qualifiée"


class Attribute(StrEnum):
    """What identity vigilance says of an identity, beside its status."""

    HOMONYME = "homonyme"
    DOUTEUSE = "douteuse"
    FICTIVE = "fictive"


class Step(StrEnum):
    """What may be done to an identity after its creation."""

    RETRIEVE_INS = "retrieve_ins"
    CHECK_PAPER = "check_paper"
    MARK_DOUBTFUL = "mark_doubtful"


class Paper(StrEnum):
    """High-confidence identity papers (mode de validation)."""

    IDENTITY_CARD = "CN"
    PASSPORT = "PA"
    RESIDENCE_PERMIT = "CS"
    ELECTRONIC_IDENTITY_CARD = "eCN"
    LA_POSTE_DIGITAL_IDENTITY = "IN"
    APPLI_CARTE_VITALE = "AV"
    FAMILY_BOOKLET_AND_VITALE = "LECV"
    BIRTH_RECORD = "AN"
    FAMILY_BOOKLET_AND_PARENT = "LEP"
    DOCUMENT_OF_FOREIGN_MINOR = "CC"
    BIRTH_RECORD_AND_VITALE = "ANCV"
    MINISTRY_CASE = "CIMS"


class IdentityNotFound(NotFound):
    """There is no such local identity in your structure."""


class IppAlreadyUsed(AlreadyExists):
    """This IPP already names another identity of your structure."""


class IdentityDoubtful(RuleViolated):
    """An identity marked douteuse stays provisoire: it may neither be sent to INSi nor be validated."""


class IdentityFictitious(RuleViolated):
    """An identity marked fictive stays provisoire: it may neither be sent to INSi nor be validated."""


class InsAlreadyRetrieved(RuleViolated):
    """The INS of this identity is already retrieved."""


class PaperAlreadyChecked(RuleViolated):
    """An identity paper is already recorded for this identity."""


class IdentityAlreadyQualified(RuleViolated):
    """This identity is already qualifiée: its traits are locked."""


class IdentityAlreadyDoubtful(RuleViolated):
    """This identity is already marked douteuse."""


class TraitsDisagree(RuleViolated):
    """The checked traits of this identity differ from those of INSi: it stays validée, without an INS."""


class SexNeeded(RuleViolated):
    """INSi searches by the sex of the civil status: an identity of unknown sex cannot be sent."""


class CriterionNeeded(InvalidInput):
    """A search of identities needs at least one criterion."""


class CriteriaWrong(InvalidInput):
    """No identity can match these criteria: see each field."""


class PaperRefused(InvalidInput):
    """This is not the code of a high-confidence identity paper."""


# What no list of codes can say by itself: why a paper that people do show is not enough.
PAPERS_REFUSED = {
    "PC": "the driving licence is not a high-confidence paper: ask for an identity card or a passport",
}

STATUS_OF: dict[tuple[bool, bool], Status] = {
    (False, False): Status.PROVISOIRE,
    (True, False): Status.RECUPEREE,
    (False, True): Status.VALIDEE,
    (True, True): Status.QUALIFIEE,
}

ALLOWED: dict[tuple[Status, Step], Status] = {
    (Status.PROVISOIRE, Step.RETRIEVE_INS): Status.RECUPEREE,
    (Status.VALIDEE, Step.RETRIEVE_INS): Status.QUALIFIEE,
    (Status.PROVISOIRE, Step.CHECK_PAPER): Status.VALIDEE,
    (Status.RECUPEREE, Step.CHECK_PAPER): Status.QUALIFIEE,
    **{(status, Step.MARK_DOUBTFUL): Status.PROVISOIRE for status in Status},
}

REFUSED: dict[tuple[Status, Step], type[RuleViolated]] = {
    (Status.RECUPEREE, Step.RETRIEVE_INS): InsAlreadyRetrieved,
    (Status.QUALIFIEE, Step.RETRIEVE_INS): IdentityAlreadyQualified,
    (Status.VALIDEE, Step.CHECK_PAPER): PaperAlreadyChecked,
    (Status.QUALIFIEE, Step.CHECK_PAPER): IdentityAlreadyQualified,
}

FORBIDDEN_BY: dict[tuple[Attribute, Step], type[RuleViolated]] = {
    (Attribute.DOUTEUSE, Step.RETRIEVE_INS): IdentityDoubtful,
    (Attribute.DOUTEUSE, Step.CHECK_PAPER): IdentityDoubtful,
    (Attribute.DOUTEUSE, Step.MARK_DOUBTFUL): IdentityAlreadyDoubtful,
    (Attribute.FICTIVE, Step.RETRIEVE_INS): IdentityFictitious,
    (Attribute.FICTIVE, Step.CHECK_PAPER): IdentityFictitious,
}


@dataclass(frozen=True, slots=True)
class Retrieval:
    """First fact: INSi knows this person under this number."""

    ins: Ins
    person_id: PersonId
    at: datetime


@dataclass(frozen=True, slots=True)
class PaperCheck:
    """Second fact: the structure saw a high-confidence paper."""

    paper: Paper
    at: datetime


@dataclass(frozen=True, slots=True)
class Identity:
    """A local identity of one structure (identification domain)."""

    id: IdentityId
    domain: str
    ipp: str = field(repr=False)
    traits: Traits
    created_at: datetime
    retrieval: Retrieval | None = None
    paper_check: PaperCheck | None = None
    attributes: frozenset[Attribute] = frozenset()
    version: int = 1

    @property
    def status(self) -> Status:
        return STATUS_OF[self.retrieval is not None, self.paper_check is not None]

    @property
    def person_id(self) -> PersonId | None:
        return self.retrieval.person_id if self.retrieval else None


@dataclass(frozen=True, slots=True)
class Change:
    """What a step made of an identity, for its history; the creation has nothing before."""

    step: str
    before: Identity | None
    after: Identity
    reason: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class Criteria:
    """What identities are searched by: every criterion given must match."""

    ins: Ins | None = None
    ipp: str = ""
    # Starts of the birth name or used name, and of any first name.
    family: str = ""
    given: str = ""
    birth_date: date | None = None
    sex: Sex | None = None
    id: IdentityId | None = None

    def __repr__(self) -> str:
        return "Criteria(hidden)"


def check_criteria(criteria: Criteria) -> Criteria:
    """The same criteria; raises CriterionNeeded or CriteriaWrong."""
    if criteria == Criteria():
        raise CriterionNeeded(hint="Give an INS, an IPP, a name, a birth date, a sex or an id.")
    names = {"family": criteria.family, "given": criteria.given}
    wrong = [
        Violation(field, PROBLEM_OF_NAME) for field, name in names.items() if name and not starts_name(name)
    ]
    if wrong:
        raise CriteriaWrong(violations=wrong)
    return criteria


def create(id: IdentityId, domain: str, ipp: str, traits: Traits, now: datetime) -> Identity:
    """A provisional identity; the service makes an IPP for a structure that gives none."""
    return Identity(id, domain, ipp or ipp_of(id), traits, now)


def ipp_of(id: IdentityId) -> str:
    """Twelve characters out of the random end of the id, without those that a human takes for another."""
    alphabet, rest, ipp = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ", int(id.value.replace("-", ""), 16), ""
    for _ in range(12):
        rest, digit = divmod(rest, 32)
        ipp += alphabet[digit]
    return ipp


def searches(identity: Identity) -> tuple[Search, ...]:
    """What INSi may be asked for this identity; raises IdentityDoubtful, IdentityFictitious or SexNeeded."""
    check_attributes(identity, Step.RETRIEVE_INS)
    if identity.traits.sex is Sex.UNKNOWN:
        raise SexNeeded(field="identity_id", hint="Create the identity with the sex of the civil status.")
    return attempts(identity.traits)


def check_attributes(identity: Identity, step: Step) -> None:
    """Raises the refusal of an attribute that forbids `step`."""
    for attribute in sorted(identity.attributes):
        if error := FORBIDDEN_BY.get((attribute, step)):
            raise error(field="identity_id", hint="Have the identity vigilance of your structure settle it.")


def allow(identity: Identity, step: Step) -> Status:
    """The status that `step` leads to; raises the refusal of the attributes or of the transition table."""
    check_attributes(identity, step)
    if error := REFUSED.get((identity.status, step)):
        raise error(field="identity_id", hint="Read the identity again: this step is done already.")
    return ALLOWED[identity.status, step]


def retrieve(identity: Identity, answer: Answer, now: datetime) -> Identity:
    """The identity once INSi has answered: unchanged without a person, else with the traits of INSi."""
    allow(identity, Step.RETRIEVE_INS)
    found = answer.person
    if found is None:
        return identity
    if identity.paper_check and not same_person(identity.traits, found.traits):
        raise TraitsDisagree(field="identity_id", hint="Check the paper against the traits of INSi again.")
    traits = replace(
        found.traits, used_name=identity.traits.used_name, used_first_name=identity.traits.used_first_name
    )
    retrieval = Retrieval(found.ins, found.id, now)
    return replace(identity, traits=traits, retrieval=retrieval, version=identity.version + 1)


def check_paper(identity: Identity, paper: Paper, now: datetime) -> Identity:
    """The identity whose paper was seen."""
    allow(identity, Step.CHECK_PAPER)
    return replace(identity, paper_check=PaperCheck(paper, now), version=identity.version + 1)


def mark_doubtful(identity: Identity) -> Identity:
    """Back to provisoire: both facts are gone, and the INS with them."""
    allow(identity, Step.MARK_DOUBTFUL)
    attributes = identity.attributes | {Attribute.DOUTEUSE}
    return replace(
        identity, retrieval=None, paper_check=None, attributes=attributes, version=identity.version + 1
    )


def parse_paper(code: str, field: str = "paper") -> Paper:
    """The paper of a code; raises PaperRefused with the reason."""
    try:
        return Paper(code)
    except ValueError:
        problem = PAPERS_REFUSED.get(code, f"use one of {', '.join(Paper)}")
        raise PaperRefused(field=field, violations=[Violation(field, problem)]) from None
