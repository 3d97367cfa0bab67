"""REST of identity vigilance: who may be whom, the worklist, merge and unmerge."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from gateway import models, wire
from gateway.bodies import read
from gateway.context import enter, reply
from gateway.openapi import DirectRoute, operation
from socle.identity_ins.v1 import vigilance_pb2 as pb

router = APIRouter(prefix="/v1", tags=["vigilance"], route_class=DirectRoute)
CaseId = Annotated[str, Path(description="Id of a case.", json_schema_extra={"format": "uuid"})]
MergeId = Annotated[str, Path(description="Id of a merge.", json_schema_extra={"format": "uuid"})]
IdentityId = Annotated[str, Path(description="Id of a local identity.", json_schema_extra={"format": "uuid"})]
PersonId = Annotated[str, Path(description="Opaque id of a person.", json_schema_extra={"format": "uuid"})]


@router.post("/identities/match", **operation(pb.MatchIdentitiesResponse.DESCRIPTOR, models.MatchQuery))
async def match_identities(request: Request) -> Response:
    """Which identities of the structure may be the person described, best first, each with its reasons."""
    platform, visit = await enter(request)
    body = await read(request, models.MatchQuery)
    asked = wire.fill(pb.MatchIdentitiesRequest, body.model_dump())
    return reply(await platform.ask(platform.vigilance.MatchIdentities, asked, visit))


@router.get("/vigilance-cases", **operation(pb.ListVigilanceCasesResponse.DESCRIPTOR))
async def list_vigilance_cases(request: Request, query: Annotated[models.CaseQuery, Query()]) -> Response:
    """The worklist of the structure, oldest first."""
    platform, visit = await enter(request)
    asked = wire.fill(pb.ListVigilanceCasesRequest, query.message())
    return reply(await platform.ask(platform.vigilance.ListVigilanceCases, asked, visit))


@router.get("/vigilance-cases/{case_id}", **operation(pb.VigilanceCase.DESCRIPTOR))
async def get_vigilance_case(request: Request, case_id: CaseId) -> Response:
    """One case with both identities and the reasons of its score."""
    platform, visit = await enter(request)
    asked = pb.GetVigilanceCaseRequest(case_id=case_id)
    return reply((await platform.ask(platform.vigilance.GetVigilanceCase, asked, visit)).case)


@router.post(
    "/vigilance-cases/{case_id}/settlement",
    **operation(pb.VigilanceCase.DESCRIPTOR, models.Settlement, changes=True),
)
async def settle_vigilance_case(request: Request, case_id: CaseId) -> Response:
    """Settles a case without a merge: homonyms, or nothing in common."""
    platform, visit = await enter(request)
    body = await read(request, models.Settlement)
    asked = wire.fill(pb.SettleVigilanceCaseRequest, {"case_id": case_id, **body.model_dump()})
    return reply((await platform.ask(platform.vigilance.SettleVigilanceCase, asked, visit)).case)


@router.post(
    "/merges",
    **operation(pb.MergeIdentitiesResponse.DESCRIPTOR, models.NewMerge, status=201, changes=True),
)
async def merge_identities(request: Request) -> Response:
    """Merges one identity into another of the same structure; the case between them is settled."""
    platform, visit = await enter(request)
    body = await read(request, models.NewMerge)
    asked = wire.fill(pb.MergeIdentitiesRequest, body.model_dump())
    return reply(await platform.ask(platform.vigilance.MergeIdentities, asked, visit), 201)


@router.post(
    "/merges/{merge_id}/undo",
    **operation(pb.UnmergeIdentitiesResponse.DESCRIPTOR, models.Reason, changes=True),
)
async def unmerge_identities(request: Request, merge_id: MergeId) -> Response:
    """Undoes a merge: the identity merged away is again as it was."""
    platform, visit = await enter(request)
    body = await read(request, models.Reason)
    asked = pb.UnmergeIdentitiesRequest(merge_id=merge_id, reason=body.reason)
    return reply(await platform.ask(platform.vigilance.UnmergeIdentities, asked, visit))


@router.get("/identities/{identity_id}/merges", **operation(pb.ListMergesResponse.DESCRIPTOR))
async def list_merges_of_identity(
    request: Request, identity_id: IdentityId, page: Annotated[models.Page, Query()]
) -> Response:
    """Merges of an identity of the structure, undone ones included."""
    platform, visit = await enter(request)
    asked = wire.fill(pb.ListMergesRequest, {"identity_id": identity_id, **page.message()})
    return reply(await platform.ask(platform.vigilance.ListMerges, asked, visit))


@router.get("/persons/{person_id}/merges", **operation(pb.ListMergesResponse.DESCRIPTOR))
async def list_merges_of_person(
    request: Request, person_id: PersonId, page: Annotated[models.Page, Query()]
) -> Response:
    """Merges of all identities of a person, undone ones included: for that person, or a representative."""
    platform, visit = await enter(request)
    asked = wire.fill(pb.ListMergesRequest, {"person_id": person_id, **page.message()})
    return reply(await platform.ask(platform.vigilance.ListMerges, asked, visit))
