"""FHIR MedicationDispense: the dispensing history of a patient, and what was done about a prescription."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from chassis.errors import NotFound
from gateway.clients import Platform, Visit
from gateway.context import context, enter
from gateway.fhir import dispense_out, dispense_search, places, search
from gateway.fhir.keys import read_pair
from gateway.fhir.searchset import searchset
from gateway.negotiation import fhir_reply, parameters, told, wants_fhir
from gateway.openapi import DirectRoute
from gateway.prescribing import patient_of, prescription_of
from gateway.subjects import person_of
from socle.eprescription.v1 import dispensing_pb2 as db

router = APIRouter(prefix="/fhir", include_in_schema=False, route_class=DirectRoute)
Json = dict[str, Any]


class DispenseUnknown(NotFound):
    """There is no such dispense that you may read."""

    where = "MedicationDispense.id"
    remedy = "Take the id from a search; what you may see in the history alone is not read by itself."


@router.get("/MedicationDispense")
@router.post("/MedicationDispense/_search")
async def search_dispenses(request: Request) -> Response:
    """The history of a patient, or every record of a prescription or of one of its lines."""
    platform, visit = await enter(request)
    pairs, lenient = await parameters(request)
    query = search.sort_out(pairs, dispense_search.KNOWN, lenient=lenient)
    asked = dispense_search.read_search(query)
    found, token = await _found(request, platform, visit, asked, query) if asked.possible else ([], "")
    wanted = [one for one in found if dispense_search.is_wanted(one, asked)]
    base = context(request).settings.fhir_url
    return fhir_reply(request, searchset(base, "MedicationDispense", query, wanted, token))


async def _found(
    request: Request, platform: Platform, visit: Visit, asked: dispense_search.Asked, query: search.Query
) -> tuple[list[Json], str]:
    """An unknown patient and one without a visible history are one answer: an empty one."""
    person_id = ""
    try:
        if asked.subject is not None:
            query.person_id = person_id = await person_of(context(request), visit, asked.subject)
        if asked.number or asked.prescription_id:
            return await _of_prescription(request, platform, visit, asked, person_id), ""
    except NotFound:
        return [], ""
    listed = db.ListDispensingsRequest(person_id=person_id, page=asked.page)
    question = platform.ask(platform.dispensing.ListDispensings, listed, visit)
    answer = await told(question, places.of_subject(asked.subject)) if asked.subject else await question
    subject = patient_of(context(request), person_id, asked.subject)
    return [dispense_out.write_past(one, subject) for one in answer.dispensings], answer.next_token


async def _of_prescription(
    request: Request, platform: Platform, visit: Visit, asked: dispense_search.Asked, person_id: str
) -> list[Json]:
    found = await prescription_of(platform, visit, asked.prescription_id or asked.number)
    if person_id and found.person_id != person_id:
        return []
    subject = patient_of(context(request), found.person_id, asked.subject)
    return [
        dispense_out.write_dispense(found, one, subject)
        for one in found.interventions
        if dispense_out.is_shown(one) and asked.line_id in ("", one.line_id)
    ]


@router.get("/MedicationDispense/{dispense_id}")
async def read_dispense(request: Request, dispense_id: str) -> Response:
    """What was done about one line, once."""
    wants_fhir(request)
    platform, visit = await enter(request)
    parts = read_pair(dispense_id)
    if parts is None:
        raise DispenseUnknown
    found = await prescription_of(platform, visit, parts[0])
    for one in found.interventions:
        if one.intervention_id == parts[1] and dispense_out.is_shown(one):
            subject = patient_of(context(request), found.person_id)
            return fhir_reply(request, dispense_out.write_dispense(found, one, subject))
    raise DispenseUnknown
