"""The curve: what each question costs at each size, with the goals beside it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from bench.identity import draw, lookup, measures
from bench.identity.country import Country, Loading
from bench.identity.lot import LotOutcome
from bench.identity.measures import Figure, Pace
from bench.load import WARM_UP
from bench.report import Goal
from bench.rounds import slope
from bench.sheet import Paper, Sheet
from identity_ins.seed.indexes import LARGE

SLOPE, SEARCHES, MATCH_MS, LOT_LINES = 1.2, 500, 50, 5_000
SERVED = (measures.SEARCH, measures.SEARCH_WEB, measures.VERIFY, measures.VERIFY_WEB)
YARDSTICK = {
    measures.SEARCH: measures.RAW_TRAITS,
    measures.SEARCH_WEB: measures.RAW_TRAITS,
    measures.VERIFY: measures.RAW_NUMBER,
    measures.VERIFY_WEB: measures.RAW_NUMBER,
}


NOTE = """
PostgreSQL, NATS, the services of every size, the gateway and the load generators share this machine. fsync
on; one worker a service; authorisation, audit and the journal of calls included.
Persons are drawn at random over the whole registry. Of the searches {draw.NOBODY} % are for nobody,
{draw.HOMONYMS} % for homonyms, {draw.PLACED} % give the place of birth; of the verifications {draw.REFUTED}
% have a wrong date; of the matches {draw.TYPED_WRONG} % have a slip in the name. {pace.clients} clients in
a closed loop ({pace.match_clients} for $match), or {pace.arrivals:g} arrivals a second, timed from when
they were due and measured {measures.OPEN_LONGER} times as long. {pace.seconds:g} s a measure after
{warm_up:g} s; a short round is thrown away before the first. The raw lookup is asyncpg with a pool of
{pool}: no filter, no audit, no authorisation.
$match looks among {identities:,} local identities of one structure, and shows the right one first in
{report.right_first:.0f} % of {measures.TRIES} tries.
Loads count persons, each with the row of its number. From {large:,} into an empty registry on, the search
index and the key of the numbers are filled at the end, which is in the time. The files of the databases are
read before each measure, since some systems empty their page cache of what rests; the buffers of PostgreSQL
hold what the measure itself brings. Read differences under 25 % as ties.
"""


@dataclass(slots=True)
class Report:
    """One run. Times in milliseconds, but those of loads and lots, in seconds."""

    machine: dict[str, str]
    settings: dict[str, str]
    pace: Pace
    rounds: int
    loadings: dict[int, list[Loading]]
    identities: int
    figures: list[Figure] = field(default_factory=list)
    lots: dict[int, LotOutcome] = field(default_factory=dict)
    # Of a hundred matches, how many show the right identity first: a fast wrong answer measures nothing.
    right_first: float = 0.0

    @property
    def sizes(self) -> list[int]:
        return sorted(self.loadings)

    def figure(self, what: str, size: int) -> Figure:
        return next(one for one in self.figures if (one.what, one.country.size) == (what, size))

    def slope(self, what: str) -> float:
        """How many times longer the median answer takes at the largest size."""
        small, large = (self.figure(what, size) for size in (self.sizes[0], self.sizes[-1]))
        return slope(large.outcomes, small.outcomes)

    def goals(self) -> list[Goal]:
        """The goals whose figures were measured."""
        largest = self.sizes[-1]
        goals = [Goal(f"slope: {what}", self.slope(what), SLOPE, "x", most=True) for what in SERVED]
        goals += [
            Goal(f"{what} at {largest:,}", self.figure(what, largest).rate, SEARCHES, "/s")
            for what in (measures.SEARCH, measures.SEARCH_WEB)
        ]
        goals += [
            Goal(f"p99: {one.what}", one.p99, MATCH_MS, "ms", most=True)
            for one in self.figures
            if one.what in (measures.MATCH, measures.MATCH_OPEN)
        ]
        goals += [
            Goal(f"lot, registry of {size:,}", lot.rate, LOT_LINES, "lines/s")
            for size, lot in self.lots.items()
        ]
        return goals

    def paper(self) -> Paper:
        """Everything, as tables."""
        return Paper("identity", "Identity at national size", self._note(), self._sheets(), self._json())

    def _sheets(self) -> list[Sheet]:
        asked = [self._rates(), self._answers(), self._slopes()]
        return [self._machine(), self._loads(), *asked, self._lots(), self._goals()]

    def _machine(self) -> Sheet:
        sheet = Sheet("Machine and settings", ("what", ""))
        sheet.rows += self.machine.items()
        sheet.rows += ((f"postgresql {name}", value) for name, value in self.settings.items())
        return sheet

    def _loads(self) -> Sheet:
        sheet = Sheet("Loading by COPY", ("registry", "what", "added", "s", "per second", "database GB"))
        for size, loads in sorted(self.loadings.items()):
            for one in loads:
                figures = (
                    f"{one.added:,}",
                    f"{one.seconds:.1f}",
                    f"{one.rate:,.0f}",
                    f"{one.size / 1e9:.2f}",
                )
                sheet.rows.append((f"{size:,}", one.what, *figures))
        return sheet

    def _rates(self) -> Sheet:
        columns = ("what", "persons", "per second", "range", "p50 ms", "p99 ms", "of raw")
        sheet = Sheet(f"Questions, medians of {self.rounds} rounds", columns)
        sheet.rows += [self._row(one) for one in self.figures]
        return sheet

    def _row(self, one: Figure) -> tuple[str, ...]:
        raw = YARDSTICK.get(one.what)
        share = f"{100 * one.rate / self.figure(raw, one.country.size).rate:.0f} %" if raw else ""
        spread = f"{min(one.rates):.0f}-{max(one.rates):.0f}"
        times = f"{one.p50:.2f}", f"{one.p99:.2f}"
        return (one.what, one.country.name, f"{one.rate:.0f}", spread, *times, share)

    def _answers(self) -> Sheet:
        sheet = Sheet("Answers: INSi code, OK or KO, HTTP status", ("what", "persons", "share"))
        for one in self.figures:
            answers = ", ".join(f"{name} {part:.1f} %" for name, part in one.shares().items())
            sheet.rows.append((one.what, one.country.name, answers))
        return sheet

    def _slopes(self) -> Sheet:
        first, last = self.sizes[0], self.sizes[-1]
        sheet = Sheet(f"p50 at {last:,} / at {first:,}, within a round", ("what", "times"))
        every = dict.fromkeys(one.what for one in self.figures)
        alone = (measures.MATCH, measures.MATCH_OPEN)
        sheet.rows += [(what, f"{self.slope(what):.2f}") for what in every if what not in alone]
        return sheet

    def _lots(self) -> Sheet:
        columns = ("registry", "lines", "filled in s", "worked in s", "lines/s", "confirmed", "not", "broken")
        sheet = Sheet("Lots of verifications", columns)
        for size, lot in sorted(self.lots.items()):
            times = f"{lot.filling:.1f}", f"{lot.working:.1f}", f"{lot.rate:,.0f}"
            counts = f"{lot.confirmed:,}", f"{lot.not_confirmed:,}", f"{lot.broken:,}"
            sheet.rows.append((f"{size:,}", f"{lot.lines:,}", *times, *counts))
        return sheet

    def _goals(self) -> Sheet:
        return Sheet("Goals", ("what", "measured", "goal", ""), [goal.row() for goal in self.goals()])

    def _note(self) -> str:
        told = NOTE.format(
            report=self,
            draw=draw,
            measures=measures,
            pace=self.pace,
            warm_up=WARM_UP,
            pool=lookup.POOL,
            identities=self.identities,
            large=LARGE,
        )
        return " ".join(told.split())

    def _json(self) -> dict[str, Any]:
        return {
            "machine": self.machine,
            "postgresql_settings": self.settings,
            "pace": asdict(self.pace),
            "rounds": self.rounds,
            "loads": {size: [asdict(one) for one in loads] for size, loads in self.loadings.items()},
            "figures": [
                {"what": one.what, "persons": one.country.size, "rounds": [asdict(o) for o in one.outcomes]}
                for one in self.figures
            ],
            "slopes": [list(row) for row in self._slopes().rows],
            "match_right_first_percent": self.right_first,
            "lots": {size: asdict(lot) for size, lot in self.lots.items()},
            "goals": [{**asdict(goal), "reached": goal.reached} for goal in self.goals()],
            "note": self._note(),
        }


def countries_of(sizes: list[int]) -> list[Country]:
    """One platform a size, each on ports of its own."""
    return [Country(size, place) for place, size in enumerate(sorted(set(sizes)))]
