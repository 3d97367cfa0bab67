"""How well duplicates are found: precision and recall over pairs, through the real store."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import combinations

from chassis.call import Call
from chassis.caller import Caller, CallerKind
from chassis.db import Database
from identity_ins import store
from identity_ins.domain import Creation, Identity, IdentityId, create
from identity_ins.domain.match import compare, describe
from identity_ins.store import keys

from .corrupt import Record
from .mistakes import Mistake

BATCH = 500
MEASURER = Caller(CallerKind.OPERATOR, "quality", name="quality")
Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Figures:
    """What a threshold gives: pairs found that are duplicates, found that are not, and left out."""

    right: int
    wrong: int
    missed: int

    @property
    def precision(self) -> float:
        return self.right / max(1, self.right + self.wrong)

    @property
    def recall(self) -> float:
        return self.right / max(1, self.right + self.missed)


@dataclass(frozen=True, slots=True)
class Quality:
    """Every pair that was read with its score, beside the truth."""

    records: Sequence[Record]
    scores: Mapping[Pair, float]
    truth: frozenset[Pair] = field(repr=False)

    def at(self, threshold: float, among: Iterable[Pair] | None = None) -> Figures:
        """The figures of a threshold; `among` narrows the duplicates that are to be found."""
        truth = self.truth if among is None else frozenset(among)
        found = {pair for pair, score in self.scores.items() if score >= threshold}
        return Figures(len(found & truth), len(found - self.truth), len(truth - found))

    def by_mistake(self) -> dict[str, list[Pair]]:
        """The pairs of a copy and its source, by what the copy differs by."""
        pairs: defaultdict[str, list[Pair]] = defaultdict(list)
        for number, record in enumerate(self.records):
            if record.source is not None and record.lookalike is None:
                kind = (
                    record.mistakes[0].value
                    if len(record.mistakes) == 1
                    else f"{len(record.mistakes)} mistakes"
                )
                pairs[kind].append((record.source, number))
        return dict(sorted(pairs.items()))

    def wrong_by_lookalike(self, threshold: float) -> Counter[str]:
        """The pairs wrongly found, by why they look alike."""
        wrong = (p for p, score in self.scores.items() if score >= threshold and p not in self.truth)
        return Counter(self._likeness(pair) for pair in wrong)

    def unread(self) -> int:
        """Duplicates that share no block: they were never compared."""
        return len(self.truth - self.scores.keys())

    def _likeness(self, pair: Pair) -> str:
        lookalikes = {self.records[number].lookalike for number in pair} - {None}
        return ", ".join(sorted(one.value for one in lookalikes if one)) or "chance"


def _named(mistakes: Sequence[Mistake]) -> str:
    return mistakes[0].value if len(mistakes) == 1 else f"{len(mistakes)} mistakes"


async def measure(
    db: Database,
    structure: str,
    records: Sequence[Record],
    now: datetime,
    progress: Callable[[int], None] = lambda done: None,
) -> Quality:
    """Registers the records in an empty structure, then looks at each as at a newcomer."""
    identities = [_registered(structure, record, now) for record in records]
    await _write(db, identities, now)
    numbers = {identity.id: number for number, identity in enumerate(identities)}
    scores: dict[Pair, float] = {}
    async with db.read() as tx:
        for number, identity in enumerate(identities):
            for other in await keys.list_neighbours(tx, structure, describe(identity)):
                if numbers[other.id] < number:
                    scores[numbers[other.id], number] = compare(identity, other).score
            progress(number + 1)
    return Quality(records, scores, _truth(records))


def _registered(structure: str, record: Record, now: datetime) -> Identity:
    return create(IdentityId.new(), structure, Creation(record.traits), None, now)


async def _write(db: Database, identities: Sequence[Identity], now: datetime) -> None:
    for start in range(0, len(identities), BATCH):
        async with db.begin(Call(MEASURER, clock=lambda: now)) as tx:
            for identity in identities[start : start + BATCH]:
                store.insert_identity(tx, identity)
                await keys.write_keys(tx, identity)


def _truth(records: Sequence[Record]) -> frozenset[Pair]:
    persons: defaultdict[int, list[int]] = defaultdict(list)
    for number, record in enumerate(records):
        persons[record.person].append(number)
    return frozenset(pair for numbers in persons.values() for pair in combinations(numbers, 2))
