"""REST of eprescription: what a pharmacy does with a prescription, from the claim to the receipt."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path
from google.protobuf.message import Message
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from gateway import models, wire
from gateway.bodies import read
from gateway.context import enter, reply
from gateway.openapi import DirectRoute, operation
from socle.eprescription.v1 import dispensing_pb2 as pb
from socle.eprescription.v1 import eprescription_pb2

router = APIRouter(prefix="/v1/dispensings", tags=["dispensings"], route_class=DirectRoute)
PrescriptionId = Annotated[
    str, Path(description="Id of a prescription.", json_schema_extra={"format": "uuid"})
]
InterventionId = Annotated[
    str, Path(description="Id of an intervention.", json_schema_extra={"format": "uuid"})
]


async def _done(request: Request, rpc: str, kind: type[Message], model: type[BaseModel], **names: str) -> Any:
    """The answer to one act of a pharmacy: its body, and the ids of the address."""
    platform, visit = await enter(request)
    body = await read(request, model)
    asked = wire.fill(kind, {**body.model_dump(), **names})
    return await platform.ask(getattr(platform.dispensing, rpc), asked, visit)


@router.post("/claims", **operation(pb.ClaimPrescriptionResponse.DESCRIPTOR, models.NewClaim, changes=True))
async def claim_prescription(request: Request) -> Response:
    """Takes a prescription for this pharmacy; when the answer was lost, the same request gives it again."""
    return reply(await _done(request, "ClaimPrescription", pb.ClaimPrescriptionRequest, models.NewClaim))


@router.post(
    "/{prescription_id}/extension",
    **operation(pb.ExtendClaimResponse.DESCRIPTOR, models.Holding, changes=True),
)
async def extend_claim(request: Request, prescription_id: PrescriptionId) -> Response:
    """Holds the prescription longer."""
    named = {"prescription_id": prescription_id}
    return reply(await _done(request, "ExtendClaim", pb.ExtendClaimRequest, models.Holding, **named))


@router.post(
    "/{prescription_id}/release",
    **operation(eprescription_pb2.Prescription.DESCRIPTOR, models.Release, changes=True),
)
async def release_prescription(request: Request, prescription_id: PrescriptionId) -> Response:
    """Gives the hold back; what was recorded stays."""
    named = {"prescription_id": prescription_id}
    kind = pb.ReleasePrescriptionRequest
    return reply((await _done(request, "ReleasePrescription", kind, models.Release, **named)).prescription)


@router.post(
    "/{prescription_id}/check",
    **operation(pb.CheckDispensingResponse.DESCRIPTOR, models.PlannedDispensing),
)
async def check_dispensing(request: Request, prescription_id: PrescriptionId) -> Response:
    """What the law and the safety checks would say of these acts today; nothing is written but the trace."""
    named = {"prescription_id": prescription_id}
    kind = pb.CheckDispensingRequest
    return reply(await _done(request, "CheckDispensing", kind, models.PlannedDispensing, **named))


@router.post(
    "/{prescription_id}/interventions",
    **operation(pb.RecordDispensingResponse.DESCRIPTOR, models.NewDispensing, status=201, changes=True),
)
async def record_dispensing(request: Request, prescription_id: PrescriptionId) -> Response:
    """Records what was done about lines, all or none; never beyond what was prescribed."""
    named = {"prescription_id": prescription_id}
    kind = pb.RecordDispensingRequest
    return _at_prescription(await _done(request, "RecordDispensing", kind, models.NewDispensing, **named))


@router.post(
    "/{prescription_id}/interventions/{intervention_id}/undoing",
    **operation(pb.UndoInterventionResponse.DESCRIPTOR, models.Undoing, changes=True),
)
async def undo_intervention(
    request: Request, prescription_id: PrescriptionId, intervention_id: InterventionId
) -> Response:
    """Undoes a wrong record of this pharmacy by another record."""
    named = {"prescription_id": prescription_id, "intervention_id": intervention_id}
    return reply(
        await _done(request, "UndoIntervention", pb.UndoInterventionRequest, models.Undoing, **named)
    )


@router.post(
    "/{prescription_id}/closing",
    **operation(pb.CloseDispensingResponse.DESCRIPTOR, models.Holding, changes=True),
)
async def close_dispensing(request: Request, prescription_id: PrescriptionId) -> Response:
    """Ends the dispensing of this visit, with a signed receipt."""
    named = {"prescription_id": prescription_id}
    return reply(await _done(request, "CloseDispensing", pb.CloseDispensingRequest, models.Holding, **named))


@router.post(
    "/exceptional-renewals",
    **operation(
        pb.RenewExceptionallyResponse.DESCRIPTOR, models.NewExceptionalRenewal, status=201, changes=True
    ),
)
async def renew_exceptionally(request: Request) -> Response:
    """Goes on with an expired chronic treatment (R.5123-2-1); its prescriber is told."""
    kind = pb.RenewExceptionallyRequest
    return _at_prescription(await _done(request, "RenewExceptionally", kind, models.NewExceptionalRenewal))


@router.post(
    "/offline",
    **operation(
        pb.RecordOfflineDispensingResponse.DESCRIPTOR, models.OfflineDispensing, status=201, changes=True
    ),
)
async def record_offline_dispensing(request: Request) -> Response:
    """Records what was delivered from the paper while the platform was away; an excess is kept and told."""
    kind = pb.RecordOfflineDispensingRequest
    return _at_prescription(await _done(request, "RecordOfflineDispensing", kind, models.OfflineDispensing))


def _at_prescription(answer: Any) -> Response:
    return reply(answer, 201, {"Location": f"/v1/prescriptions/{answer.prescription.prescription_id}"})
