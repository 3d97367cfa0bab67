"""The number of an identity: asked at INSi, verified, removed.

Asking discloses the traits, so the intent is allowed and traced in a transaction of its own, before.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from chassis import audit as audit_log
from chassis.caller import Caller, require
from chassis.db import Tx
from identity_ins import domain, policy, store
from identity_ins.domain import (
    Answer,
    Change,
    Creation,
    Identity,
    IdentityId,
    Ins,
    Question,
    Step,
    Verdict,
    Verification,
)

from .common import allow, audit, save
from .insi import record_calls
from .vigilance import save_watched


async def record_ins_search(tx: Tx, caller: Caller, answer: Answer, *, now: datetime) -> Answer:
    """The trace of an INSi search, on the person it found; without it the answer does not leave."""
    decision = require(policy.may_search_ins(caller), subject="")
    record_calls(tx, caller, answer.calls)
    subject = answer.person.id.value if answer.person else ""
    rules = (*decision.rules, f"insi.{answer.code}")
    audit_log.record(tx, caller, "insi.search", subject, rules=rules, now=now)
    return answer


async def ask_insi(
    tx: Tx, caller: Caller, id: IdentityId, *, by_card: bool = False, now: datetime
) -> Question:
    """What to ask INSi to find the number of an identity."""
    identity = await store.get_identity(tx, id)
    decision = allow(caller, identity)
    question = domain.ask(identity, by_card=by_card)
    audit(tx, caller, "identity.ask_insi", identity, decision, now)
    return question


async def ask_verification(
    tx: Tx, caller: Caller, id: IdentityId, given: Ins | None, *, now: datetime
) -> Verification:
    """What to ask INSi about the number that an identity holds, or that it is `given`."""
    identity = await store.get_identity(tx, id)
    decision = allow(caller, identity)
    question = domain.ask_verification(identity, given)
    audit(tx, caller, "identity.ask_insi", identity, decision, now)
    return question


async def ask_creation(tx: Tx, caller: Caller, wanted: Creation, *, now: datetime) -> Verification:
    """What to ask INSi about a number claimed for a patient who has no identity here yet."""
    decision = require(policy.may_create(caller, wanted), subject="")
    checked = replace(wanted, traits=domain.check_traits(wanted.traits, domain.today_in_france(now)))
    # Refused now what would be refused after, so that nothing is disclosed for nothing.
    identity = domain.create(IdentityId.new(), caller.organisation, checked, None, now)
    question = domain.ask_verification(identity, wanted.ins)
    audit_log.record(tx, caller, "identity.ask_insi", "", rules=decision.rules, now=now)
    return question


async def retrieve_ins(
    tx: Tx, caller: Caller, id: IdentityId, asked: Question, answer: Answer, *, now: datetime
) -> Identity:
    """The identity once INSi has answered: récupérée, or qualifiée when its paper was checked before."""
    before = await store.lock_identity(tx, id)
    decision = allow(caller, before)
    after = domain.retrieve(before, asked, answer, now)
    if after.retrieval is not None:
        after = await save_watched(tx, caller, Change(Step.RETRIEVE_INS, before, after), now)
    audit(tx, caller, "identity.retrieve_ins", after, decision, now, f"insi.{answer.code}")
    return after


async def verify_ins(
    tx: Tx,
    caller: Caller,
    id: IdentityId,
    asked: Verification,
    verdict: Verdict,
    other: Answer,
    *,
    now: datetime,
) -> tuple[Step | None, Identity]:
    """The identity once INSi has judged its number, and the step that was taken, if any.

    `other` is what a search by the traits found, once INSi had refuted the number that is held.
    """
    before = await store.lock_identity(tx, id)
    decision = allow(caller, before)
    step, after = domain.judge(before, asked, verdict, other, now)
    if step is not None:
        after = await save_watched(tx, caller, Change(step, before, after), now)
    said = "insi.confirmed" if verdict.confirmed else "insi.not_confirmed"
    # The trace goes to whom the identity speaks of, or spoke of until now.
    audit(tx, caller, "identity.verify_ins", after if after.person_id else before, decision, now, said)
    return step, after


async def remove_ins(tx: Tx, caller: Caller, id: IdentityId, reason: str, *, now: datetime) -> Identity:
    """The identity back to provisoire, without its INS; consumers learn it when it was qualifiée."""
    before = await store.lock_identity(tx, id)
    decision = allow(caller, before)
    after = domain.remove_ins(before, now)
    await save(tx, caller, Change(Step.REMOVE_INS, before, after, reason), now)
    audit(tx, caller, "identity.remove_ins", before, decision, now)
    return after
