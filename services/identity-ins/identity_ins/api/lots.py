"""Lots of INSi verifications served: part of the servicer of INSi."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from chassis import page
from chassis.call import Call
from chassis.db import Database
from identity_ins.domain.lot import Line, LineResult, Lot, LotId, LotState, Outcome
from identity_ins.usecases import lots
from socle.identity_ins.v1 import insi_pb2 as pb

from .messages import to_moment

Wake = Callable[[], None]
USUAL_RESULTS, MOST_RESULTS = 1_000, 5_000
STATE_OUT = {
    LotState.OPEN: pb.LOT_STATE_OPEN,
    LotState.SUBMITTED: pb.LOT_STATE_SUBMITTED,
    LotState.RUNNING: pb.LOT_STATE_RUNNING,
    LotState.DONE: pb.LOT_STATE_DONE,
    LotState.ABANDONED: pb.LOT_STATE_ABANDONED,
}
OUTCOME_OUT = {
    Outcome.CONFIRMED: pb.VERIFICATION_OUTCOME_CONFIRMED,
    Outcome.NOT_CONFIRMED: pb.VERIFICATION_OUTCOME_NOT_CONFIRMED,
    Outcome.BROKEN: pb.VERIFICATION_OUTCOME_BROKEN,
}


class LotMethods:
    """The RPCs of `InsiService` about lots."""

    def __init__(self, db: Database, wake: Wake) -> None:
        """`wake` is called once a lot is submitted."""
        self.db, self.wake = db, wake

    async def OpenVerificationLot(
        self, request: pb.OpenVerificationLotRequest, call: Call
    ) -> pb.OpenVerificationLotResponse:
        async with self.db.begin(call) as tx:
            opened = await lots.open_verification_lot(
                tx, call.caller, LotId.new(), request.label, now=call.now()
            )
            return tx.answer(pb.OpenVerificationLotResponse(lot=to_lot(opened)))

    async def AddVerificationLines(
        self, request: pb.AddVerificationLinesRequest, call: Call
    ) -> pb.AddVerificationLinesResponse:
        id, lines = LotId(request.lot_id), [line_of(line) for line in request.lines]
        async with self.db.begin(call) as tx:
            filled = await lots.add_verification_lines(
                tx, call.caller, id, request.first, lines, now=call.now()
            )
            return tx.answer(pb.AddVerificationLinesResponse(lot=to_lot(filled)))

    async def SubmitVerificationLot(
        self, request: pb.SubmitVerificationLotRequest, call: Call
    ) -> pb.SubmitVerificationLotResponse:
        async with self.db.begin(call) as tx:
            submitted = await lots.submit_verification_lot(
                tx, call.caller, LotId(request.lot_id), now=call.now()
            )
            answer = tx.answer(pb.SubmitVerificationLotResponse(lot=to_lot(submitted)))
        self.wake()
        return answer

    async def AbandonVerificationLot(
        self, request: pb.AbandonVerificationLotRequest, call: Call
    ) -> pb.AbandonVerificationLotResponse:
        async with self.db.begin(call) as tx:
            abandoned = await lots.abandon_verification_lot(
                tx, call.caller, LotId(request.lot_id), now=call.now()
            )
            return tx.answer(pb.AbandonVerificationLotResponse(lot=to_lot(abandoned)))

    async def GetVerificationLot(
        self, request: pb.GetVerificationLotRequest, call: Call
    ) -> pb.GetVerificationLotResponse:
        async with self.db.begin(call) as tx:
            found = await lots.get_verification_lot(tx, call.caller, LotId(request.lot_id))
            return pb.GetVerificationLotResponse(lot=to_lot(found))

    async def ListVerificationLots(
        self, request: pb.ListVerificationLotsRequest, call: Call
    ) -> pb.ListVerificationLotsResponse:
        size, cursor = page.after(request.page, before=UUID)
        async with self.db.begin(call) as tx:
            found = await lots.list_verification_lots(tx, call.caller, cursor.get("before"), size)
            more = page.token(before=found[-1].id.value) if len(found) == size else ""
            return pb.ListVerificationLotsResponse(lots=map(to_lot, found), next_token=more)

    async def ListVerificationResults(
        self, request: pb.ListVerificationResultsRequest, call: Call
    ) -> pb.ListVerificationResultsResponse:
        first, size = request.first, min(request.size or USUAL_RESULTS, MOST_RESULTS)
        async with self.db.begin(call) as tx:
            found = await lots.list_verification_results(
                tx, call.caller, LotId(request.lot_id), first, size, now=call.now()
            )
        results = [to_result(first + offset, *result) for offset, result in enumerate(found)]
        return pb.ListVerificationResultsResponse(results=results, next=first + len(results))


def line_of(message: pb.VerificationLine) -> Line:
    """The line as sent, right or wrong; PostgreSQL keeps no NUL, so one stands as a mark that no name has."""
    return Line(*(getattr(message, name).replace("\0", "\ufffd") for name in Line.__slots__))


def to_lot(lot: Lot) -> pb.VerificationLot:
    return pb.VerificationLot(
        id=lot.id.value,
        domain=lot.domain,
        state=STATE_OUT[lot.state],
        label=lot.label,
        lines=lot.lines,
        done=lot.done,
        confirmed=lot.confirmed,
        not_confirmed=lot.not_confirmed,
        broken=lot.broken,
        opened_at=to_moment(lot.opened_at),
        submitted_at=to_moment(lot.submitted_at) if lot.submitted_at else None,
        finished_at=to_moment(lot.finished_at) if lot.finished_at else None,
    )


def to_result(position: int, reference: str, result: LineResult) -> pb.VerificationLineResult:
    return pb.VerificationLineResult(
        position=position,
        reference=reference,
        outcome=OUTCOME_OUT[result.outcome],
        problem=result.problem,
    )
