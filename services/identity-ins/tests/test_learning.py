"""A real téléservice tells of persons that the registry does not know, or knows otherwise: it learns."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from chassis.db import Database
from identity_ins import clients, seed
from identity_ins.domain import AnswerCode, Ins, Person, PersonId, Search
from identity_ins.domain.insi import CardRead, InsFourni, Recherche, Resultat, fourni_of, individu_of
from identity_ins.store import registry as rows

EVENTS = "SELECT convert_from(data, 'UTF8')::jsonb ->> 'person_id' FROM outbox WHERE subject LIKE $1"


class Elsewhere:
    """A téléservice with a registry of its own: one person, and every verification is right."""

    def __init__(self, person: Person) -> None:
        self.person = person

    async def rechercher_ins_avec_traits_identite(self, recherche: Recherche) -> Resultat:
        return Resultat(AnswerCode.FOUND, "OK", individu_of(self.person))

    async def rechercher_ins_avec_carte_vitale(self, carte: CardRead) -> Resultat:
        return Resultat(AnswerCode.FOUND, "OK", individu_of(self.person))

    async def verifier_ins_avec_traits_identite(self, fourni: InsFourni) -> bool:
        return True

    async def verifier_lot(self, lignes: Sequence[InsFourni]) -> Sequence[bool]:
        return [True for _ in lignes]


async def told(db: Database, person: Person) -> Person:
    """What the service makes of a téléservice that tells of this person."""
    traits = person.traits
    search = Search(traits.birth_name, traits.birth_first_names[0], traits.sex, traits.birth_date)
    answer = await clients.Insi(db, Elsewhere(person)).search(search)
    assert answer.person is not None
    return answer.person


async def held(db: Database, id: PersonId) -> Person:
    async with db.read() as tx:
        return await rows.get_person(tx, id)


async def test_person_when_unknown_then_added_with_numbers_and_found_again(registry: Database) -> None:
    stranger = replace(seed.person(10_007), former=(seed.person(10_008).ins,))
    learned = await told(registry, stranger)
    assert replace(learned, id=stranger.id) == stranger
    assert await told(registry, stranger) == learned
    assert await held(registry, learned.id) == learned


async def test_person_when_told_of_by_many_at_once_then_added_once(registry: Database) -> None:
    stranger = seed.person(10_100)
    learned = await asyncio.gather(*(told(registry, stranger) for _ in range(6)))
    assert len({person.id for person in learned}) == 1


async def test_person_when_the_number_changed_then_the_same_person_and_others_are_told(
    registry: Database,
) -> None:
    known, given = seed.person(301), seed.person(10_200).ins
    after = await told(registry, replace(known, ins=given, former=(known.ins,)))
    assert (after.id, after.ins, after.former) == (known.id, given, (known.ins,))
    assert await held(registry, known.id) == after
    said = await registry.pool.fetch(EVENTS, "%person.number_replaced%")
    assert [row[0] for row in said] == [known.id.value]


async def test_person_when_the_traits_were_corrected_then_held_as_told(registry: Database) -> None:
    known = seed.person(302)
    corrected = replace(known, traits=replace(known.traits, birth_name="CORRIGE", birth_place="75056"))
    assert await told(registry, corrected) == corrected
    assert await held(registry, known.id) == corrected


async def test_former_number_of_another_person_when_told_then_stays_theirs(registry: Database) -> None:
    known, other = seed.person(303), seed.person(304)
    after = await told(registry, replace(known, former=(other.ins,)))
    assert (after.id, after.ins) == (known.id, known.ins)
    assert (await held(registry, other.id)).ins == other.ins


@pytest.mark.parametrize("n", [10_301, 305])
async def test_verification_when_confirmed_elsewhere_then_the_person_has_an_id(
    registry: Database, n: int
) -> None:
    person = seed.person(n)
    insi = clients.Insi(registry, Elsewhere(person))
    verdict = await insi.verify(person.ins, person.traits)
    assert verdict.person is not None
    assert (verdict.person.ins, verdict.person.traits) == (person.ins, person.traits)
    again = await insi.verify_lot([fourni_of(person.ins, person.traits)] * 2)
    assert again.persons == (verdict.person.id,) * 2


async def test_lot_when_many_are_unknown_then_each_is_learned(registry: Database) -> None:
    strangers = [seed.person(n) for n in (10_401, 10_402, 10_401)]
    lines = [fourni_of(person.ins, person.traits) for person in strangers]
    ids = (await clients.Insi(registry, Elsewhere(strangers[0])).verify_lot(lines)).persons
    assert ids[0] == ids[2] != ids[1]
    numbers: list[Ins] = [person.ins for person in strangers]
    async with registry.read() as tx:
        assert tuple(await rows.list_person_ids(tx, numbers)) == ids
