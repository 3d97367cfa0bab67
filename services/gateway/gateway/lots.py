"""One request, one lot: opened, filled as its lines come in, submitted; or nothing of it is worked on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress

from chassis.errors import Conflict, RuleViolated, SocleError, TimedOut, Unavailable
from socle.identity_ins.v1 import insi_pb2 as pb

from .clients import Platform, Visit

Batches = AsyncIterator[list[pb.VerificationLine]]
# With a key, what leaves the lot alone: what a second try may get past, and a lot whose state or lines refuse
# this request. It is then another request with this key that opened it, and its lot may be half done.
NOT_OURS = (Unavailable, TimedOut, Conflict, RuleViolated)
PAGE = 5_000


class LotCutShort(Unavailable):
    """The lot did not come in whole: nothing of it is verified."""


async def send(platform: Platform, visit: Visit, label: str, batches: Batches) -> pb.VerificationLot:
    """The lot once submitted. Nothing is opened before the first lines were read.

    The inner calls have keys of their own, made from the caller's: sent again with it after a lost answer, a
    lot is the same lot and no line is doubled. Raises what the lines or the service raise.
    """
    lines = await anext(batches)
    asked = pb.OpenVerificationLotRequest(label=label)
    opened = await platform.ask(platform.insi.OpenVerificationLot, asked, visit.step("open"))
    try:
        count = await _fill(platform, visit, opened.lot.id, lines, batches)
        submit = pb.SubmitVerificationLotRequest(lot_id=opened.lot.id)
        # The count makes the key: a file cut at the end of a batch is not the one that was submitted.
        step = visit.step(f"submit {count}")
        answer = await platform.ask(platform.insi.SubmitVerificationLot, submit, step)
    except Exception as error:
        if not (visit.keyed and isinstance(error, NOT_OURS)):
            await _abandon(platform, visit, opened.lot.id)
        raise
    lot: pb.VerificationLot = answer.lot
    return lot


async def _fill(
    platform: Platform, visit: Visit, lot_id: str, lines: list[pb.VerificationLine], more: Batches
) -> int:
    """Adds the lines, batch after batch; how many they are."""
    first = 0
    while lines:
        asked = pb.AddVerificationLinesRequest(lot_id=lot_id, first=first, lines=lines)
        await platform.ask(platform.insi.AddVerificationLines, asked, visit.step(f"lines {first}"))
        first += len(lines)
        lines = await anext(more, [])
    return first


async def _abandon(platform: Platform, visit: Visit, lot_id: str) -> None:
    """Half a lot is not to be verified. When this fails too, the lot stays open, and nothing works on it.

    A lot that is open no more was sent whole by an earlier request with this key: it is not half a lot.
    """
    asked = pb.AbandonVerificationLotRequest(lot_id=lot_id)
    with suppress(SocleError):
        if visit.keyed and not await _is_open(platform, visit, lot_id):
            return
        await platform.ask(platform.insi.AbandonVerificationLot, asked, visit.step("abandon"))


async def _is_open(platform: Platform, visit: Visit, lot_id: str) -> bool:
    asked = pb.GetVerificationLotRequest(lot_id=lot_id)
    answer = await platform.ask(platform.insi.GetVerificationLot, asked, visit)
    return bool(answer.lot.state == pb.LOT_STATE_OPEN)


async def results(
    platform: Platform, visit: Visit, lot_id: str, first: pb.ListVerificationResultsResponse
) -> AsyncIterator[pb.ListVerificationResultsResponse]:
    """The results of a lot, page after page from the first on, as far as it is done."""
    page = first
    while page.results:
        yield page
        page = await ask_results(platform, visit, lot_id, page.next)


async def ask_results(
    platform: Platform, visit: Visit, lot_id: str, first: int
) -> pb.ListVerificationResultsResponse:
    """One page of results, from position `first`."""
    asked = pb.ListVerificationResultsRequest(lot_id=lot_id, first=first, size=PAGE)
    page: pb.ListVerificationResultsResponse
    page = await platform.ask(platform.insi.ListVerificationResults, asked, visit)
    return page
