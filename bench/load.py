"""The load generator, a process of its own: connections that send their next request when answered or due.

Written on bare asyncio protocols: a full HTTP client would use more of the two cores than what it measures.
`python -m bench.load` reads one `Job` as JSON on its input and writes one `Outcome` on its output.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import uvloop

from bench import cpu

# Stands in a request where each one sent must differ; replaced by as many digits.
MARK = b"000000424242"
WARM_UP = 0.5
HEADER_END, LENGTH = b"\r\n\r\n", b"\r\ncontent-length: "


@dataclass(frozen=True, slots=True)
class Job:
    """`requests` are whole HTTP/1.1 requests, sent in turn; `first` is where the numbers of MARK begin.

    With a `rate`, so many are due each second whatever is answered, and a time counts from when a request was
    due: a closed loop hides the wait of those who come while the server is busy. `kinds` names each request,
    for figures by kind; `watched` are programs (name to pid) whose processor time is noted.
    """

    port: int
    requests: list[bytes]
    seconds: float = 4.0
    clients: int = 32
    first: int = 1
    rate: float = 0
    kinds: list[str] = field(default_factory=list)
    watched: dict[str, int] = field(default_factory=dict)

    def to_json(self) -> str:
        encoded = [base64.b64encode(request).decode() for request in self.requests]
        return json.dumps({**asdict(self), "requests": encoded})

    @classmethod
    def from_json(cls, text: str) -> Job:
        raw = json.loads(text)
        return cls(**{**raw, "requests": [base64.b64decode(request) for request in raw["requests"]]})


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was measured after the warm-up. Times of answers are in milliseconds."""

    count: int
    seconds: float
    statuses: dict[str, int]
    p50: float
    p99: float
    # Of each kind: answers, refusals among them, p50 and p99.
    kinds: dict[str, tuple[int, int, float, float]] = field(default_factory=dict)
    # Seconds of processor of each watched program, and of this one.
    cpu: dict[str, float] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Answers per second."""
        return self.count / self.seconds

    @property
    def refused(self) -> int:
        """Answers that were no success: a rate of refusals measures nothing."""
        return sum(count for status, count in self.statuses.items() if not status.startswith("2"))


def measure(job: Job) -> Outcome:
    """Runs a job in a process of its own."""
    command = [sys.executable, "-m", "bench.load"]
    done = subprocess.run(command, input=job.to_json(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"The load generator failed: {done.stderr.strip()[-600:]}")
    return Outcome(**json.loads(done.stdout))


@dataclass(slots=True)
class Meter:
    """Shared by the connections of a job."""

    job: Job
    numbers: Iterator[int]
    turn: Iterator[tuple[bytes, str]]
    counting: bool = False
    statuses: Counter[str] = field(default_factory=Counter)
    # Kind, whether it succeeded, milliseconds.
    answers: list[tuple[str, bool, float]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    # Open arrivals only: connections with nothing to do, and requests that no connection was free for.
    idle: deque[Connection] = field(default_factory=deque)
    late: deque[float] = field(default_factory=deque)

    @classmethod
    def of(cls, job: Job) -> Meter:
        named = zip(job.requests, job.kinds or [""] * len(job.requests), strict=True)
        return cls(job, itertools.count(job.first), itertools.cycle(named))

    def next_request(self) -> tuple[bytes, str]:
        """A request and its kind."""
        request, kind = next(self.turn)
        if MARK in request:
            request = request.replace(MARK, b"%012d" % next(self.numbers))
        return request, kind

    def due(self, moment: float) -> None:
        """Sends a request on a free connection, or keeps it for the first that is answered."""
        if self.idle:
            self.idle.popleft().send(moment)
        else:
            self.late.append(moment)

    def free(self, connection: Connection) -> None:
        """What a connection does next."""
        if not self.job.rate:
            connection.send(time.perf_counter())
        elif self.late:
            connection.send(self.late.popleft())
        else:
            self.idle.append(connection)

    def answered(self, kind: str, status: str, seconds: float) -> None:
        if self.counting:
            self.statuses[status] += 1
            self.answers.append((kind, status.startswith("2"), seconds * 1000))

    def kinds(self) -> dict[str, tuple[int, int, float, float]]:
        """The figures of each kind that was named."""
        figures = {}
        for name in sorted(set(self.job.kinds)):
            own = [(good, took) for kind, good, took in self.answers if kind == name]
            if own:
                refused = sum(not good for good, _ in own)
                figures[name] = (len(own), refused, *quantiles([took for _, took in own]))
        return figures


def quantiles(times: list[float]) -> tuple[float, float]:
    """p50 and p99."""
    times = sorted(times)
    p50, p99 = (round(times[int(len(times) * share)], 2) for share in (0.5, 0.99))
    return p50, p99


class Connection(asyncio.Protocol):
    """One client: a request, its whole answer, the next request."""

    def __init__(self, meter: Meter) -> None:
        self.meter = meter
        self.buffer = b""
        self.sent = 0.0
        self.kind = ""
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.meter.free(self)

    def connection_lost(self, error: Exception | None) -> None:
        if self.transport and not self.transport.is_closing():
            self.meter.problems.append("the server closed a connection")

    def data_received(self, data: bytes) -> None:
        self.buffer = self.buffer + data if self.buffer else data
        end = self.buffer.find(HEADER_END)
        if end < 0 or len(self.buffer) < end + 4 + self._length(end):
            return
        self.meter.answered(self.kind, self.buffer[9:12].decode(), time.perf_counter() - self.sent)
        self.buffer = b""
        self.meter.free(self)

    def _length(self, end: int) -> int:
        head = self.buffer[:end].lower() + b"\r\n"
        at = head.find(LENGTH)
        if at < 0:
            return 0
        return int(head[at + len(LENGTH) : head.index(b"\r\n", at + 2)])

    def send(self, moment: float) -> None:
        """The next request, whose time counts from `moment`."""
        self.sent = moment
        request, self.kind = self.meter.next_request()
        self.transport.write(request)


async def arrivals(meter: Meter) -> None:
    """Requests at the rate of the job, evenly spaced, until cancelled."""
    began = time.perf_counter()
    for number in itertools.count():
        moment = began + number / meter.job.rate
        await asyncio.sleep(max(moment - time.perf_counter(), 0))
        meter.due(moment)


async def run(job: Job) -> Outcome:
    """The job, in this process."""
    meter = Meter.of(job)
    loop = asyncio.get_running_loop()
    opened = [
        loop.create_connection(lambda: Connection(meter), "127.0.0.1", job.port) for _ in range(job.clients)
    ]
    connections = await asyncio.gather(*opened)
    coming = asyncio.ensure_future(arrivals(meter)) if job.rate else None
    await asyncio.sleep(WARM_UP)
    before = cpu.used(job.watched)
    meter.counting, began = True, time.perf_counter()
    await asyncio.sleep(job.seconds)
    meter.counting, took = False, time.perf_counter() - began
    spent = cpu.between(before, cpu.used(job.watched))
    if coming:
        coming.cancel()
    for transport, _ in connections:
        transport.abort()
    if meter.problems or not meter.answers:
        raise RuntimeError(f"{len(meter.answers)} answers; {Counter(meter.problems)}")
    p50, p99 = quantiles([one for _, _, one in meter.answers])
    return Outcome(len(meter.answers), took, dict(meter.statuses), p50, p99, meter.kinds(), spent)


if __name__ == "__main__":
    json.dump(asdict(uvloop.run(run(Job.from_json(sys.stdin.read())))), sys.stdout)
