"""Lists: who finds which prescriptions, page by page; each one shown is in the journal."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from chassis.caller import Caller
from chassis.db import Tx
from chassis.errors import Forbidden
from chassis.page import UnknownPageToken
from chassis.testing import NOW, callers
from eprescription.domain.dispensing import Claim
from eprescription.domain.errors import PrescriptionNotFound
from eprescription.domain.ids import ClaimId
from eprescription.domain.prescriptions import Prescription
from eprescription.domain.states import State
from eprescription.store import claims
from eprescription.store.tables import OPPOSITION
from eprescription.usecases import journal as journals
from eprescription.usecases import listing, prescriptions
from eprescription.usecases.prescriptions import View

from .given import (
    COLLEAGUE,
    LAW,
    OTHER_PHARMACIST,
    PERSON,
    TODAY,
    WARD,
    content,
    journal,
    refused,
    signed,
)

ELSEWHERE = replace(callers.doctor, organisation="1750000067")


@dataclass(slots=True)
class Asked:
    """`socle.common.v1.PageRequest`."""

    size: int = 0
    token: str = ""


FIRST = Asked()


@dataclass(frozen=True, slots=True)
class Given:
    """What there is of one person."""

    mine: Prescription
    restricted: Prescription
    of_colleague: Prescription
    of_stranger: Prescription
    draft: Prescription
    # Of somebody else.
    of_ward: Prescription


@pytest.fixture
async def there(tx: Tx) -> Given:
    of_ward = await signed(tx, person=WARD)
    return Given(
        await signed(tx),
        await signed(tx, content(restricted=True), state=State.IN_DISPENSE),
        await signed(tx, by=COLLEAGUE),
        await signed(tx, by=callers.other_doctor),
        await prescriptions.create_prescription(tx, callers.doctor, PERSON, content(), LAW.on(TODAY), NOW),
        of_ward,
    )


async def listed(
    tx: Tx, caller: Caller, page: Asked = FIRST, states: Sequence[State] = ()
) -> list[Prescription]:
    views, _ = await listing.list_prescriptions(tx, caller, PERSON, states, page, NOW)
    return _of(views)


async def mine(tx: Tx, caller: Caller, states: Sequence[State] = ()) -> list[Prescription]:
    views, _ = await listing.list_my_prescriptions(tx, caller, states, FIRST, NOW)
    return _of(views)


def _of(views: Sequence[View]) -> list[Prescription]:
    return [view.prescription for view in views]


async def test_the_person_finds_all_that_was_signed_newest_first(tx: Tx, there: Given) -> None:
    views, more = await listing.list_prescriptions(tx, callers.citizen, PERSON, (), FIRST, NOW)
    assert _of(views) == [there.of_stranger, there.of_colleague, there.restricted, there.mine]
    assert more == ""
    assert [len(view.lines) for view in views] == [1, 1, 1, 1]


async def test_a_representative_and_an_aidant_do_not_find_what_is_restricted(tx: Tx, there: Given) -> None:
    guardian = replace(callers.guardian, represents=frozenset({PERSON.value}))
    aidant = replace(callers.guardian, represents=frozenset(), assists=frozenset({PERSON.value}))
    for caller in (guardian, aidant):
        assert await listed(tx, caller) == [there.of_stranger, there.of_colleague, there.mine]


async def test_a_prescriber_finds_their_own_their_drafts_and_those_of_the_structure(
    tx: Tx, there: Given
) -> None:
    assert await listed(tx, callers.doctor) == [
        there.draft,
        there.of_colleague,
        there.restricted,
        there.mine,
    ]
    assert await listed(tx, COLLEAGUE) == [there.of_colleague, there.mine]
    # Their drafts stay where they were begun.
    assert await listed(tx, ELSEWHERE) == [there.restricted, there.mine]
    assert await listed(tx, callers.other_doctor) == [there.of_stranger]
    assert await listed(tx, callers.nurse) == []


async def test_a_machine_finds_those_of_its_structure(tx: Tx, there: Given) -> None:
    assert await listed(tx, callers.machine) == [there.of_colleague, there.mine]


@pytest.mark.parametrize(
    "caller",
    [callers.other_citizen, callers.guardian, callers.pharmacist, callers.staff, callers.service],
)
async def test_others_list_nothing(tx: Tx, there: Given, caller: Caller) -> None:
    before = await journal(tx)
    await refused(Forbidden, listed(tx, caller))
    assert await journal(tx) == before


async def test_pages_follow_each_other_without_a_hole(tx: Tx, there: Given) -> None:
    found, token = [], ""
    for _ in range(3):
        views, token = await listing.list_prescriptions(tx, callers.doctor, PERSON, (), Asked(2, token), NOW)
        found += _of(views)
        if not token:
            break
    assert found == [there.draft, there.of_colleague, there.restricted, there.mine]
    await refused(UnknownPageToken, listed(tx, callers.doctor, Asked(2, "made-up")))


async def test_states_narrow_a_list(tx: Tx, there: Given) -> None:
    assert await listed(tx, callers.citizen, states=[State.IN_DISPENSE]) == [there.restricted]
    assert await listed(tx, callers.doctor, states=[State.DRAFT]) == [there.draft]
    assert await mine(tx, callers.doctor, [State.ACTIVE, State.DRAFT]) == [
        there.draft,
        there.mine,
        there.of_ward,
    ]


async def test_what_was_shown_is_in_the_journal_of_the_person(tx: Tx, there: Given) -> None:
    await listed(tx, callers.doctor)
    _, entries, _ = await journals.list_journal(tx, callers.citizen, there.mine.id, FIRST, NOW)
    (entry,) = entries
    assert (entry.action, entry.actor, entry.organisation) == (
        "prescription.list",
        callers.doctor.subject,
        callers.doctor.organisation,
    )
    # Nothing is said of the others that the same search showed.
    assert [hit.object_id for hit in entry.hits] == [there.mine.id.value]


async def test_the_execution_is_hidden_in_lists_and_in_their_filters(tx: Tx, there: Given) -> None:
    tx.insert(
        OPPOSITION, person_id=PERSON.value, history_opposed=False, execution_hidden=True, changed_at=NOW
    )
    shown = await listed(tx, callers.doctor)
    assert [one.state for one in shown] == [State.DRAFT, State.ACTIVE, State.ACTIVE, State.ACTIVE]
    assert await listed(tx, callers.doctor, states=[State.IN_DISPENSE]) == []
    found = await mine(tx, callers.doctor, [State.ACTIVE])
    assert [one.id for one in found] == [there.restricted.id, there.mine.id, there.of_ward.id]
    assert await mine(tx, callers.doctor, [State.IN_DISPENSE]) == []
    # Once its last day is over, it is out of date for them as for everybody.
    views, _ = await listing.list_my_prescriptions(
        tx, callers.doctor, [State.EXPIRED], FIRST, NOW + timedelta(days=800)
    )
    assert [view.prescription.id for view in views] == [there.restricted.id]
    assert await listed(tx, callers.citizen, states=[State.IN_DISPENSE]) == [there.restricted]


async def test_a_prescriber_finds_what_they_wrote_whoever_it_is_for(tx: Tx, there: Given) -> None:
    written = await mine(tx, callers.doctor)
    assert written[:3] == [there.draft, there.restricted, there.mine]
    assert [one.person for one in written] == [PERSON, PERSON, PERSON, WARD]
    assert await mine(tx, ELSEWHERE) == written[1:]
    assert await mine(tx, callers.nurse) == []


async def test_a_pharmacy_finds_what_it_holds(tx: Tx, there: Given) -> None:
    pharmacist = callers.pharmacist
    until = NOW + timedelta(minutes=30)
    hold = Claim(ClaimId.new(), there.restricted.id, pharmacist.organisation, pharmacist.subject, NOW, until)
    claims.insert_claim(tx, hold)
    await tx.flush()
    assert await mine(tx, pharmacist) == [there.restricted]
    assert await mine(tx, OTHER_PHARMACIST) == []
    # Given back without anything recorded: nothing is theirs any more.
    claims.end_claim(tx, replace(hold, ended_at=NOW, end_reason="released"))
    await tx.flush()
    assert await mine(tx, pharmacist) == []


async def test_the_journal_tells_who_and_is_for_the_person_and_the_auditor(tx: Tx, there: Given) -> None:
    await prescriptions.get_prescription(tx, callers.doctor, there.mine.id, "", NOW)
    await prescriptions.get_prescription(tx, callers.doctor, there.restricted.id, "", NOW)
    told = []
    for caller in (callers.citizen, callers.auditor):
        person, entries, _ = await journals.list_journal(tx, caller, there.mine.id, FIRST, NOW)
        assert person == PERSON
        assert {entry.object_id for entry in entries} == {there.mine.id.value}
        told.append([entry.action for entry in entries])
    # The reading of the journal is in it, for the next one.
    assert told == [["prescription.read"], ["prescription.read_journal", "prescription.read"]]
    for stranger in (callers.doctor, callers.other_citizen, callers.pharmacist):
        asked = journals.list_journal(tx, stranger, there.mine.id, FIRST, NOW)
        await refused(PrescriptionNotFound, asked)
