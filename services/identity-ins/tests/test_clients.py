"""The reference registry, asked as INSi."""

from dataclasses import replace
from datetime import date

import pytest

from chassis.db import Database
from identity_ins import clients, domain, seed
from identity_ins.domain import AnswerCode, Person, Sex, Traits

PATIENT = seed.person(1)


@pytest.mark.parametrize(
    ("search", "code", "n"),
    [
        (domain.Search("ADRTROIS", "DOMINIQUE", Sex.FEMALE, date(1997, 2, 26)), "00", 4),
        (domain.Search("ADRTROIS", "TOUSSAINT", Sex.MALE, date(1960, 1, 1)), "00", 5),
        (domain.Search("Tchitchi", "catarina", Sex.FEMALE, date(1936, 6, 21)), "00", 6),
        (domain.Search("TCHITCHI", "BELLA", Sex.FEMALE, date(1936, 6, 21)), "00", 6),
        (domain.Search("ECETINSI", "PIERRE-ALAIN", Sex.MALE, date(2009, 7, 14)), "00", 7),
        (domain.Search("D’ARTAGNAN DE L’HERAULT", "PIERRE ALAIN", Sex.MALE, date(2001, 6, 17)), "00", 8),
        (domain.Search("HOUILLES", "PIERRE", Sex.MALE, date(1993, 1, 27)), "02", None),
        (domain.Search("HOUILLES", "PIERRE", Sex.MALE, date(1993, 1, 27), "13055"), "00", 10),
        (domain.Search("HOUILLES", "PIERRE", Sex.MALE, date(1993, 1, 27), "75101"), "01", None),
        (domain.Search("INCONNU", "ZZ", Sex.MALE, date(1990, 1, 1)), "01", None),
    ],
)
async def test_insi_when_asked_for_the_cnda_persons_then_answers_as_published(
    registry: Database, search: domain.Search, code: str, n: int | None
) -> None:
    answer = await clients.Insi(registry).search(search)
    assert answer.code.value == code
    assert answer.person == (seed.person(n) if n else None)


async def found(registry: Database, traits: Traits) -> tuple[AnswerCode, Person | None]:
    answer = await clients.Insi(registry).search_each(domain.attempts(traits))
    return answer.code, answer.person


async def test_insi_when_the_first_name_finds_nobody_then_the_next_ones_are_tried(registry: Database) -> None:
    traits = replace(PATIENT.traits, birth_first_names=("KAMILLE", "LUCIE"), birth_place="75101")
    assert await found(registry, traits) == (AnswerCode.FOUND, PATIENT)


async def test_insi_when_several_answer_then_other_names_then_the_place_choose(registry: Database) -> None:
    houilles = seed.person(9).traits
    several = replace(houilles, birth_first_names=("PIERRE",), birth_place="")
    assert await found(registry, several) == (AnswerCode.SEVERAL, None)
    assert await found(registry, replace(several, birth_first_names=("PIERRE", "PAUL"))) == (
        AnswerCode.FOUND,
        seed.person(9),
    )
    assert await found(registry, replace(several, birth_place="13055")) == (AnswerCode.FOUND, seed.person(10))
    assert await found(registry, replace(several, birth_place="75101")) == (AnswerCode.SEVERAL, None)
