"""How the tests reach a platform: as anyone outside does."""

from socle_local.journey import Actor, Reach, Reply
from socle_local.platform import SUBSCRIBER, Platform

Actors = dict[str, Actor]


def reach_of(platform: Platform) -> Reach:
    return Reach(
        gateway=platform.url(),
        issuer=platform.issuer_url,
        nats=platform.nats.url,
        nats_password=platform.nats_password(SUBSCRIBER),
        nats_user=SUBSCRIBER,
        nats_ca=getattr(platform, "nats_ca", ""),
    )


def code_of(reply: Reply) -> str:
    """The name of an error, from a problem+json or an OperationOutcome."""
    body = reply.json()
    if body.get("resourceType") == "OperationOutcome":
        return str(body["issue"][0]["details"]["coding"][0]["code"])
    return str(body["code"])


def places_of(reply: Reply) -> list[str]:
    """Where an error says the faults are."""
    body = reply.json()
    if body.get("resourceType") == "OperationOutcome":
        return [place for issue in body["issue"] for place in issue.get("expression", [])]
    return [one["field"] for one in body.get("violations", [])] or [body.get("field", "")]
