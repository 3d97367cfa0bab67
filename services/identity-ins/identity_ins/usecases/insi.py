"""INSi beside any local identity: searches by card, verifications, the journal of calls."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from chassis import audit as audit_log
from chassis.caller import Caller, require
from chassis.db import Tx
from identity_ins import policy
from identity_ins.domain import Answer, InsiCall, Verdict
from identity_ins.store import calls as call_rows
from identity_ins.store.calls import Journaled


def record_calls(tx: Tx, caller: Caller, calls: Sequence[InsiCall]) -> None:
    """The journal of INSi calls (RNIV: every call is traced), whatever came of them."""
    for call in calls:
        call_rows.insert_call(tx, caller, call, tx.call.now())


async def record_card_search(tx: Tx, caller: Caller, answer: Answer, *, now: datetime) -> Answer:
    """The trace of a search by card, on the person it found; without it the answer does not leave."""
    decision = require(policy.may_search_ins(caller), subject="")
    record_calls(tx, caller, answer.calls)
    subject = answer.person.id.value if answer.person else ""
    rules = (*decision.rules, f"insi.{answer.code}")
    audit_log.record(tx, caller, "insi.search_by_card", subject, rules=rules, now=now)
    return answer


async def record_verification(tx: Tx, caller: Caller, verdict: Verdict, *, now: datetime) -> Verdict:
    """The trace of a verification, on the person it confirmed; without it the verdict does not leave."""
    decision = require(policy.may_search_ins(caller), subject="")
    record_calls(tx, caller, verdict.calls)
    subject = verdict.person.id.value if verdict.person else ""
    rules = (*decision.rules, "insi.OK" if verdict.confirmed else "insi.KO")
    audit_log.record(tx, caller, "insi.verify", subject, rules=rules, now=now)
    return verdict


async def list_insi_calls(
    tx: Tx, caller: Caller, before: str | None, size: int, *, now: datetime
) -> list[Journaled]:
    """The journal, newest first: that of the caller's structure, or all of it for an auditor."""
    decision = require(policy.may_read_insi_journal(caller), subject="")
    organisation = None if decision.rules == (policy.WHOLE_JOURNAL,) else caller.organisation
    found = await call_rows.list_calls(tx, organisation, before, size)
    audit_log.record(tx, caller, "insi.read_journal", "", rules=decision.rules, now=now)
    return found
