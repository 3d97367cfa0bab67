"""FHIR Patient: the local identities of the caller's structure; for a citizen, those they act for."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from chassis.caller import Caller, CallerKind
from chassis.errors import NotFound
from gateway.clients import Platform, Visit
from gateway.context import context, enter
from gateway.fhir import patient as mapping
from gateway.fhir import search
from gateway.fhir.searchset import searchset
from gateway.negotiation import fhir_reply, parameters, wants_fhir_json
from gateway.openapi import DirectRoute
from socle.identity_ins.v1 import identity_ins_pb2 as pb

router = APIRouter(prefix="/fhir", include_in_schema=False, route_class=DirectRoute)


@router.get("/Patient/{patient_id}")
async def read_patient(request: Request, patient_id: str) -> Response:
    """One Patient: a local identity of the structure, or the person themselves."""
    wants_fhir_json(request)
    platform, visit = await enter(request)
    if visit.call.caller.kind is CallerKind.CITIZEN:
        person = await platform.ask(
            platform.identity.GetPerson, pb.GetPersonRequest(person_id=patient_id), visit
        )
        return fhir_reply(mapping.write_person(person.person))
    asked = pb.GetIdentityRequest(identity_id=patient_id)
    found = await platform.ask(platform.identity.GetIdentity, asked, visit)
    return fhir_reply(mapping.write_identity(found.identity), version=found.identity.version)


@router.get("/Patient")
@router.post("/Patient/_search")
async def search_patients(request: Request) -> Response:
    """Patients that match every parameter; POST keeps the traits out of the address."""
    wants_fhir_json(request)
    platform, visit = await enter(request)
    pairs, lenient = await parameters(request)
    query = search.sort_out(pairs, search.PATIENT, lenient=lenient)
    asked = search.read_patients(query)
    base = context(request).settings.fhir_url
    if visit.call.caller.kind is CallerKind.CITIZEN:
        persons = await _own_persons(platform, visit, asked)
        return fhir_reply(searchset(base, "Patient", query, map(mapping.write_person, persons), ""))
    found = await platform.ask(platform.identity.ListIdentities, asked, visit)
    patients = map(mapping.write_identity, found.identities)
    return fhir_reply(searchset(base, "Patient", query, patients, found.next_token))


async def _own_persons(platform: Platform, visit: Visit, asked: pb.ListIdentitiesRequest) -> list[pb.Person]:
    """The citizen and those they represent, as far as they match: few enough to be read one by one."""
    ids = _own_ids(visit.call.caller, asked.identity_id)
    found = await asyncio.gather(*(_person(platform, visit, person_id) for person_id in ids))
    return [person for person in found if person is not None and matches(person, asked)]


def _own_ids(caller: Caller, wanted: str) -> list[str]:
    own = sorted({caller.person_id, *caller.represents} - {""})
    return [person_id for person_id in own if wanted in ("", person_id)]


async def _person(platform: Platform, visit: Visit, person_id: str) -> pb.Person | None:
    try:
        answer = await platform.ask(
            platform.identity.GetPerson, pb.GetPersonRequest(person_id=person_id), visit
        )
    except NotFound:
        return None
    person: pb.Person = answer.person
    return person


def matches(person: pb.Person, asked: pb.ListIdentitiesRequest) -> bool:
    """The criteria of a search on a person already at hand; a person of the registry has no IPP."""
    traits = person.traits
    wanted = [
        not asked.ipp,
        not asked.HasField("ins")
        or (asked.ins.matricule, asked.ins.oid) == (person.ins.matricule, person.ins.oid),
        _begins(asked.family, traits.birth_name, traits.used_name),
        _begins(asked.given, *traits.birth_first_names, traits.used_first_name),
        asked.birth_date in ("", traits.birth_date),
        asked.sex in (pb.SEX_UNSPECIFIED, traits.sex),
    ]
    return all(wanted)


def _begins(start: str, *names: str) -> bool:
    return any(name.casefold().startswith(start.casefold()) for name in names)
