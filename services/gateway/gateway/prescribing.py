"""Prescriptions as the FHIR routes share them: who asks, whom it is about, what a search finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from starlette.requests import Request

from chassis.errors import NotFound
from socle.eprescription.v1 import eprescription_pb2 as pb

from .clients import Platform, Visit
from .context import Context, context, enter
from .fhir import prescription_search, search
from .fhir.medication_request import UUID, Author
from .fhir.prescription_places import in_answer
from .fhir.subject import Subject, write_subject
from .negotiation import parameters, told
from .subjects import ins_of, person_of

Json = dict[str, Any]
# The day of a prescription is that of the country, wherever the server is.
PARIS = ZoneInfo("Europe/Paris")


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found, and what it was."""

    query: search.Query
    asked: prescription_search.Asked
    prescriptions: list[pb.Prescription]
    next_token: str = ""


def author_of(visit: Visit) -> Author:
    """Who sends a request, and the day it is in France."""
    caller = visit.call.caller
    return Author(caller.subject, visit.call.now().astimezone(PARIS).date(), caller.organisation)


def patient_of(here: Context, person_id: str, subject: Subject | None = None) -> Json:
    """The reference to a patient: by the INS when it is at hand, by the opaque person otherwise."""
    known = ins_of(subject) if subject is not None else None
    return write_subject(person_id, known or here.persons.ins_of(person_id))


async def prescription_of(platform: Platform, visit: Visit, named: str) -> pb.Prescription:
    """One prescription by its id or its number; raises NotFound."""
    by_id = {"prescription_id": named} if UUID.fullmatch(named) else {"number": named}
    asked = platform.ask(platform.prescriptions.GetPrescription, pb.GetPrescriptionRequest(**by_id), visit)
    found: pb.Prescription = (await told(asked, in_answer)).prescription
    return found


async def search_prescriptions(request: Request, kind: str) -> Found:
    """The prescriptions that a search of this type of resource is about."""
    platform, visit = await enter(request)
    pairs, lenient = await parameters(request)
    query = search.sort_out(pairs, prescription_search.KNOWN[kind], lenient=lenient)
    asked = prescription_search.read_search(query, kind, visit.call.caller)
    if not asked.possible:
        return Found(query, asked, [])
    try:
        person_id = await person_of(context(request), visit, asked.subject) if asked.subject else ""
        query.person_id = person_id
        found, token = await _listed(platform, visit, asked, person_id)
    except NotFound:
        # An unknown patient, an unknown number and nothing visible are one answer: an empty one.
        return Found(query, asked, [])
    return Found(query, asked, prescription_search.kept(found, asked, person_id), token)


async def _listed(
    platform: Platform, visit: Visit, asked: prescription_search.Asked, person_id: str
) -> tuple[list[pb.Prescription], str]:
    if asked.number:
        return [await prescription_of(platform, visit, asked.number)], ""
    states: Any = sorted(asked.states) if len(asked.states) <= len(prescription_search.SIGNED) else []
    if person_id:
        of_person = pb.ListPrescriptionsRequest(person_id=person_id, states=states, page=asked.page)
        found = await told(
            platform.ask(platform.prescriptions.ListPrescriptions, of_person, visit), in_answer
        )
    else:
        own = pb.ListMyPrescriptionsRequest(states=states, page=asked.page)
        found = await told(platform.ask(platform.prescriptions.ListMyPrescriptions, own, visit), in_answer)
    return list(found.prescriptions), found.next_token
