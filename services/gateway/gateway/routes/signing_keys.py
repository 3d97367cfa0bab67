"""REST of eprescription: the keys that professionals sign with."""

from __future__ import annotations

from typing import Annotated

import orjson
from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from gateway import models
from gateway.bodies import read
from gateway.context import enter, reply
from gateway.openapi import DirectRoute, operation
from socle.eprescription.v1 import signing_pb2 as pb

router = APIRouter(prefix="/v1/signing-keys", tags=["signing-keys"], route_class=DirectRoute)
KeyId = Annotated[str, Path(description="RFC 7638 thumbprint of the key.")]
KEY = pb.SigningKey.DESCRIPTOR


def _text(jwk: models.PublicJwk) -> str:
    """The key as the contract carries it; members that nobody gave are left out."""
    return orjson.dumps({name: held for name, held in jwk.model_dump().items() if held}).decode()


@router.post("/challenge", **operation(pb.GetKeyChallengeResponse.DESCRIPTOR, models.KeyChallenge))
async def get_key_challenge(request: Request) -> Response:
    """The challenge to sign for a registration: good for five minutes, for this caller and this key."""
    platform, visit = await enter(request)
    body = await read(request, models.KeyChallenge)
    asked = pb.GetKeyChallengeRequest(jwk=_text(body.jwk))
    return reply(await platform.ask(platform.signing_keys.GetKeyChallenge, asked, visit))


@router.post("", **operation(KEY, models.NewSigningKey, status=201, changes=True))
async def register_signing_key(request: Request) -> Response:
    """Binds a public key to the caller, who proves holding it by signing the challenge."""
    platform, visit = await enter(request)
    body = await read(request, models.NewSigningKey)
    asked = pb.RegisterSigningKeyRequest(jwk=_text(body.jwk), proof=body.proof, origin=body.origin)
    return reply((await platform.ask(platform.signing_keys.RegisterSigningKey, asked, visit)).key, 201)


@router.get("", **operation(pb.ListSigningKeysResponse.DESCRIPTOR))
async def list_signing_keys(request: Request, query: Annotated[models.KeyQuery, Query()]) -> Response:
    """The keys of the caller, or of a professional for an auditor."""
    platform, visit = await enter(request)
    asked = pb.ListSigningKeysRequest(professional=query.professional)
    return reply(await platform.ask(platform.signing_keys.ListSigningKeys, asked, visit))


@router.post("/{key_id}/revocation", **operation(KEY, models.KeyRevocation, changes=True))
async def revoke_signing_key(request: Request, key_id: KeyId) -> Response:
    """Ends a key from now on; what it signed before stays valid."""
    platform, visit = await enter(request)
    body = await read(request, models.KeyRevocation)
    asked = pb.RevokeSigningKeyRequest(key_id=key_id, reason=body.reason)
    return reply((await platform.ask(platform.signing_keys.RevokeSigningKey, asked, visit)).key)
