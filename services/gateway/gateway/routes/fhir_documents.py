"""FHIR documents: ITI-65 and ITI-105 (deposit), ITI-67 (search), ITI-68 (retrieve)."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from chassis.errors import NotFound
from gateway.clients import Visit
from gateway.context import Context, context, enter
from gateway.fhir import document, document_search, places, search, transaction
from gateway.fhir.answer import write_answer
from gateway.fhir.faults import Faults
from gateway.fhir.searchset import Included, searchset
from gateway.fhir.simplified import read_simplified
from gateway.fhir.source_patient import CODE, OTHER
from gateway.fhir.subject import Subject
from gateway.negotiation import (
    binary_reply,
    fhir_reply,
    is_search,
    parameters,
    read_resource,
    told,
    unchanged,
    wants_fhir,
)
from gateway.openapi import DirectRoute
from gateway.refusals import TimeConditionNotSupported
from gateway.subjects import ins_of, person_of
from socle.dmp.v1 import dmp_pb2 as pb

router = APIRouter(prefix="/fhir", include_in_schema=False, route_class=DirectRoute)


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
    return fhir_reply(request, write_answer(submission, stored))


@router.post("/DocumentReference")
async def create_document(request: Request) -> Response:
    """ITI-105: one document with its bytes, the lot is made here; or a search, when a form is sent."""
    if await is_search(request):
        return await search_documents(request)
    wants_fhir(request)
    _, visit = await enter(request)
    resource = await read_resource(request)
    submission = await asyncio.to_thread(
        read_simplified, resource, f"urn:x-socle:client:{visit.call.caller.client}"
    )
    here = context(request)
    stored = (await _submit(here, visit, submission)).entries[0]
    body = document.write_document(stored, here.settings.fhir_url, ins_of(submission.subject))
    address = f"{here.settings.fhir_url}/DocumentReference/{stored.document_id}"
    return fhir_reply(request, body, 201, version=stored.version, headers={"Location": address})


async def _submit(
    here: Context, visit: Visit, submission: transaction.Submission
) -> pb.SubmitDocumentsResponse:
    person_id = await person_of(here, visit, submission.subject)
    await _check_contained(here, visit, submission, person_id)
    asked = pb.SubmitDocumentsRequest(
        person_id=person_id,
        lot=submission.lot,
        documents=submission.documents,
        folders=submission.folders,
    )
    sent = here.platform.ask(here.platform.dmp.SubmitDocuments, asked, visit)
    stored: pb.SubmitDocumentsResponse = await told(sent, places.in_submission(submission))
    return stored


async def _check_contained(
    here: Context, visit: Visit, submission: transaction.Submission, person_id: str
) -> None:
    """The subject is a Patient of this server, contained resources name an INS: they must be one person."""
    faults = Faults()
    for one in submission.contained:
        if await person_of(here, visit, one) != person_id:
            faults.add(one.at, OTHER, CODE)
    faults.close()


@router.get("/DocumentReference/{document_id}")
async def read_document(request: Request, document_id: str) -> Response:
    """The metadata of one document."""
    wants_fhir(request)
    platform, visit = await enter(request)
    answer = await platform.ask(
        platform.dmp.ReadDocument, pb.ReadDocumentRequest(document_id=document_id), visit
    )
    here, entry = context(request), answer.entry
    if same := unchanged(request, f'W/"{entry.version}"'):
        return same
    body = document.write_document(entry, here.settings.fhir_url, here.persons.ins_of(entry.person_id))
    return fhir_reply(request, body, version=entry.version)


@router.get("/DocumentReference")
@router.post("/DocumentReference/_search")
async def search_documents(request: Request) -> Response:
    """ITI-67: the documents of a patient that the caller may read."""
    _, visit = await enter(request)
    pairs, lenient = await parameters(request)
    query = search.sort_out(pairs, document_search.KNOWN, lenient=lenient)
    subject, asked = document_search.read_documents(query)
    here = context(request)
    found = (
        await _listed(here, visit, subject, asked)
        if asked is not None
        else pb.ListReadableDocumentsResponse()
    )
    query.person_id = asked.person_id if asked is not None else ""
    written, related = (
        [
            document.write_document(
                entry, here.settings.fhir_url, ins_of(subject) or here.persons.ins_of(entry.person_id)
            )
            for entry in entries
        ]
        for entries in (document_search.of_system(found.entries, query), found.related)
    )
    base = here.settings.fhir_url
    included = Included("DocumentReference", related)
    return fhir_reply(
        request, searchset(base, "DocumentReference", query, written, found.next_token, included)
    )


async def _listed(
    here: Context, visit: Visit, subject: Subject, asked: pb.ListReadableDocumentsRequest
) -> pb.ListReadableDocumentsResponse:
    """An unknown patient and a patient without visible documents are one answer: an empty one."""
    try:
        asked.person_id = await person_of(here, visit, subject)
    except NotFound:
        return pb.ListReadableDocumentsResponse()
    answer: pb.ListReadableDocumentsResponse
    answer = await told(
        here.platform.ask(here.platform.dmp.ListReadableDocuments, asked, visit),
        document_search.located(subject),
    )
    return answer


@router.get("/Binary/{document_id}")
async def retrieve_document(request: Request, document_id: str) -> Response:
    """ITI-68: the bytes as they were deposited, or a Binary resource for who asks for FHIR."""
    if "if-unmodified-since" in request.headers:
        raise TimeConditionNotSupported("Bytes never change: leave If-Unmodified-Since out (MHD ITI-68).")
    platform, visit = await enter(request)
    asked = pb.RetrieveDocumentRequest(document_id=document_id)
    answer = await platform.ask(platform.dmp.RetrieveDocument, asked, visit)
    if same := unchanged(request, f'"{answer.sha1.hex()}"'):
        return same
    return binary_reply(request, document_id, answer.mime_type, answer.content, answer.sha1)
