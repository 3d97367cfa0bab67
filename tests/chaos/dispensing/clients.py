"""Software that sends on whatever becomes of the service, and writes down what it saw."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

import grpc

from chassis.errors import Kind as Fault
from chassis.errors import SocleError
from chassis.status import from_status

from .history import Kind, Operation

# Nothing is known of what became of the request: the same one is sent again.
AGAIN = frozenset({Fault.UNAVAILABLE, Fault.TIMED_OUT})
# Sent again by a client that was told so: another request, or the same one, was being handled.
BUSY = frozenset({"CONFLICT", "SAME_KEY_IN_FLIGHT", "CHANGED_MEANWHILE"})
PATIENCE, GIVEN_UP = 60.0, 0.15
# A moment later a reading may say another thing, and a claim find its hold ended by time: another hold then.
ONLY_ONCE = frozenset({"GetPrescription", "ClaimPrescription"})
Answer = Callable[[Any], Any]


class Lost(Exception):
    """No attempt was answered."""


@dataclass
class Client:
    """One caller. `draw` decides which answers are lost on the way, and which requests are sent twice."""

    stub: Any
    token: str
    draw: Random
    # Never leaves without an answer: who sets the scene.
    stubborn: bool = False

    async def ask(self, method: str, request: Any, read: Answer = lambda answer: answer) -> Any:
        """What `read` finds in the answer of the one request, however often it had to be sent.

        Raises SocleError, or Lost.
        """
        key = uuid.uuid4().hex
        limit = time.monotonic() + PATIENCE
        if self.draw.random() < GIVEN_UP:
            await self._lose_the_answer(method, request, key)
        twice = self.draw.random() < GIVEN_UP and method not in ONLY_ONCE
        while time.monotonic() < limit:
            try:
                if twice:
                    return await self._twice(method, request, key, read)
                return read(await self._once(method, request, key))
            except SocleError as error:
                if error.kind not in AGAIN and error.reason not in BUSY:
                    raise
                if error.kind in AGAIN and not self.stubborn and self.draw.random() < GIVEN_UP:
                    raise Lost from None
            await asyncio.sleep(self.draw.uniform(0.02, 0.2))
        raise Lost

    async def _once(self, method: str, request: Any, key: str) -> Any:
        metadata = [("authorization", f"Bearer {self.token}"), ("idempotency-key", key)]
        try:
            return await getattr(self.stub, method)(request, metadata=metadata, timeout=10)
        except grpc.aio.AioRpcError as error:
            raise from_status(error) from None

    async def _lose_the_answer(self, method: str, request: Any, key: str) -> None:
        """The request leaves; the one who sent it is gone before the answer comes."""
        call = asyncio.create_task(self._once(method, request, key))
        await asyncio.wait([call], timeout=self.draw.uniform(0, 0.02))
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)

    async def _twice(self, method: str, request: Any, key: str, read: Answer) -> Any:
        """A network that delivers a message twice: both answers are one, or one is told to wait."""
        both = await asyncio.gather(
            self._once(method, request, key), self._once(method, request, key), return_exceptions=True
        )
        answers = [read(one) for one in both if not isinstance(one, BaseException)]
        if len(answers) == 2:
            assert answers[0] == answers[1], f"one {method} was answered in two ways"
        if answers:
            return answers[0]
        raise min((one for one in both if isinstance(one, BaseException)), key=_told_to_wait)


def _told_to_wait(error: BaseException) -> bool:
    return isinstance(error, SocleError) and error.reason in BUSY


@dataclass
class Witness:
    """Writes the operations on one prescription down, with the moments around them."""

    operations: list[Operation] = field(default_factory=list)

    async def sees(
        self, client: Client, kind: Kind, method: str, request: Any, read: Answer, **known: Any
    ) -> tuple[str, ...]:
        """Does one operation; what it answered, empty when it was refused or lost."""
        start = time.monotonic()
        outcome: Mapping[str, Any]
        try:
            outcome = {"end": 0.0, "answer": await client.ask(method, request, read)}
        except SocleError as error:
            outcome = {"end": 0.0, "refused": error.reason}
        except Lost:
            outcome = {}
        if outcome:
            outcome = {**outcome, "end": time.monotonic()}
        self.operations.append(Operation(kind, start, **known, **outcome))
        return tuple(outcome.get("answer", ()))
