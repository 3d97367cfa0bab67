"""Chapter 9: a prescription in DCI is refused, warned about, signed, printed and verified offline."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from socle_local.personas import FAMILY_DOCTOR, OTHER_PHARMACIST, PATIENT, PHARMACIST, THIRD_PHARMACIST

from .actors import Reply, UnexpectedAnswerError

if TYPE_CHECKING:
    from .story import Story

Json = dict[str, Any]
PRESCRIBER, FIRST, SECOND, THIRD = (
    FAMILY_DOCTOR.name,
    PHARMACIST.name,
    OTHER_PHARMACIST.name,
    THIRD_PHARMACIST.name,
)
DECIDED = "Dose antiagrégante, indication posée avec le cardiologue, INR surveillé (fictif)"
KEYS = "/.well-known/socle-prescription-keys"
# Well inside the signed envelope, past the prefix that says whose code it is.
FORGED_AT = 60
# What is typed, by what is meant.
MEDICINES = {
    "paracetamol": "paracetmol 500",
    "amoxicilline": "amoxiciline 1 g",
    "warfarine": "warfarine 5",
    "aspirine": "acetylsalicylique 75",
    "morphine": "morphine 10",
}


@dataclass(slots=True)
class Prescribed:
    """What later acts go on from: the medicines chosen, the prescription, its paper, and who holds it."""

    medicines: dict[str, Json] = field(default_factory=dict)
    draft_id: str = ""
    id: str = ""
    number: str = ""
    access_code: str = ""
    token: str = ""
    line_ids: list[str] = field(default_factory=list)
    secret: str = ""
    interventions: list[str] = field(default_factory=list)

    @property
    def path(self) -> str:
        """The address of the prescription."""
        return f"/v1/prescriptions/{self.id}"

    @property
    def desk(self) -> str:
        """The address of what pharmacies do with it."""
        return f"/v1/dispensings/{self.id}"


async def choose(story: Story) -> str:
    """A slip of the pen is forgiven; what is prescribed is the substance, not the brand."""
    for name, text in MEDICINES.items():
        reply = await story[PRESCRIBER].send("GET", "/v1/medicines", params={"text": text, "limit": "5"})
        hits = [hit for hit in reply.expect(200).json()["hits"] if hit["marketed"] and hit["cip13"]]
        if not hits:
            raise UnexpectedAnswerError(f"No marketed medicine is found by {text!r}.")
        story.erx.medicines[name] = hits[0]
    return ", ".join(f"{text!r}: {story.erx.medicines[name]['label']}" for name, text in MEDICINES.items())


async def refused(story: Story) -> str:
    """A narcotic is never renewed (R.5132-30): the signature is refused, and says which rule."""
    quantity = {"value": "14", "unit": "dose", "in_words": "quatorze comprimés"}
    line = written(story.erx.medicines["morphine"], boxes=1, days=7, a_day=2)
    draft = await drafted(story, [{**line, "quantity": quantity, "renewals": 1}], secure=True)
    reply = await story[PRESCRIBER].send("POST", f"/v1/prescriptions/{draft}/signature", {})
    problem = reply.expect(422).json()
    if "V7" not in problem["rules"]:
        raise UnexpectedAnswerError(f"The refusal does not name V7: {problem['rules']}")
    (await story[PRESCRIBER].send("DELETE", f"/v1/prescriptions/{draft}")).expect(204)
    return next(str(one["problem"]) for one in problem["violations"] if one["problem"].startswith("V7"))


async def write(story: Story) -> str:
    """Two lines in DCI, and one of a long-term illness: the form has two parts."""
    chosen = story.erx.medicines
    lines = [
        written(chosen["paracetamol"], boxes=2, days=8, a_day=4),
        written(chosen["amoxicilline"], boxes=2, days=6, a_day=2),
        {**written(chosen["warfarine"], boxes=1, days=28), "ald": True},
        {**written(chosen["aspirine"], boxes=1, days=28), "ald": True},
    ]
    story.erx.id = await drafted(story, lines, bizone=True)
    return f"{len(lines)} lines, two of them for a long-term illness"


async def warned(story: Story) -> str:
    """The thesaurus explains itself; without a decision about each warning nothing is signed."""
    findings = await checked(story, story.erx.id)
    interactions = [one for one in findings if one["rule"] == "I1" and one["severity"] == "warning"]
    if not interactions:
        raise UnexpectedAnswerError("Two medicines that interact are not remarked upon.")
    reply = await story[PRESCRIBER].send("POST", f"{story.erx.path}/signature", {})
    if reply.expect(422).json()["code"] != "DECISION_NEEDED":
        raise UnexpectedAnswerError("A warning was passed over in silence.")
    return str(interactions[0]["sentence"]).partition(". ")[0]


async def sign(story: Story) -> str:
    """The decision to go on becomes part of what is signed; the same request again gives the same answer."""
    erx = story.erx
    body = {"decisions": decided(await checked(story, erx.id))}
    first = await story[PRESCRIBER].send("POST", f"{erx.path}/signature", body)
    again = await story[PRESCRIBER].send("POST", f"{erx.path}/signature", body)
    signed, repeated = first.expect(200).json(), again.expect(200).json()
    prescription = signed["prescription"]
    erx.number, erx.access_code = prescription["number"], signed["access_code"]
    erx.line_ids = [line["line_id"] for line in prescription["content"]["lines"]]
    if (prescription["state"], repeated["access_code"]) != ("active", erx.access_code):
        raise UnexpectedAnswerError("The prescription is not active, or a second answer differs.")
    kept = len(prescription["decisions"])
    return f"{erx.number}, decisions kept: {kept}, good until {prescription['expires_on']}"


async def paper(story: Story) -> str:
    """What the patient takes away, in two parts, with the QR code."""
    reply = (await story[PRESCRIBER].send("GET", f"{story.erx.path}/paper")).expect(200)
    if not reply.content.startswith(b"%PDF-"):
        raise UnexpectedAnswerError("The paper is no PDF.")
    file = Path(tempfile.gettempdir()) / f"ordonnance-{story.erx.number}.pdf"
    # It opens the prescription: for the eyes of its owner.
    file.touch(mode=0o600)
    file.write_bytes(reply.content)
    return f"{len(reply.content)} bytes: {file}"


async def verify(story: Story) -> str:
    """A process that asks nobody: the text of the QR code and the published keys are all it has."""
    token = (await story[PATIENT.name].send("GET", f"{story.erx.path}/token")).expect(200).json()
    story.erx.token = token["token"]
    code, told = await _verified(story, story.erx.token)
    if code != 0:
        raise UnexpectedAnswerError(f"The QR code does not verify: {told}")
    return told.splitlines()[-1]


async def forge(story: Story) -> str:
    """One character of the QR code is another one."""
    text = story.erx.token
    other = "0" if text[FORGED_AT] != "0" else "1"
    code, told = await _verified(story, text[:FORGED_AT] + other + text[FORGED_AT + 1 :])
    if code not in (1, 2):
        raise UnexpectedAnswerError(f"A QR code that was altered verifies: {told}")
    return told.splitlines()[-1]


async def _verified(story: Story, text: str) -> tuple[int, str]:
    """The exit code of the verifying command, and what it said."""
    keys = (await story[PATIENT.name].send("GET", KEYS)).expect(200).content
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "keys.json"
        file.write_bytes(keys)
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "eprescription.verify", "--keys", file, "--", text),
            stdout=pipe,
            stderr=asyncio.subprocess.STDOUT,
        )
        told, _ = await process.communicate()
    return process.returncode or 0, told.decode().strip()


def written(medicine: Json, boxes: int, days: int, a_day: int = 1) -> Json:
    """A line in DCI: the substances of a medicine, never its brand."""
    substances = medicine["substances"]
    names = " + ".join(f"{one['name']} {one.get('strength', '')}".strip() for one in substances)
    dose = {"quantity": "1", "frequency": a_day, "period": "1", "period_unit": "d", "days": days}
    return {
        "product": {"dci": f"{names} {medicine.get('form', '')}".strip(), "substances": substances},
        "posology": {"doses": [{**dose, "unit_label": "unité"}]},
        "duration_days": days,
        "quantity": {"value": str(boxes), "unit": "box"},
    }


async def drafted(story: Story, lines: list[Json], **more: Any) -> str:
    """The id of a new draft for the patient of the story, named by INS."""
    ins = {"matricule": story.patient.matricule, "oid": story.patient.oid}
    body = {"ins": ins, "content": {"lines": lines, **more}}
    reply: Reply = (await story[PRESCRIBER].send("POST", "/v1/prescriptions", body)).expect(201)
    return str(reply.json()["prescription_id"])


async def checked(story: Story, prescription_id: str) -> list[Json]:
    """What law and safety say of a draft."""
    reply = await story[PRESCRIBER].send("POST", f"/v1/prescriptions/{prescription_id}/check")
    findings: list[Json] = reply.expect(200).json()["findings"]
    return findings


def decided(findings: list[Json]) -> list[Json]:
    """The decision to go on in spite of each warning."""
    warnings = [one for one in findings if one["severity"] == "warning"]
    return [{"code": one["code"], "reason": DECIDED} for one in warnings]
