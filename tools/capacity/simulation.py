"""Waiting, by trial: requests arrive by chance, replicas answer one at a time, a node is lost."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

HOURS_A_WEEK = 168


@dataclass(frozen=True, slots=True)
class Pool:
    """Replicas that share one queue; each answers one request at a time. Times in seconds."""

    servers: int
    service: float
    variation: float = 1.0


@dataclass(frozen=True, slots=True)
class Loss:
    """So many replicas answer nothing from `at` until `back`; what they had begun is answered."""

    servers: int
    at: float
    back: float


@dataclass(frozen=True, slots=True)
class Seen:
    """What a trial showed: arrivals, share of the time that replicas worked, answers in seconds."""

    arrivals: int
    used: float
    mean_wait: float
    p50: float
    p99: float
    worst: float


def week(hours: Sequence[float], weekend: float) -> list[float]:
    """How many times the mean each hour of a week brings, from Monday midnight; their mean is 1."""
    if len(hours) != 24 or min(hours) < 0 or not any(hours):
        raise ValueError("the profile of a day has 24 parts, none below 0 and not all 0")
    parts = [part * share for share in (1, 1, 1, 1, 1, weekend, weekend) for part in hours]
    mean = sum(parts) / HOURS_A_WEEK
    return [part / mean for part in parts]


def arrivals(rate: float, seconds: float, draw: Random) -> Iterator[float]:
    """Moments of a Poisson process."""
    moment = draw.expovariate(rate)
    while moment < seconds:
        yield moment
        moment += draw.expovariate(rate)


def service_time(pool: Pool, draw: Random) -> float:
    """A log-normal time with the mean and the variation of the pool; always the mean without variation."""
    if pool.variation == 0:
        return pool.service
    spread = math.log(1 + pool.variation**2)
    return draw.lognormvariate(math.log(pool.service) - spread / 2, math.sqrt(spread))


def trial(pool: Pool, rate: float, seconds: float, seed: int, loss: Loss | None = None) -> Seen:
    """One trial: first come, first served. Raises ValueError when the loss leaves no replica."""
    if loss and loss.servers >= pool.servers:
        raise ValueError(f"{loss.servers} of {pool.servers} replicas lost: nobody is left to answer")
    draw, waits, answers, worked = Random(seed), [], [], 0.0  # noqa: S311
    free = [0.0] * pool.servers
    gone = loss is None
    for moment in arrivals(rate, seconds, draw):
        if loss and not gone and moment >= loss.at:
            gone, free = True, without(free, loss)
        start = max(heapq.heappop(free), moment)
        took = service_time(pool, draw)
        heapq.heappush(free, start + took)
        waits.append(start - moment)
        answers.append(start - moment + took)
        worked += took
    answers.sort()
    return Seen(
        len(answers),
        worked / (pool.servers * seconds),
        sum(waits) / len(waits),
        answers[len(answers) // 2],
        answers[int(len(answers) * 0.99)],
        answers[-1],
    )


def without(free: Sequence[float], loss: Loss) -> list[float]:
    """When each replica is free next, once some are away until `back`: the least busy ones go."""
    order = sorted(free)
    left = [max(moment, loss.back) for moment in order[: loss.servers]] + order[loss.servers :]
    heapq.heapify(left)
    return left
