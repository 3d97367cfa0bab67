"""Breaking a running platform on purpose, and looking at what is left."""

import asyncio
import os
import secrets
import shutil
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self

import httpx

from socle_local.journey import Actor, Event, Patient, Reach
from socle_local.journey.events import listening
from socle_local.platform import Platform
from tests.ledger import Ledger
from tests.reach import reach_of

WAITED = 30.0
# After the last event wanted: a duplicate, if there is one, comes right behind.
LATE = 1.0
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Fault:
    """A platform to break, two people on it, and its databases."""

    platform: Platform
    reach: Reach
    ledger: Ledger
    secretary: Actor
    patient_account: Actor
    patient: Patient

    @classmethod
    @asynccontextmanager
    async def on(cls, platform: Platform) -> AsyncIterator[Self]:
        revive_all(platform)
        reach = reach_of(platform)
        async with httpx.AsyncClient() as http, Ledger.of(platform) as ledger:
            secretary, patient = Actor("secretary", reach, http), Actor("patient", reach, http)
            ready = cls(platform, reach, ledger, secretary, patient, Patient.seeded(1))
            await ready.open_record()
            await ledger.settled()
            yield ready
            revive_all(platform)

    async def open_record(self) -> None:
        (await self.patient_account.send("POST", f"/v1/dmp/{self.patient.person_id}")).expect(200, 201)

    async def grants(self, count: int) -> list[str]:
        """Changes that dmp commits with an event each; the ids of the authorisations, in order."""
        ids = []
        for _ in range(count):
            body = {"grantee": f"8999{secrets.randbelow(10**8):08d}", "kind": "professional"}
            path = f"/v1/dmp/{self.patient.person_id}/accesses"
            reply = (await self.patient_account.send("POST", path, body)).expect(201)
            ids.append(str(reply.json()["id"]))
        return ids

    async def qualified(self) -> str:
        """A new identity made qualifiée: an event of identity-ins that dmp acts on. Its id."""
        body = {"traits": self.patient.traits, "ipp": f"IPP-{secrets.token_hex(6)}"}
        identity = str((await self.secretary.send("POST", "/v1/identities", body)).expect(201).json()["id"])
        (await self.secretary.send("POST", f"/v1/identities/{identity}/ins-retrieval")).expect(200)
        (await self.secretary.send("POST", f"/v1/identities/{identity}/paper-check", {"paper": "CN"})).expect(
            200
        )
        return identity

    def kill(self, name: str) -> None:
        """kill -9."""
        self.platform.supervisor.kill(name)

    def revive(self, name: str) -> None:
        self.platform.supervisor.revive(name)

    async def callable_again(self) -> None:
        """The gateway reaches every service: what is asked now is not refused for a connection on its way."""
        async with asyncio.timeout(WAITED):
            while not await asyncio.to_thread(self.platform.supervisor["gateway"].is_ready):
                await asyncio.sleep(0.05)

    def pause(self, name: str) -> None:
        """The process stands still, its connections open: what it is sent waits, nothing is answered."""
        os.kill(self._pid(name), signal.SIGSTOP)

    def resume(self, name: str) -> None:
        os.kill(self._pid(name), signal.SIGCONT)

    def _pid(self, name: str) -> int:
        pid = self.platform.supervisor[name].program.pid
        assert pid is not None, f"{name} does not run"
        return pid

    def lose_streams(self) -> None:
        """NATS dies and its disk with it; it comes back empty."""
        self.kill("nats")
        shutil.rmtree(self.platform.nats.folder / "data")
        self.revive("nats")

    async def log(self, service: str) -> list[Row]:
        """The table that is the log, in the order of commit."""
        return [dict(row) for row in await self.ledger[service].fetch("SELECT * FROM outbox ORDER BY seq")]

    async def unpublished(self, service: str) -> list[str]:
        return [str(row["id"]) for row in await self.log(service) if row["published_at"] is None]

    async def eventually(self, true: Callable[[], Awaitable[object]], what: str) -> None:
        """Waits for something that must come about; fails when it does not."""
        limit = time.monotonic() + WAITED
        while not await true():
            assert time.monotonic() < limit, f"never came about: {what}"
            await asyncio.sleep(0.05)

    async def all_published(self, service: str) -> None:
        async def nothing_waits() -> bool:
            return not await self.unpublished(service)

        await self.eventually(nothing_waits, f"every event of {service} published")

    async def stream(self, service: str, at_least: int) -> list[Event]:
        """The whole stream of a service, as a new subscriber gets it: what comes, and what comes late."""
        snake = service.replace("-", "_")
        async with listening(self.reach, [snake], everything=True) as listener:
            await listener.until(lambda events: len(events) >= at_least, WAITED)
            await asyncio.sleep(LATE)
            return listener.of(snake)


def revive_all(platform: Platform) -> None:
    for component in platform.supervisor.components:
        if not component.program.running:
            platform.supervisor.revive(component.name)
