"""The way there and the way back: migrate, then replace each replica by one of the other version."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from .stack import Stack
from .trees import Tree

IDLE, UPGRADE, BETWEEN, ROLLBACK, AFTER = "idle", "upgrade", "between", "rollback", "after"
Say = Callable[[str], None]


@dataclass(slots=True)
class Phase:
    """A part of the rehearsal, in monotonic seconds and in the clock of the journal."""

    name: str
    began: float
    clock: float
    ended: float = 0.0

    def holds(self, moment: float) -> bool:
        return self.began <= moment < self.ended

    @property
    def seconds(self) -> float:
        return self.ended - self.began


@dataclass(slots=True)
class Rehearsal:
    """Drives the stack from one version to the other and back, phase after phase."""

    stack: Stack
    now: Tree
    following: Tree
    say: Say
    phases: list[Phase] = field(default_factory=list)
    # What was done when (monotonic seconds), for whoever looks for the cause of a slow request.
    steps: list[tuple[float, str]] = field(default_factory=list)

    async def run(self, idle: float, between: float) -> None:
        """The whole of it; the steps that wait for a process do so beside the loop that carries the load."""
        with self.phase(IDLE):
            await asyncio.sleep(idle)
        with self.phase(UPGRADE):
            await asyncio.to_thread(self.upgrade)
        with self.phase(BETWEEN):
            await asyncio.sleep(between)
        with self.phase(ROLLBACK):
            await asyncio.to_thread(self.roll_back)
        with self.phase(AFTER):
            await asyncio.sleep(between)

    def upgrade(self) -> None:
        """Service by service, those that others ask first: the schema, then the replicas."""
        for service in self.stack.platform.services:
            if service.grpc:
                self.note(f"{service.name}: its migration Job")
                self.stack.migrate(service, self.following)
            self.roll(service.name, self.following)

    def roll_back(self) -> None:
        """The other way, who asks first; the schema stays: the former code runs on the newer one."""
        for service in reversed(self.stack.platform.services):
            self.roll(service.name, self.now)

    def roll(self, name: str, tree: Tree) -> None:
        """One more of the new version, then one less of the other, until all are of the new one."""
        for former in list(self.stack.running[name]):
            began = time.monotonic()
            fresh = self.stack.add(former.service, tree)
            self.note(f"{fresh.program.name} is ready after {time.monotonic() - began:.1f} s")
            self.stack.remove(former)
            self.note(f"{former.program.name} is gone after {time.monotonic() - began:.1f} s")

    def note(self, words: str) -> None:
        """Tells it now, and keeps the moment."""
        self.steps.append((time.monotonic(), words))
        self.say(words)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        self.note(f"— {name}")
        # The clock only bounds a search in the journal; durations are those of the monotonic one.
        phase = Phase(name, time.monotonic(), time.time())
        self.phases.append(phase)
        try:
            yield
        finally:
            phase.ended = time.monotonic()
