"""Chapter 10: three pharmacies, one prescription: never twice, never too much, and the patient sees it."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any

from socle_local.personas import OTHER_DOCTOR, PATIENT

from .actors import Reply, UnexpectedAnswerError
from .prescription import FIRST, PRESCRIBER, SECOND, THIRD, Json, checked, decided, drafted, written
from .record import resources

if TYPE_CHECKING:
    from .story import Story

# Seconds between two looks at the DMP, and how many of them.
PAUSE, TRIES = 0.5, 40
PRESCRIPTION_TYPE = "57833-6"
PARACETAMOL, AMOXICILLINE, WARFARINE, ASPIRINE = range(4)


async def claim(story: Story) -> str:
    """The text of the QR code is enough. The answer is lost: the same request gives the same secret."""
    asked = {"token": story.erx.token}
    lost = (await story[FIRST].send("POST", "/v1/dispensings/claims", asked)).expect(200).json()
    held = (await story[FIRST].send("POST", "/v1/dispensings/claims", asked)).expect(200).json()
    if lost["secret"] != held["secret"]:
        raise UnexpectedAnswerError("The second answer gives another secret: the first hold is lost.")
    story.erx.secret = held["secret"]
    return f"held until {held['held_until'][11:16]} UTC, the same secret twice"


async def held(story: Story) -> str:
    """One pharmacy at a time."""
    reply = await claimed(story, THIRD)
    return _refusal(reply, 409, "HELD_BY_ANOTHER_PHARMACY")


async def too_much(story: Story) -> str:
    """The database counts: three boxes of a line of two are refused, and nothing is written."""
    reply = await recorded(story, FIRST, [given(story, "amoxicilline", AMOXICILLINE, 3)])
    return _refusal(reply, 422, "BEYOND_WHAT_WAS_PRESCRIBED")


async def part(story: Story) -> str:
    """Paracétamol whole, one box of two of amoxicilline: the rest is out of stock."""
    acts = [given(story, "paracetamol", PARACETAMOL, 2), given(story, "amoxicilline", AMOXICILLINE, 1)]
    reply = (await recorded(story, FIRST, acts)).expect(201)
    closed = (await closing(story, FIRST)).expect(200).json()
    if closed["prescription"]["state"] != "partially_dispensed" or not closed["receipt"]:
        raise UnexpectedAnswerError(f"The prescription is {closed['prescription']['state']}.")
    return f"{len(reply.json()['interventions'])} interventions, a signed receipt"


async def rest(story: Story) -> str:
    """Another pharmacy, another day: it finds what remains, by number and birth date."""
    number = {"number": story.erx.number, "birth_date": story.patient.birth_date}
    held = (await story[SECOND].send("POST", "/v1/dispensings/claims", number)).expect(200).json()
    story.erx.secret = held["secret"]
    acts = [
        given(story, "amoxicilline", AMOXICILLINE, 1),
        given(story, "warfarine", WARFARINE, 1),
        given(story, "aspirine", ASPIRINE, 1),
    ]
    (await recorded(story, SECOND, acts)).expect(201)
    closed = (await closing(story, SECOND)).expect(200).json()
    if closed["prescription"]["state"] != "completed":
        raise UnexpectedAnswerError(f"The prescription is {closed['prescription']['state']}.")
    return "completed: nothing remains to deliver"


async def nothing_left(story: Story) -> str:
    """The paper is still in the patient's hand; what it was worth is spent."""
    return _refusal(await claimed(story, THIRD), 409, "PRESCRIPTION_COMPLETED")


async def cancelled(story: Story) -> str:
    """Another prescription, cancelled by its author: the pharmacy that scans its code is told."""
    draft = await drafted(story, [written(story.erx.medicines["paracetamol"], boxes=1, days=4)])
    body = {"decisions": decided(await checked(story, draft))}
    place = f"/v1/prescriptions/{draft}"
    signed = (await story[PRESCRIBER].send("POST", f"{place}/signature", body)).expect(200).json()
    reason = {"reason": "prescribing_error"}
    gone = (await story[PRESCRIBER].send("POST", f"{place}/cancellation", reason)).expect(200).json()
    code = {"number": signed["prescription"]["number"], "access_code": signed["access_code"]}
    reply = await story[FIRST].send("POST", "/v1/dispensings/claims", code)
    return f"{gone['lines'][0]['code']}; {_refusal(reply, 409, 'PRESCRIPTION_CANCELLED')}"


async def proven(story: Story) -> str:
    """After all that was done with it, what was signed is what is stored."""
    reply = (await story[PATIENT.name].send("GET", f"{story.erx.path}/verification")).expect(200).json()
    if not reply["valid"]:
        raise UnexpectedAnswerError(f"The signature does not verify: {reply.get('problem')}")
    return f"signed by {reply['signer']}, key {reply['key_id'][:12]}…"


async def in_record(story: Story) -> str:
    """The CDA of the prescription reaches the DMP by itself."""
    patient = story[PATIENT.name]
    asked = {"patient.identifier": story.patient.ins_token, "status": "current", "type": PRESCRIPTION_TYPE}
    for _ in range(TRIES):
        reply = await patient.send("GET", "/fhir/DocumentReference", params={**asked, "_count": "100"})
        names = {one["masterIdentifier"]["value"]: one for one in resources(reply.expect(200))}
        if found := names.get(f"urn:uuid:{story.erx.id}"):
            return str(found["content"][0]["attachment"]["title"])
        await asyncio.sleep(PAUSE)
    raise UnexpectedAnswerError("The prescription did not reach the DMP.")


async def seen(story: Story) -> str:
    """Everything: the lines, who delivered what, who read, and a doctor of elsewhere who was refused."""
    patient = story[PATIENT.name]
    (await story[OTHER_DOCTOR.name].send("GET", story.erx.path)).expect(404)
    listed = await patient.send("GET", "/v1/prescriptions", params={"person_id": story.person_id})
    if story.erx.id not in [one["prescription_id"] for one in listed.expect(200).json()["prescriptions"]]:
        raise UnexpectedAnswerError("The patient does not find the prescription.")
    prescription = (await patient.send("GET", story.erx.path)).expect(200).json()
    done = Counter(one["pharmacy"] for one in prescription["interventions"])
    journal = await patient.send("GET", f"{story.erx.path}/journal", params={"size": "200"})
    lines = journal.expect(200).json()["entries"]
    refused = sum(line["outcome"] == "refused" for line in lines)
    if len(done) != 2 or not refused:
        raise UnexpectedAnswerError("A pharmacy, or a refusal, is missing from what the patient sees.")
    told = f"{sum(done.values())} interventions of {len(done)} pharmacies"
    return f"{told}; {len(lines)} accesses, {refused} of them refused"


def given(story: Story, name: str, rank: int, boxes: int) -> Json:
    """So many boxes of a medicine for a line."""
    cip13 = story.erx.medicines[name]["cip13"][0]
    line_id = story.erx.line_ids[rank]
    return {"line_id": line_id, "kind": "as_prescribed", "cip13": cip13, "packs": str(boxes)}


async def claimed(story: Story, pharmacist: str) -> Reply:
    """What a claim by access code answers."""
    code = {"number": story.erx.number, "access_code": story.erx.access_code}
    return await story[pharmacist].send("POST", "/v1/dispensings/claims", code)


async def recorded(story: Story, pharmacist: str, acts: list[Json]) -> Reply:
    """Records acts, with a decision about each warning."""
    plan: dict[str, Any] = {"secret": story.erx.secret, "acts": acts}
    told = (await story[pharmacist].send("POST", f"{story.erx.desk}/check", plan)).expect(200).json()
    body = {**plan, "decisions": decided(told["findings"])}
    return await story[pharmacist].send("POST", f"{story.erx.desk}/interventions", body)


async def closing(story: Story, pharmacist: str) -> Reply:
    """Ends the visit."""
    return await story[pharmacist].send("POST", f"{story.erx.desk}/closing", {"secret": story.erx.secret})


def _refusal(reply: Reply, status: int, code: str) -> str:
    problem = reply.expect(status).json()
    if problem["code"] != code:
        raise UnexpectedAnswerError(f"The refusal is {problem['code']} instead of {code}.")
    return f"{status} {problem['title']}"
