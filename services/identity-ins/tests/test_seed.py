"""The fictitious registry: the same everywhere, right by the rules, and loaded once."""

import asyncio
from collections import defaultdict
from datetime import date
from uuid import UUID

import pytest

from chassis.db import Database
from identity_ins import domain, seed
from identity_ins.domain import AnswerCode, Person, Platform, Search, Sex
from identity_ins.seed.load import BATCH, alone

TODAY = date(2026, 6, 12)


@pytest.fixture(scope="module")
def ten_thousand() -> list[Person]:
    return list(seed.people(10_000))


@pytest.mark.parametrize(
    ("n", "id", "name", "matricule"),
    [
        (1, "016f5e66-e801-7499-8572-91b366a5f0bc", "MARTIN-DELORME", "284036938399907"),
        (2, "016f5e66-e802-7997-9e45-e7039242ab8b", "ROUSSEL", "115063306399990"),
        (3, "016f5e66-e803-7a9c-b05c-0765a5dc5d77", "BERNIER", "286113523899967"),
        (4, "016f5e66-e804-7a9f-a803-d3a186d27bc4", "ADRTROIS", "297022A02077878"),
        (7, "016f5e66-e807-7c7d-8655-b5ca4032d33d", "ECETINSI", "109076322083489"),
    ],
)
def test_person_when_asked_by_number_then_the_same_for_ever(
    n: int, id: str, name: str, matricule: str
) -> None:
    person = seed.person(n)
    assert (person.id.value, person.traits.birth_name, person.ins.matricule) == (id, name, matricule)
    assert seed.person_id_of(n) == id


@pytest.mark.parametrize("n", [0, -1, 10**9])
def test_person_when_out_of_range_then_refused(n: int) -> None:
    with pytest.raises(ValueError, match="numbered from 1"):
        seed.person(n)


def test_personas_when_read_then_an_adult_a_minor_and_an_adult() -> None:
    ages = [
        TODAY.year - seed.person(n).traits.birth_date.year
        for n in (seed.PATIENT, seed.OTHER_PATIENT, seed.GUARDIAN)
    ]
    assert ages[0] >= 18 > ages[1]
    assert ages[2] >= 18


def test_numbers_when_made_then_valid_on_a_test_platform_and_all_different(
    ten_thousand: list[Person],
) -> None:
    for person in ten_thousand:
        ins = person.ins
        assert domain.parse_ins(ins.matricule, ins.oid.value, Platform.TEST) == ins
    assert len({ins for person in ten_thousand for ins in (person.ins, *person.former)}) == 10_002


def test_numbers_when_millions_are_made_then_still_all_different() -> None:
    far = [person for start in (1_000_001, 5_000_001, 9_000_001) for person in seed.people(2_000, start)]
    assert len({person.ins.matricule for person in far}) == 6_000


def test_traits_when_made_then_already_in_their_stored_form(ten_thousand: list[Person]) -> None:
    for person in ten_thousand:
        assert domain.check_traits(person.traits, TODAY) == person.traits


def test_ids_when_made_then_uuid7_in_the_order_of_the_numbers(ten_thousand: list[Person]) -> None:
    ids = [person.id.value for person in ten_thousand]
    assert ids == sorted(set(ids))
    assert {(UUID(id).version, UUID(id).variant) for id in ids} == {(7, "specified in RFC 4122")}


def test_registry_when_made_then_holds_the_hard_cases(ten_thousand: list[Person]) -> None:
    numbers = [person.ins.matricule for person in ten_thousand]
    names = [person.traits.birth_name for person in ten_thousand]
    first_names = [person.traits.birth_first_names for person in ten_thousand]
    assert any(number[5:7] == "2A" for number in numbers)
    assert any(number[5:7] == "2B" for number in numbers)
    assert any(number[5:7] == "99" for number in numbers)
    assert 10 < sum(int(number[3:5]) >= 20 for number in numbers) < 200
    assert any("'" in name for name in names)
    assert any("-" in name for name in names)
    assert {len(names) for names in first_names} == {1, 2, 3, 4}
    assert any("-" in name for names in first_names for name in names)


def test_homonyms_when_searched_then_several_answer_until_the_place_is_given() -> None:
    one, other = seed.person(199), seed.person(200)
    traits = one.traits
    search = Search(traits.birth_name, traits.birth_first_names[0], traits.sex, traits.birth_date)
    assert domain.answer(search, [one, other]).code is AnswerCode.SEVERAL
    placed = Search(
        traits.birth_name, traits.birth_first_names[0], traits.sex, traits.birth_date, traits.birth_place
    )
    assert domain.answer(placed, [one, other]).person == one


def test_homonyms_when_ten_thousand_are_made_then_there_are_some(ten_thousand: list[Person]) -> None:
    same: dict[tuple[object, ...], list[Person]] = defaultdict(list)
    for person in ten_thousand:
        traits = person.traits
        same[traits.birth_name_key, traits.sex, traits.birth_date].append(person)
    assert sum(len(namesakes) > 1 for namesakes in same.values()) >= 50


def test_cnda_person_when_her_number_changed_then_the_former_ones_are_kept() -> None:
    person = seed.person(7)
    assert [ins.matricule for ins in person.former] == ["209066322012355", "209076322083439"]
    assert person.traits.sex is Sex.MALE


async def test_load_when_stopped_and_run_again_then_adds_what_is_missing(database: Database) -> None:
    said: list[int] = []
    assert await seed.load(database.pool, 150) == 150
    assert await seed.load(database.pool, 150) == 0
    assert await seed.load(database.pool, 100) == 0
    assert await seed.load(database.pool, 400, said.append) == 250
    assert said == [150, 400]
    assert await database.pool.fetchval("SELECT count(*) FROM person") == 400
    assert await database.pool.fetchval("SELECT count(*) FROM ins_number WHERE NOT current") == 2


async def test_load_when_more_than_a_batch_then_in_several_transactions(database: Database) -> None:
    said: list[int] = []
    await seed.load(database.pool, BATCH + 500, said.append)
    assert said[-2:] == [BATCH + 400, BATCH + 500]
    assert await database.pool.fetchval("SELECT count(*) FROM person") == BATCH + 500


async def test_load_when_a_larger_one_is_under_way_then_does_not_wait_for_its_end(database: Database) -> None:
    await seed.load(database.pool, BATCH + 500)
    async with database.pool.acquire() as other, alone(other):
        assert await asyncio.wait_for(seed.load(database.pool, BATCH), 5) == 0
        more = asyncio.create_task(seed.load(database.pool, BATCH + 510))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(more), 0.3)
    assert await more == 10
