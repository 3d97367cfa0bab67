"""REST of the INSi téléservice: questions beside a local identity, lots of verifications, the journal."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse

from gateway import lines, lots, models, offers, wire
from gateway.bodies import kind_of, read
from gateway.context import context, enter, reply
from gateway.openapi import DirectRoute, operation
from socle.identity_ins.v1 import identity_ins_pb2
from socle.identity_ins.v1 import insi_pb2 as pb

router = APIRouter(prefix="/v1", tags=["insi"], route_class=DirectRoute)
LotId = Annotated[str, Path(description="Id of a lot.", json_schema_extra={"format": "uuid"})]
PersonId = Annotated[str, Path(description="Opaque id of a person.", json_schema_extra={"format": "uuid"})]


@router.post("/insi/search", **operation(identity_ins_pb2.SearchInsResponse.DESCRIPTOR, models.InsiSearch))
async def search_ins(request: Request) -> Response:
    """INSi search by traits in the reference registry: 00 found, 01 nobody, 02 several."""
    platform, visit = await enter(request)
    body = await read(request, models.InsiSearch)
    asked = wire.fill(identity_ins_pb2.SearchInsRequest, body.model_dump())
    return reply(await platform.ask(platform.identity.SearchIns, asked, visit))


@router.post("/insi/card-search", **operation(pb.SearchInsByCardResponse.DESCRIPTOR, models.CardSearch))
async def search_ins_by_card(request: Request) -> Response:
    """INSi search by the content of a carte Vitale: 00 found, 01 nobody, 02 several."""
    platform, visit = await enter(request)
    body = await read(request, models.CardSearch)
    asked = wire.fill(pb.SearchInsByCardRequest, body.model_dump())
    return reply(await platform.ask(platform.insi.SearchInsByCard, asked, visit))


@router.post("/insi/verification", **operation(pb.VerifyInsTraitsResponse.DESCRIPTOR, models.Verification))
async def verify_ins_traits(request: Request) -> Response:
    """INSi verification of a number with all five traits: confirmed or not, never why."""
    platform, visit = await enter(request)
    body = await read(request, models.Verification)
    asked = wire.fill(pb.VerifyInsTraitsRequest, body.model_dump())
    return reply(await platform.ask(platform.insi.VerifyInsTraits, asked, visit))


@router.get("/insi/calls", **operation(pb.ListInsiCallsResponse.DESCRIPTOR))
async def list_insi_calls(request: Request, page: Annotated[models.Page, Query()]) -> Response:
    """The journal of INSi calls, newest first: of one's structure, or all of it for an auditor."""
    platform, visit = await enter(request)
    asked = wire.fill(pb.ListInsiCallsRequest, page.message())
    return reply(await platform.ask(platform.insi.ListInsiCalls, asked, visit))


@router.post(
    "/insi/verification-lots",
    **operation(pb.VerificationLot.DESCRIPTOR, reads=(lines.CSV, lines.NDJSON), status=201, changes=True),
)
async def send_verification_lot(
    request: Request,
    label: Annotated[str, Query(max_length=100, description="Your name for the lot; nobody's name.")] = "",
) -> Response:
    """Takes a lot of up to 100,000 verifications, whole, and submits it.

    CSV begins with a line of the national names (num_identifiant, cle, oid, nom_naissance, liste_prenom,
    sexe, date_naissance, lieu_naissance, reference), in any order, `;` or `,` between them; each line of
    NDJSON is an object with these members, all text. A broken line does not stop the others: its result says
    what is wrong with it.
    """
    platform, visit = await enter(request, context(request).settings.lot_deadline)
    kind = kind_of(request, lines.CSV, lines.NDJSON)
    lot = await lots.send(platform, visit, label, lines.batches(kind, _pieces(request)))
    return reply(lot, 201, {"Location": f"/v1/insi/verification-lots/{lot.id}"})


async def _pieces(request: Request) -> AsyncIterator[bytes]:
    try:
        async for piece in request.stream():
            yield piece
    except ClientDisconnect:
        raise lots.LotCutShort(hint="Send the whole lot again.") from None


@router.get("/insi/verification-lots", **operation(pb.ListVerificationLotsResponse.DESCRIPTOR))
async def list_verification_lots(request: Request, page: Annotated[models.Page, Query()]) -> Response:
    """The lots of the caller's structure, newest first."""
    platform, visit = await enter(request)
    asked = wire.fill(pb.ListVerificationLotsRequest, page.message())
    return reply(await platform.ask(platform.insi.ListVerificationLots, asked, visit))


@router.get("/insi/verification-lots/{lot_id}", **operation(pb.VerificationLot.DESCRIPTOR))
async def get_verification_lot(request: Request, lot_id: LotId) -> Response:
    """Where a lot stands."""
    platform, visit = await enter(request)
    asked = pb.GetVerificationLotRequest(lot_id=lot_id)
    return reply((await platform.ask(platform.insi.GetVerificationLot, asked, visit)).lot)


@router.get(
    "/insi/verification-lots/{lot_id}/results", **operation(None, media=lines.CSV, others=(lines.NDJSON,))
)
async def list_verification_results(request: Request, lot_id: LotId) -> Response:
    """The results of a lot in the order of its lines, as far as it is done: see its state before you rely on
    the last of them.
    """
    platform, visit = await enter(request, context(request).settings.lot_deadline)
    kind = offers.chosen(request, lines.CSV, lines.NDJSON)
    # Asked before the answer begins, so that a refusal is still an answer of its own.
    first = await lots.ask_results(platform, visit, lot_id, 0)

    async def written() -> AsyncIterator[bytes]:
        yield lines.write_header(kind)
        async for page in lots.results(platform, visit, lot_id, first):
            yield lines.write_results(kind, page.results)

    return StreamingResponse(written(), media_type=kind)


@router.post(
    "/insi/verification-lots/{lot_id}/abandonment", **operation(pb.VerificationLot.DESCRIPTOR, changes=True)
)
async def abandon_verification_lot(request: Request, lot_id: LotId) -> Response:
    """Stops a lot: lines not yet done stay undone."""
    platform, visit = await enter(request)
    asked = pb.AbandonVerificationLotRequest(lot_id=lot_id)
    return reply((await platform.ask(platform.insi.AbandonVerificationLot, asked, visit)).lot)


@router.put(
    "/persons/{person_id}/number",
    **operation(pb.ReplaceNumberResponse.DESCRIPTOR, models.NumberReplacement, changes=True),
)
async def replace_number(request: Request, person_id: PersonId) -> Response:
    """Gives a person of the registry another number; for operators of a test platform."""
    platform, visit = await enter(request)
    body = await read(request, models.NumberReplacement)
    asked = wire.fill(pb.ReplaceNumberRequest, {"person_id": person_id, **body.model_dump()})
    return reply(await platform.ask(platform.insi.ReplaceNumber, asked, visit))
