"""REST of eprescription: the dispensing history of a person, its opposition, and what exceeds."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from gateway import models, wire
from gateway.bodies import read
from gateway.context import enter, reply
from gateway.openapi import DirectRoute, operation
from gateway.patients import person_of
from gateway.routes.prescription_papers import CDA
from socle.eprescription.v1 import dispensing_pb2 as pb

router = APIRouter(prefix="/v1", tags=["dispensings"], route_class=DirectRoute)
PersonId = Annotated[str, Path(description="Opaque id of a person.", json_schema_extra={"format": "uuid"})]
DispensingId = Annotated[
    str, Path(description="Id of a closed dispensing.", json_schema_extra={"format": "uuid"})
]
HISTORY = pb.ListDispensingsResponse.DESCRIPTOR


@router.get("/dispensings", **operation(HISTORY))
async def list_dispensings(
    request: Request, query: Annotated[models.HistoryQueryOfPerson, Query()]
) -> Response:
    """The dispensing history of a person (dossier pharmaceutique), newest first."""
    platform, visit = await enter(request)
    asked = wire.fill(pb.ListDispensingsRequest, query.message())
    return reply(await platform.ask(platform.dispensing.ListDispensings, asked, visit))


@router.post("/dispensings/search", **operation(HISTORY, models.HistorySearch))
async def search_dispensings(request: Request) -> Response:
    """The dispensing history of a person given by INS, newest first."""
    platform, visit = await enter(request)
    body = await read(request, models.HistorySearch)
    person_id = await person_of(request, platform, visit, body)
    asked = wire.fill(pb.ListDispensingsRequest, {"person_id": person_id, **body.rest()})
    return reply(await platform.ask(platform.dispensing.ListDispensings, asked, visit))


@router.get("/dispensings/duplicates", **operation(pb.ListDuplicatesResponse.DESCRIPTOR))
async def list_duplicates(request: Request, query: Annotated[models.DuplicateQuery, Query()]) -> Response:
    """Deliveries beyond what was prescribed, newest first."""
    platform, visit = await enter(request)
    asked = wire.fill(pb.ListDuplicatesRequest, query.message())
    return reply(await platform.ask(platform.dispensing.ListDuplicates, asked, visit))


@router.get("/dispensings/oppositions/{person_id}", **operation(pb.GetOppositionResponse.DESCRIPTOR))
async def get_opposition(request: Request, person_id: PersonId) -> Response:
    """What the holder decided about the history, and about what prescribers see."""
    platform, visit = await enter(request)
    asked = pb.GetOppositionRequest(person_id=person_id)
    return reply(await platform.ask(platform.dispensing.GetOpposition, asked, visit))


@router.patch(
    "/dispensings/oppositions/{person_id}",
    **operation(pb.SetOppositionResponse.DESCRIPTOR, models.NewOpposition, changes=True),
)
async def set_opposition(request: Request, person_id: PersonId) -> Response:
    """The holder opposes or allows."""
    platform, visit = await enter(request)
    body = await read(request, models.NewOpposition)
    asked = wire.fill(pb.SetOppositionRequest, {"person_id": person_id, **body.model_dump()})
    return reply(await platform.ask(platform.dispensing.SetOpposition, asked, visit))


@router.get("/dispensing-documents/{dispensing_id}", **operation(None, media=CDA))
async def get_dispensing_document(request: Request, dispensing_id: DispensingId) -> Response:
    """The CDA R2 document of a closed dispensing (eDISP-MED)."""
    platform, visit = await enter(request)
    asked = pb.GetDispensingDocumentRequest(dispensing_id=dispensing_id)
    answer = await platform.ask(platform.dispensing.GetDispensingDocument, asked, visit)
    return Response(answer.cda, media_type=CDA)
