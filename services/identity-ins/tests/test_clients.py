"""INSi simulated on the reference registry, and what the service makes of its answers and faults."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import date, timedelta

import pytest

from chassis.db import Database
from chassis.testing import NOW
from identity_ins import clients, domain, seed
from identity_ins.domain import (
    AnswerCode,
    BillingNumber,
    CardRead,
    InsiUnavailable,
    Person,
    Sex,
    Traits,
)
from identity_ins.domain.insi import InsFourni, Recherche, Resultat, fourni_of
from identity_ins.seed.known import beneficiaries

PATIENT = seed.person(1)


@pytest.fixture(scope="module")
def insi(registry: Database) -> clients.Insi:
    return clients.Insi(registry, clients.SimulatedTeleservice(registry))


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
        (domain.Search("PAT-TROIS", "MARIE-LOUISE", Sex.FEMALE, date(1979, 3, 28)), "00", 11),
        (domain.Search("KERGOAT", "TITOUAN", Sex.MALE, date(2017, 9, 4)), "00", 14),
        # Of these only the month, or the year, is known: they are searched by the last day that it can be.
        (domain.Search("DIOP", "AMINATA", Sex.FEMALE, date(1958, 7, 31)), "00", 17),
        (domain.Search("HADDAD", "KARIM", Sex.MALE, date(1949, 12, 31)), "00", 18),
    ],
)
async def test_insi_when_asked_for_the_known_persons_then_answers_as_published(
    insi: clients.Insi, search: domain.Search, code: str, n: int | None
) -> None:
    answer = await insi.search(search)
    assert answer.code.value == code
    assert answer.person == (seed.person(n) if n else None)
    [call] = answer.calls
    assert (call.operation, call.code, call.lines) == ("search_by_traits", code, 1)


async def found(insi: clients.Insi, traits: Traits) -> tuple[AnswerCode, Person | None, int]:
    answer = await insi.search_each(domain.attempts(traits))
    return answer.code, answer.person, len(answer.calls)


async def test_insi_when_the_first_name_finds_nobody_then_the_next_ones_are_tried(
    insi: clients.Insi,
) -> None:
    traits = replace(PATIENT.traits, birth_first_names=("KAMILLE", "LUCIE"), birth_place="75101")
    assert await found(insi, traits) == (AnswerCode.FOUND, PATIENT, 2)


async def test_insi_when_several_answer_then_other_names_then_the_place_choose(insi: clients.Insi) -> None:
    houilles = seed.person(9).traits
    several = replace(houilles, birth_first_names=("PIERRE",), birth_place="")
    assert await found(insi, several) == (AnswerCode.SEVERAL, None, 1)
    named = replace(several, birth_first_names=("PIERRE", "PAUL"))
    assert await found(insi, named) == (AnswerCode.FOUND, seed.person(9), 2)
    assert await found(insi, replace(several, birth_place="13055")) == (AnswerCode.FOUND, seed.person(10), 2)
    assert await found(insi, replace(several, birth_place="75101")) == (AnswerCode.SEVERAL, None, 2)


def card(insured: int, person: int, rank: int = 1) -> CardRead:
    number = BillingNumber(seed.person(insured).ins.matricule)
    return CardRead(number, seed.person(person).traits.birth_date, rank, "", "", NOW)


@pytest.mark.parametrize(
    ("card", "code", "n"),
    [
        (card(3, 3), "00", 3),
        (card(3, 2), "00", 2),
        (card(3, 2, rank=2), "01", None),
        (card(12, 13), "00", 13),
        (card(12, 14, rank=2), "00", 14),
        (card(12, 13, rank=0), "02", None),
        (card(12, 12, rank=2), "01", None),
        (card(15, 16), "02", None),
        (card(2, 2), "00", 2),
        (card(1, 2), "01", None),
    ],
    ids=[
        "the insured",
        "a child under a parent's number",
        "no child of that rank",
        "the first twin",
        "the second twin",
        "twins without a rank",
        "the insured has no second rank",
        "two spouses of one birthday",
        "a child under their own number",
        "a number and a birth date of two persons",
    ],
)
async def test_card_when_searched_then_found_under_the_number_of_whoever_covers_them(
    insi: clients.Insi, card: CardRead, code: str, n: int | None
) -> None:
    answer = await insi.search_by_card(card)
    assert (answer.code.value, answer.person) == (code, seed.person(n) if n else None)
    assert [(call.operation, call.code) for call in answer.calls] == [("search_by_card", code)]


def test_beneficiaries_when_seeded_then_known_persons_under_the_number_of_known_persons() -> None:
    numbers = {seed.person(n).ins.matricule for n in range(1, 19)}
    for covered in beneficiaries():
        assert covered.billing_number in numbers
        assert covered.birth_date == seed.person(covered.person).traits.birth_date


@pytest.mark.parametrize("n", [1, 7, 14, 17, 18, 400])
async def test_verify_when_the_traits_are_those_of_the_number_then_confirmed_with_the_person(
    insi: clients.Insi, n: int
) -> None:
    person = seed.person(n)
    verdict = await insi.verify(person.ins, person.traits)
    assert (verdict.confirmed, verdict.person) == (True, person)
    assert [(call.operation, call.code) for call in verdict.calls] == [("verify", "OK")]


async def test_verify_when_anything_differs_then_not_and_nobody(insi: clients.Insi) -> None:
    person, other = seed.person(7), seed.person(1)
    wrong = [
        (person.former[0], person.traits),
        (other.ins, person.traits),
        (person.ins, replace(person.traits, birth_first_names=("PIERRE-ALAIN",))),
        (person.ins, replace(person.traits, birth_place="")),
    ]
    for ins, traits in wrong:
        verdict = await insi.verify(ins, traits)
        assert (verdict.confirmed, verdict.person, verdict.calls[0].code) == (False, None, "KO")


async def test_lot_when_verified_then_each_line_in_its_place_and_one_call(insi: clients.Insi) -> None:
    people = [seed.person(n) for n in (5, 3, 5, 7)]
    lines = [fourni_of(person.ins, person.traits) for person in people]
    lines[1] = replace(lines[1], sexe="M")
    verdict = await insi.verify_lot(lines)
    assert verdict.persons == (people[0].id, None, people[0].id, people[3].id)
    assert [(call.operation, call.code, call.lines) for call in verdict.calls] == [("verify_lot", "OK", 4)]


class Ill(clients.SimulatedTeleservice):
    """Answers searches with what it was told to raise."""

    def __init__(self, db: Database, error: Exception) -> None:
        super().__init__(db)
        self.error = error

    async def rechercher_ins_avec_traits_identite(self, recherche: Recherche) -> Resultat:
        raise self.error


class Late(clients.SimulatedTeleservice):
    """Answers a lot long after anyone waits."""

    async def verifier_lot(self, lignes: Sequence[InsFourni]) -> Sequence[bool]:
        await asyncio.sleep(60)
        return []


@pytest.mark.parametrize(
    ("error", "code"),
    [(clients.Fault("siram_40", "insi_102"), "insi_102"), (ConnectionRefusedError(), "unreachable")],
)
async def test_insi_when_it_fails_then_unavailable_with_the_call_that_failed(
    registry: Database, error: Exception, code: str
) -> None:
    with pytest.raises(InsiUnavailable) as told:
        await clients.Insi(registry, Ill(registry, error)).search(domain.attempts(PATIENT.traits)[0])
    assert [call.code for call in told.value.calls] == [code]
    assert told.value.retry_after
    assert code in told.value.hint


async def test_insi_when_the_platform_has_none_then_unavailable_whatever_is_asked(registry: Database) -> None:
    insi = clients.Insi(registry, clients.AbsentTeleservice())
    fourni = fourni_of(PATIENT.ins, PATIENT.traits)
    for asked in (
        insi.search(domain.attempts(PATIENT.traits)[0]),
        insi.search_by_card(card(3, 2)),
        insi.verify_fourni(fourni),
        insi.verify_lot([fourni]),
    ):
        with pytest.raises(InsiUnavailable) as told:
            await asked
        assert [call.code for call in told.value.calls] == ["unreachable"]


async def test_insi_when_it_is_late_then_unavailable_after_the_time_limit(registry: Database) -> None:
    with pytest.raises(InsiUnavailable) as told:
        await clients.Insi(registry, Late(registry), timeout=0.05).verify_lot([])
    assert [call.code for call in told.value.calls] == ["timeout"]


async def test_simulation_when_every_third_call_fails_then_earlier_calls_are_told_as_well(
    registry: Database,
) -> None:
    insi = clients.Insi(registry, clients.SimulatedTeleservice(registry, fault_every=3))
    nobody = replace(PATIENT.traits, birth_first_names=("AAA", "BBB", "CCC"))
    with pytest.raises(InsiUnavailable) as told:
        await insi.search_each(domain.attempts(nobody))
    assert [call.code for call in told.value.calls] == ["01", "01", "insi_102"]
    assert len({call.input_hash for call in told.value.calls}) == 3
    assert (await insi.search_each(domain.attempts(PATIENT.traits))).person == PATIENT


async def test_simulation_when_it_is_slow_then_the_journal_says_how_slow(registry: Database) -> None:
    insi = clients.Insi(registry, clients.SimulatedTeleservice(registry, latency_ms=40))
    verdict = await insi.verify(PATIENT.ins, PATIENT.traits)
    assert timedelta(milliseconds=verdict.calls[0].milliseconds) >= timedelta(milliseconds=40)


Ask = Callable[[clients.Insi], Awaitable[object]]


@pytest.mark.parametrize(
    "ask",
    [
        lambda insi: insi.search(domain.attempts(PATIENT.traits)[0]),
        lambda insi: insi.search_by_card(card(3, 2)),
        lambda insi: insi.verify(PATIENT.ins, PATIENT.traits),
    ],
    ids=["search", "card", "verify"],
)
async def test_simulation_when_asked_again_then_answers_the_same(insi: clients.Insi, ask: Ask) -> None:
    assert await ask(insi) == await ask(insi)
