"""Clients that each lead one prescription after the other through its life; a process of its own.

`python -m bench.eprescription.lifecycle` reads one `Job` as JSON on its input and writes one `Outcome` on its
output; its count is that of whole lifecycles.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import uvloop

from bench import cpu
from bench.eprescription.wire import Refused, Wire
from bench.load import Outcome, quantiles

CREATE, SIGN, CLAIM, DISPENSE, CLOSE, WHOLE = "create", "sign", "claim", "dispense", "close", "lifecycle"
STEPS = (CREATE, SIGN, CLAIM, DISPENSE, CLOSE)
WARM_UP = 1.0


@dataclass(frozen=True, slots=True)
class Job:
    """`persons` are opaque ids, each of whom is prescribed something once: twice would be a duplicate.

    `pharmacists` are bearer tokens of pharmacies, `product` what is given (CIP13).
    """

    port: int
    doctor: str
    pharmacists: list[str]
    persons: list[str]
    content: dict[str, Any]
    product: str
    seconds: float = 8.0
    clients: int = 64
    watched: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Meter:
    """What was measured; nothing counts before the warm-up is over."""

    counting: bool = False
    times: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in (*STEPS, WHOLE)})
    refused: Counter[str] = field(default_factory=Counter)

    async def step(self, name: str, asked: Awaitable[Any]) -> Any:
        """The answer; its time in milliseconds is kept."""
        began = time.perf_counter()
        try:
            return await asked
        except Refused as refusal:
            self.refused[str(refusal)[:200]] += self.counting
            raise
        finally:
            self.add(name, began)

    def add(self, name: str, began: float) -> None:
        if self.counting:
            self.times[name].append((time.perf_counter() - began) * 1000)

    def outcome(self, seconds: float, spent: dict[str, float]) -> Outcome:
        figures = {name: (len(own), 0, *quantiles(own)) for name, own in self.times.items() if own}
        whole = self.times[WHOLE]
        answers = [one for name in STEPS for one in self.times[name]]
        statuses = {"200": len(answers), **({"refused": sum(self.refused.values())} if self.refused else {})}
        return Outcome(len(whole), seconds, statuses, *quantiles(answers), figures, spent)


async def lifecycle(wire: Wire, job: Job, person: str, pharmacist: str, meter: Meter) -> None:
    """Create, sign, claim, dispense, close: five requests, each of which needs the answer before it."""
    draft = {"person_id": person, "content": job.content}
    made = await meter.step(CREATE, wire.post("/v1/prescriptions", job.doctor, draft))
    path = f"/v1/prescriptions/{made['prescription_id']}/signature"
    signed = await meter.step(SIGN, wire.post(path, job.doctor, {}))
    code = {"number": signed["prescription"]["number"], "access_code": signed["access_code"]}
    claimed = await meter.step(CLAIM, wire.post("/v1/dispensings/claims", pharmacist, code))
    holding, visit = {"secret": claimed["secret"]}, f"/v1/dispensings/{made['prescription_id']}"
    acts = [
        {"line_id": line["line_id"], "kind": "as_prescribed", "cip13": job.product, "packs": "1"}
        for line in claimed["prescription"]["content"]["lines"]
    ]
    dispensed = {**holding, "acts": acts}
    await meter.step(DISPENSE, wire.post(f"{visit}/interventions", pharmacist, dispensed))
    await meter.step(CLOSE, wire.post(f"{visit}/closing", pharmacist, holding))


async def client(job: Job, number: int, persons: Iterator[str], meter: Meter) -> None:
    """One lifecycle after the other, until cancelled or until nobody is left."""
    wire, pharmacist = await Wire.to(job.port), job.pharmacists[number % len(job.pharmacists)]
    try:
        for person in persons:
            began = time.perf_counter()
            try:
                await lifecycle(wire, job, person, pharmacist, meter)
            except Refused:
                continue
            meter.add(WHOLE, began)
    finally:
        wire.close()


async def run(job: Job) -> Outcome:
    """The job, in this process."""
    meter, persons = Meter(), iter(job.persons)
    clients = [asyncio.ensure_future(client(job, number, persons, meter)) for number in range(job.clients)]
    await asyncio.sleep(WARM_UP)
    before = cpu.used(job.watched)
    meter.counting, began = True, time.perf_counter()
    await asyncio.wait(clients, timeout=job.seconds, return_when=asyncio.FIRST_COMPLETED)
    meter.counting, took = False, time.perf_counter() - began
    spent = cpu.between(before, cpu.used(job.watched))
    for one in clients:
        one.cancel()
    ended = await asyncio.gather(*clients, return_exceptions=True)
    failures = [one for one in ended if not isinstance(one, asyncio.CancelledError)]
    if failures or not meter.times[WHOLE]:
        seen = meter.refused.most_common(3)
        raise RuntimeError(f"{len(meter.times[WHOLE])} lifecycles, or nobody left; {failures[:1]} {seen}")
    return meter.outcome(took, spent)


if __name__ == "__main__":
    json.dump(asdict(uvloop.run(run(Job(**json.loads(sys.stdin.read()))))), sys.stdout)
