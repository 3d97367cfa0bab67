"""The identity that may be the person described: a score, a grade, and each field's part in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from identity_ins.domain.identity import Identity

from .compare import Seen, observe
from .description import Description, describe
from .weights import (
    CERTAIN,
    FULL,
    POSSIBLE,
    PROBABLE,
    UNCONTRADICTED,
    Agreement,
    Field,
    Level,
    Number,
)


class Grade(StrEnum):
    """FHIR match-grade."""

    CERTAIN = "certain"
    PROBABLE = "probable"
    POSSIBLE = "possible"
    CERTAINLY_NOT = "certainly-not"


THRESHOLDS = ((Grade.CERTAIN, CERTAIN), (Grade.PROBABLE, PROBABLE), (Grade.POSSIBLE, POSSIBLE))


class Kind(StrEnum):
    """What a pair of identities is looked at for."""

    DUPLICATE = "duplicate"
    # Two persons proven different, whom a human may take for one another.
    HOMONYM = "homonym"


@dataclass(frozen=True, slots=True)
class FieldAgreement:
    """How one field agrees: never what it holds."""

    field: str
    agreement: Agreement
    # 0 to 1.
    similarity: float
    # What the field adds to the score, or takes from it.
    weight: float


@dataclass(frozen=True, slots=True)
class Candidate:
    """An identity beside a description. The weights of its fields add up to its score, kept in 0 to 1."""

    identity: Identity
    score: float
    grade: Grade
    fields: tuple[FieldAgreement, ...]
    kind: Kind = Kind.DUPLICATE


def compare(one: Identity | Description, other: Identity) -> Candidate:
    """How far `other` is the person of `one`; the same whichever comes first.

    The same INS, or the same person of the registry, is certain whatever the traits say. Two persons of the
    registry are never one: their score says how easily a human takes one for the other.
    """
    left, right = (one if isinstance(one, Description) else describe(one)), describe(other)
    seen = [*observe(left, right), *_ipp(left, other)]
    fields = [_told(*observed) for observed in seen]
    traits = sum(field.weight for field in fields)
    proof = _same_person(left, right)
    if proof is True:
        fields.append(FieldAgreement(Field.INS, Agreement.EXACT, 1.0, 1.0 - traits))
    elif proof is False:
        fields.append(FieldAgreement(Field.INS, Agreement.DIFFERENT, 0.0, 0.0))
    elif left.ins and right.ins:
        fields.append(_told(Field.INS, Number.OTHER, 0.0))
    return _graded(other, tuple(fields), proof)


def choose(candidates: Iterable[Candidate], least: Grade, most: int) -> list[Candidate]:
    """The `most` best candidates of a grade of at least `least`, by score, then id."""
    wanted = list(Grade)[: list(Grade).index(least) + 1]
    kept = [candidate for candidate in candidates if candidate.grade in wanted]
    return sorted(kept, key=lambda candidate: (-candidate.score, candidate.identity.id.value))[:most]


def worth_a_look(candidate: Candidate) -> bool:
    """Whether someone should look at this pair: probably one person, or two who are easily confused."""
    return candidate.kind is Kind.HOMONYM or candidate.grade in (Grade.CERTAIN, Grade.PROBABLE)


def _told(field: Field, level: Level, similarity: float) -> FieldAgreement:
    return FieldAgreement(field.value, level.value.agreement, similarity, level.value.bits / FULL)


def _ipp(description: Description, identity: Identity) -> Iterator[Seen]:
    if description.ipp and description.ipp == identity.ipp:
        yield Field.IPP, Number.IPP, 1.0


def _same_person(one: Description, other: Description) -> bool | None:
    """What the registry proves of a pair; None when it does not know one of them."""
    if one.person_id and other.person_id:
        return one.person_id == other.person_id
    return True if one.ins and one.ins == other.ins else None


def _graded(identity: Identity, fields: tuple[FieldAgreement, ...], proof: bool | None) -> Candidate:
    score = min(max(sum(field.weight for field in fields), 0.0), 1.0)
    if proof is False:
        kind = Kind.HOMONYM if score >= PROBABLE else Kind.DUPLICATE
        return Candidate(identity, score, Grade.CERTAINLY_NOT, fields, kind)
    reached = (grade for grade, least in THRESHOLDS if score >= least)
    return Candidate(identity, score, next(reached, _doubt(score, fields)), fields)


def _doubt(score: float, fields: tuple[FieldAgreement, ...]) -> Grade:
    """A thin description excludes nobody whom it does not contradict."""
    contradicted = any(field.agreement is Agreement.DIFFERENT for field in fields)
    return Grade.CERTAINLY_NOT if contradicted or score < UNCONTRADICTED else Grade.POSSIBLE
