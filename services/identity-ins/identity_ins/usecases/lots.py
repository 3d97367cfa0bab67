"""Lots of INSi verifications: filled, submitted, worked on line after line, read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from chassis import audit as audit_log
from chassis import outbox
from chassis.caller import Caller, Decision, require
from chassis.db import Tx
from identity_ins import policy
from identity_ins.domain import InsiCall, PersonId, lot
from identity_ins.domain.lot import Line, LineResult, Lot, LotId, LotNotFound, LotState
from identity_ins.store import lots
from socle.identity_ins.v1 import events_pb2 as ev

from .insi import record_calls


async def open_verification_lot(tx: Tx, caller: Caller, id: LotId, label: str, *, now: datetime) -> Lot:
    """An empty lot of the caller's structure."""
    decision = require(policy.may_search_ins(caller), subject="")
    opened = lot.open_lot(id, caller, label, now)
    lots.insert_lot(tx, opened)
    _audit(tx, caller, "open", opened, decision, now)
    return opened


async def add_verification_lines(
    tx: Tx, caller: Caller, id: LotId, first: int, lines: Sequence[Line], *, now: datetime
) -> Lot:
    """The lot with these lines from position `first` on; those that stand there already are not doubled."""
    before = await lots.lock_lot(tx, id)
    decision = _allow(caller, before)
    sent = [lot.kept(line) for line in lines]
    held = await lots.list_lines(tx, id, first, len(sent)) if first < before.lines else []
    after, added = lot.fill(before, first, held, sent)
    if added:
        await lots.add_lines(tx, id, before.lines, added)
        await lots.save_lot(tx, after, now)
    _audit(tx, caller, "fill", after, decision, now)
    return after


async def submit_verification_lot(tx: Tx, caller: Caller, id: LotId, *, now: datetime) -> Lot:
    """The lot, closed to new lines and ready to be worked on."""
    before = await lots.lock_lot(tx, id)
    decision = _allow(caller, before)
    after = lot.submit(before, now)
    await lots.save_lot(tx, after, now)
    _audit(tx, caller, "submit", after, decision, now)
    return after


async def abandon_verification_lot(tx: Tx, caller: Caller, id: LotId, *, now: datetime) -> Lot:
    """The lot, stopped: lines that have no result stay without."""
    before = await lots.lock_lot(tx, id)
    decision = _allow(caller, before)
    after = lot.abandon(before, now)
    await lots.save_lot(tx, after, now)
    _audit(tx, caller, "abandon", after, decision, now)
    return after


async def get_verification_lot(tx: Tx, caller: Caller, id: LotId) -> Lot:
    """Where a lot stands; it speaks of nobody, so that asking again and again leaves no trace."""
    found = await lots.get_lot(tx, id)
    _allow(caller, found)
    return found


async def list_verification_lots(tx: Tx, caller: Caller, before: str | None, size: int) -> list[Lot]:
    """The lots of the caller's structure, newest first."""
    require(policy.may_search_ins(caller), subject="")
    return await lots.list_visible_lots(tx, caller.organisation, before, size)


async def list_verification_results(
    tx: Tx, caller: Caller, id: LotId, first: int, size: int, *, now: datetime
) -> list[tuple[str, LineResult]]:
    """References and results from position `first` on, as far as the lot is done."""
    found = await lots.get_lot(tx, id)
    decision = _allow(caller, found)
    end = min(first + size, found.done)
    results = await lots.list_results(tx, id, first, end) if first < end else []
    _audit(tx, caller, "results", found, decision, now)
    return results


async def take_lot(tx: Tx, held: timedelta, size: int, *, now: datetime) -> tuple[Lot, list[Line]] | None:
    """The lot to work on now, held for a while against other workers, and its next lines."""
    waiting = await lots.lock_next_lot(tx, now)
    if waiting is None:
        return None
    taken = lot.work(waiting)
    await lots.save_lot(tx, taken, now + held)
    return taken, await lots.list_lines(tx, taken.id, taken.done, size)


async def release_lot(tx: Tx, taken: Lot, calls: Sequence[InsiCall], *, now: datetime) -> None:
    """INSi failed: its calls are journaled, and the lot is anyone's again."""
    record_calls(tx, taken.author, calls)
    present = await lots.lock_lot(tx, taken.id)
    if _is_held(present, taken):
        await lots.save_lot(tx, present, now)


async def keep_results(
    tx: Tx,
    taken: Lot,
    results: Sequence[LineResult],
    persons: Sequence[PersonId],
    calls: Sequence[InsiCall],
    *,
    now: datetime,
) -> Lot:
    """The results of the next lines of a lot, the trace on each confirmed person and the calls, all at once.

    Results that come too late (the lot was abandoned, or another worker went on after the lease) are dropped;
    their calls took place and are journaled.
    """
    record_calls(tx, taken.author, calls)
    present = await lots.lock_lot(tx, taken.id)
    if not _is_held(present, taken):
        return present
    after = lot.progress(present, results, now)
    await lots.write_results(tx, taken.id, taken.done, results)
    await lots.save_lot(tx, after, now)
    rules, subjects = (policy.INSI_BY_STRUCTURE, "insi.OK"), [person.value for person in persons]
    await audit_log.record_each(
        tx, taken.author, "insi.verify_lot", subjects, object_id=taken.id.value, rules=rules, now=now
    )
    if after.state is LotState.DONE:
        outbox.emit(tx, ev.VerificationLotDone(lot_id=after.id.value, domain=after.domain), now=now)
    return after


async def purge_lot(tx: Tx, kept: timedelta, *, now: datetime) -> LotId | None:
    """Deletes one lot that is older than lots are kept: its lines are personal data."""
    return await lots.delete_old_lot(tx, now - kept)


def _is_held(present: Lot, taken: Lot) -> bool:
    """Whether a lot still stands where a worker took it."""
    return present.state is LotState.RUNNING and present.done == taken.done


def _allow(caller: Caller, found: Lot) -> Decision:
    decision = policy.may_handle_lot(caller, found.domain)
    return require(decision, subject="", object_id=found.id.value, unseen=LotNotFound)


def _audit(tx: Tx, caller: Caller, action: str, about: Lot, decision: Decision, now: datetime) -> None:
    """A lot speaks of many persons: its own lines are in no one's journal, those of its results are."""
    action = f"verification_lot.{action}"
    audit_log.record(tx, caller, action, "", object_id=about.id.value, rules=decision.rules, now=now)
