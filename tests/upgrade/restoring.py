"""An accident and the way back: load, backup, more load, tables emptied, a restore to the moment before.

What was acknowledged before that moment must stand in every database, together; what came after must not; and
those who listen must be told which events did not happen. Each step is the command that an operator types.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from socle_local.journey.events import Event, listening
from socle_local.manifest import ROOT, find_services
from socle_local.platform import Platform
from socle_local.ports import Ports, is_taken
from tests.ledger import Ledger
from tests.reach import reach_of

from . import scene
from .edge import Edge
from .traffic import Traffic
from .users import Cast, Users

RATE, BEFORE, UNDER_WAY, AFTER = 10.0, 8.0, 2.0, 10.0
COMMAND_SECONDS = 600.0
# What an operator must never type, typed by the superuser: triggers do not stand in the way of that one.
ACCIDENT = {
    "dmp": "SET session_replication_role = replica; TRUNCATE document CASCADE; TRUNCATE outbox",
    "eprescription": "SET session_replication_role = replica; TRUNCATE prescription CASCADE",
}
BACKUP = ("socle_local.backup_command",)
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Operator:
    """Someone at a terminal: the commands of the local platform, on one home."""

    home: Path
    offset: int
    folder: Path

    @property
    def environment(self) -> Mapping[str, str]:
        return {
            **os.environ,
            "SOCLE_HOME": str(self.home),
            "SOCLE_PORT_OFFSET": str(self.offset),
            "SOCLE_BACKUPS": str(self.folder / "backups"),
            "SOCLE_BACKUP_KEYS": str(self.folder / "keys"),
            "COLUMNS": "200",
        }

    def type(self, *words: str) -> tuple[float, str]:
        """Seconds that a command took and what it printed. Raises RuntimeError with that when it fails."""
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", *words],
            cwd=ROOT,
            env=dict(self.environment),
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(words)}: {(done.stderr or done.stdout).strip()[-1500:]}")
        return time.monotonic() - began, done.stdout

    @property
    def platform(self) -> Platform:
        """The platform of this home, to be asked where things are; it is started by its command."""
        return Platform(self.home, Ports.usual(find_services(), self.offset))


@dataclass(slots=True)
class Told:
    """Ids by kind: of what users were told is done before the moment that is gone back to, and of what they
    asked for after it. What was under way at that moment is in neither: both outcomes are right.
    """

    moment: datetime
    before: dict[str, set[str]]
    # Identities that could be read at that moment, by the id that the platform gave.
    identities: list[str]
    after: dict[str, set[str]] = field(default_factory=dict)


@dataclass(slots=True)
class Seen:
    """What the rehearsal leaves to be judged. Seconds of each command, by name."""

    told: Told
    cast: Cast
    heard: list[Event]
    seconds: dict[str, float]
    printed: str = ""


def free_offset() -> int:
    """A distance from the usual ports at which nobody listens."""
    while True:
        offset = random.randrange(2000, 10000)
        if not any(is_taken(port) for port in Ports.usual(find_services(), offset).by_name.values()):
            return offset


def acknowledged(users: Users) -> dict[str, set[str]]:
    """Ids of what was told to be done, as of now."""
    return {
        "identity": set(users.created),
        "document": set(users.deposited),
        "prescription": set(users.prescribed),
    }


@asynccontextmanager
async def load(platform: Platform, cast: Cast | None = None) -> AsyncIterator[tuple[Users, asyncio.Event]]:
    """Users of a running platform, and the event that sends them home."""
    address = platform.ports.address("gateway")
    async with Edge.before(lambda: [(address, "now")]) as edge:
        users = Users(Traffic(edge), cast or await scene.prepare(edge, platform.issuer_url))
        over = asyncio.Event()
        coming = asyncio.create_task(users.traffic.run(users.acts, RATE, over))
        try:
            yield users, over
        finally:
            over.set()
            await coming


async def lived(operator: Operator, say: Say) -> Seen:
    """Everything up to the accident. Raises RuntimeError when a request failed before it."""
    platform, seconds = operator.platform, {}
    async with listening(reach_of(platform), everything=True) as listener:
        async with load(platform) as (users, _):
            await asyncio.sleep(BEFORE)
            say("a backup, while they work")
            seconds["backup"], _ = await asyncio.to_thread(operator.type, *BACKUP, "take")
            await asyncio.sleep(BEFORE)
            told = Told(datetime.now(UTC), acknowledged(users), list(users.cast.identities))
            say(f"the moment to go back to: {told.moment.isoformat()}")
            # What was under way is answered, so that what follows was asked for after the moment.
            await asyncio.sleep(UNDER_WAY)
            between = acknowledged(users)
            await asyncio.sleep(AFTER)
        told.after = {kind: ids - between[kind] for kind, ids in acknowledged(users).items()}
        await settled(platform)
        failures = [one.failure for one in users.traffic.samples if one.failure]
        if failures:
            raise RuntimeError(f"{len(failures)} requests failed before any accident: {failures[0]}")
        return Seen(told, users.cast, list(listener.received), seconds)


def accident(operator: Operator) -> None:
    """Empties tables of two services; what is left of the third no longer fits."""
    for service, script in ACCIDENT.items():
        operator.platform.postgres.run_sql(script, database=service)


async def settled(platform: Platform) -> None:
    """Returns once every event is published and acted upon."""
    async with Ledger.of(platform) as ledger:
        await ledger.settled()


async def rehearse(folder: Path, say: Say) -> tuple[Operator, Seen]:
    """The whole story, up to a platform that runs again in a fresh home; its caller stops it."""
    former = Operator(folder / "former", free_offset(), folder)
    fresh = Operator(folder / "fresh", free_offset(), folder)
    say("a platform, and people at work")
    former.type("socle_local", "up")
    try:
        seen = await lived(former, say)
        say("the accident")
        accident(former)
    finally:
        former.type("socle_local", "down")
    say("the restore, in a fresh home")
    order = ("restore", "--to", seen.told.moment.isoformat(), "--former", str(former.home))
    seen.seconds["restore"], seen.printed = await asyncio.to_thread(fresh.type, *BACKUP, *order)
    seen.seconds["start"], _ = await asyncio.to_thread(fresh.type, "socle_local", "up")
    return fresh, seen


def last_positions(printed: str) -> dict[str, int]:
    """The last position that stands, by service, as the restore printed it."""
    lines = re.findall(r"^([a-z-]+): events stand up to position (\d+)", printed, re.MULTILINE)
    return {service: int(position) for service, position in lines}
