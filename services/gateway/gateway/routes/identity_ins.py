"""REST of identity-ins."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from gateway import models, wire
from gateway.bodies import read, read_if_any
from gateway.context import enter, etag, reply
from gateway.openapi import DirectRoute, operation
from socle.identity_ins.v1 import identity_ins_pb2 as pb

router = APIRouter(prefix="/v1", tags=["identity-ins"], route_class=DirectRoute)
IdentityId = Annotated[str, Path(description="Id of a local identity.", json_schema_extra={"format": "uuid"})]
PersonId = Annotated[str, Path(description="Opaque id of a person.", json_schema_extra={"format": "uuid"})]


@router.post(
    "/identities",
    **operation(
        pb.CreateIdentityResponse.DESCRIPTOR, models.NewIdentity, status=201, changes=True, spread="identity"
    ),
)
async def create_identity(request: Request) -> Response:
    """Creates a local identity in the identification domain of the caller's structure: *provisoire*, unless a
    number that INSi confirms or a checked paper comes with it. What is odd, and who may be the same person,
    comes with the answer.
    """
    platform, visit = await enter(request)
    body = await read(request, models.NewIdentity)
    asked = wire.fill(pb.CreateIdentityRequest, body.model_dump())
    answer = await platform.ask(platform.identity.CreateIdentity, asked, visit)
    made = answer.identity
    headers = {"Location": f"/v1/identities/{made.id}", **etag(made.version)}
    return reply(answer, 201, headers, spread="identity")


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


@router.put(
    "/identities/{identity_id}/traits",
    **operation(pb.CorrectTraitsResponse.DESCRIPTOR, models.NewCorrection, changes=True, spread="identity"),
)
async def correct_traits(request: Request, identity_id: IdentityId) -> Response:
    """Corrects the traits of an identity that is not *qualifiée*; what was established on a strict trait that
    changes is undone.
    """
    platform, visit = await enter(request)
    body = await read(request, models.NewCorrection)
    asked = wire.fill(pb.CorrectTraitsRequest, {"identity_id": identity_id, **body.model_dump()})
    answer = await platform.ask(platform.identity.CorrectTraits, asked, visit)
    return reply(answer, headers=etag(answer.identity.version), spread="identity")


@router.post(
    "/identities/{identity_id}/ins-retrieval",
    **operation(pb.RetrieveInsResponse.DESCRIPTOR, models.Retrieval, changes=True, needed=False),
)
async def retrieve_ins(request: Request, identity_id: IdentityId) -> Response:
    """INSi search with the traits of a local identity, or with a carte Vitale; a single answer (00) makes it
    *récupérée*, or *qualifiée*.
    """
    platform, visit = await enter(request)
    body = await read_if_any(request, models.Retrieval)
    asked = wire.fill(pb.RetrieveInsRequest, {"identity_id": identity_id, **body.model_dump()})
    return reply(await platform.ask(platform.identity.RetrieveIns, asked, visit))


@router.post(
    "/identities/{identity_id}/ins-verification",
    **operation(pb.VerifyInsResponse.DESCRIPTOR, models.InsCheck, changes=True, needed=False),
)
async def verify_ins(request: Request, identity_id: IdentityId) -> Response:
    """INSi verification of the number that an identity holds, or of one read elsewhere that it then gets."""
    platform, visit = await enter(request)
    body = await read_if_any(request, models.InsCheck)
    asked = wire.fill(pb.VerifyInsRequest, {"identity_id": identity_id, **body.model_dump()})
    return reply(await platform.ask(platform.identity.VerifyIns, asked, visit))


@router.post(
    "/identities/{identity_id}/ins-removal",
    **operation(pb.Identity.DESCRIPTOR, models.Reason, changes=True),
)
async def remove_ins(request: Request, identity_id: IdentityId) -> Response:
    """Removes the INS: back to *provisoire*, consumers are told."""
    platform, visit = await enter(request)
    body = await read(request, models.Reason)
    asked = pb.RemoveInsRequest(identity_id=identity_id, reason=body.reason)
    answer = await platform.ask(platform.identity.RemoveIns, asked, visit)
    return reply(answer.identity, headers=etag(answer.identity.version))


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
    "/identities/{identity_id}/paper-check/cancellation",
    **operation(pb.Identity.DESCRIPTOR, models.Reason, changes=True),
)
async def cancel_paper_check(request: Request, identity_id: IdentityId) -> Response:
    """Cancels the check of the identity paper: *récupérée*, or *provisoire* without an INS."""
    platform, visit = await enter(request)
    body = await read(request, models.Reason)
    asked = pb.CancelPaperCheckRequest(identity_id=identity_id, reason=body.reason)
    answer = await platform.ask(platform.identity.CancelPaperCheck, asked, visit)
    return reply(answer.identity, headers=etag(answer.identity.version))


@router.post(
    "/identities/{identity_id}/doubt", **operation(pb.Identity.DESCRIPTOR, models.Reason, changes=True)
)
async def mark_identity_doubtful(request: Request, identity_id: IdentityId) -> Response:
    """Marks an identity *douteuse*: back to *provisoire*, the INS is removed, consumers are told."""
    platform, visit = await enter(request)
    body = await read(request, models.Reason)
    asked = pb.MarkIdentityDoubtfulRequest(identity_id=identity_id, reason=body.reason)
    answer = await platform.ask(platform.identity.MarkIdentityDoubtful, asked, visit)
    return reply(answer.identity, headers=etag(answer.identity.version))


@router.post(
    "/identities/{identity_id}/fictitious-mark",
    **operation(pb.Identity.DESCRIPTOR, models.Reason, changes=True),
)
async def mark_identity_fictitious(request: Request, identity_id: IdentityId) -> Response:
    """Marks an identity *fictive*: back to *provisoire*, never sent to INSi."""
    platform, visit = await enter(request)
    body = await read(request, models.Reason)
    asked = pb.MarkIdentityFictitiousRequest(identity_id=identity_id, reason=body.reason)
    answer = await platform.ask(platform.identity.MarkIdentityFictitious, asked, visit)
    return reply(answer.identity, headers=etag(answer.identity.version))


@router.post(
    "/identities/{identity_id}/homonym-mark",
    **operation(pb.Identity.DESCRIPTOR, models.Reason, changes=True),
)
async def mark_identity_homonym(request: Request, identity_id: IdentityId) -> Response:
    """Marks an identity *homonyme*: the status stays, whoever reads it is warned."""
    platform, visit = await enter(request)
    body = await read(request, models.Reason)
    asked = pb.MarkIdentityHomonymRequest(identity_id=identity_id, reason=body.reason)
    answer = await platform.ask(platform.identity.MarkIdentityHomonym, asked, visit)
    return reply(answer.identity, headers=etag(answer.identity.version))


@router.post(
    "/identities/{identity_id}/mark-clearance",
    **operation(pb.Identity.DESCRIPTOR, models.MarkClearance, changes=True),
)
async def clear_identity_mark(request: Request, identity_id: IdentityId) -> Response:
    """Takes an attribute away; the facts that it cost do not come back by themselves."""
    platform, visit = await enter(request)
    body = await read(request, models.MarkClearance)
    asked = wire.fill(pb.ClearIdentityMarkRequest, {"identity_id": identity_id, **body.model_dump()})
    answer = await platform.ask(platform.identity.ClearIdentityMark, asked, visit)
    return reply(answer.identity, headers=etag(answer.identity.version))


@router.get("/identities/{identity_id}/history", **operation(pb.ListIdentityChangesResponse.DESCRIPTOR))
async def list_identity_changes(
    request: Request, identity_id: IdentityId, query: Annotated[models.HistoryQuery, Query()]
) -> Response:
    """The history of an identity, newest first: each change, its author, and the identity as it left it."""
    platform, visit = await enter(request)
    asked = wire.fill(pb.ListIdentityChangesRequest, {"identity_id": identity_id, **query.message()})
    return reply(await platform.ask(platform.identity.ListIdentityChanges, asked, visit))


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


@router.get("/persons/{person_id}/journal", **operation(pb.ListPersonJournalResponse.DESCRIPTOR))
async def list_person_journal(
    request: Request, person_id: PersonId, page: Annotated[models.Page, Query()]
) -> Response:
    """Who read or changed what is known of a person here, newest first: for that person, a representative, or
    an auditor.
    """
    platform, visit = await enter(request)
    asked = wire.fill(pb.ListPersonJournalRequest, {"person_id": person_id, **page.message()})
    return reply(await platform.ask(platform.identity.ListPersonJournal, asked, visit))
