"""REST of dmp: the journal of a record, its export with proofs, and the head of the tree behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

import orjson
from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from gateway import journal_file, models, wire
from gateway.clients import Platform, Visit
from gateway.context import context, enter, reply
from gateway.openapi import DirectRoute, operation, public
from socle.common.v1 import common_pb2
from socle.dmp.v1 import dmp_pb2
from socle.dmp.v1 import journal_pb2 as pb

router = APIRouter(tags=["dmp"], route_class=DirectRoute)
PersonId = Annotated[str, Path(description="Opaque id of a person.", json_schema_extra={"format": "uuid"})]
TreeSize = Annotated[int, Query(ge=0, le=2**62, description="0: the latest head.")]
PAGE_SIZE = 200
JWK_SET = "application/jwk-set+json"


@router.get("/v1/dmp/{person_id}/journal", **operation(dmp_pb2.ListJournalResponse.DESCRIPTOR))
async def list_journal(
    request: Request, person_id: PersonId, query: Annotated[models.JournalQuery, Query()]
) -> Response:
    """Reads the journal of a record, newest first: every access, refusals included."""
    platform, visit = await enter(request)
    asked = wire.fill(dmp_pb2.ListJournalRequest, {"person_id": person_id, **query.message()})
    return reply(await platform.ask(platform.dmp.ListJournal, asked, visit))


@router.get("/v1/dmp/{person_id}/journal/export", **operation(models.JournalFile))
async def export_journal(
    request: Request, person_id: PersonId, query: Annotated[models.ExportQuery, Query()]
) -> Response:
    """Downloads the journal with the proof of each line, as one file that verifies without this server."""
    platform, visit = await enter(request, context(request).settings.lot_deadline)
    asked = pb.ExportJournalRequest(
        person_id=person_id,
        since_tree_size=query.since,
        page=common_pb2.PageRequest(size=PAGE_SIZE),
    )
    # Asked before the answer begins: a refusal is still a refusal.
    first = await platform.ask(platform.journal.ExportJournal, asked, visit)
    pages = _pages(platform, visit, asked, first)
    file = journal_file.pieces(person_id, visit.call.now(), query.since, pages)
    headers = {"Content-Disposition": 'attachment; filename="journal-dmp.json"'}
    return StreamingResponse(file, headers=headers, media_type=journal_file.MEDIA_TYPE)


async def _pages(
    platform: Platform, visit: Visit, asked: pb.ExportJournalRequest, first: pb.ExportJournalResponse
) -> AsyncIterator[pb.ExportJournalResponse]:
    page = first
    yield page
    while page.next_token:
        asked.page.token = page.next_token
        page = await platform.ask(platform.journal.ExportJournal, asked, visit)
        yield page


@router.get("/v1/journal/head", **public(operation(models.SignedHead)))
async def get_tree_head(request: Request, tree_size: TreeSize = 0) -> Response:
    """The latest signed head of the journal, or the one of a given size; it says nothing of anybody."""
    answer = await _head(request, tree_size)
    return _json(orjson.dumps(journal_file.head(answer.head)))


@router.get("/v1/journal/consistency", **public(operation(models.TreeProof)))
async def prove_consistency(request: Request, first: TreeSize, second: TreeSize = 0) -> Response:
    """Proves that the tree of one head is the beginning of the tree of another."""
    here = context(request)
    asked = pb.ProveConsistencyRequest(first=first, second=second)
    call = await here.door.pass_by(request)
    answer = await here.public.ask(here.platform.journal.ProveConsistency, asked, call)
    path = [node.hex() for node in answer.path]
    return _json(orjson.dumps({"first": first, "path": path, "head": journal_file.head(answer.head)}))


@router.get("/.well-known/socle-journal-keys", **public(operation(models.KeySet, media=JWK_SET)))
async def get_journal_keys(request: Request) -> Response:
    """The JSON Web Key Set that verifies the heads of the journal."""
    answer = await _head(request)
    return _json(answer.keys.encode(), JWK_SET)


async def _head(request: Request, tree_size: int = 0) -> pb.GetTreeHeadResponse:
    here = context(request)
    asked = pb.GetTreeHeadRequest(tree_size=tree_size)
    call = await here.door.pass_by(request)
    return await here.public.ask(here.platform.journal.GetTreeHead, asked, call)


def _json(body: bytes, kind: str = "application/json") -> Response:
    return Response(body, media_type=kind)
