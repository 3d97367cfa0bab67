"""The detection is no worse than it was, on registrations with mistakes; a structure looked over whole."""

from uuid import UUID

import pytest

from chassis.db import Database
from chassis.testing import NOW, call_as
from identity_ins import seed, store
from identity_ins.domain import Creation, Identity, IdentityId, create
from identity_ins.domain.match import PROBABLE
from identity_ins.seed.corrupt import Lookalike, records
from identity_ins.seed.mistakes import Draw, Mistake, corrupt
from identity_ins.seed.quality import Figures, measure
from identity_ins.store import vigilance as rows
from identity_ins.usecases import vigilance
from identity_ins.usecases.vigilance import Worklist
from identity_ins.workers.rescan import BATCH, Place, rescan

from .vigilance_given import DOCTOR, SLIPPED

MEASURED = "1750000099"
SEED = 6


def test_records_then_the_same_for_a_seed_and_others_for_another() -> None:
    assert records(200, SEED) == records(200, SEED)
    assert records(200, SEED) != records(200, SEED + 1)


def test_records_then_every_mistake_and_every_likeness_with_the_truth_beside() -> None:
    made = records(4000, SEED)
    assert {mistake for record in made for mistake in record.mistakes} == set(Mistake)
    assert {record.lookalike for record in made} == {None, *Lookalike}
    for number, record in enumerate(made):
        copied = record.source is not None and record.lookalike is None
        assert (record.person != number) is copied
    assert all(record.traits.birth_date.year <= 2025 for record in made)


def test_corrupt_then_as_many_mistakes_as_asked_for() -> None:
    for number in range(1, 200):
        traits = seed.person(number).traits
        after, mistakes = corrupt(traits, number % 4, Draw(SEED, number))
        assert len(set(mistakes)) == number % 4
        assert (after != traits) is bool(number % 4)


async def test_quality_on_five_hundred_registrations_is_no_worse(database: Database) -> None:
    quality = await measure(database, MEASURED, records(500, SEED), NOW)
    found = quality.at(PROBABLE)
    assert len(quality.truth) > 50
    assert found.precision >= 0.97
    assert found.recall >= 0.93
    assert sum(quality.wrong_by_lookalike(PROBABLE).values()) == found.wrong
    assert sum(len(pairs) for pairs in quality.by_mistake().values()) <= len(quality.truth)
    assert quality.unread() <= found.missed


def test_figures_then_precision_and_recall_of_their_counts() -> None:
    assert Figures(9, 1, 3).precision == pytest.approx(0.9)
    assert Figures(9, 1, 3).recall == pytest.approx(0.75)


@pytest.fixture
async def imported(database: Database) -> list[Identity]:
    """Identities that came by an import: rows without keys, more than one batch of them, one twice."""
    made = [
        create(IdentityId.new(), DOCTOR.organisation, Creation(seed.person(n).traits), None, NOW)
        for n in range(1, BATCH + 20)
    ]
    made.append(create(IdentityId.new(), DOCTOR.organisation, Creation(SLIPPED), None, NOW))
    async with database.begin(call_as(DOCTOR)) as tx:
        for identity in made:
            store.insert_identity(tx, identity)
    return made


async def test_rescan_when_stopped_and_gone_on_then_each_pair_once(
    database: Database, imported: list[Identity]
) -> None:
    place = Place()

    def stop(done: int) -> None:
        if done == BATCH:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await rescan(database, DOCTOR.organisation, place, stop)
    assert place.after == UUID(imported[BATCH - 1].id.value)
    async with database.read() as reading:
        left = await rows.count_left(reading, DOCTOR.organisation, place.after)
    assert left == len(imported) - BATCH
    await rescan(database, DOCTOR.organisation, place)
    assert place.done == len(imported)
    await rescan(database, DOCTOR.organisation, Place())
    async with database.begin(call_as(DOCTOR)) as tx:
        shown = await vigilance.list_vigilance_cases(tx, DOCTOR, Worklist(), 50, now=NOW)
    twice = {imported[0].id, imported[-1].id}
    assert [set(one.case.pair) for one in shown if twice & set(one.case.pair)] == [twice]
