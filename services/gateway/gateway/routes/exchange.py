"""REST of what leaves for other software: Datamatrix INS, HL7 v2 PAM messages."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from gateway import models, offers, wire
from gateway.bodies import JSON, read, read_text
from gateway.context import enter, reply
from gateway.openapi import DirectRoute, operation
from socle.identity_ins.v1 import exchange_pb2 as pb

router = APIRouter(prefix="/v1", tags=["exchange"], route_class=DirectRoute)
IdentityId = Annotated[str, Path(description="Id of a local identity.", json_schema_extra={"format": "uuid"})]
MessageId = Annotated[
    str, Path(description="Id of a message (MSH-10).", json_schema_extra={"format": "uuid"})
]
PNG, SVG, HL7 = "image/png", "image/svg+xml", "application/hl7-v2"


@router.get(
    "/identities/{identity_id}/datamatrix",
    **operation(pb.GetDatamatrixResponse.DESCRIPTOR, others=(PNG, SVG)),
)
async def get_datamatrix(request: Request, identity_id: IdentityId) -> Response:
    """The Datamatrix INS of a *qualifiée* identity: text and images, or one image."""
    platform, visit = await enter(request)
    kind = offers.chosen(request, JSON, PNG, SVG)
    asked = pb.GetDatamatrixRequest(identity_id=identity_id)
    answer = await platform.ask(platform.exchange.GetDatamatrix, asked, visit)
    images: dict[str, bytes | str] = {PNG: answer.png, SVG: answer.svg}
    return Response(images[kind], media_type=kind) if kind in images else reply(answer)


@router.post("/datamatrix/read", **operation(pb.ReadDatamatrixResponse.DESCRIPTOR, models.ScannedText))
async def read_datamatrix(request: Request) -> Response:
    """Reads the text of a scanned Datamatrix INS; nothing is stored, nothing is asked."""
    platform, visit = await enter(request)
    body = await read(request, models.ScannedText)
    asked = pb.ReadDatamatrixRequest(text=body.text)
    return reply(await platform.ask(platform.exchange.ReadDatamatrix, asked, visit))


@router.get("/pam-messages", **operation(pb.ListPamMessagesResponse.DESCRIPTOR))
async def list_pam_messages(request: Request, query: Annotated[models.PamQuery, Query()]) -> Response:
    """Outgoing HL7 v2 PAM messages of the structure, in the order of the changes; come back with `next_token`
    for what is new.
    """
    platform, visit = await enter(request)
    asked = wire.fill(pb.ListPamMessagesRequest, query.message())
    return reply(await platform.ask(platform.exchange.ListPamMessages, asked, visit))


@router.get("/pam-messages/{message_id}", **operation(pb.PamMessage.DESCRIPTOR, others=(HL7,)))
async def get_pam_message(request: Request, message_id: MessageId) -> Response:
    """One outgoing message, or its content alone (ER7, UTF-8, segments ended by CR)."""
    platform, visit = await enter(request)
    kind = offers.chosen(request, JSON, HL7)
    asked = pb.GetPamMessageRequest(message_id=message_id)
    answer = await platform.ask(platform.exchange.GetPamMessage, asked, visit)
    return Response(answer.message.content, media_type=HL7) if kind == HL7 else reply(answer.message)


@router.post(
    "/pam-messages/read", **operation(pb.ReadPamMessageResponse.DESCRIPTOR, models.PamText, reads=(HL7,))
)
async def read_pam_message(request: Request) -> Response:
    """Reads an HL7 v2 PAM message by the French rules (an INS without VALI is dropped); nothing is stored."""
    platform, visit = await enter(request)
    body = await read_text(request, models.PamText, "content", HL7)
    asked = pb.ReadPamMessageRequest(content=body.content)
    return reply(await platform.ask(platform.exchange.ReadPamMessage, asked, visit))
