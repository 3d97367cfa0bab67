"""FHIR documents: ITI-65 and ITI-105 (deposit), ITI-67 (search), ITI-68 (retrieve)."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from chassis.caller import CallerKind
from chassis.errors import NotFound, RuleViolated
from gateway.clients import Visit
from gateway.context import Context, context, enter
from gateway.fhir import document, places, search, transaction
from gateway.fhir.searchset import searchset
from gateway.fhir.simplified import read_simplified
from gateway.fhir.subject import Subject
from gateway.negotiation import binary_reply, fhir_reply, parameters, read_resource, told, wants_fhir
from gateway.openapi import DirectRoute
from socle.dmp.v1 import dmp_pb2 as pb
from socle.identity_ins.v1 import identity_ins_pb2

router = APIRouter(prefix="/fhir", include_in_schema=False, route_class=DirectRoute)


class PatientWithoutIns(RuleViolated):
    """This Patient has no INS yet, so no person of the registry is known for it."""


@router.post("")
@router.post("/")
async def transact(request: Request) -> Response:
    """ITI-65: a lot of documents, all stored or none; the answer has the entries of the request, in the same
    order.
    """
    wants_fhir(request)
    _, visit = await enter(request)
    bundle = await read_resource(request)
    submission = await asyncio.to_thread(transaction.read_submission, bundle)
    stored = await _submit(context(request), visit, submission)
    return fhir_reply(request, transaction.write_answer(submission, stored))


@router.post("/DocumentReference")
async def create_document(request: Request) -> Response:
    """ITI-105: one document with its bytes; the lot is made here."""
    wants_fhir(request)
    _, visit = await enter(request)
    resource = await read_resource(request)
    submission = await asyncio.to_thread(
        read_simplified, resource, f"urn:x-socle:client:{visit.call.caller.client}"
    )
    here = context(request)
    stored = (await _submit(here, visit, submission)).entries[0]
    body = document.write_document(stored, here.settings.fhir_url, _ins(submission.subject))
    address = f"{here.settings.fhir_url}/DocumentReference/{stored.document_id}"
    return fhir_reply(request, body, 201, version=stored.version, headers={"Location": address})


async def _submit(
    here: Context, visit: Visit, submission: transaction.Submission
) -> pb.SubmitDocumentsResponse:
    person_id = await _person(here, visit, submission.subject)
    asked = pb.SubmitDocumentsRequest(person_id=person_id, lot=submission.lot, documents=submission.documents)
    sent = here.platform.ask(here.platform.dmp.SubmitDocuments, asked, visit)
    stored: pb.SubmitDocumentsResponse = await told(sent, places.in_submission(submission))
    return stored


@router.get("/DocumentReference/{document_id}")
async def read_document(request: Request, document_id: str) -> Response:
    """The metadata of one document."""
    wants_fhir(request)
    platform, visit = await enter(request)
    answer = await platform.ask(
        platform.dmp.ReadDocument, pb.ReadDocumentRequest(document_id=document_id), visit
    )
    here, entry = context(request), answer.entry
    body = document.write_document(entry, here.settings.fhir_url, here.persons.ins_of(entry.person_id))
    return fhir_reply(request, body, version=entry.version)


@router.get("/DocumentReference")
@router.post("/DocumentReference/_search")
async def search_documents(request: Request) -> Response:
    """ITI-67: the documents of a patient that the caller may read."""
    _, visit = await enter(request)
    pairs, lenient = await parameters(request)
    query = search.sort_out(pairs, search.DOCUMENT, lenient=lenient)
    subject, asked = search.read_documents(query)
    here = context(request)
    found = (
        await _listed(here, visit, subject, asked)
        if asked is not None
        else pb.ListReadableDocumentsResponse()
    )
    written = [
        document.write_document(
            entry, here.settings.fhir_url, _ins(subject) or here.persons.ins_of(entry.person_id)
        )
        for entry in found.entries
    ]
    return fhir_reply(
        request, searchset(here.settings.fhir_url, "DocumentReference", query, written, found.next_token)
    )


async def _listed(
    here: Context, visit: Visit, subject: Subject, asked: pb.ListReadableDocumentsRequest
) -> pb.ListReadableDocumentsResponse:
    """An unknown patient and a patient without visible documents are one answer: an empty one."""
    try:
        asked.person_id = await _person(here, visit, subject)
    except NotFound:
        return pb.ListReadableDocumentsResponse()
    answer: pb.ListReadableDocumentsResponse
    answer = await told(
        here.platform.ask(here.platform.dmp.ListReadableDocuments, asked, visit), places.of_subject(subject)
    )
    return answer


@router.get("/Binary/{document_id}")
async def retrieve_document(request: Request, document_id: str) -> Response:
    """ITI-68: the bytes as they were deposited, or a Binary resource for who asks for FHIR."""
    platform, visit = await enter(request)
    asked = pb.RetrieveDocumentRequest(document_id=document_id)
    answer = await platform.ask(platform.dmp.RetrieveDocument, asked, visit)
    return binary_reply(request, document_id, answer.mime_type, answer.content, answer.sha1)


async def _person(here: Context, visit: Visit, subject: Subject) -> str:
    """The opaque person of a subject; a Patient id is a person for a citizen, a local identity for a
    structure.
    """
    if subject.matricule:
        resolved = here.persons.resolve(subject.ins, here.platform, visit)
        return await told(resolved, places.of_subject(subject))
    if visit.call.caller.kind is CallerKind.CITIZEN:
        return subject.patient_id
    asked = identity_ins_pb2.GetIdentityRequest(identity_id=subject.patient_id)
    found = here.platform.ask(here.platform.identity.GetIdentity, asked, visit)
    identity: Any = (await told(found, places.of_subject(subject))).identity
    if not identity.person_id:
        raise PatientWithoutIns(field=subject.at, hint="Retrieve the INS of this identity first.")
    return str(identity.person_id)


def _ins(subject: Subject) -> identity_ins_pb2.Ins | None:
    return subject.ins if subject.matricule else None
