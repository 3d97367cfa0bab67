"""REST of eprescription: what a prescription looks like outside: paper, token, document, proof, journal."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from gateway import models, offers, wire
from gateway.bodies import JSON, kind_of, read
from gateway.context import context, enter, reply
from gateway.openapi import DirectRoute, operation, public
from gateway.routes.dmp_journal import JWK_SET
from socle.eprescription.v1 import eprescription_pb2 as pb
from socle.eprescription.v1 import signing_pb2

router = APIRouter(tags=["prescriptions"], route_class=DirectRoute)
PrescriptionId = Annotated[
    str, Path(description="Id of a prescription.", json_schema_extra={"format": "uuid"})
]
PDF, PNG, CDA, XML = "application/pdf", "image/png", "text/xml", "application/xml"
# The paper and the token open the prescription: shown or saved by who asked, framed by nobody.
SAVED = {"Content-Disposition": 'inline; filename="ordonnance.pdf"'}


@router.get("/v1/prescriptions/{prescription_id}/paper", **operation(None, media=PDF))
async def get_paper(request: Request, prescription_id: PrescriptionId) -> Response:
    """The prescription on paper: one part, or two (bizone) when a line concerns a long-term illness."""
    platform, visit = await enter(request)
    asked = pb.GetPaperRequest(prescription_id=prescription_id)
    answer = await platform.ask(platform.prescriptions.GetPaper, asked, visit)
    return Response(answer.pdf, headers=SAVED, media_type=PDF)


@router.get(
    "/v1/prescriptions/{prescription_id}/token",
    **operation(pb.GetTokenResponse.DESCRIPTOR, others=(PNG,)),
)
async def get_token(request: Request, prescription_id: PrescriptionId) -> Response:
    """The signed token of the QR code, with its image; or the image alone."""
    platform, visit = await enter(request)
    kind = offers.chosen(request, JSON, PNG)
    asked = pb.GetTokenRequest(prescription_id=prescription_id)
    answer = await platform.ask(platform.prescriptions.GetToken, asked, visit)
    return Response(answer.png, media_type=PNG) if kind == PNG else reply(answer)


@router.get("/v1/prescriptions/{prescription_id}/document", **operation(None, media=CDA))
async def get_document(request: Request, prescription_id: PrescriptionId) -> Response:
    """The CDA R2 document of the prescription (eP-MED-DM), as it is sent to the DMP."""
    platform, visit = await enter(request)
    asked = pb.GetDocumentRequest(prescription_id=prescription_id)
    answer = await platform.ask(platform.prescriptions.GetDocument, asked, visit)
    return Response(answer.cda, media_type=CDA)


@router.get(
    "/v1/prescriptions/{prescription_id}/verification", **operation(pb.VerifySignatureResponse.DESCRIPTOR)
)
async def verify_signature(request: Request, prescription_id: PrescriptionId) -> Response:
    """Verifies the stored signature, and that the lines in force are those that were signed."""
    platform, visit = await enter(request)
    asked = pb.VerifySignatureRequest(prescription_id=prescription_id)
    return reply(await platform.ask(platform.prescriptions.VerifySignature, asked, visit))


@router.get(
    "/v1/prescriptions/{prescription_id}/journal",
    **operation(pb.ListPrescriptionJournalResponse.DESCRIPTOR),
)
async def list_prescription_journal(
    request: Request, prescription_id: PrescriptionId, page: Annotated[models.Page, Query()]
) -> Response:
    """Who read or changed a prescription, newest first, refusals included."""
    platform, visit = await enter(request)
    message = {"prescription_id": prescription_id, **page.message()}
    asked = wire.fill(pb.ListPrescriptionJournalRequest, message)
    return reply(await platform.ask(platform.prescriptions.ListPrescriptionJournal, asked, visit))


@router.post(
    "/v1/prescription-documents",
    **operation(pb.ReadDocumentResponse.DESCRIPTOR, models.ReceivedDocument, reads=(CDA, XML)),
)
async def read_document(request: Request) -> Response:
    """Reads a CDA prescription into the content of a draft, and names what it cannot keep; writes nothing."""
    platform, visit = await enter(request)
    if kind_of(request, CDA, XML, JSON) == JSON:
        cda = (await read(request, models.ReceivedDocument)).cda
    else:
        cda = await request.body()
    asked = pb.ReadDocumentRequest(cda=cda)
    return reply(await platform.ask(platform.prescriptions.ReadDocument, asked, visit))


@router.get("/.well-known/socle-prescription-keys", **public(operation(models.KeySet, media=JWK_SET)))
async def get_prescription_keys(request: Request) -> Response:
    """The JSON Web Key Set that verifies QR codes and receipts offline."""
    here = context(request)
    call = await here.door.pass_by(request)
    asked = signing_pb2.GetPlatformKeysRequest()
    answer = await here.public.ask(here.platform.signing_keys.GetPlatformKeys, asked, call)
    return Response(answer.jwks.encode(), media_type=JWK_SET)
