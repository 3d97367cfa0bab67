"""FHIR AuditEvent: the access journal of a record for its holder and for the auditor, read-only (ITI-81)."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from chassis.errors import NotFound
from gateway.context import context, enter
from gateway.fhir import audit_search, places, search
from gateway.fhir.audit_event import read_line_id, write_event
from gateway.fhir.searchset import searchset
from gateway.negotiation import fhir_reply, parameters, told, wants_fhir
from gateway.openapi import DirectRoute
from gateway.subjects import person_of
from socle.dmp.v1 import dmp_pb2 as pb

router = APIRouter(prefix="/fhir", include_in_schema=False, route_class=DirectRoute)


class AuditEventUnknown(NotFound):
    """There is no such line in a journal that you may read."""

    where = "AuditEvent.id"
    remedy = "Take the id from a search of the patient's journal."


@router.get("/AuditEvent")
@router.post("/AuditEvent/_search")
async def search_events(request: Request) -> Response:
    """The journal of a patient, newest first: every access, refusals included."""
    platform, visit = await enter(request)
    pairs, lenient = await parameters(request)
    query = search.sort_out(pairs, audit_search.KNOWN, lenient=lenient)
    subject, asked = audit_search.read_events(query)
    here, found = context(request), pb.ListJournalResponse()
    if asked is not None:
        query.person_id = asked.person_id = await person_of(here, visit, subject)
        listed = platform.ask(platform.dmp.ListJournal, asked, visit)
        found = await told(listed, places.of_subject(subject))
    base = here.settings.fhir_url
    written = [write_event(entry, query.person_id, base) for entry in found.entries]
    return fhir_reply(request, searchset(base, "AuditEvent", query, written, found.next_token))


@router.get("/AuditEvent/{event_id}")
async def read_event(request: Request, event_id: str) -> Response:
    """One line of a journal."""
    wants_fhir(request)
    platform, visit = await enter(request)
    parts = read_line_id(event_id)
    if parts is None:
        raise AuditEventUnknown
    asked = pb.ListJournalRequest(person_id=parts[1], entry_id=parts[0])
    found = (await platform.ask(platform.dmp.ListJournal, asked, visit)).entries
    if not found:
        raise AuditEventUnknown
    body = write_event(found[0], parts[1], context(request).settings.fhir_url)
    return fhir_reply(request, body)
