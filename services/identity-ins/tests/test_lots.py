"""The contract of lots on a real gRPC server: filled, submitted, abandoned, read."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from chassis.caller import Caller
from chassis.db import Database
from chassis.testing import LocalIssuer, Served, callers
from identity_ins.workers.lots import LotRunner
from socle.common.v1 import common_pb2
from socle.identity_ins.v1 import insi_pb2 as pb

from .insi_given import insi_served, lines_from, opened, other_staff, refused, submitted

UNKNOWN_ID = "01900000-0000-7000-8000-00000000dead"
LATEST_AUDIT = "SELECT action, subject, object_id FROM audit ORDER BY id DESC LIMIT 1"


@pytest.fixture(scope="module")
async def running(registry: Database, issuer: LocalIssuer) -> AsyncIterator[tuple[Served, LotRunner]]:
    async with insi_served(registry, issuer) as both:
        yield both


@pytest.fixture
def service(running: tuple[Served, LotRunner]) -> Served:
    return running[0]


@pytest.fixture
def runner(running: tuple[Served, LotRunner]) -> LotRunner:
    return running[1]


async def read(service: Served, lot_id: str, caller: Caller = callers.staff) -> pb.VerificationLot:
    answer = await service.ask("GetVerificationLot", pb.GetVerificationLotRequest(lot_id=lot_id), caller)
    lot: pb.VerificationLot = answer.lot
    return lot


async def results(service: Served, lot_id: str, first: int = 0, size: int = 0) -> Any:
    request = pb.ListVerificationResultsRequest(lot_id=lot_id, first=first, size=size)
    return await service.ask("ListVerificationResults", request, callers.staff)


async def test_lot_when_filled_submitted_and_worked_on_then_each_line_has_its_result(
    service: Served, runner: LotRunner, registry: Database
) -> None:
    lot_id = await opened(service, label="June list")
    await service.ask("AddVerificationLines", lines_from(lot_id, 0, 1, 2), callers.staff)
    await service.ask("AddVerificationLines", lines_from(lot_id, 2, 3, sexe="M"), callers.staff)
    added = await service.ask("AddVerificationLines", lines_from(lot_id, 3, 4, cle="00"), callers.machine)
    assert (added.lot.lines, added.lot.state) == (4, pb.LOT_STATE_OPEN)
    await service.ask("SubmitVerificationLot", pb.SubmitVerificationLotRequest(lot_id=lot_id), callers.staff)
    assert not (await results(service, lot_id)).results
    assert await runner.work()
    lot = await read(service, lot_id)
    assert (lot.state, lot.label, lot.domain) == (pb.LOT_STATE_DONE, "June list", "1750000018")
    assert (lot.lines, lot.done, lot.confirmed, lot.not_confirmed, lot.broken) == (4, 4, 2, 1, 1)
    assert lot.opened_at == lot.submitted_at == lot.finished_at
    answer = await results(service, lot_id)
    told = [(one.position, one.reference, one.outcome) for one in answer.results]
    assert told == [
        (0, "IPP-1", pb.VERIFICATION_OUTCOME_CONFIRMED),
        (1, "IPP-2", pb.VERIFICATION_OUTCOME_CONFIRMED),
        (2, "IPP-3", pb.VERIFICATION_OUTCOME_NOT_CONFIRMED),
        (3, "IPP-4", pb.VERIFICATION_OUTCOME_BROKEN),
    ]
    assert answer.results[3].problem == "cle: does not match num_identifiant: read it again from its source"
    assert answer.next == 4
    [line] = await registry.pool.fetch(LATEST_AUDIT)
    assert tuple(line) == ("verification_lot.results", "", lot_id)


async def test_results_when_read_in_parts_then_in_order_and_to_the_end(
    service: Served, runner: LotRunner
) -> None:
    lot_id = await submitted(service, *range(1, 8))
    await runner.work()
    read_so_far, first = [], 0
    while first < 7:
        part = await results(service, lot_id, first, 3)
        read_so_far += [one.position for one in part.results]
        first = part.next
    assert read_so_far == list(range(7))
    beyond = await results(service, lot_id, 4_000_000_000)
    assert (list(beyond.results), beyond.next) == ([], 4_000_000_000)


async def test_lines_when_sent_again_then_not_doubled_and_differing_ones_refused(service: Served) -> None:
    lot_id = await opened(service)
    for _ in range(2):
        answer = await service.ask("AddVerificationLines", lines_from(lot_id, 0, 1, 2), callers.staff)
        assert answer.lot.lines == 2
    answer = await service.ask("AddVerificationLines", lines_from(lot_id, 1, 2, 3), callers.staff)
    assert answer.lot.lines == 3
    error = await refused(service, "AddVerificationLines", lines_from(lot_id, 1, 9), callers.staff)
    assert (error.kind.http, error.reason, error.field) == (422, "LINES_DIFFER", "lines[0]")
    assert (await read(service, lot_id)).lines == 3


@pytest.mark.parametrize("first", [4, 4_000_000_000])
async def test_lines_when_some_are_missing_before_then_the_expected_position_is_told(
    service: Served, first: int
) -> None:
    lot_id = await opened(service)
    await service.ask("AddVerificationLines", lines_from(lot_id, 0, 1, 2, 3), callers.staff)
    error = await refused(service, "AddVerificationLines", lines_from(lot_id, first, 4), callers.staff)
    assert (error.reason, error.hint) == ("LINES_MISSING", "Send the lines from position 3 on.")


async def test_lines_when_sent_by_two_at_once_then_added_once(service: Served) -> None:
    lot_id = await opened(service)
    await asyncio.gather(
        *(service.ask("AddVerificationLines", lines_from(lot_id, 0, 1, 2), callers.staff) for _ in range(5))
    )
    assert (await read(service, lot_id)).lines == 2


async def test_lines_when_their_text_is_hostile_then_kept_and_told_broken(
    service: Served, runner: LotRunner
) -> None:
    lot_id = await opened(service)
    for first, text in enumerate(["a\tb\nc", "x" * 5_000, "\u202eABC", "", "'; DROP TABLE person --"]):
        request = lines_from(lot_id, first, 1, nom_naissance=text, liste_prenom=text, oid=text)
        await service.ask("AddVerificationLines", request, callers.staff)
        await service.ask("AddVerificationLines", request, callers.staff)
    await service.ask("SubmitVerificationLot", pb.SubmitVerificationLotRequest(lot_id=lot_id), callers.staff)
    await runner.work()
    assert (await read(service, lot_id)).broken == 5
    problems = [one.problem for one in (await results(service, lot_id)).results]
    assert all("nom_naissance: " in problem and "DROP" not in problem for problem in problems)


@pytest.mark.parametrize("strange", ["MAR\0TIN", "MAR\x1bTIN", "MAR\x7fTIN"])
async def test_lines_when_one_holds_what_no_table_can_then_it_alone_is_broken(
    service: Served, runner: LotRunner, strange: str
) -> None:
    lot_id = await opened(service)
    request = lines_from(lot_id, 0, 1, 2)
    request.lines[1].nom_naissance = strange
    await service.ask("AddVerificationLines", request, callers.staff)
    await service.ask("SubmitVerificationLot", pb.SubmitVerificationLotRequest(lot_id=lot_id), callers.staff)
    await runner.work()
    good, broken = (await results(service, lot_id)).results
    assert good.outcome == pb.VERIFICATION_OUTCOME_CONFIRMED
    assert (broken.outcome, broken.problem.partition(":")[0]) == (
        pb.VERIFICATION_OUTCOME_BROKEN,
        "nom_naissance",
    )


async def test_lines_when_too_many_at_once_or_none_then_refused(service: Served) -> None:
    lot_id = await opened(service)
    empty = pb.AddVerificationLinesRequest(lot_id=lot_id)
    assert (await refused(service, "AddVerificationLines", empty, callers.staff)).kind.http == 400
    many = pb.AddVerificationLinesRequest(lot_id=lot_id, lines=[pb.VerificationLine()] * 5_001)
    assert (await refused(service, "AddVerificationLines", many, callers.staff)).kind.http == 400


async def test_submit_when_empty_or_done_before_then_refused(service: Served) -> None:
    request = pb.SubmitVerificationLotRequest(lot_id=await opened(service))
    assert (await refused(service, "SubmitVerificationLot", request, callers.staff)).reason == "LOT_EMPTY"
    lot_id = await submitted(service, 1)
    request = pb.SubmitVerificationLotRequest(lot_id=lot_id)
    again = await refused(service, "SubmitVerificationLot", request, callers.staff)
    assert (again.kind.http, again.reason) == (422, "LOT_ALREADY_SUBMITTED")
    late = await refused(service, "AddVerificationLines", lines_from(lot_id, 1, 2), callers.staff)
    assert late.reason == "LOT_ALREADY_SUBMITTED"
    await service.ask(
        "AbandonVerificationLot", pb.AbandonVerificationLotRequest(lot_id=lot_id), callers.staff
    )


async def test_submit_when_the_answer_was_lost_then_the_same_key_gets_it_again(service: Served) -> None:
    lot_id = await opened(service)
    await service.ask("AddVerificationLines", lines_from(lot_id, 0, 1), callers.staff)
    request = pb.SubmitVerificationLotRequest(lot_id=lot_id)
    one, other = [
        await service.ask("SubmitVerificationLot", request, callers.staff, idempotency_key="k-submit")
        for _ in range(2)
    ]
    assert one == other


async def test_abandon_when_done_then_the_lot_is_never_worked_on(service: Served, runner: LotRunner) -> None:
    while await runner.work():
        pass
    lot_id = await submitted(service, 1, 2)
    request = pb.AbandonVerificationLotRequest(lot_id=lot_id)
    answer = await service.ask("AbandonVerificationLot", request, callers.staff)
    assert (answer.lot.state, answer.lot.done) == (pb.LOT_STATE_ABANDONED, 0)
    assert not await runner.work()
    again = await refused(service, "AbandonVerificationLot", request, callers.staff)
    assert again.reason == "LOT_ABANDONED"


async def test_lots_when_listed_then_those_of_the_structure_newest_first(service: Served) -> None:
    theirs = [await opened(service, other_staff, f"list {n}") for n in range(3)]
    pages, token = [], ""
    while True:
        request = pb.ListVerificationLotsRequest(page=common_pb2.PageRequest(size=2, token=token))
        page = await service.ask("ListVerificationLots", request, other_staff)
        pages += [lot.id for lot in page.lots]
        if not (token := page.next_token):
            break
    assert pages == theirs[::-1]


@pytest.mark.parametrize("method", ["GetVerificationLot", "SubmitVerificationLot", "AbandonVerificationLot"])
async def test_lot_when_absent_or_of_another_structure_then_not_found_alike(
    service: Served, method: str
) -> None:
    descriptor = service.servicer.service.methods_by_name[method].input_type
    message = getattr(pb, descriptor.name)
    theirs = await opened(service, other_staff)
    errors = [
        await refused(service, method, message(lot_id=id), callers.staff) for id in (theirs, UNKNOWN_ID)
    ]
    assert {(error.kind.grpc, error.reason, error.sentence) for error in errors} == {
        ("NOT_FOUND", "LOT_NOT_FOUND", "There is no such lot of verifications in your structure.")
    }


async def test_lot_when_its_id_is_no_id_then_the_message_is_wrong(service: Served) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as told:
        await service.ask("GetVerificationLot", pb.GetVerificationLotRequest(lot_id="1"), callers.staff)
    assert told.value.code() is grpc.StatusCode.INVALID_ARGUMENT
