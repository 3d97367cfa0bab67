"""Drafts opened, changed, given up; one prescription read by whoever may; each leaves its lines."""

from dataclasses import replace
from uuid import uuid4

import pytest

from chassis.caller import Caller
from chassis.db import Tx
from chassis.errors import Forbidden
from chassis.testing import NOW, callers
from eprescription.domain import body, number
from eprescription.domain.errors import (
    ChangedMeanwhile,
    NumberWrong,
    PrescriptionNotFound,
    TransitionRefused,
)
from eprescription.domain.ids import PrescriptionId
from eprescription.domain.prescriptions import Prescription
from eprescription.domain.states import State
from eprescription.domain.writing import ContentWrong
from eprescription.store import prescriptions as store
from eprescription.store.tables import OPPOSITION
from eprescription.usecases import prescriptions as usecases

from .given import (
    COLLEAGUE,
    LAW,
    PERSON,
    TODAY,
    content,
    events,
    journal,
    line,
    refused,
    signed,
)

PARAMETERS = LAW.on(TODAY)


async def opened(tx: Tx, by: Caller = callers.doctor) -> Prescription:
    return await usecases.create_prescription(tx, by, PERSON, content(), PARAMETERS, NOW)


async def stored(tx: Tx, prescription_id: PrescriptionId) -> Prescription:
    found = await store.find_prescription(tx, prescription_id)
    assert found is not None
    return found


async def test_a_draft_is_opened_with_its_number_and_its_author(tx: Tx) -> None:
    made = await opened(tx)
    kept = await stored(tx, made.id)
    assert kept == made
    assert (kept.state, kept.version) == (State.DRAFT, 1)
    assert number.check(kept.number) == kept.number == kept.signed.number
    assert kept.signed.prescriber.id == kept.prescriber == callers.doctor.subject
    assert kept.signed.prescriber.name == "Anne DOCTEUR"
    assert body.read(kept.body) == kept.signed
    assert await journal(tx) == [("prescription.create", made.id.value)]
    # A draft is nobody's business yet.
    assert await events(tx) == []


async def test_who_prescribes_nothing_opens_no_draft(tx: Tx) -> None:
    refusal = await refused(Forbidden, opened(tx, callers.pharmacist))
    assert refusal.rules == ("V25",)
    assert await journal(tx) == []


async def test_an_absurd_content_opens_no_draft(tx: Tx) -> None:
    wrong = content(line(renewals=4_000_000_000))
    asked = usecases.create_prescription(tx, callers.doctor, PERSON, wrong, PARAMETERS, NOW)
    refusal = await refused(ContentWrong, asked)
    assert [one.field for one in refusal.violations] == ["content.lines[0].renewals"]
    assert await journal(tx) == []


async def test_a_draft_changes_and_keeps_its_number(tx: Tx) -> None:
    made, other = await opened(tx), content(line(), line(), restricted=True)
    changed = await usecases.change_prescription(tx, callers.doctor, made.id, other, made.version, NOW)
    kept = await stored(tx, made.id)
    assert kept == changed
    assert (kept.version, kept.number, kept.restricted) == (2, made.number, True)
    assert kept.signed.content == other
    assert [action for action, _ in await journal(tx)] == ["prescription.create", "prescription.change"]


async def test_a_draft_that_changed_meanwhile_is_not_overwritten(tx: Tx) -> None:
    made = await opened(tx)
    await usecases.change_prescription(tx, callers.doctor, made.id, content(), 1, NOW)
    late = usecases.change_prescription(tx, callers.doctor, made.id, content(), 1, NOW)
    await refused(ChangedMeanwhile, late)
    assert (await stored(tx, made.id)).version == 2
    # 0: whatever it is.
    await usecases.change_prescription(tx, callers.doctor, made.id, content(), 0, NOW)
    assert (await stored(tx, made.id)).version == 3


async def test_a_draft_is_given_up_once_and_again_is_the_same(tx: Tx) -> None:
    made = await opened(tx)
    for _ in range(2):
        given_up = await usecases.discard_prescription(tx, callers.doctor, made.id, NOW)
        assert (given_up.state, given_up.version) == (State.DISCARDED, 2)
    assert (await stored(tx, made.id)).version == 2


@pytest.mark.parametrize(
    "caller", [callers.other_doctor, COLLEAGUE, callers.pharmacist, replace(callers.doctor, organisation="9")]
)
async def test_nobody_else_knows_of_a_draft(tx: Tx, caller: Caller) -> None:
    made = await opened(tx)
    before = await journal(tx)
    for asked in (
        usecases.change_prescription(tx, caller, made.id, content(), 0, NOW),
        usecases.discard_prescription(tx, caller, made.id, NOW),
        usecases.get_prescription(tx, caller, made.id, "", NOW),
        usecases.get_prescription(tx, caller, None, made.number, NOW),
    ):
        refusal = await refused(PrescriptionNotFound, asked)
        # Word for word what is said of a prescription that is not there.
        assert str(refusal) == str(PrescriptionNotFound())
        assert (refusal.field, refusal.hint) == ("prescription_id", PrescriptionNotFound.remedy)
    assert (await stored(tx, made.id), await journal(tx)) == (made, before)


@pytest.mark.parametrize("state", [one for one in State if one is not State.DRAFT])
async def test_only_a_draft_changes(tx: Tx, state: State) -> None:
    made = await signed(tx, state=state)
    for asked in (
        usecases.change_prescription(tx, callers.doctor, made.id, content(), 0, NOW),
        *(
            [usecases.discard_prescription(tx, callers.doctor, made.id, NOW)]
            if state.value != "discarded"
            else []
        ),
    ):
        refusal = await refused(TransitionRefused, asked)
        assert refusal.reason == f"PRESCRIPTION_{state.value.upper()}"
    assert await stored(tx, made.id) == made
    assert (await journal(tx), await events(tx)) == ([], [])


async def test_what_is_not_there_is_not_found_and_traced(tx: Tx) -> None:
    nowhere = PrescriptionId(str(uuid4()))
    for asked in (
        usecases.get_prescription(tx, callers.doctor, nowhere, "", NOW),
        usecases.get_prescription(tx, callers.doctor, None, number.new(), NOW),
        usecases.change_prescription(tx, callers.doctor, nowhere, content(), 0, NOW),
        usecases.discard_prescription(tx, callers.doctor, nowhere, NOW),
    ):
        refusal = await refused(PrescriptionNotFound, asked)
        assert refusal.refusal is not None
        assert refusal.refusal.rules == ("erx.no_prescription",)


async def test_a_number_is_read_as_it_is_typed(tx: Tx) -> None:
    made = await signed(tx)
    typed = " ".join([made.number[:6].lower(), made.number[6:]])
    view = await usecases.get_prescription(tx, callers.citizen, None, typed, NOW)
    assert view.prescription == made
    wrong = made.number[:-1] + ("A" if made.number[-1] != "A" else "B")
    await refused(NumberWrong, usecases.get_prescription(tx, callers.citizen, None, wrong, NOW))
    await refused(usecases.NothingAsked, usecases.get_prescription(tx, callers.citizen, None, "", NOW))


async def test_a_reading_is_traced_and_told(tx: Tx) -> None:
    made = await signed(tx)
    view = await usecases.get_prescription(tx, callers.citizen, made.id, "", NOW)
    assert [one.line_id.value for one in view.lines] == [made.signed.content.lines[0].line_id]
    assert await journal(tx) == [("prescription.read", made.id.value)]
    assert await events(tx) == ["prescription.accessed"]


async def test_the_execution_is_kept_from_prescribers_when_the_person_opposed(tx: Tx) -> None:
    made = await signed(tx, state=State.IN_DISPENSE)
    tx.insert(
        OPPOSITION, person_id=PERSON.value, history_opposed=False, execution_hidden=True, changed_at=NOW
    )
    for caller in (callers.doctor, COLLEAGUE, callers.machine):
        hidden = await usecases.get_prescription(tx, caller, made.id, "", NOW)
        assert hidden.execution_hidden
        assert (hidden.prescription.state, hidden.prescription.version) == (State.ACTIVE, 0)
        assert (hidden.claim, list(hidden.interventions)) == (None, [])
    whole = await usecases.get_prescription(tx, callers.citizen, made.id, "", NOW)
    assert (whole.prescription.state, whole.execution_hidden) == (State.IN_DISPENSE, False)
