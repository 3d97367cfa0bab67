"""The curve, the mix and the price of the journal, with the goals beside them."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

from bench.dmp import asked, measures
from bench.dmp.journal import UNPROVEN, WITH, WITHOUT, Overhead
from bench.dmp.measures import Figure, Pace, spent_on
from bench.dmp.nation import Nation
from bench.dmp.trips import Trips
from bench.load import WARM_UP, Outcome
from bench.report import Goal
from bench.rounds import Rounds, slope
from bench.sheet import Paper, Sheet

SLOPE, PER_CORE, P99_MS, JOURNAL_PERCENT, TRIPS = 1.3, 180, 500, 10, 6
YARDSTICK = {measures.SEARCH: measures.RAW_SEARCH, measures.DEPOSIT: measures.RAW_INSERT}
# Of another machine each, as their authors published them: a context, never a comparison.
ELSEWHERE = """
For context, not comparable (other machines, other resources, no policy, no journal): HAPI FHIR reports 382
CRUD requests a second per vCPU without its database, and a search at 64,000 patients 1.35 times as long as
at 1,000.
"""
NOTE = """
PostgreSQL, NATS, the services of every size, the gateways and the load generator share this machine. fsync
on; one worker a service; token, policy, seal, journal and Merkle tree included. Twenty documents a patient,
of ten types over ten years, sealed under the key of each record; records that are closed, opposed, blocked,
masked by default or closed to this doctor stand among them. The doctor asks about {measures.MET} records
they may consult, the same number at each size, spread over all ({measures.FIRST_SEARCH}: each once, so that
the gateway must ask identity-ins for the person, and PostgreSQL the disk's cache). The bytes of the
documents that are retrieved are in the store of blobs; of the others, which are loaded by COPY, only the
metadata stand. A deposit is a CDA document of four kilobytes. {pace.clients} clients in a closed loop,
{pace.seconds:g} s a measure after {warm_up:g} s, a short round thrown away. The mix: {mix}; of the reads
{asked.SEARCHED} % search, {asked.LOOKED_AT} % read metadata, the rest retrieve; an update archives a
document by JSON Patch, a delete is its author's; {pace.mix_clients} clients, {pace.mix_seconds:g} s a turn.
The raw SQL is asyncpg with a pool of eight: no seal, no policy, no journal, no FHIR. The journal: the same
mix in turns with everything, with the ledger's trigger off, and through a DMP that writes no line. The
journal begins empty. Read differences under 25 % as ties between runs; turns of one run are paired.
"""


@dataclass(slots=True)
class Mixed(Rounds):
    """The turns of the mix."""

    size: int
    outcomes: list[Outcome]

    @property
    def statuses(self) -> Counter[str]:
        return sum((Counter(one.statuses) for one in self.outcomes), Counter())

    def kind(self, name: str) -> tuple[int, int, float, float]:
        """Answers and refusals of a kind over all turns; medians of its p50 and p99."""
        turns = [one.kinds[name] for one in self.outcomes if name in one.kinds]
        counts = sum(one[0] for one in turns), sum(one[1] for one in turns)
        return *counts, median(one[2] for one in turns), median(one[3] for one in turns)


@dataclass(slots=True)
class Report:
    """One run. Times in milliseconds, those of loads in seconds."""

    machine: dict[str, str]
    pace: Pace
    rounds: int
    nations: list[Nation]
    figures: list[Figure] = field(default_factory=list)
    mixed: Mixed | None = None
    trips: Trips | None = None
    overhead: Overhead | None = None

    @property
    def sizes(self) -> list[int]:
        return [nation.size for nation in self.nations]

    def figure(self, what: str, size: int) -> Figure:
        return next(one for one in self.figures if (one.what, one.nation.size) == (what, size))

    def slope(self, what: str) -> float:
        """How many times longer the median answer takes at the largest size."""
        small, large = (self.figure(what, size) for size in (self.sizes[0], self.sizes[-1]))
        return slope(large.outcomes, small.outcomes)

    def goals(self) -> list[Goal]:
        """The goals whose figures were measured."""
        served = [one for one in self.figures if one.outcomes[0].cpu]
        goals = [
            Goal(f"slope: {measures.SEARCH}", self.slope(measures.SEARCH), SLOPE, "x", most=True),
            Goal("answers that were no success", sum(one.refused for one in served), 0, "", most=True),
        ]
        if self.mixed:
            per_core = self.mixed.rate / (os.cpu_count() or 1)
            goals += [
                Goal("the mix, per core", per_core, PER_CORE, "/s"),
                Goal("p99 of the mix", self.mixed.p99, P99_MS, "ms", most=True),
                Goal("the mix: no success", self.mixed.refused, 0, "", most=True),
            ]
        if self.overhead:
            proofs, all_ = self.overhead.cost(WITH, UNPROVEN), self.overhead.cost(WITH, WITHOUT)
            goals += [
                Goal("proofs of the journal slow the mix by", proofs, JOURNAL_PERCENT, "%", most=True),
                Goal("the whole journal slows the mix by", all_, JOURNAL_PERCENT, "%", most=True),
            ]
        if self.trips:
            goals.append(Goal("SQL round trips of a deposit", self.trips.most, TRIPS, "", most=True))
        return goals

    def paper(self) -> Paper:
        """Everything, as tables."""
        return Paper("dmp", "DMP", self._note(), self._sheets(), self._json())

    def _sheets(self) -> list[Sheet]:
        sheets = [self._machine(), self._loads(), self._rates(), self._answers(), self._slopes(), self._cpu()]
        if self.mixed:
            sheets.append(self._mix(self.mixed))
        if self.overhead:
            sheets.append(self._journal(self.overhead))
        if self.trips:
            sheets.append(self._trips(self.trips))
        return [*sheets, self._goals()]

    def _machine(self) -> Sheet:
        return Sheet("Machine", ("what", ""), list(self.machine.items()))

    def _loads(self) -> Sheet:
        columns = ("patients", "documents", "s", "documents per second", "database GB")
        sheet = Sheet("Loading by binary COPY, sealed", columns)
        for nation in self.nations:
            if one := nation.loading():
                figures = (
                    f"{one.documents:,}",
                    f"{one.seconds:.1f}",
                    f"{one.rate:,.0f}",
                    f"{one.size / 1e9:.2f}",
                )
                sheet.rows.append((nation.name, *figures))
        return sheet

    def _rates(self) -> Sheet:
        columns = ("what", "patients", "per second", "range", "p50 ms", "p99 ms", "of raw")
        sheet = Sheet(f"Questions, {self.pace.clients} clients, medians of {self.rounds} rounds", columns)
        for one in self.figures:
            raw = YARDSTICK.get(one.what)
            share = f"{100 * one.rate / self.figure(raw, one.nation.size).rate:.0f} %" if raw else ""
            spread = f"{min(one.rates):.0f}-{max(one.rates):.0f}"
            times = f"{one.p50:.2f}", f"{one.p99:.2f}"
            sheet.rows.append((one.what, one.nation.name, f"{one.rate:.0f}", spread, *times, share))
        return sheet

    def _answers(self) -> Sheet:
        sheet = Sheet("Answers by HTTP status", ("what", "patients", "answers"))
        for one in self.figures:
            statuses: Counter[str] = sum((Counter(o.statuses) for o in one.outcomes), Counter())
            sheet.rows.append((one.what, one.nation.name, _counted(statuses)))
        return sheet

    def _slopes(self) -> Sheet:
        first, last = self.sizes[0], self.sizes[-1]
        sheet = Sheet(f"p50 at {last:,} / at {first:,}, within a round", ("what", "times"))
        both = [one.what for one in self.figures if one.nation.size == first]
        sheet.rows += [(what, f"{self.slope(what):.2f}") for what in both]
        return sheet

    def _cpu(self) -> Sheet:
        """Milliseconds of processor of each program for one answer, at the largest size and in the mix."""
        largest = [one for one in self.figures if one.nation.size == self.sizes[-1]]
        rows = {one.what: spent_on(one.outcomes) for one in largest}
        if self.mixed:
            rows[measures.MIXED] = spent_on(self.mixed.outcomes)
        rows = {what: spent for what, spent in rows.items() if spent}
        names = sorted({name for spent in rows.values() for name in spent})
        sheet = Sheet("Processor, ms an answer", ("what", *names, "all"))
        for what, spent in rows.items():
            parts = (f"{spent.get(name, 0):.2f}" for name in names)
            sheet.rows.append((what, *parts, f"{sum(spent.values()):.2f}"))
        return sheet

    def _mix(self, mixed: Mixed) -> Sheet:
        title = (
            f"The mix, {mixed.size:,} patients, {self.pace.mix_clients} clients: {_counted(mixed.statuses)}"
        )
        sheet = Sheet(title, ("what", "answers", "no success", "per second", "p50 ms", "p99 ms"))
        every = sum(one.count for one in mixed.outcomes)
        for name in asked.MIX:
            count, refused, p50, p99 = mixed.kind(name)
            rate = f"{mixed.rate * count / every:.0f}"
            sheet.rows.append((name, f"{count:,}", str(refused), rate, f"{p50:.1f}", f"{p99:.1f}"))
        last = f"{mixed.rate:.0f}", f"{mixed.p50:.1f}", f"{mixed.p99:.1f}"
        sheet.rows.append(("all", f"{every:,}", str(mixed.refused), *last))
        return sheet

    def _journal(self, overhead: Overhead) -> Sheet:
        sheet = Sheet(
            "The journal: the mix in turns", ("what", "per second", "p99 ms", "slower than without")
        )
        for what, outcomes in overhead.outcomes.items():
            p99 = f"{median(one.p99 for one in outcomes):.0f}"
            cost = "" if what == WITHOUT else f"{overhead.cost(what, WITHOUT):.1f} %"
            sheet.rows.append((what, f"{overhead.rate(what):.0f}", p99, cost))
        behind = f"{median(overhead.behind):.0f} lines"
        sheet.rows.append(("not in the tree when a turn ends", behind, "", ""))
        sheet.rows.append(("in the tree after", f"{median(overhead.caught_up):.2f} s", "", ""))
        return sheet

    def _trips(self, trips: Trips) -> Sheet:
        told = ", ".join(f"{count} times {number}" for number, count in sorted(trips.counts.items()))
        sheet = Sheet(f"SQL round trips of a deposit: {told}", ("statement", ""))
        sheet.rows += [(statement, "") for statement in trips.statements]
        return sheet

    def _goals(self) -> Sheet:
        return Sheet("Goals", ("what", "measured", "goal", ""), [goal.row() for goal in self.goals()])

    def _note(self) -> str:
        mix = ", ".join(f"{name} {share}" for name, share in asked.MIX.items())
        told = NOTE.format(measures=measures, asked=asked, pace=self.pace, warm_up=WARM_UP, mix=mix)
        return " ".join((told + ELSEWHERE).split())

    def _json(self) -> dict[str, Any]:
        loads = {nation.size: nation.loading() for nation in self.nations}
        return {
            "machine": self.machine,
            "pace": asdict(self.pace),
            "rounds": self.rounds,
            "loads": {size: asdict(one) for size, one in loads.items() if one},
            "figures": [
                {"what": one.what, "patients": one.nation.size, "rounds": [asdict(o) for o in one.outcomes]}
                for one in self.figures
            ],
            "slopes": [list(row) for row in self._slopes().rows],
            "mix": [asdict(one) for one in self.mixed.outcomes] if self.mixed else [],
            "journal": asdict(self.overhead) if self.overhead else {},
            "trips": asdict(self.trips) if self.trips else {},
            "goals": [{**asdict(goal), "reached": goal.reached} for goal in self.goals()],
            "note": self._note(),
        }


def _counted(statuses: Counter[str]) -> str:
    return ", ".join(f"{name}: {count:,}" for name, count in sorted(statuses.items()))
