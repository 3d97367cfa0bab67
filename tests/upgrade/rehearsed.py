"""The rolling upgrade as one story: two trees, one stack, a load, there and back, then the proof."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from socle_local.journey import Reach
from socle_local.journey.events import Listener, listening
from socle_local.manifest import ROOT
from socle_local.platform import SUBSCRIBER
from tests.ledger import Ledger

from . import proof, scene, trees
from .edge import Edge
from .generator import Job, Outcome, generating, read
from .report import Report, judged, row_of
from .rolling import Rehearsal
from .stack import NICE, Stack
from .users import Cast

# Seconds of load before anything counts: caches fill, code is compiled.
WARM_UP, BETWEEN = 10.0, 10.0
# A document that could not be sent is sent again after twice as long each time.
SETTLED_WITHIN = 300.0
LOGS = ROOT / "build" / "upgrade" / "logs"


@dataclass(frozen=True, slots=True)
class Plan:
    """What to rehearse: `rate` in requests a second, `idle` in seconds, `former` a git reference or empty."""

    home: Path
    rate: float
    idle: float
    former: str
    say: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Standing:
    """Everything that runs, and the means to look at it."""

    rehearsal: Rehearsal
    ledger: Ledger
    listener: Listener
    edge: Edge

    @property
    def stack(self) -> Stack:
        return self.rehearsal.stack


async def rolling(plan: Plan) -> Report:
    """The report of a whole run. Raises PlatformFailedError or RuntimeError when it cannot be played."""
    async with standing(plan) as ready:
        cast = await scene.prepare(ready.edge, ready.stack.platform.issuer_url)
        await ready.ledger.settled(SETTLED_WITHIN)
        journal, told = await proof.journal(ready.ledger), await proof.told(ready.ledger)
        seen = await under_load(plan, ready, cast)
        await ready.ledger.settled(SETTLED_WITHIN)
        phases = ready.rehearsal.phases
        rows = [row_of(phase, seen.samples) for phase in phases]
        report = Report(plan.rate, NICE, rows, judged(rows, seen.samples))
        report.checks += proof.journal_complete(seen, journal, await proof.journal(ready.ledger))
        report.checks += proof.applied_once(seen, told, await proof.told(ready.ledger))
        await look(plan, ready, seen, report)
        report.explain(phases, ready.rehearsal.steps, seen.samples)
    return report


async def under_load(plan: Plan, ready: Standing, cast: Cast) -> Outcome:
    """The rehearsal, with requests coming in from before its first phase to after its last."""
    patients = range(scene.FIRST_PATIENT, scene.FIRST_PATIENT + scene.PATIENTS)
    job = Job(ready.stack.register, plan.rate, cast, list(patients))
    async with generating(job) as outcomes:
        await asyncio.sleep(WARM_UP)
        await ready.rehearsal.run(plan.idle, BETWEEN)
    return outcomes[0]


async def look(plan: Plan, ready: Standing, seen: Outcome, report: Report) -> None:
    """Everything else that must be true."""
    report.checks.append(await proof.stored(seen, ready.ledger))
    for service in ready.ledger.connections:
        events = ready.listener.of(service.replace("-", "_"))
        report.checks.append(await proof.heard(events, service, ready.ledger))
    report.checks.append(await proof.nothing_parked(ready.ledger))
    report.checks.append(await asyncio.to_thread(proof.proven, ready.stack, ready.rehearsal.following))
    report.checks.append(proof.quiet(ready.stack.logs()))
    report.sizes = await proof.bytes_a_row(ready.ledger)
    if not plan.former:
        report.written = await proof.both_served(ready.rehearsal, ready.ledger)
        mixed = all(former and following for _, _, former, following in report.written)
        report.checks.append(proof.Check("both versions wrote, in each phase of change", mixed, "see above"))


@asynccontextmanager
async def standing(plan: Plan) -> AsyncIterator[Standing]:
    """The stack of the version of now, an edge before it, a subscriber behind it."""
    plan.say("two trees and their contracts")
    now, following = await asyncio.to_thread(trees.prepare, plan.home / "trees", plan.former)
    stack = Stack.at(plan.home / "platform", now)
    async with AsyncExitStack() as opened:
        # Last of all, whatever happened: what a program says as it ends is part of what it said.
        opened.callback(keep_logs, plan.home / "platform" / "logs")
        opened.push_async_callback(asyncio.to_thread, stack.stop)
        plan.say("the platform, two replicas of everything")
        await asyncio.to_thread(stack.start, now)
        ledger = await opened.enter_async_context(Ledger.of(stack.platform))
        listener = await opened.enter_async_context(listening(reach_of(stack), everything=True))
        edge = await opened.enter_async_context(Edge.before(lambda: read(stack.register)))
        yield Standing(Rehearsal(stack, now, following, plan.say), ledger, listener, edge)


def keep_logs(logs: Path) -> None:
    """Puts the logs of a run where the reader of its report looks for them; those of the run before go."""
    shutil.rmtree(LOGS, ignore_errors=True)
    shutil.copytree(logs, LOGS)


def reach_of(stack: Stack) -> Reach:
    """How the subscriber reaches the bus; the gateways are the edge's affair."""
    platform = stack.platform
    return Reach("", platform.issuer_url, platform.nats.url, platform.nats_password(SUBSCRIBER), SUBSCRIBER)
