"""The load generator, a process of its own: what starts replicas must not hold up what measures them.

`python -m tests.upgrade.generator` reads one `Job` as a line of JSON, sends requests until its input ends,
then writes one `Outcome` as JSON. Moments are of the monotonic clock, which all processes share.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import uvloop

from socle_local.journey import Patient
from socle_local.manifest import ROOT

from .edge import Edge
from .traffic import Sample, Traffic
from .users import Cast, Users


@dataclass(frozen=True, slots=True)
class Job:
    """`register` is the file that says who serves; `patients` are numbers of the registry of persons."""

    register: Path
    rate: float
    cast: Cast
    patients: Sequence[int]

    def to_json(self) -> str:
        told = asdict(replace(self.cast, patients=[]))
        return json.dumps({**asdict(self), "register": str(self.register), "cast": told})

    @classmethod
    def from_json(cls, text: str) -> Job:
        raw = json.loads(text)
        patients = [Patient.seeded(number) for number in raw["patients"]]
        cast = Cast(**{**raw["cast"], "patients": patients})
        return cls(Path(raw["register"]), raw["rate"], cast, raw["patients"])


@dataclass(frozen=True, slots=True)
class Outcome:
    """Every request, and the ids of what was acknowledged."""

    run: str
    samples: list[Sample]
    created: set[str]
    deposited: set[str]
    prescribed: set[str]

    def acknowledged(self, kind: str) -> int:
        """How many requests of a kind went well."""
        return sum(sample.kind == kind and not sample.failure for sample in self.samples)

    def to_json(self) -> str:
        sets = {name: sorted(getattr(self, name)) for name in ("created", "deposited", "prescribed")}
        return json.dumps({"run": self.run, "samples": [asdict(one) for one in self.samples], **sets})

    @classmethod
    def from_json(cls, text: str) -> Outcome:
        raw = json.loads(text)
        samples = [Sample(**one) for one in raw["samples"]]
        return cls(raw["run"], samples, *(set(raw[n]) for n in ("created", "deposited", "prescribed")))


def registered(register: Path, replicas: Sequence[tuple[str, str]]) -> None:
    """Writes who serves, address and version, for readers to find whole."""
    draft = register.with_suffix(".draft")
    draft.write_text(json.dumps(replicas))
    draft.rename(register)


def read(register: Path) -> list[tuple[str, str]]:
    """Who serves now."""
    return [(address, version) for address, version in json.loads(register.read_text())]


@asynccontextmanager
async def generating(job: Job) -> AsyncIterator[list[Outcome]]:
    """Load for as long as the block lasts; then the outcome is in the list. Raises RuntimeError."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.upgrade.generator"), stdin=pipe, stdout=pipe, cwd=ROOT
    )
    assert process.stdin is not None
    assert process.stdout is not None
    outcomes: list[Outcome] = []
    try:
        process.stdin.write(job.to_json().encode() + b"\n")
        await process.stdin.drain()
        yield outcomes
        process.stdin.close()
        text = await process.stdout.read()
        if await process.wait() != 0:
            raise RuntimeError("the load generator failed: its words are above")
        outcomes.append(Outcome.from_json(text.decode()))
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def run(job: Job) -> Outcome:
    """Sends requests until the input ends."""
    over = asyncio.Event()
    async with Edge.before(lambda: read(job.register)) as edge:
        users = Users(Traffic(edge), job.cast)
        load = asyncio.create_task(users.traffic.run(users.acts, job.rate, over))
        await asyncio.to_thread(sys.stdin.read)
        over.set()
        await load
    sets = users.created, users.deposited, users.prescribed
    return Outcome(job.cast.run, users.traffic.samples, *sets)


if __name__ == "__main__":
    sys.stdout.write(uvloop.run(run(Job.from_json(sys.stdin.readline()))).to_json())
