"""REST of dmp."""

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
AccessId = Annotated[str, Path(description="Id of an authorisation.", json_schema_extra={"format": "uuid"})]
Professional = Annotated[str, Path(description="PS_IdNat (8 + RPPS).", examples=["899900000029"])]


@router.post("/{person_id}", **operation(pb.Record.DESCRIPTOR, status=201, changes=True))
async def open_record(request: Request, person_id: PersonId) -> Response:
    """Opens the record of a person whose identity is *qualifiée* in the caller's structure."""
    platform, visit = await enter(request)
    answer = await platform.ask(platform.dmp.OpenRecord, pb.OpenRecordRequest(person_id=person_id), visit)
    return reply(answer.record, 201, {"Location": f"/v1/dmp/{person_id}"})


@router.get("/{person_id}", **operation(pb.Record.DESCRIPTOR))
async def get_record(request: Request, person_id: PersonId) -> Response:
    """Says whether a record exists, and what the caller may do with it (TD0.2)."""
    platform, visit = await enter(request)
    answer = await platform.ask(platform.dmp.GetRecord, pb.GetRecordRequest(person_id=person_id), visit)
    return reply(answer.record)


@router.post(
    "/{person_id}/documents",
    **operation(pb.SubmitDocumentsResponse.DESCRIPTOR, models.NewSubmission, status=201, changes=True),
)
async def submit_documents(request: Request, person_id: PersonId) -> Response:
    """Deposits a lot of documents, all or none; the same lot again is answered the same way."""
    platform, visit = await enter(request)
    body = await read(request, models.NewSubmission)
    asked = wire.fill(pb.SubmitDocumentsRequest, {"person_id": person_id, **body.model_dump(by_alias=True)})
    return reply(await platform.ask(platform.dmp.SubmitDocuments, asked, visit), 201)


@router.get("/{person_id}/documents", **operation(pb.ListReadableDocumentsResponse.DESCRIPTOR))
async def list_readable_documents(
    request: Request, person_id: PersonId, query: Annotated[models.DocumentQuery, Query()]
) -> Response:
    """Lists the documents that the caller may read; what may not be known is not there."""
    platform, visit = await enter(request)
    asked = wire.fill(pb.ListReadableDocumentsRequest, {"person_id": person_id, **query.message()})
    return reply(await platform.ask(platform.dmp.ListReadableDocuments, asked, visit))


@router.get("/documents/{document_id}", **operation(pb.DocumentEntry.DESCRIPTOR))
async def read_document(request: Request, document_id: DocumentId) -> Response:
    """Reads the metadata of one document."""
    platform, visit = await enter(request)
    answer = await platform.ask(
        platform.dmp.ReadDocument, pb.ReadDocumentRequest(document_id=document_id), visit
    )
    return reply(answer.entry, headers=etag(answer.entry.version))


@router.get("/documents/{document_id}/content", **operation(None, media="application/octet-stream"))
async def retrieve_document(request: Request, document_id: DocumentId) -> Response:
    """Retrieves the bytes of one document as they were deposited."""
    platform, visit = await enter(request)
    asked = pb.RetrieveDocumentRequest(document_id=document_id)
    answer = await platform.ask(platform.dmp.RetrieveDocument, asked, visit)
    return Response(answer.content, headers={"ETag": f'"{answer.sha1.hex()}"'}, media_type=answer.mime_type)


@router.put("/documents/{document_id}/mask", **operation(pb.DocumentEntry.DESCRIPTOR, changes=True))
async def mask_document(request: Request, document_id: DocumentId) -> Response:
    """Hides a document from professionals: reversible, and its author still sees it."""
    platform, visit = await enter(request)
    answer = await platform.ask(
        platform.dmp.MaskDocument, pb.MaskDocumentRequest(document_id=document_id), visit
    )
    return reply(answer.entry, headers=etag(answer.entry.version))


@router.delete("/documents/{document_id}/mask", **operation(pb.DocumentEntry.DESCRIPTOR, changes=True))
async def unmask_document(request: Request, document_id: DocumentId) -> Response:
    """Shows a hidden document again."""
    platform, visit = await enter(request)
    asked = pb.UnmaskDocumentRequest(document_id=document_id)
    answer = await platform.ask(platform.dmp.UnmaskDocument, asked, visit)
    return reply(answer.entry, headers=etag(answer.entry.version))


@router.get("/{person_id}/accesses", **operation(pb.ListAccessesResponse.DESCRIPTOR))
async def list_accesses(request: Request, person_id: PersonId) -> Response:
    """Lists the authorisations and the blocked professionals of a record."""
    platform, visit = await enter(request)
    asked = pb.ListAccessesRequest(person_id=person_id)
    return reply(await platform.ask(platform.dmp.ListAccesses, asked, visit))


@router.post(
    "/{person_id}/accesses", **operation(pb.Access.DESCRIPTOR, models.NewAccess, status=201, changes=True)
)
async def grant_access(request: Request, person_id: PersonId) -> Response:
    """Authorises a professional or a structure to read."""
    platform, visit = await enter(request)
    body = await read(request, models.NewAccess)
    asked = wire.fill(pb.GrantAccessRequest, {"person_id": person_id, **body.model_dump()})
    answer = await platform.ask(platform.dmp.GrantAccess, asked, visit)
    return reply(answer.access, 201)


@router.delete("/{person_id}/accesses/{access_id}", **operation(None, status=204, changes=True))
async def revoke_access(request: Request, person_id: PersonId, access_id: AccessId) -> Response:
    """Ends an authorisation."""
    platform, visit = await enter(request)
    asked = pb.RevokeAccessRequest(person_id=person_id, access_id=access_id)
    await platform.ask(platform.dmp.RevokeAccess, asked, visit)
    return Response(status_code=204)


@router.put("/{person_id}/blocks/{professional:path}", **operation(pb.Access.DESCRIPTOR, changes=True))
async def block_professional(request: Request, person_id: PersonId, professional: Professional) -> Response:
    """Blocks a professional: nothing readable in any mode, deposits still accepted."""
    platform, visit = await enter(request)
    asked = pb.BlockProfessionalRequest(person_id=person_id, professional=professional)
    answer = await platform.ask(platform.dmp.BlockProfessional, asked, visit)
    return reply(answer.access)


@router.delete("/{person_id}/blocks/{professional:path}", **operation(None, status=204, changes=True))
async def unblock_professional(request: Request, person_id: PersonId, professional: Professional) -> Response:
    """Unblocks a professional; former authorisations do not come back."""
    platform, visit = await enter(request)
    asked = pb.UnblockProfessionalRequest(person_id=person_id, professional=professional)
    await platform.ask(platform.dmp.UnblockProfessional, asked, visit)
    return Response(status_code=204)
