"""Symbols and messages on a real gRPC server: what is shown, to whom, and the trace it leaves."""

from collections.abc import AsyncIterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import grpc
import pytest
import zxingcpp
from PIL import Image

from chassis import status
from chassis.caller import Caller
from chassis.db import Database
from chassis.errors import SocleError
from chassis.testing import LocalIssuer, Matrix, Served, callers, doors, same_as_golden, served
from identity_ins.api import ExchangeServicer
from identity_ins.domain import Identity, Places, Platform
from socle.common.v1 import common_pb2
from socle.identity_ins.v1 import exchange_pb2 as pb
from socle.identity_ins.v1 import identity_ins_pb2 as common

from .pam_given import PATIENT, Structure, write_messages

HERE = Path(__file__).parent
UNKNOWN_ID = "01900000-0000-7000-8000-00000000dead"
OTHERS = callers.other_doctor.organisation


@pytest.fixture(scope="module")
async def service(registry: Database, issuer: LocalIssuer) -> AsyncIterator[Served]:
    async with served(ExchangeServicer(registry, Platform.TEST, Places()), registry, issuer) as running:
        yield running


@pytest.fixture(scope="module")
async def qualified(registry: Database) -> Identity:
    """A patient of the doctor's structure, told of in three messages."""
    identity = await Structure(registry).qualifies()
    await write_messages(registry)
    return identity


def symbol(id: str) -> pb.GetDatamatrixRequest:
    return pb.GetDatamatrixRequest(identity_id=id)


def listing(token: str = "", size: int = 0, identity: str = "") -> pb.ListPamMessagesRequest:
    page = common_pb2.PageRequest(token=token, size=size)
    return pb.ListPamMessagesRequest(page=page, identity_id=identity)


async def refused(service: Served, method: str, request: Any, caller: Caller) -> SocleError:
    with pytest.raises(grpc.aio.AioRpcError) as told:
        await service.ask(method, request, caller)
    assert PATIENT.ins.matricule not in str(told.value)
    return status.from_status(told.value)


async def trace(registry: Database, action: str) -> list[tuple[str, str, str]]:
    rows = await registry.pool.fetch(
        "SELECT subject, object_id, outcome FROM audit WHERE action = $1 ORDER BY id", action
    )
    return [tuple(row) for row in rows]


async def test_datamatrix_when_qualified_then_text_and_images_that_agree(
    service: Served, registry: Database, qualified: Identity
) -> None:
    answer = await service.ask("GetDatamatrix", symbol(qualified.id.value), callers.doctor)
    (scanned,) = zxingcpp.read_barcodes(Image.open(BytesIO(answer.png)))
    assert scanned.bytes == answer.text.encode()
    assert "<svg" in answer.svg
    assert (PATIENT.id.value, qualified.id.value, "permitted") in await trace(registry, "datamatrix.read")
    read = await service.ask("ReadDatamatrix", pb.ReadDatamatrixRequest(text=answer.text), callers.doctor)
    assert (read.ins.matricule, read.ins.oid) == (PATIENT.ins.matricule, PATIENT.ins.oid)
    assert list(read.traits.birth_first_names) == list(PATIENT.traits.birth_first_names)
    assert read.traits.birth_date == PATIENT.traits.birth_date.isoformat()
    assert not read.warnings
    nowhere = pb.ReadDatamatrixRequest(text=answer.text[:-5] + "99999")
    read = await service.ask("ReadDatamatrix", nowhere, callers.doctor)
    assert [(one.field, one.code) for one in read.warnings] == [("traits.birth_place", "PLACE_NOT_STATED")]


async def test_datamatrix_when_not_qualified_then_refused_by_the_state(
    service: Served, registry: Database
) -> None:
    identity = await Structure(registry).creates()
    error = await refused(service, "GetDatamatrix", symbol(identity.id.value), callers.doctor)
    assert (error.kind.grpc, error.reason) == ("FAILED_PRECONDITION", "DATAMATRIX_NEEDS_QUALIFIED")


WRONG: list[tuple[str, Any, str, str]] = [
    ("GetDatamatrix", symbol("1"), "identity_id", "MALFORMED_REQUEST"),
    ("ReadDatamatrix", pb.ReadDatamatrixRequest(text="x" * 601), "text", "MALFORMED_REQUEST"),
    ("ReadDatamatrix", pb.ReadDatamatrixRequest(text="IS01"), "text", "DATAMATRIX_MALFORMED"),
    ("GetPamMessage", pb.GetPamMessageRequest(message_id="1"), "message_id", "MALFORMED_REQUEST"),
    ("ListPamMessages", listing("eyJwb3NpdGlvbiI6LTF9"), "page.token", "UNKNOWN_PAGE_TOKEN"),
    ("ListPamMessages", listing("eyJhZnRlciI6ICJ4In0"), "page.token", "UNKNOWN_PAGE_TOKEN"),
    ("ReadPamMessage", pb.ReadPamMessageRequest(content="PID|1"), "content.MSH", "PAM_MALFORMED"),
]


@pytest.mark.parametrize(("method", "request_", "field", "reason"), WRONG)
async def test_request_when_wrong_then_refused_with_field_and_reason(
    service: Served, method: str, request_: Any, field: str, reason: str
) -> None:
    error = await refused(service, method, request_, callers.staff)
    assert (error.kind.grpc, error.reason) == ("INVALID_ARGUMENT", reason)
    assert field in (error.field, *(one.field for one in error.violations))


async def test_messages_when_read_by_pages_then_each_once_and_the_last_token_waits_for_more(
    service: Served, registry: Database
) -> None:
    machine = replace(callers.machine, organisation="1750000059")
    structure = Structure(registry, replace(callers.doctor, organisation="1750000059"))
    empty = await service.ask("ListPamMessages", listing(), machine)
    assert not empty.messages
    identity = await structure.qualifies()
    await write_messages(registry)
    first = await service.ask("ListPamMessages", listing(empty.next_token, size=2), machine)
    rest = await service.ask("ListPamMessages", listing(first.next_token, size=2), machine)
    read = [(one.position, one.trigger) for page in (first, rest) for one in page.messages]
    assert read == [(1, "A28"), (2, "A31"), (3, "A31")]
    nothing = await service.ask("ListPamMessages", listing(rest.next_token), machine)
    assert (list(nothing.messages), nothing.next_token) == ([], rest.next_token)
    await structure.doubts(identity.id)
    await write_messages(registry)
    news = await service.ask("ListPamMessages", listing(nothing.next_token), machine)
    assert [(one.position, one.trigger) for one in news.messages] == [(4, "A47")]


async def test_messages_when_shown_then_each_leaves_a_trace_about_its_person(
    service: Served, registry: Database, qualified: Identity
) -> None:
    before = len(await trace(registry, "pam_message.list"))
    answer = await service.ask("ListPamMessages", listing(identity=qualified.id.value), callers.staff)
    assert [one.trigger for one in answer.messages] == ["A28", "A31", "A31"]
    assert {one.identity_id for one in answer.messages} == {qualified.id.value}
    traces = (await trace(registry, "pam_message.list"))[before:]
    id = qualified.id.value
    assert traces == [(who, id, "permitted") for who in (id, PATIENT.id.value, PATIENT.id.value)]
    last = answer.messages[-1]
    one = await service.ask("GetPamMessage", pb.GetPamMessageRequest(message_id=last.id), callers.machine)
    assert one.message == last
    assert (await trace(registry, "pam_message.read"))[-1] == (PATIENT.id.value, id, "permitted")


async def test_message_when_of_another_structure_then_not_found_and_the_person_sees_who_tried(
    service: Served, registry: Database, qualified: Identity
) -> None:
    answer = await service.ask("ListPamMessages", listing(identity=qualified.id.value), callers.staff)
    stranger = replace(callers.machine, organisation=OTHERS)
    request = pb.GetPamMessageRequest(message_id=answer.messages[-1].id)
    error = await refused(service, "GetPamMessage", request, stranger)
    absent = await refused(service, "GetPamMessage", pb.GetPamMessageRequest(message_id=UNKNOWN_ID), stranger)
    assert (error.kind.grpc, error.reason, error.sentence) == (
        absent.kind.grpc,
        absent.reason,
        absent.sentence,
    )
    assert (PATIENT.id.value, qualified.id.value, "refused") in await trace(registry, "pam_message.read")


async def test_message_when_read_back_then_what_it_says_with_its_warnings(
    service: Served, qualified: Identity
) -> None:
    answer = await service.ask("ListPamMessages", listing(identity=qualified.id.value), callers.staff)
    content = answer.messages[-1].content
    said = await service.ask("ReadPamMessage", pb.ReadPamMessageRequest(content=content), callers.doctor)
    assert (said.trigger, said.qualified, said.ipp) == ("A31", True, qualified.ipp)
    assert said.ins.matricule == PATIENT.ins.matricule
    assert said.traits.sex == common.SEX_FEMALE
    unsure = content.replace("|VALI|", "|PROV~HOMA|")
    said = await service.ask("ReadPamMessage", pb.ReadPamMessageRequest(content=unsure), callers.doctor)
    assert (said.HasField("ins"), list(said.comments)) == (False, ["HOMA"])
    assert [(one.field, one.code) for one in said.warnings] == [("content.PID-3", "INS_WITHOUT_VALI")]


async def test_reading_when_for_no_structure_then_refused_before_the_text_is_looked_at(
    service: Served,
) -> None:
    nobody = replace(callers.doctor, organisation="")
    for method, request in (
        ("ReadDatamatrix", pb.ReadDatamatrixRequest(text="IS01")),
        ("ReadPamMessage", pb.ReadPamMessageRequest(content="PID|1")),
    ):
        assert (await refused(service, method, request, nobody)).kind.grpc == "PERMISSION_DENIED"


SITUATIONS: dict[str, dict[str, Caller]] = {
    "one's structure": callers.every_kind(),
    "another structure": {
        "professional": callers.other_doctor,
        "staff": replace(callers.staff, organisation=OTHERS),
        "machine": replace(callers.machine, organisation=OTHERS),
    },
    "no structure": {
        "professional": replace(callers.doctor, organisation=""),
        "machine": replace(callers.machine, organisation=""),
    },
    "the person": {"citizen": replace(callers.citizen, person_id=PATIENT.id.value)},
}


async def outcome(service: Served, method: str, request: Any, caller: Caller) -> str:
    try:
        answer = await service.ask(method, request, caller)
    except grpc.aio.AioRpcError as error:
        return error.code().name.lower().replace("_", " ")
    return "empty" if method == "ListPamMessages" and not answer.messages else "permitted"


async def test_access_when_every_kind_asks_in_every_situation_then_as_reviewed(
    service: Served, qualified: Identity
) -> None:
    text = (await service.ask("GetDatamatrix", symbol(qualified.id.value), callers.doctor)).text
    message = (await service.ask("ListPamMessages", listing(size=1), callers.staff)).messages[0]
    requests: dict[str, Any] = {
        "GetDatamatrix": symbol(qualified.id.value),
        "ReadDatamatrix": pb.ReadDatamatrixRequest(text=text),
        "ListPamMessages": listing(),
        "GetPamMessage": pb.GetPamMessageRequest(message_id=message.id),
        "ReadPamMessage": pb.ReadPamMessageRequest(content=message.content),
    }
    matrix = Matrix("identity-ins, exchange: who may do what (a patient qualifié in the doctor's structure)")
    doors(matrix, service.servicer)
    for situation, who in SITUATIONS.items():
        for kind, caller in who.items():
            for method, request in requests.items():
                matrix.add(method, situation, kind, await outcome(service, method, request, caller))
    same_as_golden(HERE / "access_matrix_exchange.txt", matrix.text())
