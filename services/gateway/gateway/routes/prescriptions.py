"""REST of eprescription: a prescription from its draft to its signature, and its cancellation."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from gateway import models, wire
from gateway.bodies import read, read_if_any
from gateway.context import enter, etag, reply
from gateway.openapi import DirectRoute, operation
from gateway.patients import person_of
from socle.eprescription.v1 import eprescription_pb2 as pb

router = APIRouter(prefix="/v1/prescriptions", tags=["prescriptions"], route_class=DirectRoute)
PrescriptionId = Annotated[
    str, Path(description="Id of a prescription.", json_schema_extra={"format": "uuid"})
]
PRESCRIPTION = pb.Prescription.DESCRIPTOR
LISTED = pb.ListPrescriptionsResponse.DESCRIPTOR


@router.post("", **operation(PRESCRIPTION, models.NewPrescription, status=201, changes=True))
async def create_prescription(request: Request) -> Response:
    """Opens a draft and reserves its number; the law is checked on demand, and at the signature."""
    platform, visit = await enter(request)
    body = await read(request, models.NewPrescription)
    person_id = await person_of(request, platform, visit, body)
    asked = wire.fill(pb.CreatePrescriptionRequest, {"person_id": person_id, **body.rest()})
    made = (await platform.ask(platform.prescriptions.CreatePrescription, asked, visit)).prescription
    return reply(made, 201, {"Location": f"/v1/prescriptions/{made.prescription_id}", **etag(made.version)})


@router.get("", **operation(LISTED))
async def list_prescriptions(
    request: Request, query: Annotated[models.PrescriptionQuery, Query()]
) -> Response:
    """The prescriptions of a person, newest first; a pharmacy claims instead."""
    platform, visit = await enter(request)
    asked = wire.fill(pb.ListPrescriptionsRequest, query.message())
    return reply(await platform.ask(platform.prescriptions.ListPrescriptions, asked, visit))


@router.post("/search", **operation(LISTED, models.PrescriptionSearch))
async def search_prescriptions(request: Request) -> Response:
    """The prescriptions of a person given by INS, newest first."""
    platform, visit = await enter(request)
    body = await read(request, models.PrescriptionSearch)
    person_id = await person_of(request, platform, visit, body)
    asked = wire.fill(pb.ListPrescriptionsRequest, {"person_id": person_id, **body.rest()})
    return reply(await platform.ask(platform.prescriptions.ListPrescriptions, asked, visit))


@router.get("/mine", **operation(pb.ListMyPrescriptionsResponse.DESCRIPTOR))
async def list_my_prescriptions(
    request: Request, query: Annotated[models.MyPrescriptionQuery, Query()]
) -> Response:
    """The prescriptions that the caller wrote, or that the caller's pharmacy holds or served."""
    platform, visit = await enter(request)
    asked = wire.fill(pb.ListMyPrescriptionsRequest, query.message())
    return reply(await platform.ask(platform.prescriptions.ListMyPrescriptions, asked, visit))


@router.post("/by-number", **operation(PRESCRIPTION, models.PrescriptionNumber))
async def get_prescription_by_number(request: Request) -> Response:
    """Reads a prescription by its number, for whoever may read it."""
    platform, visit = await enter(request)
    body = await read(request, models.PrescriptionNumber)
    asked = pb.GetPrescriptionRequest(number=body.number)
    return _shown(await platform.ask(platform.prescriptions.GetPrescription, asked, visit))


@router.get("/{prescription_id}", **operation(PRESCRIPTION))
async def get_prescription(request: Request, prescription_id: PrescriptionId) -> Response:
    """Reads a prescription with its lines, their states and what pharmacists did; the patient sees it."""
    platform, visit = await enter(request)
    asked = pb.GetPrescriptionRequest(prescription_id=prescription_id)
    return _shown(await platform.ask(platform.prescriptions.GetPrescription, asked, visit))


def _shown(answer: Any) -> Response:
    return reply(answer.prescription, headers=etag(answer.prescription.version))


@router.put("/{prescription_id}", **operation(PRESCRIPTION, models.ChangedPrescription, changes=True))
async def change_prescription(request: Request, prescription_id: PrescriptionId) -> Response:
    """Replaces the content of a draft; what is signed is never changed."""
    platform, visit = await enter(request)
    body = await read(request, models.ChangedPrescription)
    asked = wire.fill(pb.ChangePrescriptionRequest, {"prescription_id": prescription_id, **body.model_dump()})
    return _shown(await platform.ask(platform.prescriptions.ChangePrescription, asked, visit))


@router.delete("/{prescription_id}", **operation(None, status=204, changes=True))
async def discard_prescription(request: Request, prescription_id: PrescriptionId) -> Response:
    """Gives a draft up; its number is never used again."""
    platform, visit = await enter(request)
    asked = pb.DiscardPrescriptionRequest(prescription_id=prescription_id)
    await platform.ask(platform.prescriptions.DiscardPrescription, asked, visit)
    return Response(status_code=204)


@router.post("/{prescription_id}/check", **operation(pb.CheckPrescriptionResponse.DESCRIPTOR))
async def check_prescription(request: Request, prescription_id: PrescriptionId) -> Response:
    """What the law and the safety checks say of a draft as it stands; nothing is written but the trace."""
    platform, visit = await enter(request)
    asked = pb.CheckPrescriptionRequest(prescription_id=prescription_id)
    return reply(await platform.ask(platform.prescriptions.CheckPrescription, asked, visit))


@router.post(
    "/{prescription_id}/signing-input",
    **operation(pb.GetSigningInputResponse.DESCRIPTOR, models.SigningDecisions, needed=False),
)
async def get_signing_input(request: Request, prescription_id: PrescriptionId) -> Response:
    """The exact bytes to sign with a card or an HSM: canonical JSON (RFC 8785), dated today."""
    platform, visit = await enter(request)
    body = await read_if_any(request, models.SigningDecisions)
    asked = wire.fill(pb.GetSigningInputRequest, {"prescription_id": prescription_id, **body.model_dump()})
    return reply(await platform.ask(platform.prescriptions.GetSigningInput, asked, visit))


@router.post(
    "/{prescription_id}/signature",
    **operation(pb.SignPrescriptionResponse.DESCRIPTOR, models.NewSignature, changes=True, needed=False),
)
async def sign_prescription(request: Request, prescription_id: PrescriptionId) -> Response:
    """Signs a draft and activates it: rules, safety, signature, all or nothing; safe to send again."""
    platform, visit = await enter(request)
    body = await read_if_any(request, models.NewSignature)
    asked = wire.fill(pb.SignPrescriptionRequest, {"prescription_id": prescription_id, **body.model_dump()})
    answer = await platform.ask(platform.prescriptions.SignPrescription, asked, visit)
    return reply(answer, headers=etag(answer.prescription.version))


@router.post(
    "/{prescription_id}/cancellation",
    **operation(pb.CancelPrescriptionResponse.DESCRIPTOR, models.Cancellation, changes=True),
)
async def cancel_prescription(request: Request, prescription_id: PrescriptionId) -> Response:
    """Cancels whole or by line, and says what became of each line; what was delivered stays delivered."""
    platform, visit = await enter(request)
    body = await read(request, models.Cancellation)
    asked = wire.fill(pb.CancelPrescriptionRequest, {"prescription_id": prescription_id, **body.model_dump()})
    answer = await platform.ask(platform.prescriptions.CancelPrescription, asked, visit)
    return reply(answer, headers=etag(answer.prescription.version))
