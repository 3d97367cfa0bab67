"""FHIR operations on Patients, and what they are (OperationDefinition)."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from gateway.context import context, enter
from gateway.fhir import ins_operations, matching, operations, places, search, task_definitions
from gateway.fhir.searchset import searchset
from gateway.negotiation import fhir_reply, parameters, read_resource, told, wants_fhir
from gateway.openapi import DirectRoute
from gateway.refusals import NothingHere, OperationUnknown
from socle.identity_ins.v1 import identity_ins_pb2 as pb

router = APIRouter(prefix="/fhir", include_in_schema=False, route_class=DirectRoute)
DEFINED = operations.OPERATIONS | task_definitions.OPERATIONS


@router.post("/Patient/$match")
async def match(request: Request) -> Response:
    """Which Patients of the structure may be the person described, each with its reasons."""
    wants_fhir(request)
    platform, visit = await enter(request)
    body = await read_resource(request)
    asked, at = await asyncio.to_thread(matching.read_match, body, visit.call.caller.organisation)
    question = platform.ask(platform.vigilance.MatchIdentities, asked, visit)
    found = await told(question, lambda field: matching.located(field, at))
    return fhir_reply(request, matching.write_matches(context(request).settings.fhir_url, found.candidates))


@router.post("/Patient/$search-ins")
async def search_ins(request: Request) -> Response:
    """INSi search by traits."""
    wants_fhir(request)
    platform, visit = await enter(request)
    asked, given = ins_operations.read_search(await read_resource(request))
    question = platform.ask(platform.identity.SearchIns, asked, visit)
    found = await told(question, lambda field: given.get(field, field))
    return fhir_reply(request, ins_operations.write_answer(found.code, found.label, found.person))


@router.post("/Patient/$verify-ins")
async def verify_traits(request: Request) -> Response:
    """INSi verification of a number with all traits, of whoever they are."""
    wants_fhir(request)
    platform, visit = await enter(request)
    asked, given = ins_operations.read_line(await read_resource(request))
    question = platform.ask(platform.insi.VerifyInsTraits, asked, visit)
    found = await told(question, lambda field: given.get(field, field))
    return fhir_reply(request, ins_operations.write_verdict(found))


@router.post("/Patient/{patient_id}/$search-ins")
async def retrieve_ins(request: Request, patient_id: str) -> Response:
    """INSi search with the traits of a Patient, who takes the INS when one person is found."""
    wants_fhir(request)
    platform, visit = await enter(request)
    ins_operations.read_nothing(await read_resource(request, empty=True))
    asked = pb.RetrieveInsRequest(identity_id=patient_id)
    found = await told(platform.ask(platform.identity.RetrieveIns, asked, visit), places.of_patient)
    return fhir_reply(request, ins_operations.write_retrieval(found), version=found.identity.version)


@router.post("/Patient/{patient_id}/$verify-ins")
async def verify_ins(request: Request, patient_id: str) -> Response:
    """INSi verification of the INS of a Patient, or of one read elsewhere."""
    wants_fhir(request)
    platform, visit = await enter(request)
    ins, at = ins_operations.read_verification(await read_resource(request, empty=True))
    asked = pb.VerifyInsRequest(identity_id=patient_id, ins=ins)
    question = platform.ask(platform.identity.VerifyIns, asked, visit)
    found = await told(
        question, lambda field: at if at and field.startswith("ins") else places.of_patient(field)
    )
    return fhir_reply(request, ins_operations.write_verification(found), version=found.identity.version)


@router.api_route("/${operation}", methods=["GET", "POST"])
@router.api_route("/Patient/${operation}", methods=["POST"])
@router.api_route("/Patient/{patient_id}/${operation}", methods=["GET", "POST"])
async def unknown(request: Request, operation: str, patient_id: str = "") -> Response:
    """A name that starts with a $ and is no operation here."""
    called = {f"${operations.code_of(one)}" for one in operations.OPERATIONS.values()}
    raise OperationUnknown(hint=f"POST one of {', '.join(sorted(called))}: see /fhir/OperationDefinition.")


@router.get("/OperationDefinition/{definition_id}")
async def read_definition(request: Request, definition_id: str) -> Response:
    """What one operation takes and answers."""
    wants_fhir(request)
    if definition_id not in DEFINED:
        raise NothingHere(hint=f"Known: {', '.join(DEFINED)}.")
    base = context(request).settings.fhir_url
    return fhir_reply(request, operations.write_definition(DEFINED[definition_id], base))


@router.get("/OperationDefinition")
async def list_definitions(request: Request) -> Response:
    """All of them."""
    pairs, lenient = await parameters(request)
    query = search.sort_out(pairs, set(), lenient=lenient)
    query.close()
    base = context(request).settings.fhir_url
    written = [operations.write_definition(one, base) for one in DEFINED.values()]
    return fhir_reply(request, searchset(base, "OperationDefinition", query, written, ""))
