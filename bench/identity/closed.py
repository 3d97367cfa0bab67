"""A closed loop in this process, for load generators that speak something else than HTTP."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from bench.load import WARM_UP, Outcome

# What one client does at its turn: asks something and says in a word what came of it.
Ask = Callable[[], Awaitable[str]]


async def closed_loop(seconds: float, clients: int, ask: Ask) -> Outcome:
    """Each client asks again as soon as it is answered; what comes during the warm-up does not count."""
    statuses: Counter[str] = Counter()
    times: list[float] = []
    began = time.perf_counter() + WARM_UP
    end = began + seconds

    async def client() -> None:
        while (asked := time.perf_counter()) < end:
            said = await ask()
            answered = time.perf_counter()
            if asked >= began and answered <= end:
                statuses[said] += 1
                times.append((answered - asked) * 1000)

    await asyncio.gather(*(client() for _ in range(clients)))
    times.sort()
    p50, p99 = (round(times[int(len(times) * share)], 2) for share in (0.5, 0.99))
    return Outcome(len(times), seconds, dict(statuses), p50, p99)


def in_a_process(module: str, job: Any) -> Outcome:
    """Runs `python -m module` with a job on its input; what it measured."""
    command = [sys.executable, "-m", module]
    done = subprocess.run(command, input=json.dumps(job), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{module} failed: {done.stderr.strip()[-600:]}")
    return Outcome(**json.loads(done.stdout))
