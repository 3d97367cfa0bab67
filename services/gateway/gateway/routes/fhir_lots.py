"""FHIR lists: ITI-66, the submission sets and folders of a patient."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from chassis.errors import NotFound
from gateway.clients import Visit
from gateway.context import Context, context, enter
from gateway.fhir import document, document_search, lot, lot_search, search
from gateway.fhir.searchset import Included, searchset
from gateway.fhir.subject import Subject
from gateway.negotiation import fhir_reply, is_search, parameters, told, wants_fhir
from gateway.openapi import DirectRoute
from gateway.refusals import HttpRefusal
from gateway.subjects import ins_of, person_of
from socle.dmp.v1 import dmp_pb2 as pb

router = APIRouter(prefix="/fhir", include_in_schema=False, route_class=DirectRoute)


class ListByItself(HttpRefusal):
    """A List is not created by itself."""

    status = 405
    issue = "not-supported"


@router.post("/List")
async def find_by_post(request: Request) -> Response:
    """The search as the samples of PDSm send it: a form posted to /List."""
    if not await is_search(request):
        raise ListByItself("Send it with its documents, in a transaction to /fhir.", {"Allow": "GET, POST"})
    return await search_lots(request)


@router.get("/List/{lot_id}")
async def read_lot(request: Request, lot_id: str) -> Response:
    """One lot or folder, with those of its documents that the caller may read."""
    wants_fhir(request)
    platform, visit = await enter(request)
    answer = await platform.ask(platform.dmp.ReadLot, pb.ReadLotRequest(lot_id=lot_id), visit)
    body = lot.write_lot(answer.lot, context(request).persons.ins_of(answer.lot.person_id))
    # A lot never changes, what a reader may see of it does: without a tag nobody keeps what was hidden since.
    return fhir_reply(request, body)


@router.get("/List")
@router.post("/List/_search")
async def search_lots(request: Request) -> Response:
    """ITI-66: the lots that hold at least one document the caller may read."""
    _, visit = await enter(request)
    pairs, lenient = await parameters(request)
    query = search.sort_out(pairs, lot_search.KNOWN, lenient=lenient)
    subject, asked = lot_search.read_lots(query)
    here = context(request)
    found = await _listed(here, visit, subject, asked) if asked is not None else pb.ListReadableLotsResponse()
    query.person_id = asked.person_id if asked is not None else ""
    base, known = here.settings.fhir_url, ins_of(subject)
    lots = [
        lot.write_lot(one, known or here.persons.ins_of(one.person_id))
        for one in lot_search.kept(found.lots, query)
    ]
    # The lot of a deletion names the document, a read of which is gone; nothing more is told of it.
    documents = [
        document.write_document(one, base, known or here.persons.ins_of(one.person_id))
        for one in found.entries
        if one.status != pb.DOCUMENT_STATUS_DELETED
    ]
    included = Included("DocumentReference", documents)
    return fhir_reply(request, searchset(base, "List", query, lots, found.next_token, included))


async def _listed(
    here: Context, visit: Visit, subject: Subject, asked: pb.ListReadableLotsRequest
) -> pb.ListReadableLotsResponse:
    """An unknown patient and a patient without visible lots are one answer: an empty one."""
    try:
        asked.person_id = await person_of(here, visit, subject)
    except NotFound:
        return pb.ListReadableLotsResponse()
    answer: pb.ListReadableLotsResponse
    answer = await told(
        here.platform.ask(here.platform.dmp.ListReadableLots, asked, visit),
        document_search.located(subject, lot_search.PLACES),
    )
    return answer
