"""TD0.2 in FHIR: does this person have a DMP, and is it open?"""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from chassis.errors import NotFound
from gateway.clients import Visit
from gateway.context import Context, context, enter
from gateway.fhir import places, search, td02
from gateway.fhir.searchset import searchset
from gateway.fhir.subject import Subject
from gateway.negotiation import fhir_reply, parameters, told
from gateway.openapi import DirectRoute
from gateway.subjects import person_of
from socle.dmp.v1 import dmp_pb2 as pb

router = APIRouter(prefix="/fhir/dmp", include_in_schema=False, route_class=DirectRoute)


@router.get("/Patient")
@router.post("/Patient/_search")
async def search_record(request: Request) -> Response:
    """No entry: no DMP. One entry: `active` says whether it is open, extensions say the rest."""
    _, visit = await enter(request)
    pairs, lenient = await parameters(request)
    query = search.sort_out(pairs, td02.PARAMETERS, lenient=lenient)
    subject = td02.read_subject(query)
    here = context(request)
    record = await _record(here, visit, subject)
    written = td02.write_record(record, subject, visit.call.caller) if record else None
    base = f"{here.settings.fhir_url}/dmp"
    bundle = searchset(base, "Patient", query, [written] if written else [], "")
    # One person has one record or none: here a count tells nothing that the entries do not.
    return fhir_reply(request, {**bundle, "total": len(bundle.get("entry", []))})


async def _record(here: Context, visit: Visit, subject: Subject) -> pb.Record | None:
    try:
        person_id = await person_of(here, visit, subject)
        asked = here.platform.ask(
            here.platform.dmp.GetRecord, pb.GetRecordRequest(person_id=person_id), visit
        )
        record: pb.Record = (await told(asked, places.of_subject(subject))).record
    except NotFound:
        return None
    return record
