"""What the tests of the servicer ask with: an RPC by name, its refusal, a draft, a signed prescription."""

from typing import Any

import grpc
import pytest
from google.protobuf.message import Message

from chassis.caller import Caller
from chassis.errors import SocleError
from chassis.status import from_status
from chassis.testing import Served, callers
from eprescription.api import shown
from socle.eprescription.v1 import eprescription_pb2 as pb

from .given import content


async def ask(
    service: Served, method: str, request: Message, by: Caller = callers.doctor, **metadata: str
) -> Any:
    return await service.ask(method, request, by, **metadata)


async def fails(asked: Any) -> SocleError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await asked
    return from_status(caught.value)


async def created(
    service: Served, person: str, written: pb.PrescriptionContent | None = None, **metadata: Any
) -> pb.Prescription:
    request = pb.CreatePrescriptionRequest(person_id=person, content=written or shown.content(content()))
    answer = await ask(service, "CreatePrescription", request, **metadata)
    made: pb.Prescription = answer.prescription
    return made


async def signed(service: Served, person: str, **changes: Any) -> pb.SignPrescriptionResponse:
    made = await created(service, person)
    request = pb.SignPrescriptionRequest(prescription_id=made.prescription_id, **changes)
    answer: pb.SignPrescriptionResponse = await ask(service, "SignPrescription", request)
    return answer
