"""What must stand on the platform before anything is measured: identities, records, documents."""

from __future__ import annotations

import asyncio
import json
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import httpx

from bench.dmp.asked import Asking
from bench.load import MARK
from bench.running import Running
from socle_local.journey import Actor, Deposit, Patient, Reach, bundle, consultation_report
from socle_local.personas import DOCTOR

# People whose records take the deposits: enough that none grows long, known to the caches as regulars are.
PERSONS, FIRST_PERSON = 24, 101
IDENTITIES = 400
# People who are created: all different, as in life. A thousand identities of one person would be a thousand
# duplicates, each compared with all the others.
NEWCOMERS, FIRST_NEWCOMER = 10_000, 20_001


@dataclass(frozen=True, slots=True)
class Scene:
    """Ids to read, people to write about, bearer tokens. `run` makes the numbers of this run its own."""

    reach: Reach
    run: str
    secretary: str
    doctor: str
    identities: list[str]
    patients: list[Patient]
    documents: list[str]

    @property
    def port(self) -> int:
        return int(self.reach.gateway.rpartition(":")[2])

    def request(self, method: str, path: str, bearer: str, body: Any = None, accept: str = "*/*") -> bytes:
        """A whole HTTP/1.1 request."""
        content = b"" if body is None else json.dumps(body).encode()
        kind = "application/fhir+json" if path.startswith("/fhir") else "application/json"
        lines = [
            f"{method} {path} HTTP/1.1",
            "host: 127.0.0.1",
            f"authorization: Bearer {bearer}",
            f"accept: {accept}",
        ]
        if content:
            lines += [f"content-type: {kind}", f"content-length: {len(content)}"]
        return "\r\n".join([*lines, "", ""]).encode() + content

    def created(self) -> list[bytes]:
        """Identities to create, each with a number of its own."""
        mark = MARK.decode()
        people = (Patient.seeded(FIRST_NEWCOMER + number) for number in range(NEWCOMERS))
        bodies = ({"traits": patient.traits, "ipp": f"BENCH-{self.run}-{mark}"} for patient in people)
        return [self.request("POST", "/v1/identities", self.secretary, body) for body in bodies]

    def read(self) -> list[bytes]:
        """Identities to read, as REST."""
        return [self.request("GET", f"/v1/identities/{one}", self.secretary) for one in self.identities]

    def read_fhir(self) -> list[bytes]:
        """The same, as FHIR Patient."""
        return [self.request("GET", f"/fhir/Patient/{one}", self.secretary) for one in self.identities]

    def deposits(self, count: int) -> list[bytes]:
        """ITI-65: a document of four kilobytes each, no two alike: the document itself says which it is."""
        return Asking(self.doctor).deposits(self.patients, count)

    def searches(self) -> list[bytes]:
        """ITI-67: the ten newest documents of a record."""
        asked = (quote(patient.ins_token, safe="") for patient in self.patients)
        path = "/fhir/DocumentReference?patient.identifier={}&status=current&_count=10"
        return [self.request("GET", path.format(token), self.doctor) for token in asked]

    def retrieved(self) -> list[bytes]:
        """ITI-68: the bytes of a document."""
        return [
            self.request("GET", f"/fhir/Binary/{one}", self.doctor, accept="text/xml")
            for one in self.documents
        ]


def reach_of(running: Running) -> Reach:
    """Where the platform is; the bus is not needed here."""
    address = running.ports.address
    return Reach(
        f"http://{address('gateway')}", f"http://{address('issuer')}", f"nats://{address('nats')}", ""
    )


async def prepare(running: Running) -> Scene:
    """Sets the scene through the public interfaces."""
    reach, run = reach_of(running), secrets.token_hex(5)
    async with httpx.AsyncClient() as http:
        secretary, doctor = (Actor(name, reach, http) for name in ("secretary", "doctor"))
        patients = [Patient.seeded(FIRST_PERSON + number) for number in range(PERSONS)]
        documents = await asyncio.gather(*(record(secretary, doctor, one) for one in patients))
        identities = await many_identities(secretary)
        tokens = await secretary.token(), await doctor.token()
    return Scene(reach, run, *tokens, identities, patients, list(documents))


async def record(secretary: Actor, doctor: Actor, patient: Patient) -> str:
    """A record that the doctor may read, with one document; the document's id."""
    identity = await created(secretary, patient)
    await sent(secretary, "POST", f"/v1/identities/{identity}/ins-retrieval")
    await sent(secretary, "POST", f"/v1/identities/{identity}/paper-check", {"paper": "CN"})
    await sent(secretary, "POST", f"/v1/dmp/{patient.person_id}")
    consent = {"grantee": DOCTOR.id_nat, "kind": "professional"}
    await sent(doctor, "POST", f"/v1/dmp/{patient.person_id}/accesses", consent)
    document = consultation_report(patient, datetime.now(UTC).replace(microsecond=0))
    answer = await sent(doctor, "POST", "/fhir", bundle(Deposit(patient, [document])))
    return str(answer["entry"][2]["response"]["location"]).partition("/")[2]


async def many_identities(secretary: Actor) -> list[str]:
    """Local identities to read, made a few at a time."""
    made: list[str] = []
    while len(made) < IDENTITIES:
        first = FIRST_PERSON + PERSONS + len(made)
        people = [Patient.seeded(first + number) for number in range(20)]
        made += await asyncio.gather(*(created(secretary, patient) for patient in people))
    return made


async def created(secretary: Actor, patient: Patient) -> str:
    body = {"traits": patient.traits, "ipp": f"BENCH-{secrets.token_hex(8)}"}
    return str((await sent(secretary, "POST", "/v1/identities", body))["id"])


async def sent(actor: Actor, method: str, path: str, body: Any = None) -> Any:
    """A request of the preparation, which must succeed."""
    return (await actor.send(method, path, body)).expect(200, 201).json()
