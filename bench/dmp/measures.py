"""What is measured at each size, in rounds: every size is asked everything once a round."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from bench.dmp import raw
from bench.dmp.asked import Asking, Material, changed_by
from bench.dmp.nation import Nation, spread
from bench.identity.closed import in_a_process
from bench.load import Job, Outcome, measure
from bench.measures import DEPOSITS_A_SECOND
from bench.rounds import Rounds

DEPOSIT, SEARCH, RETRIEVE = "deposit (ITI-65)", "search (ITI-67)", "retrieve (ITI-68)"
FIRST_SEARCH = "search (ITI-67), patients not met before"
RAW_SEARCH, RAW_INSERT = "raw SQL search", "raw SQL insert"
MIXED = "the mix"
WARMING, WARMING_SECONDS = -1, 1.0
# Records that are asked about over and over, as many at each size; those that are fed; the most that one turn
# asks about once.
MET, FED, NOT_MET = 500, 250, 8_000
# Requests written for a second of each measure: more than it has time for.
MIXED_A_SECOND = 700


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a measure lasts, and how many clients ask at once: of one question, of the mix."""

    seconds: float
    clients: int
    mix_seconds: float
    mix_clients: int


@dataclass(slots=True)
class Figure(Rounds):
    """One thing measured at one size; `run` takes the number of the round."""

    what: str
    nation: Nation
    run: Callable[[int], Outcome]
    outcomes: list[Outcome] = field(default_factory=list)


def spent_on(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """Milliseconds of processor that one answer took of each program; empty when nobody watched."""
    count = sum(one.count for one in outcomes)
    return {name: 1000 * sum(one.cpu[name] for one in outcomes) / count for name in outcomes[0].cpu}


class Asked:
    """The questions of one platform."""

    def __init__(self, nation: Nation, pace: Pace) -> None:
        self.nation, self.pace = nation, pace
        self.asking = Asking(nation.token("doctor"))

    @cached_property
    def _consulted(self) -> list[str]:
        return self.nation.consulted()

    @cached_property
    def met(self) -> list[str]:
        """The persons who are asked about over and over."""
        return spread(self._consulted, MET)

    @cached_property
    def material(self) -> Material:
        """Of the mix, but for the documents that each turn changes."""
        fed = spread(self.nation.fed(), FED)
        readable = self.nation.readable(self.met)
        return Material(self.nation.patients(self.met), self.nation.patients(fed), readable, ())

    def prepare(self) -> None:
        """Writes the bytes that will be retrieved."""
        self.nation.write_contents(self.material.readable)
        self.nation.running.sql("dmp", raw.COPY)

    def figures(self) -> list[Figure]:
        """What is measured here, in the order of a round."""
        material, asking = self.material, self.asking
        searches = [asking.search(patient) for patient in material.patients]
        retrievals = [asking.retrieve(document) for document in material.readable]
        runs: dict[str, Callable[[int], Outcome]] = {
            RAW_SEARCH: lambda turn: self._raw(raw.SEARCH, turn),
            SEARCH: lambda turn: self._web(searches, turn),
            RETRIEVE: lambda turn: self._web(retrievals, turn),
            RAW_INSERT: lambda turn: self._raw(raw.INSERT, turn),
            DEPOSIT: lambda turn: self._web(self._deposits(turn), turn),
        }
        if len(self._consulted) > 2 * NOT_MET:
            runs[FIRST_SEARCH] = lambda turn: self._web(self._first_searches(turn), turn)
        return [Figure(what, self.nation, run) for what, run in runs.items()]

    def mix(self, turn: int, seconds: float, own: Sequence[str], port: int = 0) -> Outcome:
        """A turn of the mix; `own` are documents that no turn has changed, `port` that of another gateway."""
        known = self.material
        material = Material(known.patients, known.fed, known.readable, own)
        made = self.asking.mix(material, round(MIXED_A_SECOND * seconds), turn)
        kinds, requests = [kind for kind, _ in made], [request for _, request in made]
        clients, watched = self.pace.mix_clients, self.nation.programs()
        return measure(
            Job(port or self.nation.port, requests, seconds, clients, kinds=kinds, watched=watched)
        )

    def own(self, turns: int, seconds: float) -> list[list[str]]:
        """For each turn of the mix documents of its own to change."""
        each = changed_by(round(MIXED_A_SECOND * seconds))
        found = self.nation.own_documents(turns * each)
        if len(found) < turns * each:
            raise RuntimeError(
                f"{len(found)} documents of the doctor are unchanged, {turns * each} are needed: ask for "
                "a larger size or fewer rounds, or delete the platform so that it is loaded again"
            )
        return [found[turn * each : (turn + 1) * each] for turn in range(turns)]

    def _seconds(self, turn: int) -> float:
        return WARMING_SECONDS if turn == WARMING else self.pace.seconds

    def _deposits(self, turn: int) -> list[bytes]:
        count = round(DEPOSITS_A_SECOND * (self._seconds(turn) + 1))
        return self.asking.deposits(self.material.fed, count)

    def _first_searches(self, turn: int) -> list[bytes]:
        """Patients asked about once, others in each turn."""
        met, step = set(self.met), turn - WARMING
        rest = [person for person in self._consulted if person not in met]
        return [self.asking.search(one) for one in self.nation.patients(rest[step::4][:NOT_MET])]

    def _web(self, requests: list[bytes], turn: int) -> Outcome:
        seconds, watched = self._seconds(turn), self.nation.programs()
        return measure(Job(self.nation.port, requests, seconds, self.pace.clients, watched=watched))

    def _raw(self, what: str, turn: int) -> Outcome:
        address, password = self.nation.running.database("dmp")
        job = raw.Job(
            address=address,
            password=password,
            what=what,
            persons=self.met,
            seconds=self._seconds(turn),
            clients=self.pace.clients,
        )
        return in_a_process("bench.dmp.raw", job)


def interleaved(nations: list[list[Figure]]) -> list[Figure]:
    """Every size beside the others for each question: a noisy minute touches all of them alike."""
    every = [one for figures in nations for one in figures]
    order = list(dict.fromkeys(one.what for one in every))
    return sorted(every, key=lambda one: order.index(one.what))
