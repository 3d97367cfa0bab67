"""What the journal costs: the same mix with it, without its proofs, and without it, in turns of one run.

With it: lines are committed with what they tell of, and the sequencer puts them in the Merkle tree while the
mix goes on. Without its proofs: the trigger that hands the lines to the ledger is off; the lines stand all
the same. Without it: a second DMP, beside the first and behind a gateway of its own, writes no line at all; a
read is then no write any more. Before each turn the sequencer has come to its end, so that no turn pays for
another.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from statistics import median

from bench.dmp.beside import variant
from bench.dmp.measures import WARMING, Asked
from bench.dmp.nation import Nation
from bench.dmp.variant import UNTRACED
from bench.load import Outcome

WITH, UNPROVEN, WITHOUT = "journal with proofs", "journal without proofs", "no journal"
OFF = "ALTER TABLE audit DISABLE TRIGGER audit_enters_ledger"
# What was left out meanwhile enters after all: the tree of the platform misses no line.
ON = """
ALTER TABLE audit ENABLE TRIGGER audit_enters_ledger;
INSERT INTO ledger_pending SELECT id FROM audit a
WHERE NOT EXISTS (SELECT FROM ledger_leaf l WHERE l.audit_id = a.id)
  AND NOT EXISTS (SELECT FROM ledger_pending p WHERE p.audit_id = a.id);
"""
WAITING = "SELECT count(*) FROM ledger_pending"
PATIENCE = 120.0
# A turn here beside one of the mix: there are three variants of it.
SHARE = 0.6


@dataclass(slots=True)
class Overhead:
    """The turns of each variant, and how the sequencer kept up."""

    outcomes: dict[str, list[Outcome]] = field(default_factory=lambda: {WITH: [], UNPROVEN: [], WITHOUT: []})
    # After each turn with proofs: lines not in the tree yet, and seconds until they were.
    behind: list[int] = field(default_factory=list)
    caught_up: list[float] = field(default_factory=list)

    def rate(self, what: str) -> float:
        return median(one.rate for one in self.outcomes[what])

    def cost(self, what: str, beside: str) -> float:
        """By how many per cent `what` is slower than `beside`, the median of the rounds."""
        pairs = zip(self.outcomes[what], self.outcomes[beside], strict=True)
        return median(100 * (1 - one.rate / other.rate) for one, other in pairs)


def play(asked: Asked, rounds: int, seconds: float, told: Callable[[str], None]) -> Overhead:
    """So many rounds of the three variants, in one order and then in the other."""
    overhead = Overhead()
    order = [WITH, UNPROVEN, WITHOUT]
    turns = [what for turn in range(rounds) for what in (order if turn % 2 == 0 else order[::-1])]
    own = asked.own(len(turns) + 1, seconds)
    with variant(asked.nation, UNTRACED) as port:
        # A turn that is thrown away: caches of the second gateway and of the second DMP.
        asked.mix(WARMING, min(1.0, seconds), own.pop(), port)
        for number, what in enumerate(turns):
            told(what)
            settled(asked.nation)
            with unproven(asked.nation) if what == UNPROVEN else nullcontext():
                chosen = port if what == WITHOUT else 0
                overhead.outcomes[what].append(asked.mix(number, seconds, own[number], chosen))
            if what == WITH:
                overhead.behind.append(waiting(asked.nation))
                overhead.caught_up.append(settled(asked.nation))
    return overhead


@contextmanager
def unproven(nation: Nation) -> Iterator[None]:
    """No line enters the ledger for a while."""
    nation.running.sql("dmp", OFF)
    try:
        yield
    finally:
        nation.running.sql("dmp", ON)


def waiting(nation: Nation) -> int:
    """Lines that are not in the tree yet."""
    return int(nation.sql(WAITING)[0])


def settled(nation: Nation) -> float:
    """Seconds until every line was in the tree; raises RuntimeError when the sequencer does not get there."""
    began = time.monotonic()
    while waiting(nation):
        if time.monotonic() - began > PATIENCE:
            raise RuntimeError(f"Lines still wait for the ledger after {PATIENCE:.0f} s.")
        time.sleep(0.05)
    return time.monotonic() - began
