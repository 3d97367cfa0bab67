"""Calls that go on while something is done to the platform: one question a service."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from socle_local.journey import Actor, Patient
from socle_local.personas import PERSONAS

PAUSE = 0.05


@dataclass(frozen=True, slots=True)
class Question:
    """A request that its service answers with one status, whatever is stored."""

    persona: str
    method: str
    path: str
    body: Any = None
    params: Mapping[str, str] | None = None
    status: int = 200

    async def ask(self, actors: Mapping[str, Actor]) -> str:
        """What is wrong with the answer, or nothing."""
        try:
            reply = await actors[self.persona].send(self.method, self.path, self.body, params=self.params)
        except httpx.HTTPError as error:
            return f"{self.path}: {type(error).__name__}: {error}"
        return "" if reply.status == self.status else f"{self.path}: {reply.status} {reply.answered}"


def resolve(patient: Patient) -> Question:
    """Who bears this INS: asked of identity-ins."""
    oid, matricule = patient.ins_token.removeprefix("urn:oid:").split("|")
    return Question("doctor", "POST", "/v1/persons/resolve", {"ins": {"matricule": matricule, "oid": oid}})


QUESTIONS = {
    "dmp": Question("integrator", "GET", "/v1/dmp/policy/parameters"),
    "eprescription": Question("doctor", "GET", "/v1/medicines", params={"text": "paracetamol"}),
    "identity-ins": resolve(Patient.seeded(PERSONAS["patient"].number)),  # type: ignore[union-attr]
}
# The gateway is asked for what lies behind it.
QUESTIONS["gateway"] = QUESTIONS["identity-ins"]


def created() -> Question:
    """A new local identity: asked of identity-ins, and possible in a registry that knows nobody yet."""
    patient = Patient.seeded(PERSONAS["patient"].number)  # type: ignore[union-attr]
    body = {"traits": patient.traits, "ipp": f"IPP-{secrets.token_hex(6)}"}
    return Question("secretary", "POST", "/v1/identities", body, status=201)


@dataclass(slots=True)
class Traffic:
    """Answers so far."""

    answered: int = 0
    failures: list[str] = field(default_factory=list)

    async def ask(self, question: Question, actors: Mapping[str, Actor]) -> None:
        """Asks once more."""
        wrong = await question.ask(actors)
        self.answered += 1
        if wrong:
            self.failures.append(wrong)


@asynccontextmanager
async def going_on(actors: Mapping[str, Actor]) -> AsyncIterator[Traffic]:
    """Every question again and again, as long as it lasts."""
    traffic, over = Traffic(), asyncio.Event()

    async def ask(question: Question) -> None:
        while not over.is_set():
            await traffic.ask(question, actors)
            await asyncio.sleep(PAUSE)

    tasks = [asyncio.create_task(ask(question)) for question in QUESTIONS.values()]
    try:
        yield traffic
    finally:
        over.set()
        await asyncio.gather(*tasks)
