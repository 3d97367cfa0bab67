"""Identity vigilance: the worklist of a structure, what settles a case, merges and how they are undone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from chassis.errors import InvalidInput, NotFound, RuleViolated, Violation
from chassis.ids import Id

from .identity import Attribute, Identity, IdentityId, Status
from .match import Candidate, FieldAgreement, Kind
from .registry import PersonId
from .steps import IdentityMerged


class CaseId(Id):
    """Opaque id of a case of the worklist."""

    __slots__ = ()


class MergeId(Id):
    """Opaque id of a merge."""

    __slots__ = ()


class CaseState(StrEnum):
    """What has become of a case."""

    OPEN = "open"
    MERGED = "merged"
    HOMONYMS = "homonyms"
    DISMISSED = "dismissed"


class CaseNotFound(NotFound):
    """There is no such vigilance case in your structure."""

    where = "case_id"
    remedy = "List the vigilance cases of your structure."


class CaseAlreadySettled(RuleViolated):
    """This vigilance case is already settled."""


class OutcomeRefused(InvalidInput):
    """A vigilance case is settled as homonyms or dismissed; one person is settled by a merge."""


class MergeNotFound(NotFound):
    """There is no such merge that you may see."""

    where = "merge_id"
    remedy = "List the merges of an identity of your structure."


class WhoseMerges(InvalidInput):
    """Merges are listed of one identity or of one person."""


class MergeWithItself(InvalidInput):
    """An identity cannot be merged into itself."""


class InsDiffer(RuleViolated):
    """INSi knows these two identities as two persons."""


class KeepTheQualified(RuleViolated):
    """An identity qualifiée cannot be merged into one that is not."""


class DoubtNotSettled(RuleViolated):
    """An identity marked douteuse cannot be merged before the doubt is settled."""


class FictitiousNotMixed(RuleViolated):
    """An identity marked fictive cannot be merged with that of a real person."""


class MergeAlreadyUndone(RuleViolated):
    """This merge is already undone."""


class UnmergeInOrder(RuleViolated):
    """The identity that was kept has since been merged itself."""


@dataclass(frozen=True, slots=True)
class Case:
    """Two identities that someone must look at; `first` was there first."""

    id: CaseId
    domain: str
    first: IdentityId
    second: IdentityId
    kind: Kind
    score: float
    fields: tuple[FieldAgreement, ...]
    opened_at: datetime
    state: CaseState = CaseState.OPEN
    settled_at: datetime | None = None
    settled_by: str = ""
    reason: str = ""

    @property
    def pair(self) -> tuple[IdentityId, IdentityId]:
        return self.first, self.second


@dataclass(frozen=True, slots=True)
class Merge:
    """One merge, undone or not."""

    id: MergeId
    domain: str
    kept: IdentityId
    absorbed: IdentityId
    # Person of either identity at that time; None when neither had an INS.
    person_id: PersonId | None
    reason: str
    merged_by: str
    merged_at: datetime
    unmerge_reason: str = ""
    unmerged_by: str = ""
    unmerged_at: datetime | None = None


class Pair(NamedTuple):
    """Both identities of a merge, in the roles that it gave them."""

    kept: Identity
    absorbed: Identity


def settle(case: Case, outcome: CaseState, by: str, reason: str, now: datetime) -> Case:
    """The case that someone has looked at; raises CaseAlreadySettled."""
    if case.state is not CaseState.OPEN:
        raise CaseAlreadySettled(field="case_id", hint="Read the case again: it says by whom, and why.")
    return settle_by_merge(case, outcome, by, reason, now)


def settle_by_merge(case: Case, outcome: CaseState, by: str, reason: str, now: datetime) -> Case:
    """The case of a pair that was merged, or unmerged: the latest word stands, whatever was said before."""
    return replace(case, state=outcome, settled_at=now, settled_by=by, reason=reason)


def check_outcome(outcome: CaseState | None) -> CaseState:
    """The same outcome; raises OutcomeRefused for one that is not a human's word on two persons."""
    if outcome in (CaseState.HOMONYMS, CaseState.DISMISSED):
        return outcome
    problem = Violation("outcome", "use HOMONYMS or DISMISSED, or merge the two identities")
    raise OutcomeRefused(field="outcome", violations=[problem])


def confirm_homonym(identity: Identity, now: datetime) -> Identity:
    """The identity that someone has confirmed to have a homonym; the same object when it was known.

    Raises IdentityMerged.
    """
    if identity.merged_into:
        raise IdentityMerged(field="case_id", hint="Dismiss the case: one of both was merged away since.")
    attributes = identity.attributes - {Attribute.HOMONYME_DETECTEE} | {Attribute.HOMONYME}
    if attributes == identity.attributes:
        return identity
    return replace(identity, attributes=attributes, version=identity.version + 1, updated_at=now)


def flag_homonyms(identity: Identity, candidates: Iterable[Candidate]) -> Identity:
    """The identity, marked when a homonym of it was detected that nobody has confirmed yet."""
    detected = any(candidate.kind is Kind.HOMONYM for candidate in candidates)
    if not detected or Attribute.HOMONYME in identity.attributes:
        return identity
    return replace(identity, attributes=identity.attributes | {Attribute.HOMONYME_DETECTEE})


def check_wanted(identity: str, person: str) -> IdentityId | PersonId:
    """Whose merges are listed; raises WhoseMerges unless exactly one of both is given."""
    if bool(identity) == bool(person):
        raise WhoseMerges(field="identity_id", hint="Give an identity_id, or else a person_id.")
    return IdentityId(identity) if identity else PersonId(person)


def check_pair(kept: IdentityId, absorbed: IdentityId) -> None:
    """Raises MergeWithItself."""
    if kept == absorbed:
        problem = Violation("absorbed_id", "give another identity than the one that is kept")
        raise MergeWithItself(field="absorbed_id", violations=[problem])


def merge(pair: Pair, now: datetime) -> Pair:
    """Both identities once `absorbed` is merged into `kept`.

    Only the link changes: what the absorbed one held stays in it, so that the merge can be undone. Raises
    IdentityMerged, DoubtNotSettled, FictitiousNotMixed, InsDiffer or KeepTheQualified.
    """
    kept, absorbed = pair
    for field, identity in (("kept_id", kept), ("absorbed_id", absorbed)):
        _check_mergeable(field, identity)
    _check_persons(kept, absorbed)
    if absorbed.status is Status.QUALIFIEE and kept.status is not Status.QUALIFIEE:
        raise KeepTheQualified(field="kept_id", hint="Keep the one that is qualifiée, absorb the other.")
    return Pair(_next(kept, now), replace(_next(absorbed, now), merged_into=kept.id))


def unmerge(merge: Merge, pair: Pair, past: Identity, now: datetime) -> Pair:
    """Both identities once the merge is undone: the absorbed one is again what it was, `past`, before it.

    The kept one stays as it is by now: what was corrected on it since belongs to it. Raises
    MergeAlreadyUndone or UnmergeInOrder.
    """
    kept, absorbed = pair
    if merge.unmerged_at or absorbed.merged_into != kept.id:
        raise MergeAlreadyUndone(field="merge_id", hint="List the merges again: it says by whom, and why.")
    if kept.merged_into:
        raise UnmergeInOrder(field="merge_id", hint="Undo the later merge of the kept identity first.")
    return Pair(_next(kept, now), replace(past, version=absorbed.version + 1, updated_at=now))


def undo(merge: Merge, by: str, reason: str, now: datetime) -> Merge:
    """The merge as a row of the past."""
    return replace(merge, unmerged_by=by, unmerge_reason=reason, unmerged_at=now)


def person_of(pair: Pair) -> PersonId | None:
    """Whose merge it is: the person of the kept identity, or of the other when that one had no INS."""
    return pair.kept.person_id or pair.absorbed.person_id


def _check_mergeable(field: str, identity: Identity) -> None:
    if identity.merged_into:
        raise IdentityMerged(field=field, hint="Use the identity that it was merged into instead.")
    # RNIV: what is known of a doubtful identity may be another person's, as after a theft of papers. Care
    # poured into a record that way is not told apart again.
    if Attribute.DOUTEUSE in identity.attributes:
        raise DoubtNotSettled(field=field, hint="Settle the doubt and clear the mark first.")


def _check_persons(kept: Identity, absorbed: Identity) -> None:
    if len({Attribute.FICTIVE in identity.attributes for identity in (kept, absorbed)}) > 1:
        raise FictitiousNotMixed(field="absorbed_id", hint="Clear the mark first if the person exists.")
    if kept.person_id and absorbed.person_id and kept.person_id != absorbed.person_id:
        raise InsDiffer(
            field="absorbed_id", hint="If one of the numbers is wrong, remove that INS with its reason first."
        )


def _next(identity: Identity, now: datetime) -> Identity:
    return replace(identity, version=identity.version + 1, updated_at=now)
