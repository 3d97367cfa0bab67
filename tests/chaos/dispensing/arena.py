"""A real service and its real database, contests running on it, and somebody who kills both."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any, Self

import asyncpg
import grpc

from chassis.db import NOT_NOW
from socle.eprescription.v1 import (
    dispensing_pb2_grpc,
    eprescription_pb2_grpc,
    medicines_pb2,
    medicines_pb2_grpc,
)
from socle.eprescription.v1 import eprescription_pb2 as pb
from socle_local.issuer.tokens import fetch
from socle_local.journey import Patient
from socle_local.platform import Platform

from .clients import Client
from .contest import BOXES, Contest, Counter, Prescription
from .history import Operation
from .linear import check
from .model import Model, State

SERVICE = "eprescription"
PHARMACISTS = ("pharmacist", "other-pharmacist", "third-pharmacist")
# In the order in which the service locks.
LAPSE = (
    "UPDATE prescription SET expires_on = current_date - 2 WHERE prescription_id = $1",
    "UPDATE line SET until = current_date - 2 WHERE prescription_id = $1",
)
# Seconds a hold lasts here: contests must see some end by time.
TTL = 1
CONTESTS_AT_ONCE = 6
# Operations between two words of how far a long run is.
STEP = 5_000
# Persons of the registry, in turn: two prescriptions of one medicine for one person would be a duplicate.
PERSONS = 1_000
TOKEN_SECONDS = 7_200
# A client that waits longer and longer to come back would never meet a service that is killed all the time.
COMING_BACK = [(f"grpc.{which}_reconnect_backoff_ms", 200) for which in ("initial", "min", "max")]


@dataclass
class Stubs:
    """The RPCs of the service, by name."""

    channel: grpc.aio.Channel

    def __getattr__(self, name: str) -> Any:
        for make in (
            eprescription_pb2_grpc.PrescriptionServiceStub,
            dispensing_pb2_grpc.DispensingServiceStub,
            medicines_pb2_grpc.MedicineServiceStub,
        ):
            stub = make(self.channel)
            if hasattr(stub, name):
                return getattr(stub, name)
        raise AttributeError(name)


@dataclass
class Tally:
    """What was seen. `seconds` until the first violation, when there was one."""

    contests: int = 0
    operations: int = 0
    lost: int = 0
    refused: int = 0
    explored: int = 0
    violations: list[list[Operation]] = field(default_factory=list)
    seconds: float = 0.0
    # How many times it was told.
    steps: int = 0

    def add(self, history: list[Operation], began: float) -> None:
        verdict = check(history, State(BOXES), Model(TTL))
        self.contests += 1
        self.operations += len(history)
        self.lost += sum(one.lost for one in history)
        self.refused += sum(bool(one.refused) for one in history)
        self.explored += verdict.explored
        if not verdict.linearizable:
            self.seconds = self.seconds or time.monotonic() - began
            self.violations.append(history)


@dataclass
class Arena:
    platform: Platform
    stubs: Stubs
    tokens: dict[str, str]
    product: str
    draw: Random

    @classmethod
    @asynccontextmanager
    async def on(cls, platform: Platform, seed: int) -> AsyncIterator[Self]:
        async with grpc.aio.insecure_channel(platform.ports.address(SERVICE), COMING_BACK) as channel:
            names = ("doctor", *PHARMACISTS)
            tokens = {name: fetch(platform.issuer_url, name, TOKEN_SECONDS) for name in names}
            arena = cls(platform, Stubs(channel), tokens, "", Random(seed))
            asked = medicines_pb2.SearchMedicinesRequest(text="paracétamol 500", marketed_only=True)
            found = await arena.client("doctor").ask("SearchMedicines", asked)
            arena.product = found.hits[0].cip13[0]
            yield arena

    def client(self, name: str) -> Client:
        return Client(self.stubs, self.tokens[name], Random(self.draw.random()))

    async def prescription(self, number: int) -> Prescription:
        """Signs another one: six boxes of what no rule restricts."""
        doctor = Client(self.stubs, self.tokens["doctor"], Random(number), stubborn=True)
        person = Patient.seeded(number % PERSONS + 1).person_id
        line = pb.PrescribedLine(
            kind=pb.LINE_KIND_MEDICINE,
            product=pb.Product(cip13=self.product),
            posology=pb.Posology(text="1 comprimé si douleur"),
            duration_days=1,
            quantity=pb.Quantity(value=str(BOXES), unit=pb.COUNT_UNIT_BOX),
        )
        draft = pb.CreatePrescriptionRequest(person_id=person, content=pb.PrescriptionContent(lines=[line]))
        made = (await doctor.ask("CreatePrescription", draft)).prescription
        signed = await doctor.ask("SignPrescription", await self._signing(doctor, made.prescription_id))
        return Prescription(
            made.prescription_id,
            made.number,
            signed.access_code,
            signed.prescription.content.lines[0].line_id,
            self.product,
        )

    async def _signing(self, doctor: Client, id: str) -> pb.SignPrescriptionRequest:
        """The warnings are decided about: another prescription of the same person is no matter here."""
        asked = pb.CheckPrescriptionRequest(prescription_id=id)
        found = (await doctor.ask("CheckPrescription", asked)).findings
        decisions = [
            pb.Decision(code=one.code, reason="contrôle")
            for one in found
            if one.severity == pb.SEVERITY_WARNING
        ]
        return pb.SignPrescriptionRequest(prescription_id=id, decisions=decisions)

    async def contest(self, number: int) -> list[Operation]:
        prescription = await self.prescription(number)
        counters = {name: Counter(name, self.client(name)) for name in PHARMACISTS}
        draw = Random(self.draw.random())
        return await Contest(prescription, counters, self.client("doctor"), draw, self._lapse).run()

    async def _lapse(self, prescription: str) -> None:
        """Sent again until PostgreSQL has it: days pass whatever is down."""
        address, password = self.platform.database(SERVICE)
        while True:
            try:
                connection = await asyncpg.connect(address, password=password, timeout=5)
                try:
                    async with connection.transaction():
                        for statement in LAPSE:
                            await connection.execute(statement, prescription)
                    return
                finally:
                    await connection.close(timeout=5)
            except (*NOT_NOW, asyncpg.PostgresError, TimeoutError):
                await asyncio.sleep(0.2)

    async def fight(
        self, operations: int, told: Callable[[Tally], None] = lambda tally: None, *, one: bool = False
    ) -> Tally:
        """Contests, several at once, until so many operations were seen, or `one` violation.

        `told`: hears how far it is, now and then.
        """
        tally, began, numbers = Tally(), time.monotonic(), iter(range(10**9))

        async def go_on() -> None:
            while tally.operations < operations and not (one and tally.violations):
                tally.add(await self.contest(next(numbers)), began)
                if tally.operations // STEP > tally.steps:
                    tally.steps = tally.operations // STEP
                    told(tally)

        await asyncio.gather(*(go_on() for _ in range(CONTESTS_AT_ONCE)))
        return tally

    async def kill_now_and_then(self, every: float, over: asyncio.Event) -> int:
        """kill -9 of the service, or of PostgreSQL, until it is over; how many. Leaves both running."""
        kills = 0
        while not await _within(over, self.draw.uniform(every / 2, every * 1.5)):
            victim = self.draw.choice((SERVICE, SERVICE, "postgres"))
            await asyncio.to_thread(self.platform.supervisor.kill, victim)
            await asyncio.sleep(self.draw.uniform(0, 0.3))
            await asyncio.to_thread(self.platform.supervisor.revive, victim)
            kills += 1
        return kills


async def _within(event: asyncio.Event, seconds: float) -> bool:
    """Whether it happened in that time."""
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False
