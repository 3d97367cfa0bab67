"""The contract of INSi on a real gRPC server: by card, verification, journal, replaced numbers, access."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from chassis.caller import Caller
from chassis.db import Database
from chassis.testing import LocalIssuer, Matrix, Served, callers, doors, same_as_golden
from identity_ins import seed
from identity_ins.domain import Platform
from socle.common.v1 import common_pb2
from socle.identity_ins.v1 import identity_ins_pb2
from socle.identity_ins.v1 import insi_pb2 as pb
from socle.options.v1 import options_pb2

from .insi_given import (
    card_of,
    insi_served,
    lines_from,
    opened,
    other_staff,
    refused,
    submitted,
    verification,
)

HERE = Path(__file__).parent
TEST_OID = "1.2.250.1.213.1.4.10"
UNKNOWN_ID = "01900000-0000-7000-8000-00000000dead"
AUDIT = "SELECT action, subject, rules, reason FROM audit ORDER BY id DESC LIMIT 1"
CALLS = "SELECT operation, code, organisation, lines, input_hash FROM insi_call ORDER BY id DESC LIMIT $1"


@pytest.fixture(scope="module")
async def service(registry: Database, issuer: LocalIssuer) -> AsyncIterator[Served]:
    async with insi_served(registry, issuer) as (running, _):
        yield running


@pytest.fixture(scope="module")
async def ill(registry: Database, issuer: LocalIssuer) -> AsyncIterator[Served]:
    """The service when INSi fails at each call."""
    async with insi_served(registry, issuer, fault_every=1) as (running, _):
        yield running


async def test_card_when_found_then_the_person_a_trace_and_a_call(
    service: Served, registry: Database
) -> None:
    answer = await service.ask("SearchInsByCard", card_of(3, 2), callers.doctor)
    child = seed.person(2)
    assert (answer.code, answer.label, answer.person.person_id) == ("00", "OK", child.id.value)
    [line] = await registry.pool.fetch(AUDIT)
    assert (line["action"], line["subject"]) == ("insi.search_by_card", child.id.value)
    assert line["rules"] == ["insi.structure", "insi.00"]
    [call] = await registry.pool.fetch(CALLS, 1)
    assert (call["operation"], call["code"], call["organisation"]) == ("search_by_card", "00", "1750000018")
    assert len(call["input_hash"]) == 32


async def test_card_when_two_fit_then_nobody_is_told(service: Served) -> None:
    answer = await service.ask("SearchInsByCard", card_of(15, 16), callers.staff)
    assert (answer.code, answer.HasField("person")) == ("02", False)


@pytest.mark.parametrize(
    ("age", "status", "reason"),
    [
        (1201, "FAILED_PRECONDITION", "CARD_READ_TOO_OLD"),
        (-3600, "INVALID_ARGUMENT", "CARD_READ_IN_THE_FUTURE"),
    ],
)
async def test_card_when_not_read_just_now_then_refused(
    service: Served, age: int, status: str, reason: str
) -> None:
    error = await refused(service, "SearchInsByCard", card_of(3, 2, age_seconds=age), callers.doctor)
    assert (error.kind.grpc, error.reason, error.field) == (status, reason, "card.read_at")


async def test_card_when_the_number_is_wrong_then_the_field_is_told(service: Served) -> None:
    request = card_of(3, 2)
    request.card.num_assure = request.card.num_assure[:13] + "00"
    error = await refused(service, "SearchInsByCard", request, callers.doctor)
    assert (error.kind.grpc, error.violations[0].field) == ("INVALID_ARGUMENT", "card.num_assure")


async def test_verify_when_right_then_confirmed_and_when_not_then_not_why(
    service: Served, registry: Database
) -> None:
    person = seed.person(7)
    answer = await service.ask("VerifyInsTraits", verification(person), callers.machine)
    assert (answer.confirmed, answer.person_id) == (True, person.id.value)
    wrong = await service.ask(
        "VerifyInsTraits", verification(person, lieu_naissance="63113"), callers.machine
    )
    assert (wrong.confirmed, wrong.person_id) == (False, "")
    codes = [call["code"] for call in await registry.pool.fetch(CALLS, 2)]
    assert codes == ["KO", "OK"]


async def test_verify_when_the_line_is_broken_then_every_field_is_told(service: Served) -> None:
    request = verification(seed.person(7), cle="00", sexe="X", date_naissance="2009-13-01")
    error = await refused(service, "VerifyInsTraits", request, callers.machine)
    assert (error.kind.grpc, error.reason) == ("INVALID_ARGUMENT", "LINE_WRONG")
    assert [violation.field for violation in error.violations] == [
        "line.cle",
        "line.sexe",
        "line.date_naissance",
    ]


@pytest.mark.parametrize(
    ("method", "request_", "operation"),
    [
        ("SearchInsByCard", card_of(3, 2), "search_by_card"),
        ("VerifyInsTraits", verification(seed.person(1)), "verify"),
    ],
)
async def test_question_when_insi_fails_then_unavailable_and_the_call_is_journaled(
    ill: Served, registry: Database, method: str, request_: Any, operation: str
) -> None:
    error = await refused(ill, method, request_, callers.doctor)
    assert (error.kind.grpc, error.reason) == ("UNAVAILABLE", "INSI_UNAVAILABLE")
    assert error.retry_after is not None
    assert "insi_102" in error.hint
    [call] = await registry.pool.fetch(CALLS, 1)
    assert (call["operation"], call["code"]) == (operation, "insi_102")


async def journal(
    service: Served, caller: Caller, size: int = 200, token: str = ""
) -> pb.ListInsiCallsResponse:
    request = pb.ListInsiCallsRequest(page=common_pb2.PageRequest(size=size, token=token))
    answer: pb.ListInsiCallsResponse = await service.ask("ListInsiCalls", request, caller)
    return answer


async def test_journal_when_read_then_that_of_the_structure_and_all_of_it_for_the_auditor(
    service: Served,
) -> None:
    await service.ask("VerifyInsTraits", verification(seed.person(8)), callers.staff)
    await service.ask("VerifyInsTraits", verification(seed.person(8)), other_staff)
    own, others = await journal(service, callers.staff), await journal(service, other_staff)
    assert {call.organisation for call in own.calls} == {"1750000018"}
    assert [call.organisation for call in others.calls] == ["1750000026"]
    everyone = await journal(service, callers.auditor)
    assert len(everyone.calls) == len(own.calls) + len(others.calls)
    [last, *_] = everyone.calls
    assert (last.actor, last.actor_kind) == (other_staff.subject, options_pb2.CALLER_KIND_STAFF)
    assert (last.operation, last.code, last.lines) == ("verify", "OK", 1)
    assert len(bytes.fromhex(last.input_hash)) == 32


async def test_journal_when_read_page_by_page_then_each_call_once(service: Served) -> None:
    whole = [call.id for call in (await journal(service, callers.auditor)).calls]
    pages, token = [], ""
    while True:
        page = await journal(service, callers.auditor, 2, token)
        pages += [call.id for call in page.calls]
        if not (token := page.next_token):
            break
    assert pages == whole == sorted(whole, reverse=True)
    error = await refused(
        service,
        "ListInsiCalls",
        pb.ListInsiCallsRequest(page=common_pb2.PageRequest(token="e30")),
        callers.auditor,
    )
    assert error.reason == "UNKNOWN_PAGE_TOKEN"


def replacement(n: int, by: int, reason: str = "NIA became NIR") -> pb.ReplaceNumberRequest:
    ins = identity_ins_pb2.Ins(matricule=seed.person(by).ins.matricule, oid=TEST_OID)
    return pb.ReplaceNumberRequest(person_id=seed.person(n).id.value, ins=ins, reason=reason)


async def test_number_when_replaced_then_the_former_one_is_kept_and_verifies_no_more(
    service: Served, registry: Database
) -> None:
    person = seed.person(401)
    answer = await service.ask("ReplaceNumber", replacement(401, 90_001), callers.operator)
    assert answer.person_id == person.id.value
    assert answer.ins.matricule == seed.person(90_001).ins.matricule
    assert [former.matricule for former in answer.former] == [person.ins.matricule]
    [line] = await registry.pool.fetch(AUDIT)
    assert (line["action"], line["subject"]) == ("registry.replace_number", person.id.value)
    assert line["reason"] == "NIA became NIR"
    [event] = await registry.pool.fetch("SELECT subject, aggregate FROM outbox ORDER BY seq DESC LIMIT 1")
    assert event["subject"] == "socle.identity_ins.person.number_replaced.v1"
    assert event["aggregate"] == f"person/{person.id.value}"
    assert not (await service.ask("VerifyInsTraits", verification(person), callers.staff)).confirmed
    back = await service.ask("ReplaceNumber", replacement(401, 401, "it was right"), callers.operator)
    assert back.ins.matricule == person.ins.matricule
    assert [one.matricule for one in back.former] == [seed.person(90_001).ins.matricule]
    assert (await service.ask("VerifyInsTraits", verification(person), callers.staff)).confirmed


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (replacement(402, 403), "NUMBER_OF_ANOTHER"),
        (replacement(402, 402), "NUMBER_UNCHANGED"),
    ],
)
async def test_number_when_it_is_taken_then_refused(service: Served, request_: Any, reason: str) -> None:
    error = await refused(service, "ReplaceNumber", request_, callers.operator)
    assert (error.kind.http, error.reason) == (422, reason)


async def test_number_when_it_was_once_of_another_then_refused(service: Served) -> None:
    request = replacement(402, 402)
    request.ins.matricule = seed.person(7).former[0].matricule
    assert (await refused(service, "ReplaceNumber", request, callers.operator)).reason == "NUMBER_OF_ANOTHER"


async def test_number_when_the_person_is_unknown_then_not_found(service: Served) -> None:
    request = replacement(402, 90_002)
    request.person_id = UNKNOWN_ID
    assert (await refused(service, "ReplaceNumber", request, callers.operator)).reason == "PERSON_UNKNOWN"


async def test_number_when_the_platform_is_a_real_one_then_refused(
    registry: Database, issuer: LocalIssuer
) -> None:
    request = replacement(402, 90_003)
    request.ins.oid = "1.2.250.1.213.1.4.8"
    async with insi_served(registry, issuer, platform=Platform.PRODUCTION) as (service, _):
        error = await refused(service, "ReplaceNumber", request, callers.operator)
    assert (error.kind.http, error.reason) == (422, "REGISTRY_NOT_OURS")


SITUATIONS: dict[str, dict[str, Caller]] = {
    "one's structure": callers.every_kind(),
    "another structure": {"professional": callers.other_doctor, "staff": other_staff},
    "no structure": {"professional": Caller(callers.doctor.kind, callers.doctor.subject)},
}


async def requests_in_a_structure(service: Served) -> dict[str, Any]:
    """A request of each kind, about lots of the staff's structure."""
    empty, filled = await opened(service), await opened(service)
    await service.ask("AddVerificationLines", lines_from(filled, 0, 1), callers.staff)
    return {
        "SearchInsByCard": card_of(3, 2),
        "VerifyInsTraits": verification(seed.person(2)),
        "OpenVerificationLot": pb.OpenVerificationLotRequest(label="mine"),
        "AddVerificationLines": lines_from(empty, 0, 1),
        "SubmitVerificationLot": pb.SubmitVerificationLotRequest(lot_id=filled),
        "GetVerificationLot": pb.GetVerificationLotRequest(lot_id=filled),
        "ListVerificationLots": pb.ListVerificationLotsRequest(),
        "ListVerificationResults": pb.ListVerificationResultsRequest(lot_id=await submitted(service, 1)),
        "AbandonVerificationLot": pb.AbandonVerificationLotRequest(lot_id=await opened(service)),
        "ListInsiCalls": pb.ListInsiCallsRequest(),
        "ReplaceNumber": replacement(404, 90_004),
    }


async def outcome(service: Served, method: str, request: Any, caller: Caller) -> str:
    try:
        await service.ask(method, request, caller)
    except grpc.aio.AioRpcError as error:
        return error.code().name.lower().replace("_", " ")
    return "permitted"


async def test_access_when_every_kind_asks_in_every_situation_then_as_reviewed(service: Served) -> None:
    matrix = Matrix("identity-ins, INSi: who may do what (lots belong to the structure of the staff)")
    doors(matrix, service.servicer)
    for situation, who in SITUATIONS.items():
        for kind, caller in who.items():
            for method, request in (await requests_in_a_structure(service)).items():
                matrix.add(method, situation, kind, await outcome(service, method, request, caller))
    same_as_golden(HERE / "access_matrix_insi.txt", matrix.text())
