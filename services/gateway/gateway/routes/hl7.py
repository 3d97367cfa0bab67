"""HL7 v2 over HTTP: MDM messages that create, replace or delete a document, and their acknowledgements."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from datetime import datetime

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from chassis.caller import Purpose
from chassis.errors import InvalidInput, SocleError
from gateway.clients import KEY, Visit
from gateway.context import Context, context, enter
from gateway.hl7v2 import ack, deposit, er7, faults, mdm
from gateway.hl7v2.faults import NOT_JUDGED, Fault, MessageRefused
from gateway.hl7v2.mdm import Event, Mdm
from gateway.media import read_type
from gateway.openapi import DirectRoute, operation
from gateway.refusals import MediaTypeNotSupported
from socle.dmp.v1 import dmp_pb2 as pb
from socle.identity_ins.v1 import identity_ins_pb2

router = APIRouter(prefix="/hl7/v2", tags=["hl7"], route_class=DirectRoute)
# The name that HL7 over HTTP gives, and the one that is used beside it.
ER7, PLAIN = "x-application/hl7-v2+er7", "application/hl7-v2"
PURPOSE = "socle-purpose"
NOT_FOR_DMP = "DESTDMP is N: the document was not deposited."


@router.post("/mdm", **operation(None, media=ER7, reads=(ER7, PLAIN)))
async def take_document_message(request: Request) -> Response:
    """Takes an MDM^T02 (create), T10 (replace) or T04 (delete) with its CDA, for the DMP.

    Answers 200 with an ACK whether the message is accepted (AA) or not (AE, AR); any other status says that
    the message was not judged.
    """
    _, visit = await enter(request)
    raw = await _body(request)
    message = await asyncio.to_thread(er7.parse, raw)
    now, changing = visit.call.now(), False
    try:
        asked = await asyncio.to_thread(mdm.read, message)
        changing = asked.event is not Event.CREATE
        remark = await _carried_out(context(request), _visit_for(visit, asked, raw), asked, now)
        text = ack.accepted(message, now, remark)
    except SocleError as error:
        if error.kind in NOT_JUDGED:
            raise
        text = ack.refused(message, faults.faults_of(error, changing=changing), now)
    return Response(text, media_type=ER7)


async def _body(request: Request) -> bytes:
    """The message as it came: its character set is told by MSH-18, whatever Content-Type says."""
    kind, _ = read_type(request.headers.get("content-type", ""))
    if kind not in (ER7, PLAIN):
        raise MediaTypeNotSupported(f"Send Content-Type: {ER7}.", {"Accept": ER7})
    return await request.body()


def _visit_for(visit: Visit, asked: Mdm, raw: bytes) -> Visit:
    """The visit as the message wants it: sent again to the byte, it gets the answer of the first time."""
    replaced = {KEY, PURPOSE} if asked.secret else {KEY}
    more = [(name, value) for name, value in visit.more if name not in replaced]
    more.append((KEY, f"mdm-{hashlib.sha256(raw).hexdigest()}"))
    if asked.secret:
        more.append((PURPOSE, Purpose.SECRET.value))
    return replace(visit, more=tuple(more))


async def _carried_out(here: Context, visit: Visit, asked: Mdm, now: datetime) -> str:
    """What is to be remarked about an accepted message; raises what it is refused for."""
    if not asked.to_dmp:
        return NOT_FOR_DMP
    if asked.event is Event.DELETE:
        request = deposit.deletion(asked, await _person(here, visit, asked))
        await here.platform.ask(here.platform.dmp.ChangeDocument, request, visit)
        return ""
    entry = await _metadata(here, visit, asked)
    same = deposit.only_codes_change(asked, entry)
    if not same:
        deposit.check_document(asked, entry)
    person = await _person(here, visit, asked)
    replacing = asked.event is Event.REPLACE and not same
    client = visit.call.caller.client
    lot = deposit.submission(asked, entry, person, client, now, replacing=replacing)
    # Its own identifier makes a deposit safe to repeat, whatever the key remembers.
    unkeyed = replace(visit, more=tuple(one for one in visit.more if one[0] != KEY))
    stored: pb.SubmitDocumentsResponse
    stored = await here.platform.ask(here.platform.dmp.SubmitDocuments, lot, unkeyed)
    change = deposit.change_of_codes(asked, stored.entries[0]) if same else None
    if change is not None:
        await here.platform.ask(here.platform.dmp.ChangeDocument, change, visit)
    return ""


async def _metadata(here: Context, visit: Visit, asked: Mdm) -> pb.DocumentEntry:
    """Those that the header of the document gives: who keeps records reads it, here nobody does."""
    request = pb.GenerateMetadataRequest(content=asked.content)
    made: pb.GenerateMetadataResponse
    try:
        made = await here.platform.ask(here.platform.dmp.GenerateMetadata, request, visit)
    except InvalidInput as error:
        raise faults.of_document(error) from None
    return made.entry


async def _person(here: Context, visit: Visit, asked: Mdm) -> str:
    """The person of the INS; a number that cannot be one names nobody."""
    ins = identity_ins_pb2.Ins(matricule=asked.matricule, oid=asked.oid)
    try:
        return await here.persons.resolve(ins, here.platform, visit.step("person"))
    except InvalidInput as error:
        raise MessageRefused(
            Fault("PID-3", faults.DATA_TYPE, f"{error.sentence} {error.hint}".strip(), faults.UNKNOWN_PATIENT)
        ) from None
