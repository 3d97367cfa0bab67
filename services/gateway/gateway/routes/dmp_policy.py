"""REST of dmp: why an access is permitted or refused, and the matrix behind it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from gateway import models, wire
from gateway.bodies import read
from gateway.context import enter, reply
from gateway.openapi import DirectRoute, operation
from socle.dmp.v1 import policy_pb2 as pb

router = APIRouter(prefix="/v1/dmp", tags=["dmp"], route_class=DirectRoute)
PersonId = Annotated[str, Path(description="Opaque id of a person.", json_schema_extra={"format": "uuid"})]
EXPLAINED = pb.ExplainAccessResponse.DESCRIPTOR


@router.get("/{person_id}/explanation", **operation(EXPLAINED))
async def explain_own_access(
    request: Request, person_id: PersonId, query: Annotated[models.ExplanationQuery, Query()]
) -> Response:
    """Explains what the caller may do with a record now, in the mode of the request."""
    platform, visit = await enter(request)
    asked = wire.fill(pb.ExplainAccessRequest, {"person_id": person_id, **query.message()})
    return reply(await platform.ask(platform.policy.ExplainAccess, asked, visit))


@router.post("/{person_id}/explanation", **operation(EXPLAINED, models.Explanation))
async def explain_access(request: Request, person_id: PersonId) -> Response:
    """Explains what a reader would see: the holder and the auditor ask about any professional."""
    platform, visit = await enter(request)
    body = await read(request, models.Explanation)
    asked = wire.fill(pb.ExplainAccessRequest, {"person_id": person_id, **body.message()})
    return reply(await platform.ask(platform.policy.ExplainAccess, asked, visit))


@router.get("/policy/habilitations", **operation(pb.ListHabilitationsResponse.DESCRIPTOR))
async def list_habilitations(
    request: Request, query: Annotated[models.HabilitationQuery, Query()]
) -> Response:
    """Lists the matrix in force: which profession reads which type of document."""
    platform, visit = await enter(request)
    asked = pb.ListHabilitationsRequest(profession=query.profession)
    return reply(await platform.ask(platform.policy.ListHabilitations, asked, visit))


@router.get("/policy/parameters", **operation(pb.GetParametersResponse.DESCRIPTOR))
async def get_parameters(request: Request) -> Response:
    """The settings of the platform that a software has to know (EX_GEN-1550)."""
    platform, visit = await enter(request)
    return reply(await platform.ask(platform.policy.GetParameters, pb.GetParametersRequest(), visit))
