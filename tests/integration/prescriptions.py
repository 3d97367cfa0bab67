"""Prescriptions as their authors, pharmacies and patients use them through the gateway."""

from dataclasses import dataclass, field
from typing import Any

from socle_local.journey import Actor, Patient, Reply
from socle_local.journey.prescription import FIRST, PRESCRIBER, SECOND, THIRD, decided, written
from tests.reach import Actors

Json = dict[str, Any]
PHARMACIES = (FIRST, SECOND, THIRD)
__all__ = ["FIRST", "PHARMACIES", "PRESCRIBER", "SECOND", "THIRD", "written"]


@dataclass(slots=True)
class Rx:
    """A signed prescription, and what opens it. `medicines` are those of its lines, in order."""

    id: str
    number: str
    access_code: str
    lines: list[str]
    medicines: list[Json]
    answer: Json = field(default_factory=dict)

    @property
    def path(self) -> str:
        return f"/v1/prescriptions/{self.id}"

    @property
    def desk(self) -> str:
        return f"/v1/dispensings/{self.id}"

    @property
    def code(self) -> Json:
        """What a pharmacy claims by."""
        return {"number": self.number, "access_code": self.access_code}


async def medicine(actor: Actor, text: str) -> Json:
    """The first marketed medicine that a search finds."""
    reply = await actor.send("GET", "/v1/medicines", params={"text": text, "marketed_only": "true"})
    hit: Json = reply.expect(200).json()["hits"][0]
    return hit


async def drafted(
    actor: Actor, patient: Patient, lines: list[Json], headers: dict[str, str] | None = None, **more: Any
) -> Reply:
    """What a draft of these lines is answered."""
    ins = {"matricule": patient.matricule, "oid": patient.oid}
    body = {"ins": ins, "content": {"lines": lines, **more}}
    return await actor.send("POST", "/v1/prescriptions", body, headers=headers)


async def draft(actor: Actor, patient: Patient, lines: list[Json], **more: Any) -> str:
    """The id of a new draft."""
    made = (await drafted(actor, patient, lines, **more)).expect(201).json()
    return str(made["prescription_id"])


async def decisions(actor: Actor, prescription_id: str) -> list[Json]:
    """A decision about each warning of a draft."""
    reply = await actor.send("POST", f"/v1/prescriptions/{prescription_id}/check")
    return decided(reply.expect(200).json()["findings"])


async def signed(
    actors: Actors,
    patient: Patient,
    *wanted: tuple[str, int, int],
    by: str = PRESCRIBER,
    **more: Any,
) -> Rx:
    """A prescription of these medicines (search text, boxes, days), signed by the local key service."""
    doctor = actors[by]
    chosen = [await medicine(doctor, text) for text, _, _ in wanted]
    lines = [written(found, boxes, days) for found, (_, boxes, days) in zip(chosen, wanted, strict=True)]
    made = await draft(doctor, patient, lines, **more)
    body = {"decisions": await decisions(doctor, made)}
    answer = (await doctor.send("POST", f"/v1/prescriptions/{made}/signature", body)).expect(200).json()
    prescription = answer["prescription"]
    ids = [line["line_id"] for line in prescription["content"]["lines"]]
    return Rx(made, prescription["number"], answer["access_code"], ids, chosen, answer)


async def claimed(actor: Actor, rx: Rx) -> Json:
    """The answer to a claim that succeeds."""
    answer: Json = (await actor.send("POST", "/v1/dispensings/claims", rx.code)).expect(200).json()
    return answer


def act(rx: Rx, rank: int, packs: int | str, **more: Any) -> Json:
    """So many boxes of what a line prescribes."""
    cip13 = rx.medicines[rank]["cip13"][0]
    return {
        "line_id": rx.lines[rank],
        "kind": "as_prescribed",
        "cip13": cip13,
        "packs": str(packs),
        **more,
    }


async def recorded(actor: Actor, rx: Rx, secret: str, *acts: Json) -> Reply:
    """What a record of these acts is answered; each warning of the pharmacist's check is decided about."""
    plan = {"secret": secret, "acts": list(acts)}
    told = (await actor.send("POST", f"{rx.desk}/check", plan)).expect(200).json()
    body = {**plan, "decisions": decided(told["findings"])}
    return await actor.send("POST", f"{rx.desk}/interventions", body)


async def recorded_plainly(actor: Actor, rx: Rx, secret: str, *acts: Json) -> Reply:
    """The same without asking first what the rules would say."""
    body = {"secret": secret, "acts": list(acts)}
    return await actor.send("POST", f"{rx.desk}/interventions", body)


async def closed(actor: Actor, rx: Rx, secret: str) -> Json:
    """The end of a visit."""
    answer: Json = (await actor.send("POST", f"{rx.desk}/closing", {"secret": secret})).expect(200).json()
    return answer


async def dispensed(actor: Actor, rx: Rx, *acts: Json) -> Json:
    """A whole visit: claim, record, close."""
    secret = (await claimed(actor, rx))["secret"]
    (await recorded(actor, rx, secret, *acts)).expect(201)
    return await closed(actor, rx, secret)


async def read(actor: Actor, rx: Rx) -> Json:
    """The prescription as this reader sees it."""
    answer: Json = (await actor.send("GET", rx.path)).expect(200).json()
    return answer


def states(prescription: Json) -> list[str]:
    """The states of its lines, in order."""
    return [line["state"] for line in prescription["lines"]]
