"""Several at once, in transactions of their own that do commit."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import date
from typing import TypeVar

from chassis.db import Database, Tx
from chassis.testing import NOW, call_as
from identity_ins import usecases
from identity_ins.domain import Identity, IdentityMerged, Traits
from identity_ins.domain.vigilance import CaseAlreadySettled, CaseState
from identity_ins.usecases import merges, vigilance
from identity_ins.usecases.merges import Wish
from identity_ins.usecases.vigilance import Shown, Worklist

from .vigilance_given import DOCTOR, NOBODY_NEAR, PATIENT, created

T = TypeVar("T")
days = itertools.count()


def someone() -> Traits:
    """A person nobody else in this database looks like."""
    born = date.fromordinal(date(1950, 1, 1).toordinal() + 397 * next(days))
    return replace(NOBODY_NEAR, birth_date=born)


async def committed(db: Database, use: Callable[[Tx], Awaitable[T]]) -> T:
    async with db.begin(call_as(DOCTOR)) as tx:
        return await use(tx)


async def cases_of(db: Database, identity: Identity) -> list[Shown]:
    wanted = Worklist(identity=identity.id)
    return await committed(db, lambda tx: vigilance.list_vigilance_cases(tx, DOCTOR, wanted, 50, now=NOW))


async def merging(db: Database, wish: Wish) -> merges.Merged:
    return await committed(db, lambda tx: merges.merge_identities(tx, DOCTOR, wish, now=NOW))


async def test_create_when_the_same_is_being_created_then_waits_and_sees_it(
    registry: Database,
) -> None:
    traits = someone()
    async with registry.begin(call_as(DOCTOR)) as tx:
        first = await created(tx, traits)
        waiting = asyncio.create_task(committed(registry, lambda tx: created(tx, traits)))
        done, _ = await asyncio.wait({waiting}, timeout=0.3)
        assert not done
    second = await waiting
    (shown,) = await cases_of(registry, second)
    assert (shown.first.id, shown.second.id) == (first.id, second.id)


async def test_create_when_another_person_is_being_created_then_does_not_wait(registry: Database) -> None:
    async with registry.begin(call_as(DOCTOR)) as tx:
        await created(tx, someone())
        async with asyncio.timeout(5):
            await committed(registry, lambda tx: created(tx, PATIENT.traits))


async def test_create_when_six_at_once_then_every_pair_has_one_case(registry: Database) -> None:
    traits = someone()
    made = await asyncio.gather(*(committed(registry, lambda tx: created(tx, traits)) for _ in range(6)))
    pairs = {shown.case.pair for one in made for shown in await cases_of(registry, one)}
    assert len(pairs) == 15


async def test_correct_while_alike_are_created_then_nobody_fails(registry: Database) -> None:
    traits = someone()
    one = await committed(registry, lambda tx: created(tx, traits))
    wanted = usecases.Correction(replace(traits, birth_place="13055"), "as on the card")
    await asyncio.gather(
        committed(registry, lambda tx: usecases.correct_traits(tx, DOCTOR, one.id, wanted, now=NOW)),
        *(committed(registry, lambda tx: created(tx, traits)) for _ in range(5)),
    )
    assert len(await cases_of(registry, one)) == 5


async def test_merge_when_both_ways_at_once_then_one_wins(registry: Database) -> None:
    traits = someone()
    one, other = [await committed(registry, lambda tx: created(tx, traits)) for _ in range(2)]
    wishes = Wish(one.id, other.id, "same"), Wish(other.id, one.id, "same")
    told = await asyncio.gather(*(merging(registry, wish) for wish in wishes), return_exceptions=True)
    assert sorted(type(one).__name__ for one in told) == ["IdentityMerged", "Merged"]


async def test_settle_and_merge_at_once_then_the_merge_stands(
    registry: Database,
) -> None:
    traits = someone()
    one, other = [await committed(registry, lambda tx: created(tx, traits)) for _ in range(2)]
    (shown,) = await cases_of(registry, one)
    settling = committed(
        registry,
        lambda tx: vigilance.settle_vigilance_case(
            tx, DOCTOR, shown.case.id, CaseState.HOMONYMS, "two", now=NOW
        ),
    )
    settled, merged = await asyncio.gather(
        settling, merging(registry, Wish(one.id, other.id, "same")), return_exceptions=True
    )
    assert not isinstance(merged, BaseException)
    assert isinstance(settled, Shown | CaseAlreadySettled | IdentityMerged)
    after = await committed(
        registry, lambda tx: vigilance.get_vigilance_case(tx, DOCTOR, shown.case.id, now=NOW)
    )
    assert after.case.state is CaseState.MERGED
