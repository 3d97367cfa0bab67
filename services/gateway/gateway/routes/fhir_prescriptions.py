"""FHIR MedicationRequest and DeviceRequest: the lines of prescriptions, read and searched."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from chassis.errors import NotFound
from gateway.context import context, enter
from gateway.fhir.keys import read_pair
from gateway.fhir.prescription_search import lines_of
from gateway.fhir.searchset import searchset
from gateway.fhir.task import kind_of, write_line
from gateway.negotiation import fhir_reply, wants_fhir
from gateway.openapi import DirectRoute
from gateway.prescribing import patient_of, prescription_of, search_prescriptions

router = APIRouter(prefix="/fhir", include_in_schema=False, route_class=DirectRoute)


class LineUnknown(NotFound):
    """There is no such line of a prescription that you may read."""

    where = "id"
    remedy = "Take the id from a search, or from a Task."


@router.get("/MedicationRequest")
@router.post("/MedicationRequest/_search")
async def search_medicines(request: Request) -> Response:
    """Lines that are medicines or preparations."""
    return await _search(request, "MedicationRequest")


@router.get("/DeviceRequest")
@router.post("/DeviceRequest/_search")
async def search_devices(request: Request) -> Response:
    """Lines that are devices."""
    return await _search(request, "DeviceRequest")


async def _search(request: Request, kind: str) -> Response:
    """A page is made of whole prescriptions: `_count` counts these."""
    found = await search_prescriptions(request, kind)
    here = context(request)
    lines = [
        write_line(one, line, patient_of(here, one.person_id, found.asked.subject))
        for one in found.prescriptions
        for line in lines_of(one, found.asked, kind)
    ]
    return fhir_reply(request, searchset(here.settings.fhir_url, kind, found.query, lines, found.next_token))


@router.get("/MedicationRequest/{line_id}")
async def read_medicine(request: Request, line_id: str) -> Response:
    """One line that is a medicine or a preparation."""
    return await _read(request, line_id, "MedicationRequest")


@router.get("/DeviceRequest/{line_id}")
async def read_device(request: Request, line_id: str) -> Response:
    """One line that is a device."""
    return await _read(request, line_id, "DeviceRequest")


async def _read(request: Request, key: str, kind: str) -> Response:
    wants_fhir(request)
    platform, visit = await enter(request)
    parts = read_pair(key)
    if parts is None:
        raise LineUnknown
    found = await prescription_of(platform, visit, parts[0])
    for line in found.content.lines:
        if line.line_id == parts[1] and kind_of(line) == kind:
            body = write_line(found, line, patient_of(context(request), found.person_id))
            return fhir_reply(request, body, version=found.version)
    raise LineUnknown
