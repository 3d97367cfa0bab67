"""FHIR Medication: the medicines base."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from gateway.context import context, enter
from gateway.fhir import medicine, search
from gateway.fhir.searchset import searchset
from gateway.negotiation import fhir_reply, parameters, told, wants_fhir
from gateway.openapi import DirectRoute
from socle.eprescription.v1 import medicines_pb2 as mb

router = APIRouter(prefix="/fhir", include_in_schema=False, route_class=DirectRoute)


@router.get("/Medication")
@router.post("/Medication/_search")
async def search_medications(request: Request) -> Response:
    """By code or by name, best first; one page."""
    platform, visit = await enter(request)
    pairs, lenient = await parameters(request)
    query = search.sort_out(pairs, medicine.KNOWN, lenient=lenient)
    asked, found = medicine.read_search(query), mb.SearchMedicinesResponse()
    if asked is not None:
        listed = platform.ask(platform.medicines.SearchMedicines, asked, visit)
        found = await told(listed, lambda _: "code" if query.one("code") else "name")
    base = context(request).settings.fhir_url
    written = [medicine.write_hit(one) for one in found.hits]
    return fhir_reply(request, searchset(base, "Medication", query, written, ""))


@router.get("/Medication/{cis}")
async def read_medication(request: Request, cis: str) -> Response:
    """One medicine, by its CIS."""
    wants_fhir(request)
    platform, visit = await enter(request)
    question = platform.ask(platform.medicines.GetMedicine, mb.GetMedicineRequest(cis=cis), visit)
    found = await told(question, lambda field: "Medication.id" if field == "cis" else field)
    return fhir_reply(request, medicine.write_medicine(found.medicine))
