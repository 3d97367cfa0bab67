"""REST of identity-ins."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from gateway import models, wire
from gateway.bodies import read
from gateway.context import enter, etag, reply
from gateway.openapi import DirectRoute, operation
from socle.identity_ins.v1 import identity_ins_pb2 as pb

router = APIRouter(prefix="/v1", tags=["identity-ins"], route_class=DirectRoute)
IdentityId = Annotated[str, Path(description="Id of a local identity.", json_schema_extra={"format": "uuid"})]
PersonId = Annotated[str, Path(description="Opaque id of a person.", json_schema_extra={"format": "uuid"})]


@router.post("/identities", **operation(pb.Identity.DESCRIPTOR, models.NewIdentity, status=201, changes=True))
async def create_identity(request: Request) -> Response:
    """Creates a local identity, *provisoire*, in the identification domain of the caller's structure."""
    platform, visit = await enter(request)
    body = await read(request, models.NewIdentity)
    asked = wire.fill(pb.CreateIdentityRequest, body.model_dump())
    answer = await platform.ask(platform.identity.CreateIdentity, asked, visit)
    made = answer.identity
    return reply(made, 201, {"Location": f"/v1/identities/{made.id}", **etag(made.version)})


@router.get("/identities/{identity_id}", **operation(pb.Identity.DESCRIPTOR))
async def get_identity(request: Request, identity_id: IdentityId) -> Response:
    """Reads one local identity of the caller's structure."""
    platform, visit = await enter(request)
    asked = pb.GetIdentityRequest(identity_id=identity_id)
    answer = await platform.ask(platform.identity.GetIdentity, asked, visit)
    return reply(answer.identity, headers=etag(answer.identity.version))


@router.post("/identities/search", **operation(pb.ListIdentitiesResponse.DESCRIPTOR, models.IdentitySearch))
async def list_identities(request: Request) -> Response:
    """Lists the local identities of the caller's structure that match every criterion given."""
    platform, visit = await enter(request)
    body = await read(request, models.IdentitySearch)
    asked = wire.fill(pb.ListIdentitiesRequest, body.model_dump())
    return reply(await platform.ask(platform.identity.ListIdentities, asked, visit))


@router.post(
    "/identities/{identity_id}/ins-retrieval", **operation(pb.RetrieveInsResponse.DESCRIPTOR, changes=True)
)
async def retrieve_ins(request: Request, identity_id: IdentityId) -> Response:
    """INSi search with the traits of a local identity; a single answer (00) makes it *récupérée*, or
    *qualifiée*.
    """
    platform, visit = await enter(request)
    asked = pb.RetrieveInsRequest(identity_id=identity_id)
    return reply(await platform.ask(platform.identity.RetrieveIns, asked, visit))


@router.post(
    "/identities/{identity_id}/paper-check",
    **operation(pb.Identity.DESCRIPTOR, models.PaperCheck, changes=True),
)
async def check_identity_paper(request: Request, identity_id: IdentityId) -> Response:
    """Records the check of a high-confidence identity paper: *validée*, or *qualifiée* with the INS."""
    platform, visit = await enter(request)
    body = await read(request, models.PaperCheck)
    asked = pb.CheckIdentityPaperRequest(identity_id=identity_id, paper=body.paper)
    answer = await platform.ask(platform.identity.CheckIdentityPaper, asked, visit)
    return reply(answer.identity, headers=etag(answer.identity.version))


@router.post(
    "/identities/{identity_id}/doubt", **operation(pb.Identity.DESCRIPTOR, models.Doubt, changes=True)
)
async def mark_identity_doubtful(request: Request, identity_id: IdentityId) -> Response:
    """Marks an identity *douteuse*: back to *provisoire*, the INS is removed, consumers are told."""
    platform, visit = await enter(request)
    body = await read(request, models.Doubt)
    asked = pb.MarkIdentityDoubtfulRequest(identity_id=identity_id, reason=body.reason)
    answer = await platform.ask(platform.identity.MarkIdentityDoubtful, asked, visit)
    return reply(answer.identity, headers=etag(answer.identity.version))


@router.post("/insi/search", **operation(pb.SearchInsResponse.DESCRIPTOR, models.InsiSearch))
async def search_ins(request: Request) -> Response:
    """INSi search by traits in the reference registry: 00 found, 01 nobody, 02 several."""
    platform, visit = await enter(request)
    body = await read(request, models.InsiSearch)
    asked = wire.fill(pb.SearchInsRequest, body.model_dump())
    return reply(await platform.ask(platform.identity.SearchIns, asked, visit))


@router.post("/persons/resolve", **operation(pb.ResolvePersonResponse.DESCRIPTOR, models.Resolution))
async def resolve_person(request: Request) -> Response:
    """Turns an INS into the opaque id that every service stores."""
    platform, visit = await enter(request)
    body = await read(request, models.Resolution)
    asked = wire.fill(pb.ResolvePersonRequest, body.model_dump())
    return reply(await platform.ask(platform.identity.ResolvePerson, asked, visit))


@router.get("/persons/{person_id}", **operation(pb.Person.DESCRIPTOR))
async def get_person(request: Request, person_id: PersonId) -> Response:
    """Reads the reference identity of a person: for that person, a representative, or a structure that holds
    it.
    """
    platform, visit = await enter(request)
    answer = await platform.ask(platform.identity.GetPerson, pb.GetPersonRequest(person_id=person_id), visit)
    return reply(answer.person)


@router.get("/persons/{person_id}/standing", **operation(pb.GetStandingResponse.DESCRIPTOR))
async def get_standing(
    request: Request,
    person_id: PersonId,
    domain: Annotated[str, Query(max_length=64, description="Struct_IdNat of the structure.")],
) -> Response:
    """Says whether a structure holds a *qualifiée* identity of a person; for services only."""
    platform, visit = await enter(request)
    asked = pb.GetStandingRequest(person_id=person_id, domain=domain)
    return reply(await platform.ask(platform.identity.GetStanding, asked, visit))
