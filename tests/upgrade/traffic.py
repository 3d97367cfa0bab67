"""Requests that arrive at a steady rate whatever is answered, each sent once.

A time counts from when a request was due, so that waiting is in it.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from random import Random

from .edge import Answer, Edge, NobodyReady, Request

FAILURES = (NobodyReady, OSError, TimeoutError, asyncio.IncompleteReadError, ValueError)
Act = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Sample:
    """One request: when it was due (monotonic seconds), how long its answer took, which version gave it."""

    kind: str
    due: float
    milliseconds: float
    version: str
    # Empty when it went well.
    failure: str = ""


@dataclass(slots=True)
class Traffic:
    """Everything that was asked."""

    edge: Edge
    samples: list[Sample] = field(default_factory=list)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def acknowledged(self) -> Counter[str]:
        """How many requests of each kind went well."""
        return Counter(sample.kind for sample in self.samples if not sample.failure)

    async def run(self, acts: Mapping[Act, int], rate: float, over: asyncio.Event, seed: int = 6) -> None:
        """Acts drawn by their weights, evenly spaced, until it is over; returns when the last is answered."""
        draw, began = Random(seed), time.monotonic()
        for number in itertools.count():
            due = began + number / rate
            await asyncio.sleep(max(due - time.monotonic(), 0))
            if over.is_set():
                break
            (act,) = draw.choices(list(acts), list(acts.values()))
            task = asyncio.ensure_future(act(due))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        await asyncio.gather(*self._tasks)

    async def ask(self, kind: str, due: float, request: Request) -> Answer | None:
        """The answer, when it is a good one; a failure is kept with its reason."""
        version, failure = "", ""
        answer: Answer | None = None
        try:
            answer = await self.edge.send(request)
            version = answer.version
            failure = (
                "" if answer.good else f"{answer.status} {answer.content[:200].decode(errors='replace')}"
            )
        except FAILURES as error:
            failure = f"{type(error).__name__}: {error}"
        took = (time.monotonic() - due) * 1000
        self.samples.append(Sample(kind, due, took, version, failure))
        return None if failure else answer
