"""Cancelling through the use case: rows, events and journal; in every state, and by nobody else."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from chassis.caller import Caller
from chassis.db import Tx
from chassis.testing import NOW, callers
from eprescription.domain.cancelling import CancelReason, Wanted
from eprescription.domain.dispensing import Claim
from eprescription.domain.errors import LineNotFound, PrescriptionNotFound, TransitionRefused
from eprescription.domain.ids import ClaimId, PrescriptionId
from eprescription.domain.prescriptions import Prescription
from eprescription.domain.states import LineState, State
from eprescription.store import claims, lines
from eprescription.store import prescriptions as store
from eprescription.store.tables import OPPOSITION
from eprescription.usecases.cancelling import Done, cancel_prescription

from .given import COLLEAGUE, PERSON, content, events, events_of, journal, line, refused, signed

WHOLE = Wanted(CancelReason.PRESCRIBING_ERROR, comment="homonyme")


@pytest.fixture
async def prescription(tx: Tx) -> Prescription:
    return await signed(tx, content(line(), line()))


async def cancel(tx: Tx, of: Prescription, wanted: Wanted = WHOLE, by: Caller = callers.doctor) -> Done:
    return await cancel_prescription(tx, by, of.id, wanted, NOW)


async def stored(tx: Tx, of: Prescription) -> tuple[State, list[tuple[LineState, bool]]]:
    """State of the prescription; state of each line, and whether it is marked."""
    found = await store.find_prescription(tx, of.id)
    assert found is not None
    return found.state, [(one.state, one.cancel_requested) for one in await lines.list_lines(tx, of.id)]


async def held(tx: Tx, of: Prescription) -> Prescription:
    """In the hands of a pharmacy."""
    now = replace(of, state=State.IN_DISPENSE, version=of.version + 1)
    store.save_locked(tx, now)
    pharmacist = callers.pharmacist
    until = NOW + timedelta(minutes=30)
    claims.insert_claim(
        tx,
        Claim(ClaimId.new(), of.id, pharmacist.organisation, pharmacist.subject, NOW, until),
    )
    await tx.flush()
    return now


async def test_cancelled_whole_by_its_author(tx: Tx, prescription: Prescription) -> None:
    done = await cancel(tx, prescription)
    assert done.view.prescription.state is State.CANCELLED
    assert [one.outcome.value for one in done.answers] == ["R-0001", "R-0001"]
    assert await stored(tx, prescription) == (State.CANCELLED, [(LineState.CANCELLED, False)] * 2)
    (row, _) = await lines.list_lines(tx, prescription.id)
    assert (row.cancel_reason, row.cancel_comment, row.treated_until) == (
        "prescribing_error",
        "homonyme",
        None,
    )
    assert await journal(tx) == [("prescription.cancel", prescription.id.value)]
    assert await events(tx) == ["prescription.cancelled"]
    # No reason, no medicine: a fact, and where to ask.
    assert await events_of(tx) == [
        {"prescription_id": prescription.id.value, "person_id": PERSON.value, "version": 3}
    ]


async def test_cancelled_again_changes_nothing_and_is_answered(tx: Tx, prescription: Prescription) -> None:
    first = await cancel(tx, prescription)
    again = await cancel(tx, prescription, Wanted(CancelReason.DEATH))
    assert again.view == first.view
    assert [one.outcome.value for one in again.answers] == ["R-0006", "R-0006"]
    assert await events(tx) == ["prescription.cancelled"]
    assert len(await journal(tx)) == 2


async def test_one_line_is_cancelled_and_the_other_is_not(tx: Tx, prescription: Prescription) -> None:
    first = prescription.signed.content.lines[0].line_id
    done = await cancel(tx, prescription, replace(WHOLE, line_ids=(first,)))
    assert [(one.line_id, one.outcome.value) for one in done.answers] == [(first, "R-0001")]
    assert await stored(tx, prescription) == (
        State.ACTIVE,
        [(LineState.CANCELLED, False), (LineState.ORDERED, False)],
    )
    assert (await events_of(tx))[0]["line_ids"] == [first]


async def test_held_it_is_marked_and_told(tx: Tx, prescription: Prescription) -> None:
    now = await held(tx, prescription)
    done = await cancel(tx, now)
    assert [one.outcome.value for one in done.answers] == ["R-0002", "R-0002"]
    assert await stored(tx, now) == (State.IN_DISPENSE, [(LineState.ORDERED, True)] * 2)
    (told,) = await events_of(tx)
    assert (told["requested"], told["version"]) == (True, now.version + 1)
    assert done.view.claim is not None


async def test_held_and_opposed_the_answer_alone_says_that_a_pharmacy_has_it(
    tx: Tx, prescription: Prescription
) -> None:
    """Whoever cancels must know that boxes may still leave; nothing more is shown."""
    now = await held(tx, prescription)
    tx.insert(
        OPPOSITION, person_id=PERSON.value, history_opposed=False, execution_hidden=True, changed_at=NOW
    )
    done = await cancel(tx, now)
    assert [one.outcome.value for one in done.answers] == ["R-0002", "R-0002"]
    assert (done.view.claim, done.view.prescription.state) == (None, State.ACTIVE)


async def test_a_colleague_cancels_what_is_not_restricted(tx: Tx) -> None:
    open_, restricted = await signed(tx), await signed(tx, content(restricted=True))
    await cancel(tx, open_, by=COLLEAGUE)
    await refused(PrescriptionNotFound, cancel(tx, restricted, by=COLLEAGUE))
    assert (await stored(tx, open_))[0] is State.CANCELLED
    assert (await stored(tx, restricted))[0] is State.ACTIVE


@pytest.mark.parametrize("caller", [callers.other_doctor, callers.pharmacist, callers.nurse, callers.citizen])
async def test_nobody_else_cancels_it_nor_learns_of_it(
    tx: Tx, prescription: Prescription, caller: Caller
) -> None:
    refusal = await refused(PrescriptionNotFound, cancel(tx, prescription, by=caller))
    assert str(refusal) == str(PrescriptionNotFound())
    assert (await stored(tx, prescription))[0] is State.ACTIVE
    assert (await journal(tx), await events(tx)) == ([], [])


async def test_a_prescription_that_is_not_there_is_not_found(tx: Tx) -> None:
    nowhere = cancel_prescription(tx, callers.doctor, PrescriptionId(str(uuid4())), WHOLE, NOW)
    await refused(PrescriptionNotFound, nowhere)


@pytest.mark.parametrize("state", [State.DRAFT, State.DISCARDED])
async def test_a_draft_is_given_up_not_cancelled(tx: Tx, state: State) -> None:
    made = await signed(tx, state=state)
    await refused(TransitionRefused, cancel(tx, made))
    assert (await stored(tx, made))[0] is state
    assert (await journal(tx), await events(tx)) == ([], [])


@pytest.mark.parametrize("state", [State.COMPLETED, State.EXPIRED])
async def test_what_is_over_is_answered_and_left_alone(tx: Tx, state: State) -> None:
    made = await signed(tx, state=state)
    done = await cancel(tx, made)
    assert done.view.prescription == made
    assert await events(tx) == []
    assert [one.outcome.value for one in done.answers] == ["R-0005" if state is State.EXPIRED else "R-0004"]


async def test_a_line_of_another_prescription_is_refused(tx: Tx, prescription: Prescription) -> None:
    foreign = (await signed(tx)).signed.content.lines[0].line_id
    await refused(LineNotFound, cancel(tx, prescription, replace(WHOLE, line_ids=(foreign,))))
    assert (await stored(tx, prescription))[0] is State.ACTIVE
