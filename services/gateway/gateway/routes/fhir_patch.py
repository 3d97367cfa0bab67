"""FHIR PATCH of a document: its status, its labels, its archive mark (PDSm flow 03, XDS ITI-57)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from chassis.caller import CallerKind
from chassis.errors import Forbidden, Kind, NotFound, SocleError
from gateway import media
from gateway.bodies import CHARSETS, UTF8, parse
from gateway.clients import Platform, Visit
from gateway.context import Context, context, enter
from gateway.fhir import document, patch, patch_fhirpath, patch_json, patch_xml, places, search
from gateway.fhir.names import FHIR_JSON, FHIR_XML
from gateway.fhir.xml_in import from_xml
from gateway.negotiation import fhir_reply, parameters, told, wants_fhir
from gateway.openapi import DirectRoute
from gateway.patching import (
    ElementNotPatchable,
    SeveralMatches,
    VersionMismatch,
    check_version,
    expected_version,
)
from gateway.refusals import BodyTooLarge, MediaTypeNotSupported
from gateway.subjects import person_of
from socle.dmp.v1 import dmp_pb2 as pb

router = APIRouter(prefix="/fhir", include_in_schema=False, route_class=DirectRoute)
Json = dict[str, Any]
# The resource before, as the format has it, and after.
Patched = tuple[Json, Json]
Patch = Callable[[Json], Patched]
ACCEPTED = (patch.JSON_PATCH, patch.XML_PATCH, FHIR_JSON, FHIR_XML)
# Bytes; a patch says a few elements.
LARGEST = 64 * 1024
CONFIRM = "socle-confirm"
READERS = (CallerKind.CITIZEN, CallerKind.PROFESSIONAL)
CONDITION = {"identifier", *search.BY_PATIENT}


class ReadingNeeded(Forbidden):
    """A patch is made on a document that was read, and a software may not read."""

    remedy = 'Send the change itself: POST /v1/dmp/documents/{id}/changes with {"changes": ["delete"]}.'


class NoMatch(NotFound):
    """No document that you may see matches the condition."""


@router.patch("/DocumentReference/{document_id}")
async def patch_document(request: Request, document_id: str) -> Response:
    """Changes one document; `If-Match` says the version it is made for."""
    platform, visit = await _enter(request)
    change, expected = await _read(request), expected_version(request)
    asked = pb.ReadDocumentRequest(document_id=document_id)
    entry = (await platform.ask(platform.dmp.ReadDocument, asked, visit)).entry
    return await _patched(request, visit, entry, change, expected)


@router.patch("/DocumentReference")
async def patch_matching(request: Request) -> Response:
    """Changes the one document of a patient that has this identifier: 404 when there is none, 412 when
    several.
    """
    _, visit = await _enter(request)
    change, expected = await _read(request), expected_version(request)
    found = await _matching(request, visit)
    if not found:
        raise NoMatch(
            field="identifier", hint="Search the patient's documents with GET /fhir/DocumentReference."
        )
    if len(found) > 1:
        raise SeveralMatches("Name one document: its uniqueId (masterIdentifier) is unique in a record.")
    return await _patched(request, visit, found[0], change, expected)


async def _enter(request: Request) -> tuple[Platform, Visit]:
    wants_fhir(request)
    platform, visit = await enter(request)
    if visit.call.caller.kind not in READERS:
        raise ReadingNeeded
    return platform, visit


async def _matching(request: Request, visit: Visit) -> list[pb.DocumentEntry]:
    pairs, _ = await parameters(request)
    query = search.sort_out(pairs, CONDITION, lenient=False)
    subject, wanted = search.read_patient(query), query.tokens("identifier")
    if not wanted:
        query.lack("identifier", "is mandatory: give system|uniqueId of the document")
    query.close()
    here = context(request)
    identifiers = [one.rpartition("|")[2] for one in wanted]
    try:
        person_id = await person_of(here, visit, subject)
    except NotFound:
        return []
    asked = pb.ListReadableDocumentsRequest(person_id=person_id, identifiers=identifiers)
    listed = here.platform.ask(here.platform.dmp.ListReadableDocuments, asked, visit)
    return list((await told(listed, places.of_subject(subject))).entries)


async def _patched(
    request: Request, visit: Visit, entry: pb.DocumentEntry, change: Patch, expected: int
) -> Response:
    here = context(request)
    check_version(expected, entry.version)
    changes = await asyncio.to_thread(_changes, change, _written(here, entry))
    confirmed = patch.confirmed(changes, given=request.headers.get(CONFIRM, "").strip().lower() == "true")
    # A patch that changes nothing makes no version: the answer is the document as it is.
    if changes:
        asked = pb.ChangeDocumentRequest(
            document_id=entry.document_id, expected_version=expected, confirmed=confirmed
        )
        asked.changes.extend(changes)  # type: ignore[arg-type]
        sent = here.platform.ask(here.platform.dmp.ChangeDocument, asked, visit)
        entry = (await _made(sent, expected)).entry
    return fhir_reply(request, _written(here, entry), version=entry.version)


def _changes(change: Patch, resource: Json) -> list[int]:
    try:
        return patch.changes_of(*change(resource))
    except patch.OtherElement as error:
        raise ElementNotPatchable(one.field for one in error.violations) from None


async def _made(sent: Awaitable[pb.ChangeDocumentResponse], expected: int) -> pb.ChangeDocumentResponse:
    """The answer; a change that came between our look and ours is told as HTTP has it."""
    try:
        return await sent
    except SocleError as error:
        if expected and error.kind is Kind.CONFLICT:
            raise VersionMismatch("Read it again: it was changed meanwhile.") from None
        raise


def _written(here: Context, entry: pb.DocumentEntry) -> Json:
    return document.write_document(entry, here.settings.fhir_url, here.persons.ins_of(entry.person_id))


async def _read(request: Request) -> Patch:
    """The patch of the body, ready to be applied; raises MediaTypeNotSupported, BodyTooLarge or what the
    format raises.
    """
    kind, details = media.read_type(request.headers.get("content-type", ""))
    if kind not in ACCEPTED or details.get("charset", UTF8) not in CHARSETS:
        accepted = ", ".join(ACCEPTED)
        raise MediaTypeNotSupported(
            f"Send a patch as one of {accepted}, in UTF-8.", {"Accept-Patch": accepted}
        )
    raw = await request.body()
    if len(raw) > LARGEST:
        raise BodyTooLarge(f"A patch may have {LARGEST} bytes.")
    if kind == patch.XML_PATCH:
        return lambda resource: (patch_xml.normal(resource), patch_xml.apply(raw, resource))
    if kind == patch.JSON_PATCH:
        operations = parse(raw)
        return lambda resource: (resource, patch_json.apply(operations, resource))
    body = from_xml(raw) if kind == FHIR_XML else parse(raw)
    return lambda resource: (resource, patch_fhirpath.apply(body, resource))
