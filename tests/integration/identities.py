"""The life of a local identity, as the hospital's staff leads it through the gateway."""

import secrets
from typing import Any

from socle_local.journey import Actor, Patient

Json = dict[str, Any]
REASON = {"reason": "Contrôle de l'identitovigilance (fictif)"}


async def created(actor: Actor, patient: Patient, **more: Any) -> Json:
    """A new identity of the actor's structure with the traits of a seeded person, `more` beside them."""
    body = {"traits": patient.traits, "ipp": f"IPP-{secrets.token_hex(6)}", **more}
    answer: Json = (await actor.send("POST", "/v1/identities", body)).expect(201).json()
    return answer


async def retrieved(actor: Actor, patient: Patient) -> Json:
    """A new identity, récupérée."""
    made = await created(actor, patient)
    reply = (await actor.send("POST", f"{path(made)}/ins-retrieval")).expect(200)
    identity: Json = reply.json()["identity"]
    assert identity["status"] == "recuperee"
    return identity


async def qualified(actor: Actor, patient: Patient) -> Json:
    """A new identity, qualifiée."""
    held = await retrieved(actor, patient)
    identity: Json = (
        (await actor.send("POST", f"{path(held)}/paper-check", {"paper": "CN"})).expect(200).json()
    )
    assert identity["status"] == "qualifiee"
    return identity


def path(identity: Json) -> str:
    """The address of an identity."""
    return f"/v1/identities/{identity['id']}"


async def read(actor: Actor, identity: Json) -> Json:
    """An identity as it is now."""
    answer: Json = (await actor.send("GET", path(identity))).expect(200).json()
    return answer
