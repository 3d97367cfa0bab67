"""REST of dmp: changes of a document, its view for people, and the lots."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from gateway import models, wire
from gateway.bodies import read
from gateway.context import enter, etag, reply
from gateway.openapi import DirectRoute, operation
from socle.dmp.v1 import dmp_pb2 as pb

router = APIRouter(prefix="/v1/dmp", tags=["dmp"], route_class=DirectRoute)
PersonId = Annotated[str, Path(description="Opaque id of a person.", json_schema_extra={"format": "uuid"})]
DocumentId = Annotated[str, Path(description="Id of a document.", json_schema_extra={"format": "uuid"})]
LotId = Annotated[str, Path(description="Id of a lot or folder.", json_schema_extra={"format": "uuid"})]
# The page was cleaned where it was made; this is for the day when a cleaner fails: no script, no form, no
# request to anywhere, and an origin of its own. Saving the enclosed file is all that its reader may do.
VIEW_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'none'; sandbox allow-downloads"
)


@router.post(
    "/documents/{document_id}/changes",
    **operation(pb.DocumentEntry.DESCRIPTOR, models.DocumentChanges, changes=True),
)
async def change_document(request: Request, document_id: DocumentId) -> Response:
    """Changes the metadata of a document, never its bytes: hides, shows, archives, deletes."""
    platform, visit = await enter(request)
    body = await read(request, models.DocumentChanges)
    asked = wire.fill(pb.ChangeDocumentRequest, {"document_id": document_id, **body.model_dump()})
    answer = await platform.ask(platform.dmp.ChangeDocument, asked, visit)
    return reply(answer.entry, headers=etag(answer.entry.version))


@router.get("/documents/{document_id}/view", **operation(None, media="text/html"))
async def view_document(request: Request, document_id: DocumentId) -> Response:
    """Reads a document as a page for people: it holds no script and loads nothing from elsewhere."""
    return await _view(request, pb.ViewDocumentRequest(document_id=document_id))


@router.get("/documents/{document_id}/view/enclosed", **operation(None, media="application/octet-stream"))
async def view_enclosed(request: Request, document_id: DocumentId) -> Response:
    """Reads the file enclosed in a level 1 CDA: a PDF, an image, a text."""
    return await _view(request, pb.ViewDocumentRequest(document_id=document_id, enclosed=True))


async def _view(request: Request, asked: pb.ViewDocumentRequest) -> Response:
    platform, visit = await enter(request)
    answer = await platform.ask(platform.dmp.ViewDocument, asked, visit)
    headers = {"Content-Security-Policy": VIEW_POLICY}
    if asked.enclosed:
        # A file of others: saved, never run in a page of this server.
        headers["Content-Disposition"] = "attachment"
    return Response(answer.content, headers=headers, media_type=answer.mime_type)


@router.get("/{person_id}/lots", **operation(pb.ListReadableLotsResponse.DESCRIPTOR))
async def list_readable_lots(
    request: Request, person_id: PersonId, query: Annotated[models.LotQuery, Query()]
) -> Response:
    """Lists the lots that hold a document the caller may read; a change of metadata is a lot too."""
    platform, visit = await enter(request)
    asked = wire.fill(pb.ListReadableLotsRequest, {"person_id": person_id, **query.message()})
    return reply(await platform.ask(platform.dmp.ListReadableLots, asked, visit))


@router.get("/lots/{lot_id}", **operation(pb.Lot.DESCRIPTOR))
async def read_lot(request: Request, lot_id: LotId) -> Response:
    """Reads one lot or folder, with those of its documents that the caller may read."""
    platform, visit = await enter(request)
    answer = await platform.ask(platform.dmp.ReadLot, pb.ReadLotRequest(lot_id=lot_id), visit)
    return reply(answer.lot)
