"""What care asks of a record: a result that waits to be told, an explanation, an emergency, an end."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from socle_local.personas import OTHER_DOCTOR

from .actors import Reply, UnexpectedAnswerError, purpose
from .deposits import VISIBILITY, Deposit, bundle
from .documents import consultation_report
from .record import REASON, created_id, read_bytes, resources, search

if TYPE_CHECKING:
    from .story import Story

JSON_PATCH = "application/json-patch+json"
RESULT = """Résultat d'examen

À annoncer en consultation. Personne, professionnel et établissement sont fictifs.
"""


async def deposit_result(story: Story) -> str:
    """A result hidden from the patient until somebody has told them (R1111-53)."""
    report = consultation_report(story.patient, datetime.now(UTC).replace(microsecond=0), text=RESULT)
    body = bundle(Deposit(story.patient, [report]))
    flag = {"coding": [{"system": VISIBILITY, "code": "INVISIBLE_PATIENT"}]}
    body["entry"][1]["resource"]["securityLabel"].append(flag)
    story.result_id = created_id(await story["doctor"].send("POST", "/fhir", body))
    found = [one["id"] for one in resources(await search(story["patient"], story))]
    if story.result_id in found:
        raise UnexpectedAnswerError("The patient sees a result that nobody has told them yet.")
    return "the patient does not see it yet; told by itself after a month at the latest"


async def announce(story: Story) -> str:
    """Showing cannot be undone: without the confirmation it is refused, with the header that gives it."""
    body = [{"op": "remove", "path": "/securityLabel/1"}]
    asked = await _patch(story, body, {})
    if asked.expect(422).json()["issue"][0]["details"]["coding"][0]["code"] != "CONFIRMATION_NEEDED":
        raise UnexpectedAnswerError("The platform did not ask for a confirmation.")
    (await _patch(story, body, {"socle-confirm": "true"})).expect(200)
    found = [one["id"] for one in resources(await search(story["patient"], story))]
    if story.result_id not in found:
        raise UnexpectedAnswerError("The patient does not see the result that was announced.")
    return "shown to the patient, once confirmed"


async def _patch(story: Story, body: Any, headers: dict[str, str]) -> Reply:
    sent = {"content-type": JSON_PATCH, **headers}
    path = f"/fhir/DocumentReference/{story.result_id}"
    return await story["doctor"].send("PATCH", path, body, headers=sent)


async def explain(story: Story) -> str:
    """The patient asks what the other doctor would see, and learns the rules behind each answer."""
    reader = {"professional": OTHER_DOCTOR.id_nat, "profession": OTHER_DOCTOR.profession}
    body = {"reader": reader, "document_id": story.document_id}
    told = (await story["patient"].send("POST", f"/v1/dmp/{story.person_id}/explanation", body)).expect(200)
    (found,) = told.json()["documents"]
    decision = found["decision"]
    if decision["permitted"] or "dmp.masked" not in decision["rules"] or not decision.get("hint"):
        raise UnexpectedAnswerError(f"The explanation is not the one of a hidden document: {decision}")
    return f"no ({', '.join(decision['rules'])}): {decision['hint']}"


async def stranger(story: Story) -> str:
    """The emergency doctor was never authorised."""
    if resources(await search(story["emergency-doctor"], story)):
        raise UnexpectedAnswerError("A doctor who was not authorised sees documents.")
    return "0 documents"


async def break_glass(story: Story) -> str:
    """Nobody can ask the patient: the reason is typed, everyone concerned is told."""
    mode = purpose("bris_de_glace", REASON)
    found = [one["id"] for one in resources(await search(story["emergency-doctor"], story, mode))]
    if story.result_id not in found or story.document_id in found:
        raise UnexpectedAnswerError("The glass opens what is not hidden, and only that.")
    (await read_bytes(story["emergency-doctor"], story, mode)).expect(404)
    return f"{len(found)} document{'s' if len(found) > 1 else ''}; the hidden one is not among them"


async def close(story: Story) -> str:
    """Nothing goes in or out, for the holder either; ten years of archive begin (R1111-36)."""
    body = {"reason": "patient_request"}
    closed = await story["patient"].send("POST", f"/v1/dmp/{story.person_id}/closure", body)
    record = closed.expect(200).json()
    if resources(await search(story["doctor"], story)):
        raise UnexpectedAnswerError("A closed record still shows documents.")
    return f"closed, destroyed on {record['destroy_at'][:10]} unless it is reopened"


async def status(story: Story) -> str:
    """TD0.2: a software learns that the record is closed, why, and nothing of what it holds."""
    asked = {"identifier": story.patient.ins_token}
    reply = await story["doctor"].send("GET", "/fhir/dmp/Patient", params=asked)
    (patient,) = resources(reply.expect(200))
    if patient["active"] or not any(one["url"].endswith("dmp-fermeture") for one in patient["extension"]):
        raise UnexpectedAnswerError("TD0.2 does not tell that the record is closed.")
    return "active: false, closed at the patient's request"


async def reopen(story: Story) -> str:
    """The archive comes back whole."""
    (await story["patient"].send("DELETE", f"/v1/dmp/{story.person_id}/closure")).expect(200)
    found = [one["id"] for one in resources(await search(story["doctor"], story))]
    if not {story.document_id, story.result_id} <= set(found):
        raise UnexpectedAnswerError("Documents are missing since the record was reopened.")
    return "open again, every document there"
