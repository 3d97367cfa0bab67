"""FHIR Patient: the local identities of the caller's structure; for a citizen, those they act for."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from chassis.caller import CallerKind
from gateway.context import context, enter
from gateway.creation import created, no_condition
from gateway.fhir import admission, history, patient_search, places, search
from gateway.fhir import patient as mapping
from gateway.fhir.searchset import searchset
from gateway.negotiation import (
    fhir_reply,
    is_lenient,
    parameters,
    read_resource,
    told,
    wants_fhir,
)
from gateway.openapi import DirectRoute
from gateway.own_persons import own_persons
from gateway.refusals import OperationUnknown
from socle.identity_ins.v1 import identity_ins_pb2 as pb

router = APIRouter(prefix="/fhir", include_in_schema=False, route_class=DirectRoute)


@router.post("/Patient")
async def create_patient(request: Request) -> Response:
    """A new local identity, from fr-core-patient or fr-core-patient-ins; an INS is verified at INSi first."""
    wants_fhir(request)
    no_condition(request)
    platform, visit = await enter(request)
    resource = await read_resource(request)
    domain = visit.call.caller.organisation
    asked = await asyncio.to_thread(admission.read_patient, resource, domain, lenient=is_lenient(request))
    answer = await told(platform.ask(platform.identity.CreateIdentity, asked.request, visit), asked.locate)
    return created(request, context(request).settings.fhir_url, answer, asked.aside)


@router.get("/Patient/{patient_id}")
async def read_patient(request: Request, patient_id: str) -> Response:
    """One Patient: a local identity of the structure, or the person themselves."""
    wants_fhir(request)
    if patient_id.startswith("$"):
        raise OperationUnknown(hint="Operations on Patients are called with POST: see /fhir/metadata.")
    platform, visit = await enter(request)
    if visit.call.caller.kind is CallerKind.CITIZEN:
        known = platform.ask(platform.identity.GetPerson, pb.GetPersonRequest(person_id=patient_id), visit)
        person = await told(known, places.of_patient)
        return fhir_reply(request, mapping.write_person(person.person))
    asked = pb.GetIdentityRequest(identity_id=patient_id)
    identity = (
        await told(platform.ask(platform.identity.GetIdentity, asked, visit), places.of_patient)
    ).identity
    absorbed = await context(request).merges.absorbed(platform, visit, identity)
    return fhir_reply(request, mapping.write_identity(identity, absorbed), version=identity.version)


@router.get("/Patient/{patient_id}/_history")
async def read_history(request: Request, patient_id: str) -> Response:
    """The versions of a Patient, newest first."""
    platform, visit = await enter(request)
    pairs, lenient = await parameters(request)
    query = search.sort_out(pairs, set(), lenient=lenient)
    page = search.read_page(query)
    query.close()
    asked = pb.ListIdentityChangesRequest(identity_id=patient_id, page=page)
    listed = platform.ask(platform.identity.ListIdentityChanges, asked, visit)
    found = await told(listed, places.of_patient)
    base = context(request).settings.fhir_url
    body = history.write_history(base, patient_id, query, found.changes, found.next_token)
    return fhir_reply(request, body)


@router.get("/Patient/{patient_id}/_history/{version_id}")
async def read_version(request: Request, patient_id: str, version_id: str) -> Response:
    """One Patient as one of its versions was."""
    wants_fhir(request)
    platform, visit = await enter(request)
    version = history.read_version(version_id)
    asked = pb.ListIdentityChangesRequest(identity_id=patient_id, version=version)
    found = await told(platform.ask(platform.identity.ListIdentityChanges, asked, visit), places.of_patient)
    if not found.changes:
        raise history.NoSuchVersion(field="versionId", hint="See _history for the versions that there are.")
    return fhir_reply(request, history.write_version(found.changes[0]), version=version)


@router.get("/Patient")
@router.post("/Patient/_search")
async def search_patients(request: Request) -> Response:
    """Patients that match every parameter; POST keeps the traits out of the address."""
    platform, visit = await enter(request)
    pairs, lenient = await parameters(request)
    query = search.sort_out(pairs, patient_search.PARAMETERS, lenient=lenient)
    asked = patient_search.read_patients(query)
    base = context(request).settings.fhir_url
    if asked is None:
        return fhir_reply(request, searchset(base, "Patient", query, [], ""))
    if visit.call.caller.kind is CallerKind.CITIZEN:
        persons = await own_persons(platform, visit, asked)
        return fhir_reply(request, searchset(base, "Patient", query, map(mapping.write_person, persons), ""))
    listed = platform.ask(platform.identity.ListIdentities, asked, visit)
    found = await told(listed, patient_search.located)
    patients = map(mapping.write_identity, patient_search.of_system(found.identities, query))
    return fhir_reply(request, searchset(base, "Patient", query, patients, found.next_token))
