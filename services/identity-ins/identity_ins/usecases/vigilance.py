"""Identity vigilance: who is near whom, and the worklist of what someone must look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from chassis import audit as audit_log
from chassis import outbox
from chassis.caller import Caller, Decision, require
from chassis.db import Tx
from identity_ins import policy, store
from identity_ins.domain import Attribute, Change, Identity, IdentityId, Step, match
from identity_ins.domain import vigilance as rules
from identity_ins.domain.match import Candidate, Description, Grade
from identity_ins.domain.vigilance import Case, CaseId, CaseNotFound, CaseState
from identity_ins.store import keys
from identity_ins.store import vigilance as rows
from socle.identity_ins.v1 import events_pb2 as ev

from .common import allow, audit, save

# More would be read by nobody; the worklist shows them one after the other.
OPENED_AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class Shown:
    """A case and both its identities, as they are now."""

    case: Case
    first: Identity
    second: Identity


async def look(tx: Tx, identity: Identity) -> list[Candidate]:
    """Who in the structure should be looked at beside this identity, best first; before it is written.

    Holds its blocks until the end: of two who create one person at once, the second sees the first.
    """
    await keys.lock_blocks(tx, identity)
    return await find_candidates(tx, identity)


async def find_candidates(tx: Tx, identity: Identity) -> list[Candidate]:
    """Who in the structure should be looked at beside this identity, best first."""
    if Attribute.FICTIVE in identity.attributes:
        return []
    near = await keys.list_neighbours(tx, identity.domain, match.describe(identity))
    others = [
        other for other in near if other.id != identity.id and Attribute.FICTIVE not in other.attributes
    ]
    candidates = [match.compare(identity, other) for other in others]
    return match.choose(filter(match.worth_a_look, candidates), Grade.CERTAINLY_NOT, OPENED_AT_ONCE)


async def open_cases(tx: Tx, identity: Identity, candidates: Sequence[Candidate], now: datetime) -> None:
    """Puts each pair on the worklist; what someone has decided of a pair stands."""
    for candidate in candidates:
        case = _case_of(identity, candidate, now)
        if await rows.open_case(tx, case):
            _tell_opened(tx, case, now)


async def save_watched(tx: Tx, caller: Caller, change: Change, now: datetime) -> Identity:
    """Saves an identity whose traits or person may be others by now: looked at as a new one would be."""
    before, after = change.before, change.after
    if before and (before.traits, before.person_id) == (after.traits, after.person_id):
        await save(tx, caller, change, now)
        return after
    candidates = await look(tx, after)
    after = rules.flag_homonyms(after, candidates)
    await save(tx, caller, replace(change, after=after), now)
    await open_cases(tx, after, candidates, now)
    return after


async def list_candidates(tx: Tx, caller: Caller, identity: Identity, *, now: datetime) -> list[Candidate]:
    """The open cases of an identity that was just written, seen from it; best first."""
    decision = allow(caller, identity)
    cases = await rows.list_cases(
        tx, identity.domain, CaseState.OPEN, identity.id, None, size=2 * OPENED_AT_ONCE
    )
    others = await rows.list_these(tx, [id for case in cases for id in case.pair if id != identity.id])
    candidates = [match.compare(identity, other) for other in others.values()]
    trace_shown(tx, caller, candidates, decision, now)
    return match.choose(candidates, Grade.CERTAINLY_NOT, len(candidates))


def trace_shown(
    tx: Tx, caller: Caller, candidates: Sequence[Candidate], decision: Decision, now: datetime
) -> None:
    """A line of the journal of each one shown."""
    for candidate in candidates:
        audit(tx, caller, "identity.match", candidate.identity, decision, now)


async def match_identities(
    tx: Tx, caller: Caller, wanted: Description, least: Grade, count: int, *, now: datetime
) -> list[Candidate]:
    """Who in the structure may be the person described, best first; each one shown leaves a trace."""
    decision = require(policy.may_keep_identities(caller), subject="")
    person = match.check_description(wanted)
    if person.ins:
        person = replace(person, person_id=await store.find_person_id(tx, person.ins))
    near = await keys.list_neighbours(tx, caller.organisation, person)
    found = match.choose((match.compare(person, other) for other in near), least, count)
    trace_shown(tx, caller, found, decision, now)
    if not found:
        audit_log.record(tx, caller, "identity.match", "", rules=decision.rules, now=now)
    return found


@dataclass(frozen=True, slots=True)
class Worklist:
    """Which cases are wanted."""

    state: CaseState = CaseState.OPEN
    identity: IdentityId | None = None
    after: UUID | None = None


async def list_vigilance_cases(
    tx: Tx, caller: Caller, wanted: Worklist, size: int, *, now: datetime
) -> list[Shown]:
    """The cases of the caller's structure, oldest first; both identities of each leave a trace."""
    decision = require(policy.may_keep_identities(caller), subject="")
    cases = await rows.list_cases(tx, caller.organisation, wanted.state, wanted.identity, wanted.after, size)
    seen = await rows.list_these(tx, [id for case in cases for id in case.pair])
    for identity in seen.values():
        audit(tx, caller, "vigilance_case.list", identity, decision, now)
    if not cases:
        audit_log.record(tx, caller, "vigilance_case.list", "", rules=decision.rules, now=now)
    return [Shown(case, seen[case.first], seen[case.second]) for case in cases]


async def get_vigilance_case(tx: Tx, caller: Caller, id: CaseId, *, now: datetime) -> Shown:
    """One case of the caller's structure."""
    case = await rows.get_case(tx, id)
    decision = _allow_case(caller, case)
    seen = await rows.list_these(tx, case.pair)
    for identity in seen.values():
        audit(tx, caller, "vigilance_case.read", identity, decision, now)
    return Shown(case, seen[case.first], seen[case.second])


async def settle_vigilance_case(
    tx: Tx, caller: Caller, id: CaseId, outcome: CaseState | None, reason: str, *, now: datetime
) -> Shown:
    """The case that someone has looked at; both identities are marked when they are homonyms."""
    case = await rows.get_case(tx, id)
    decision = _allow_case(caller, case)
    # Identities before their case, as a merge does: two who settle one pair wait for each other.
    first, second = [await store.lock_identity(tx, one) for one in case.pair]
    case = await rows.lock_case(tx, id)
    settled = rules.settle(case, rules.check_outcome(outcome), caller.public_subject, reason, now)
    if settled.state is CaseState.HOMONYMS:
        first = await _mark(tx, caller, first, reason, now)
        second = await _mark(tx, caller, second, reason, now)
    await rows.save_case(tx, settled)
    for identity in (first, second):
        audit(tx, caller, "vigilance_case.settle", identity, decision, now)
    tell_settled(tx, settled, now)
    return Shown(settled, first, second)


async def rescan(tx: Tx, domain: str, after: UUID | None, size: int, *, now: datetime) -> list[IdentityId]:
    """Looks at the next identities of a structure, by id, as at newcomers; which they were.

    Their keys are made again first: those that stood before this release, or that an import left without.
    No block is held: these identities stand already, so whoever is created meanwhile sees them.
    """
    batch = await rows.list_next(tx, domain, after, size)
    for identity in batch:
        await keys.rewrite_keys(tx, identity)
    for identity in batch:
        if identity.merged_into is None:
            await open_cases(tx, identity, await find_candidates(tx, identity), now)
    return [identity.id for identity in batch]


def _allow_case(caller: Caller, case: Case) -> Decision:
    return require(
        policy.may_see_vigilance(caller, case.domain),
        subject="",
        object_id=case.id.value,
        unseen=CaseNotFound,
    )


async def _mark(tx: Tx, caller: Caller, before: Identity, reason: str, now: datetime) -> Identity:
    after = rules.confirm_homonym(before, now)
    if after is not before:
        await save(tx, caller, Change(Step.MARK_HOMONYM, before, after, reason), now)
    return after


def _case_of(identity: Identity, candidate: Candidate, now: datetime) -> Case:
    first, second = sorted((identity, candidate.identity), key=lambda one: one.id.value)
    kind, score, fields = candidate.kind, candidate.score, candidate.fields
    return Case(CaseId.new(), identity.domain, first.id, second.id, kind, score, fields, now)


def _tell_opened(tx: Tx, case: Case, now: datetime) -> None:
    opened = ev.VigilanceCaseOpened(case_id=case.id.value, domain=case.domain, kind=case.kind.value)
    outbox.emit(tx, opened, now=now)


def tell_settled(tx: Tx, case: Case, now: datetime) -> None:
    """The event of a case that someone has looked at."""
    settled = ev.VigilanceCaseSettled(case_id=case.id.value, domain=case.domain, outcome=case.state.value)
    outbox.emit(tx, settled, now=now)
