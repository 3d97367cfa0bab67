"""What the users do: a hospital's desk, doctors, a pharmacy. Each act is one request."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any
from urllib.parse import quote

from gateway.models.prescribed import PARACETAMOL
from socle_local.journey import Deposit, Patient, bundle, consultation_report

from .edge import Answer, Request
from .traffic import Act, Traffic

Json = dict[str, Any]
FHIR = "application/fhir+json"
CREATE, READ, SEARCH = "identity: create", "identity: read", "identity: search"
DEPOSIT, FIND, RETRIEVE = "document: deposit", "document: search", "document: retrieve"
STEPS = DRAFT, SIGN, CLAIM, DISPENSE, CLOSE = (
    "prescription: draft",
    "prescription: sign",
    "prescription: claim",
    "prescription: dispense",
    "prescription: close",
)
# Persons who are not in the registry, so that a creation is not the duplicate of another one; then persons
# who are, each prescribed something once.
FIRST_NEWCOMER, FIRST_PRESCRIBED = 20_001, 201
# Prescriptions that wait for their next step: with fewer, a step could be due before the one it follows from.
UNDER_WAY = 10


@dataclass(frozen=True, slots=True)
class Cast:
    """Tokens, people with records, and what is there to read. `run` makes the numbers of this run its own."""

    run: str
    secretary: str
    doctor: str
    pharmacist: str
    product: str
    patients: list[Patient]
    identities: list[str]
    documents: list[str]


@dataclass(slots=True)
class Life:
    """A prescription on its way. `step` is what it waits for."""

    person_id: str
    step: Callable[[Life, float], Awaitable[bool]]
    id: str = ""
    code: Json = field(default_factory=dict)
    secret: str = ""
    lines: list[str] = field(default_factory=list)


class Users:
    """Everyone, and what they were told is done."""

    def __init__(self, traffic: Traffic, cast: Cast) -> None:
        self.traffic, self.cast = traffic, cast
        self.created: set[str] = set()
        self.deposited: set[str] = set()
        self.prescribed: set[str] = set()
        self._numbers: Iterator[int] = itertools.count()
        self._persons: Iterator[int] = itertools.count(FIRST_PRESCRIBED)
        self._waiting: list[Life] = []
        self._draw = Random(7)

    @property
    def acts(self) -> dict[Act, int]:
        """Each with its share of a hundred arrivals."""
        return {
            self.create: 10,
            self.read: 20,
            self.search: 10,
            self.deposit: 8,
            self.find: 17,
            self.retrieve: 15,
            self.prescription: 20,
        }

    async def create(self, due: float) -> None:
        number = next(self._numbers)
        ipp = f"UP-{self.cast.run}-{number:07}"
        body = {"traits": Patient.seeded(FIRST_NEWCOMER + number).traits, "ipp": ipp}
        request = Request("POST", "/v1/identities", self.cast.secretary, body, key())
        answer = await self.traffic.ask(CREATE, due, request)
        if answer:
            self.created.add(ipp)
            self.cast.identities.append(str(answer.json()["id"]))

    async def read(self, due: float) -> None:
        path = f"/v1/identities/{self._draw.choice(self.cast.identities)}"
        await self.traffic.ask(READ, due, Request("GET", path, self.cast.secretary))

    async def search(self, due: float) -> None:
        traits = self._draw.choice(self.cast.patients).traits
        body = {"family": traits["birth_name"], "birth_date": traits["birth_date"]}
        request = Request("POST", "/v1/identities/search", self.cast.secretary, body)
        await self.traffic.ask(SEARCH, due, request)

    async def deposit(self, due: float) -> None:
        patient = self._draw.choice(self.cast.patients)
        document = consultation_report(patient, datetime.now(UTC).replace(microsecond=0))
        body = bundle(Deposit(patient, [document]))
        request = Request("POST", "/fhir", self.cast.doctor, body, key(), FHIR, FHIR)
        answer = await self.traffic.ask(DEPOSIT, due, request)
        if answer:
            document_id = made(answer)
            self.deposited.add(document_id)
            self.cast.documents.append(document_id)

    async def find(self, due: float) -> None:
        who = quote(self._draw.choice(self.cast.patients).ins_token, safe="")
        path = f"/fhir/DocumentReference?patient.identifier={who}&status=current&_count=10"
        await self.traffic.ask(FIND, due, Request("GET", path, self.cast.doctor, accept=FHIR))

    async def retrieve(self, due: float) -> None:
        path = f"/fhir/Binary/{self._draw.choice(self.cast.documents)}"
        await self.traffic.ask(RETRIEVE, due, Request("GET", path, self.cast.doctor))

    async def prescription(self, due: float) -> None:
        """The next step of any one that waits; another one while few are on their way."""
        if len(self._waiting) < UNDER_WAY:
            life = Life(Patient.seeded(next(self._persons)).person_id, self._draft)
        else:
            # Not the oldest: they would all be at the same step at the same time.
            life = self._waiting.pop(self._draw.randrange(len(self._waiting)))
        if await life.step(life, due):
            self._waiting.append(life)

    async def _draft(self, life: Life, due: float) -> bool:
        body = {"person_id": life.person_id, "content": PARACETAMOL}
        answer = await self._step(DRAFT, due, "/v1/prescriptions", self.cast.doctor, body)
        life.id = answer["prescription_id"] if answer else ""
        life.step = self._sign
        return bool(answer)

    async def _sign(self, life: Life, due: float) -> bool:
        answer = await self._step(SIGN, due, f"/v1/prescriptions/{life.id}/signature", self.cast.doctor, {})
        if answer:
            self.prescribed.add(life.id)
            life.code = {"number": answer["prescription"]["number"], "access_code": answer["access_code"]}
        life.step = self._claim
        return bool(answer)

    async def _claim(self, life: Life, due: float) -> bool:
        answer = await self._step(CLAIM, due, "/v1/dispensings/claims", self.cast.pharmacist, life.code)
        if answer:
            life.secret = answer["secret"]
            life.lines = [line["line_id"] for line in answer["prescription"]["content"]["lines"]]
        life.step = self._dispense
        return bool(answer)

    async def _dispense(self, life: Life, due: float) -> bool:
        given = {"kind": "as_prescribed", "cip13": self.cast.product, "packs": "1"}
        body = {"secret": life.secret, "acts": [{"line_id": line, **given} for line in life.lines]}
        path = f"/v1/dispensings/{life.id}/interventions"
        life.step = self._close
        return bool(await self._step(DISPENSE, due, path, self.cast.pharmacist, body))

    async def _close(self, life: Life, due: float) -> bool:
        path, body = f"/v1/dispensings/{life.id}/closing", {"secret": life.secret}
        await self._step(CLOSE, due, path, self.cast.pharmacist, body)
        return False

    async def _step(self, kind: str, due: float, path: str, token: str, body: Json) -> Json | None:
        answer = await self.traffic.ask(kind, due, Request("POST", path, token, body, key()))
        return dict(answer.json()) if answer else None


def key() -> str:
    """An Idempotency-Key: a change is asked for once, and could be asked for again."""
    return uuid.uuid4().hex


def made(answer: Answer) -> str:
    """The id of the document that a transaction of one document made."""
    places = [entry["response"]["location"].split("/") for entry in answer.json()["entry"]]
    return next(str(place[1]) for place in places if place[0] == "DocumentReference")
