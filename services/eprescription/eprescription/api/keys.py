"""The servicer of signing keys and of the platform's published keys."""

from __future__ import annotations

from datetime import datetime

import orjson
from google.protobuf.timestamp_pb2 import Timestamp

from chassis.call import Call
from chassis.caller import require
from eprescription.api.desk import Desk
from eprescription.domain import possession, signature
from eprescription.domain.signing_keys import Origin, SigningKey
from eprescription.policy import keys as policy
from eprescription.usecases import keys as usecases
from socle.eprescription.v1 import signing_pb2 as pb


class SigningKeyServicer:
    """`socle.eprescription.v1.SigningKeyService`."""

    service = pb.DESCRIPTOR.services_by_name["SigningKeyService"]

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self._jwks = orjson.dumps(desk.platform.jwks()).decode()

    async def GetKeyChallenge(
        self, request: pb.GetKeyChallengeRequest, call: Call
    ) -> pb.GetKeyChallengeResponse:
        """Pure: nothing is stored until the key comes back with its proof."""
        require(policy.may_register(call.caller), subject=call.caller.subject)
        key = signature.read_key(request.jwk)
        challenge = possession.challenge(call.caller.subject, key, call.now())
        return pb.GetKeyChallengeResponse(challenge=self.desk.platform.sign_receipt(challenge))

    async def RegisterSigningKey(
        self, request: pb.RegisterSigningKeyRequest, call: Call
    ) -> pb.RegisterSigningKeyResponse:
        key, now = signature.read_key(request.jwk), call.now()
        claims = self.desk.platform.opened(possession.challenge_in(request.proof, key))
        possession.require_for(claims, call.caller.subject, key, now)
        made = SigningKey(
            key.thumbprint(), call.caller.subject, signature.public(key), Origin(request.origin), now
        )
        async with self.desk.db.begin(call) as tx:
            stored = await usecases.register_key(tx, call.caller, made, now)
            return tx.answer(pb.RegisterSigningKeyResponse(key=shown(stored)))

    async def RevokeSigningKey(
        self, request: pb.RevokeSigningKeyRequest, call: Call
    ) -> pb.RevokeSigningKeyResponse:
        async with self.desk.db.begin(call) as tx:
            key = await usecases.revoke_key(tx, call.caller, request.key_id, request.reason, call.now())
            return tx.answer(pb.RevokeSigningKeyResponse(key=shown(key)))

    async def ListSigningKeys(
        self, request: pb.ListSigningKeysRequest, call: Call
    ) -> pb.ListSigningKeysResponse:
        async with self.desk.db.begin(call) as tx:
            found = await usecases.list_keys(tx, call.caller, request.professional, call.now())
        return pb.ListSigningKeysResponse(keys=[shown(key) for key in found])

    async def GetPlatformKeys(
        self, _request: pb.GetPlatformKeysRequest, _call: Call
    ) -> pb.GetPlatformKeysResponse:
        return pb.GetPlatformKeysResponse(jwks=self._jwks)


def shown(key: SigningKey) -> pb.SigningKey:
    """As its owner and the auditor see it."""
    return pb.SigningKey(
        key_id=key.key_id,
        professional=key.professional,
        origin=key.origin.value,
        registered_at=_moment(key.registered_at),
        revoked_at=_moment(key.revoked_at) if key.revoked_at else None,
        jwk=orjson.dumps(dict(key.jwk), option=orjson.OPT_SORT_KEYS).decode(),
    )


def _moment(of: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(of)
    return stamp
