"""A professional's own signing key, as a card or an HSM holds it: only its public part ever leaves."""

import base64
from dataclasses import dataclass, field
from typing import Any

from joserfc import jws
from joserfc.jwk import ECKey

from socle_local.journey import Actor, Reply

Json = dict[str, Any]
DETACHED = jws.JWSRegistry(algorithms=["ES256"])


@dataclass(slots=True)
class Card:
    """A P-256 key that nobody else has."""

    key: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256", private=True))

    @property
    def jwk(self) -> Json:
        """The public part."""
        return {
            name: value
            for name, value in self.key.as_dict(private=False).items()
            if name in ("kty", "crv", "x", "y")
        }

    async def registered(self, actor: Actor) -> Json:
        """The key once the platform knows it as the actor's."""
        asked = await actor.send("POST", "/v1/signing-keys/challenge", {"jwk": self.jwk})
        challenge = asked.expect(200).json()["challenge"]
        proof = jws.serialize_compact({"alg": "ES256"}, challenge, self.key)
        body = {"jwk": self.jwk, "proof": proof, "origin": "card"}
        answer: Json = (await actor.send("POST", "/v1/signing-keys", body)).expect(201).json()
        return answer

    def sign(self, payload: bytes) -> str:
        """A detached JWS over these bytes (RFC 7797)."""
        header = {"alg": "ES256", "b64": False, "crit": ["b64"], "kid": self.key.thumbprint()}
        return jws.serialize_compact(header, payload, self.key, registry=DETACHED)


async def to_sign(actor: Actor, prescription_id: str, decisions: list[Json]) -> bytes:
    """The bytes that the platform asks to sign."""
    path = f"/v1/prescriptions/{prescription_id}/signing-input"
    reply = await actor.send("POST", path, {"decisions": decisions})
    return base64.b64decode(reply.expect(200).json()["payload"])


async def signed_by(actor: Actor, prescription_id: str, signature: str, decisions: list[Json]) -> Reply:
    """What a signature made elsewhere is answered."""
    body = {"signature": signature, "decisions": decisions}
    return await actor.send("POST", f"/v1/prescriptions/{prescription_id}/signature", body)
