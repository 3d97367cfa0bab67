"""What a structure vouches for by itself: the paper it saw, the doubts it has."""

from __future__ import annotations

from datetime import datetime

from chassis.caller import Caller
from chassis.db import Tx
from identity_ins import domain, store
from identity_ins.domain import Attribute, Change, Identity, IdentityId, Paper, Step

from .common import allow, audit, save


async def check_identity_paper(
    tx: Tx, caller: Caller, id: IdentityId, paper: Paper, *, now: datetime
) -> Identity:
    """The identity whose paper was seen: validée, or qualifiée with the INS."""
    before = await store.lock_identity(tx, id)
    decision = allow(caller, before)
    after = domain.check_paper(before, paper, now)
    await save(tx, caller, Change(Step.CHECK_PAPER, before, after), now)
    audit(tx, caller, "identity.check_paper", after, decision, now)
    return after


async def cancel_paper_check(
    tx: Tx, caller: Caller, id: IdentityId, reason: str, *, now: datetime
) -> Identity:
    """The identity as if no paper had been seen: récupérée, or provisoire without an INS."""
    before = await store.lock_identity(tx, id)
    decision = allow(caller, before)
    after = domain.cancel_paper_check(before, now)
    await save(tx, caller, Change(Step.CANCEL_PAPER_CHECK, before, after, reason), now)
    audit(tx, caller, "identity.cancel_paper_check", after, decision, now)
    return after


async def mark_identity(
    tx: Tx, caller: Caller, id: IdentityId, step: Step, reason: str, *, now: datetime
) -> Identity:
    """The identity with the attribute of a marking step; consumers learn it when it was qualifiée."""
    before = await store.lock_identity(tx, id)
    decision = allow(caller, before)
    after = domain.mark(before, step, now)
    await save(tx, caller, Change(step, before, after, reason), now)
    # The trace goes to whom the identity spoke of until now.
    audit(tx, caller, f"identity.{step}", before, decision, now)
    return after


async def clear_identity_mark(
    tx: Tx, caller: Caller, id: IdentityId, mark: Attribute, reason: str, *, now: datetime
) -> Identity:
    """The identity without an attribute; the facts that it cost do not come back by themselves."""
    before = await store.lock_identity(tx, id)
    decision = allow(caller, before)
    after = domain.clear_mark(before, mark, now)
    await save(tx, caller, Change(Step.CLEAR_MARK, before, after, reason), now)
    audit(tx, caller, "identity.clear_mark", after, decision, now)
    return after
