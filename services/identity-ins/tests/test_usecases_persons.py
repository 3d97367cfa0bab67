"""The person behind the identities: who may know what, and the traces of it."""

from dataclasses import replace

import pytest

from chassis.caller import Caller
from chassis.db import Tx
from chassis.errors import Forbidden, NotFound
from chassis.testing import NOW, callers
from identity_ins import domain, seed, store, usecases
from identity_ins.domain import (
    Answer,
    AnswerCode,
    Paper,
    PersonUnknown,
    Question,
    Step,
)
from socle.common.v1.common_pb2 import PageRequest

from .usecases_given import FOUND, OTHERS, PATIENT, created, journal, qualified, retrieved, rows_of

pytestmark = pytest.mark.usefixtures("registry")


async def test_resolve_when_current_or_former_number_then_the_same_person(tx: Tx) -> None:
    changed = seed.person(7)
    numbers = (changed.ins, *changed.former)
    found = [await usecases.resolve_person(tx, callers.citizen, ins, now=NOW) for ins in numbers]
    assert found == [(changed.id, True), (changed.id, False), (changed.id, False)]
    assert [entry[:2] for entry in await journal(tx)] == [("person.resolve", changed.id.value)] * 3


async def test_resolve_when_nobody_has_the_number_then_not_found_and_told_to_the_journal(tx: Tx) -> None:
    body = "1990175101998"
    ins = domain.parse_ins(body + domain.key_of(body), "1.2.250.1.213.1.4.10", domain.Platform.TEST)
    with pytest.raises(PersonUnknown) as told:
        await usecases.resolve_person(tx, callers.doctor, ins, now=NOW)
    assert told.value.refusal is not None


async def test_person_when_read_by_self_guardian_or_linked_structure_then_given(tx: Tx) -> None:
    child = seed.person(seed.OTHER_PATIENT)
    self_ = replace(callers.citizen, person_id=child.id.value)
    guardian = replace(
        callers.citizen, person_id=seed.person_id_of(3), represents=frozenset({child.id.value})
    )
    for caller in (self_, guardian):
        assert await usecases.get_person(tx, caller, child.id, now=NOW) == child
    for caller in (callers.doctor, callers.staff, callers.other_citizen):
        with pytest.raises(PersonUnknown):
            await usecases.get_person(tx, caller, child.id, now=NOW)
    identity = await created(tx, child.traits)
    answer = Answer(AnswerCode.FOUND, child)
    await usecases.retrieve_ins(tx, callers.doctor, identity.id, Question(child.traits), answer, now=NOW)
    assert await usecases.get_person(tx, callers.staff, child.id, now=NOW) == child
    with pytest.raises(PersonUnknown):
        await usecases.get_person(tx, OTHERS, child.id, now=NOW)
    rules = [entry[3] for entry in await journal(tx) if entry[0] == "person.read"]
    assert rules == [["person.self"], ["person.representative"], ["person.linked_identity"]]


async def test_person_when_the_number_changes_then_the_current_one_is_shown_first(tx: Tx) -> None:
    person = seed.person(7)
    new = person.former[1]
    await rows_of(tx, "UPDATE ins_number SET current = false WHERE person_id = $1", person.id.value)
    await rows_of(tx, "UPDATE ins_number SET current = true WHERE matricule = $1", new.matricule)
    read = await store.get_person(tx, person.id)
    assert read.ins == new
    assert set(read.former) == {person.ins, person.former[0]}


async def test_person_when_the_link_is_removed_then_no_longer_seen(tx: Tx) -> None:
    identity = await qualified(tx)
    assert await usecases.get_person(tx, callers.doctor, PATIENT.id, now=NOW) == PATIENT
    await usecases.mark_identity(tx, callers.doctor, identity.id, Step.MARK_DOUBTFUL, "x", now=NOW)
    with pytest.raises(NotFound):
        await usecases.get_person(tx, callers.doctor, PATIENT.id, now=NOW)


async def test_standing_when_asked_then_true_only_for_the_structure_that_qualified(tx: Tx) -> None:
    structures = (callers.doctor.organisation, OTHERS.organisation)

    async def standing() -> list[bool]:
        asked = [usecases.get_standing(tx, callers.service, PATIENT.id, s, now=NOW) for s in structures]
        return [await answer for answer in asked]

    identity = await created(tx)
    await usecases.retrieve_ins(tx, callers.doctor, identity.id, Question(identity.traits), FOUND, now=NOW)
    assert await standing() == [False, False]
    await usecases.check_identity_paper(tx, callers.doctor, identity.id, Paper.PASSPORT, now=NOW)
    assert await standing() == [True, False]
    traces = [entry[1:3] for entry in await journal(tx) if entry[0] == "person.standing"]
    assert traces == [(PATIENT.id.value, structure) for structure in (*structures, *structures)]
    with pytest.raises(Forbidden):
        await usecases.get_standing(tx, callers.doctor, PATIENT.id, structures[0], now=NOW)


async def test_person_and_standing_when_the_identity_was_merged_away_then_it_speaks_for_nobody(
    tx: Tx,
) -> None:
    gone, kept = await qualified(tx), await created(tx)
    await store.save_identity(tx, replace(gone, merged_into=kept.id, version=gone.version + 1))
    structure = callers.doctor.organisation
    assert not await usecases.get_standing(tx, callers.service, PATIENT.id, structure, now=NOW)
    with pytest.raises(PersonUnknown):
        await usecases.get_person(tx, callers.doctor, PATIENT.id, now=NOW)


async def test_journal_when_read_then_newest_first_and_the_reading_is_a_line(tx: Tx) -> None:
    identity = await qualified(tx)
    await usecases.get_identity(tx, callers.staff, identity.id, now=NOW)
    owner = replace(callers.citizen, person_id=PATIENT.id.value)
    guardian = replace(callers.guardian, represents=frozenset({PATIENT.id.value}))
    read = []
    for caller in (owner, guardian, callers.auditor):
        entries, more = await usecases.list_person_journal(tx, caller, PATIENT.id, PageRequest(), now=NOW)
        read.append([entry.action for entry in entries])
        assert more == ""
    before = ["identity.read", "identity.check_paper", "identity.retrieve_ins"]
    assert read == [["person.read_journal"] * n + before for n in range(3)]
    rules = [entry[3] for entry in await journal(tx) if entry[0] == "person.read_journal"]
    assert rules == [["person.self"], ["person.representative"], ["journal.by_auditor"]]


@pytest.mark.parametrize("caller", [callers.other_citizen, callers.doctor, callers.guardian])
async def test_journal_when_asked_by_a_stranger_then_absent_and_told_to_the_journal(
    tx: Tx, caller: Caller
) -> None:
    await qualified(tx)
    with pytest.raises(PersonUnknown) as told:
        await usecases.list_person_journal(tx, caller, PATIENT.id, PageRequest(), now=NOW)
    assert told.value.refusal is not None
    assert told.value.refusal.subject == PATIENT.id.value


async def test_journal_when_longer_than_a_page_then_each_line_once(tx: Tx) -> None:
    identity = await retrieved(tx)
    for _ in range(4):
        await usecases.get_identity(tx, callers.doctor, identity.id, now=NOW)
    seen: list[str] = []
    request = PageRequest(size=2)
    while True:
        entries, request.token = await usecases.list_person_journal(
            tx, callers.auditor, PATIENT.id, request, now=NOW
        )
        seen += [entry.id for entry in entries]
        if not request.token:
            break
    assert len(seen) == len(set(seen)) == 5
