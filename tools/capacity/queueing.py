"""Waiting, by formula: Erlang's C, and its usual correction for requests that are not all alike.

Sources: A. K. Erlang (1917); A. O. Allen and J. Cunneen, approximation of M/G/c (Allen, *Probability,
Statistics and Queueing Theory*, 1990, section 5.3). Times are in the unit of the mean service time given.
"""

from __future__ import annotations

import math


def erlang_c(servers: int, load: float) -> float:
    """Probability that an arrival waits. `load` is arrivals a second times mean service, in Erlangs.

    Raises ValueError when the load is not below the number of servers: the queue would grow for ever.
    """
    if not 0 <= load < servers:
        raise ValueError(f"{load:.2f} Erlangs need more than {servers} servers")
    # Erlang's B, by its recursion: the closed form overflows from 170 servers on.
    blocked = 1.0
    for number in range(1, servers + 1):
        blocked = load * blocked / (number + load * blocked)
    return blocked / (1 - load / servers * (1 - blocked))


def mean_wait(servers: int, load: float, service: float, variation: float = 1.0) -> float:
    """Mean time in the queue. `variation` is standard deviation over mean of the service time; 1 is M/M/c."""
    waits = erlang_c(servers, load)
    return waits * service / (servers - load) * (1 + variation**2) / 2


def quantile_wait(servers: int, load: float, service: float, share: float, variation: float = 1.0) -> float:
    """The wait that so large a share of the arrivals stays below; exact for M/M/c."""
    waits = erlang_c(servers, load)
    if waits <= 1 - share:
        return 0.0
    mean_of_waiting = service / (servers - load) * (1 + variation**2) / 2
    return mean_of_waiting * math.log(waits / (1 - share))


def servers_for(load: float, used: float) -> int:
    """The fewest servers that are used no more than this share."""
    return max(1, math.ceil(load / used - 1e-9))
