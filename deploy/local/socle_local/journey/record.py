"""Chapters 3 to 5: the record, a document in it, and who may read it."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from socle_local.personas import DOCTOR, EMERGENCY_DOCTOR, OTHER_DOCTOR

from .actors import FHIR_JSON, Actor, Reply, UnexpectedAnswerError, purpose
from .deposits import Deposit, bundle
from .documents import consultation_report

if TYPE_CHECKING:
    from .story import Story

REASON = "Patient inconscient, antécédents inconnus"
# Every purpose of use a professional can state.
MODES = (purpose("normal"), purpose("bris_de_glace", REASON), purpose("centre_15", REASON))


async def open_record(story: Story) -> str:
    """Opening twice is the same as once, so an earlier run does not matter."""
    reply = await story["secretary"].send("POST", f"/v1/dmp/{story.person_id}")
    if reply.status == 422:
        # An earlier run stopped while the record was closed.
        (await story["patient"].send("DELETE", f"/v1/dmp/{story.person_id}/closure")).expect(200)
        reply = await story["secretary"].send("POST", f"/v1/dmp/{story.person_id}")
    opened = reply.expect(200, 201)
    if opened.json()["person_id"] != story.person_id:
        raise UnexpectedAnswerError("Another record was opened.")
    return f"open since {opened.json()['opened_at'][:19]}Z"


async def tidy(story: Story) -> str:
    """Unblocks and revokes what stands between the patient and the doctors of the story."""
    patient = story["patient"]
    listed = (await patient.send("GET", f"/v1/dmp/{story.person_id}/accesses")).expect(200).json()["accesses"]
    cast = {
        name
        for doctor in (DOCTOR, OTHER_DOCTOR, EMERGENCY_DOCTOR)
        for name in (doctor.id_nat, doctor.structure.id_nat)
    }
    ended = [access for access in listed if access["grantee"] in cast]
    for access in ended:
        blocked = access["kind"] == "blocked"
        place = f"blocks/{access['grantee']}" if blocked else f"accesses/{access['id']}"
        (await patient.send("DELETE", f"/v1/dmp/{story.person_id}/{place}")).expect(204)
    return f"{len(ended)} ended" if ended else "nothing to end"


async def deposit(story: Story) -> str:
    """One transaction: the lot, the document's metadata and its bytes, all or none."""
    story.document = consultation_report(story.patient, datetime.now(UTC).replace(microsecond=0))
    body = bundle(Deposit(story.patient, [story.document]))
    story.document_id = created_id(await story["doctor"].send("POST", "/fhir", body))
    return f"3 entries created, {len(story.document.content)} bytes"


def created_id(reply: Reply) -> str:
    """The id of the document that a transaction of one document made."""
    created = [entry["response"] for entry in reply.expect(200).json()["entry"]]
    if [one["status"][:3] for one in created] != ["201"] * 3:
        raise UnexpectedAnswerError(f"Not every entry was created: {created}")
    places = [str(one["location"]).split("/") for one in created]
    return next(place[1] for place in places if place[0] == "DocumentReference")


async def find_nothing(story: Story) -> str:
    """No authorisation: an empty answer, the same as for somebody without a record."""
    found = await search(story["other-doctor"], story)
    if resources(found):
        raise UnexpectedAnswerError("The other doctor sees documents that the patient did not share.")
    return "0 documents"


async def grant(story: Story) -> str:
    """The holder decides (L1111-19)."""
    body = {"grantee": OTHER_DOCTOR.id_nat, "kind": "professional"}
    answer = await story["patient"].send("POST", f"/v1/dmp/{story.person_id}/accesses", body)
    granted = answer.expect(201).json()
    return f"{granted['grantee']} may read"


async def find_document(story: Story) -> str:
    """Now the search lists it."""
    found = resources(await search(story["other-doctor"], story))
    if story.document_id not in [one["id"] for one in found]:
        raise UnexpectedAnswerError("The document is not among what the other doctor finds.")
    return f"{len(found)} document{'s' if len(found) > 1 else ''}, the new one among them"


async def retrieve_bytes(story: Story) -> str:
    """The address is the one of the search; both hashes are those of what was deposited."""
    found = resources(await search(story["other-doctor"], story))
    entry = next(one for one in found if one["id"] == story.document_id)
    # Its path alone: through a tunnel the gateway is reached by another name than the one it gives itself.
    path = urlsplit(entry["content"][0]["attachment"]["url"]).path
    answer = (await story["other-doctor"].send("GET", path, headers={"accept": "text/xml"})).expect(200)
    sent = story.deposited
    if hashlib.sha256(answer.content).hexdigest() != sent.sha256 or answer.content != sent.content:
        raise UnexpectedAnswerError("The bytes are not those that were deposited.")
    if hashlib.sha1(answer.content, usedforsecurity=False).digest() != sent.sha1:
        raise UnexpectedAnswerError("The SHA-1 is not the one of the metadata.")
    return f"{len(answer.content)} bytes, SHA-256 {sent.sha256[:12]}…"


async def mask(story: Story) -> str:
    """Reversible, and known to nobody else (R1111-49)."""
    answer = (await story["patient"].send("PUT", f"/v1/dmp/documents/{story.document_id}/mask")).expect(200)
    if "MASQUE_PS" not in answer.json()["confidentiality"]:
        raise UnexpectedAnswerError("The document is not masked.")
    return "MASQUE_PS"


async def masked_for_other(story: Story) -> str:
    """Neither in a search nor by its address, and no word that it exists."""
    found = resources(await search(story["other-doctor"], story))
    if story.document_id in [one["id"] for one in found]:
        raise UnexpectedAnswerError("The hidden document is still listed.")
    (await read_bytes(story["other-doctor"], story)).expect(404)
    return "not listed, 404 by its address"


async def masked_for_author(story: Story) -> str:
    """The author is never without what they wrote (R1111-49)."""
    found = resources(await search(story["doctor"], story))
    if story.document_id not in [one["id"] for one in found]:
        raise UnexpectedAnswerError("The author no longer finds the document.")
    (await read_bytes(story["doctor"], story)).expect(200)
    return "listed and retrieved"


async def block(story: Story) -> str:
    """A blocked professional loses every authorisation."""
    path = f"/v1/dmp/{story.person_id}/blocks/{OTHER_DOCTOR.id_nat}"
    (await story["patient"].send("PUT", path)).expect(200, 201)
    return f"{OTHER_DOCTOR.id_nat} is blocked"


async def blocked(story: Story) -> str:
    """No purpose of use goes round a block."""
    for mode in MODES:
        found = await search(story["other-doctor"], story, mode)
        if resources(found):
            raise UnexpectedAnswerError(f"The blocked doctor still sees documents ({mode['socle-purpose']}).")
        (await read_bytes(story["other-doctor"], story, mode)).expect(404)
    return f"0 documents in {len(MODES)} modes"


async def search(actor: Actor, story: Story, headers: dict[str, str] | None = None) -> Reply:
    """ITI-67, newest first."""
    asked = {"patient.identifier": story.patient.ins_token, "status": "current", "_count": "100"}
    return (await actor.send("GET", "/fhir/DocumentReference", params=asked, headers=headers)).expect(200)


async def read_bytes(actor: Actor, story: Story, headers: dict[str, str] | None = None) -> Reply:
    """ITI-68, as a FHIR client asks: errors come as OperationOutcome."""
    accept = {"accept": f"text/xml, {FHIR_JSON};q=0.5", **(headers or {})}
    return await actor.send("GET", f"/fhir/Binary/{story.document_id}", headers=accept)


def resources(reply: Reply) -> list[dict[str, Any]]:
    """What a searchset lists."""
    body = reply.json()
    if body.get("resourceType") != "Bundle" or body.get("type") != "searchset":
        raise UnexpectedAnswerError(f"{reply.line}: not a searchset.")
    hits = (entry for entry in body.get("entry", []) if entry.get("search", {}).get("mode") != "outcome")
    return [entry["resource"] for entry in hits]
