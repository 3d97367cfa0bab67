"""REST of dmp: the life of a record, its consents, and the roles that its holder gives."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import Response

from gateway import models, wire
from gateway.bodies import read
from gateway.context import enter, reply
from gateway.openapi import DirectRoute, operation
from socle.dmp.v1 import dmp_pb2
from socle.dmp.v1 import records_pb2 as pb

router = APIRouter(prefix="/v1/dmp", tags=["dmp"], route_class=DirectRoute)
PersonId = Annotated[str, Path(description="Opaque id of a person.", json_schema_extra={"format": "uuid"})]
CareRoleId = Annotated[str, Path(description="Id of a role.", json_schema_extra={"format": "uuid"})]
RECORD = dmp_pb2.Record.DESCRIPTOR


@router.post("/{person_id}/closure", **operation(RECORD, models.NewClosure, changes=True))
async def close_record(request: Request, person_id: PersonId) -> Response:
    """Closes a record: nothing goes in or out, and ten years of archive begin."""
    platform, visit = await enter(request)
    body = await read(request, models.NewClosure)
    asked = wire.fill(pb.CloseRecordRequest, {"person_id": person_id, **body.model_dump()})
    return reply((await platform.ask(platform.records.CloseRecord, asked, visit)).record)


@router.delete("/{person_id}/closure", **operation(RECORD, changes=True))
async def reopen_record(request: Request, person_id: PersonId) -> Response:
    """Opens a closed record again, with all that it held; a destruction asked for is given up."""
    platform, visit = await enter(request)
    asked = pb.ReopenRecordRequest(person_id=person_id)
    return reply((await platform.ask(platform.records.ReopenRecord, asked, visit)).record)


@router.post(
    "/{person_id}/destruction", **operation(RECORD, models.DestructionRequest, status=202, changes=True)
)
async def request_destruction(request: Request, person_id: PersonId) -> Response:
    """Asks for the early destruction of a closed record, within three months; it must be confirmed."""
    platform, visit = await enter(request)
    body = await read(request, models.DestructionRequest)
    asked = pb.RequestDestructionRequest(person_id=person_id, confirmed=body.confirmed)
    return reply((await platform.ask(platform.records.RequestDestruction, asked, visit)).record, 202)


@router.get("/{person_id}/erasure-receipt", **operation(pb.ErasureReceipt.DESCRIPTOR))
async def get_erasure_receipt(request: Request, person_id: PersonId) -> Response:
    """The signed receipt of a destruction: what was erased, and since when backups are unreadable too."""
    platform, visit = await enter(request)
    asked = pb.GetErasureReceiptRequest(person_id=person_id)
    return reply((await platform.ask(platform.records.GetErasureReceipt, asked, visit)).receipt)


@router.patch("/{person_id}/consents", **operation(RECORD, models.ConsentChange, changes=True))
async def change_consents(request: Request, person_id: PersonId) -> Response:
    """Changes consents to feeding, to consultation and to emergencies; one left out stays as it is."""
    platform, visit = await enter(request)
    body = await read(request, models.ConsentChange)
    asked = wire.fill(pb.ChangeConsentsRequest, {"person_id": person_id, **body.model_dump()})
    return reply((await platform.ask(platform.records.ChangeConsents, asked, visit)).record)


@router.put(
    "/{person_id}/default-masking",
    **operation(
        pb.SetDefaultMaskingResponse.DESCRIPTOR, models.DefaultMasking, changes=True, spread="record"
    ),
)
async def set_default_masking(request: Request, person_id: PersonId) -> Response:
    """Hides present and new documents from professionals by default, or shows them."""
    platform, visit = await enter(request)
    body = await read(request, models.DefaultMasking)
    asked = pb.SetDefaultMaskingRequest(person_id=person_id, masked=body.masked)
    return reply(await platform.ask(platform.records.SetDefaultMasking, asked, visit), spread="record")


@router.post(
    "/{person_id}/care-roles",
    **operation(dmp_pb2.Access.DESCRIPTOR, models.NewCareRole, status=201, changes=True),
)
async def declare_care_role(request: Request, person_id: PersonId) -> Response:
    """Gives a professional a role, such as médecin traitant; `accesses` lists them."""
    platform, visit = await enter(request)
    body = await read(request, models.NewCareRole)
    asked = wire.fill(pb.DeclareCareRoleRequest, {"person_id": person_id, **body.model_dump()})
    return reply((await platform.ask(platform.records.DeclareCareRole, asked, visit)).access, 201)


@router.delete("/{person_id}/care-roles/{care_role_id}", **operation(None, status=204, changes=True))
async def end_care_role(request: Request, person_id: PersonId, care_role_id: CareRoleId) -> Response:
    """Ends a role."""
    platform, visit = await enter(request)
    asked = pb.EndCareRoleRequest(person_id=person_id, care_role_id=care_role_id)
    await platform.ask(platform.records.EndCareRole, asked, visit)
    return Response(status_code=204)
