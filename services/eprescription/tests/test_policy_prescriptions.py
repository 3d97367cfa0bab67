"""Who reads, writes, cancels and lists a prescription, caller by caller; each answer names its rule."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chassis.caller import Caller
from chassis.testing import NOW, callers
from eprescription.domain.dispensing import Claim
from eprescription.domain.ids import ClaimId
from eprescription.domain.prescriptions import Prescription
from eprescription.domain.states import State
from eprescription.policy import prescriptions as policy
from eprescription.policy.prescriptions import Standing

from .given import COLLEAGUE, LAW, OTHER_PHARMACIST, TODAY, WARD, content, draft

SIGNED = draft(state=State.ACTIVE)
RESTRICTED = draft(content(restricted=True), state=State.ACTIVE)
OF_WARD = draft(person=WARD, state=State.ACTIVE)
RESTRICTED_OF_WARD = draft(content(restricted=True), person=WARD, state=State.ACTIVE)
HELD = Standing(
    Claim(
        ClaimId.new(),
        SIGNED.id,
        callers.pharmacist.organisation,
        callers.pharmacist.subject,
        NOW,
        NOW + timedelta(minutes=30),
    )
)
SERVED = Standing(served=True)
AIDANT = replace(
    callers.citizen, person_id="01900000-0000-7000-8000-0000000000aa", assists=frozenset({WARD.value})
)
ELSEWHERE = replace(callers.doctor, organisation="1750000067")
HOSPITAL_NURSE = replace(callers.nurse, organisation=callers.doctor.organisation)
KINE = replace(callers.nurse, organisation=callers.doctor.organisation, profession="70")
FOREIGN_MACHINE = replace(callers.machine, organisation="1750000067")
HOMELESS = replace(callers.machine, organisation="")


@pytest.mark.parametrize(
    ("caller", "prescription", "standing", "rule"),
    [
        (callers.citizen, SIGNED, Standing(), "erx.person"),
        (callers.citizen, RESTRICTED, Standing(), "erx.person"),
        (callers.guardian, OF_WARD, Standing(), "erx.representative"),
        (AIDANT, OF_WARD, Standing(), "erx.aidant"),
        (callers.doctor, SIGNED, Standing(), "erx.author"),
        (callers.doctor, RESTRICTED, Standing(), "erx.author"),
        (ELSEWHERE, SIGNED, Standing(), "erx.author"),
        (COLLEAGUE, SIGNED, Standing(), "erx.same_structure"),
        (HOSPITAL_NURSE, SIGNED, Standing(), "erx.same_structure"),
        (callers.pharmacist, SIGNED, HELD, "erx.pharmacy_holds"),
        (callers.pharmacist, RESTRICTED, HELD, "erx.pharmacy_holds"),
        (callers.pharmacist, SIGNED, SERVED, "erx.pharmacy_served"),
        (callers.machine, SIGNED, Standing(), "erx.machine_of_structure"),
    ],
)
def test_these_read_it(caller: Caller, prescription: Prescription, standing: Standing, rule: str) -> None:
    decision = policy.may_read(caller, prescription, standing)
    assert (decision.permitted, decision.rules) == (True, (rule,))


@pytest.mark.parametrize(
    ("caller", "prescription", "standing", "rule"),
    [
        (callers.other_citizen, SIGNED, Standing(), "erx.stranger"),
        (callers.guardian, SIGNED, Standing(), "erx.stranger"),
        (callers.guardian, RESTRICTED_OF_WARD, Standing(), "erx.restricted"),
        (AIDANT, RESTRICTED_OF_WARD, Standing(), "erx.restricted"),
        (callers.other_doctor, SIGNED, Standing(), "erx.stranger"),
        (COLLEAGUE, RESTRICTED, Standing(), "erx.restricted"),
        (KINE, SIGNED, Standing(), "erx.stranger"),
        (callers.nurse, SIGNED, Standing(), "erx.stranger"),
        (callers.pharmacist, SIGNED, Standing(), "erx.pharmacy_without_hold"),
        (OTHER_PHARMACIST, SIGNED, HELD, "erx.pharmacy_without_hold"),
        (FOREIGN_MACHINE, SIGNED, Standing(), "erx.stranger"),
        (HOMELESS, SIGNED, Standing(), "erx.stranger"),
        (callers.machine, RESTRICTED, Standing(), "erx.stranger"),
        (callers.staff, SIGNED, Standing(), "erx.stranger"),
        (callers.service, SIGNED, Standing(), "erx.stranger"),
        (callers.operator, SIGNED, Standing(), "erx.stranger"),
    ],
)
def test_nobody_else_reads_it(
    caller: Caller, prescription: Prescription, standing: Standing, rule: str
) -> None:
    decision = policy.may_read(caller, prescription, standing)
    assert (decision.permitted, decision.rules) == (False, (rule,))


EVERYONE = [
    *callers.every_kind().values(),
    COLLEAGUE,
    ELSEWHERE,
    callers.pharmacist,
    callers.other_doctor,
    callers.guardian,
]


@pytest.mark.parametrize("state", [State.DRAFT, State.DISCARDED])
def test_a_draft_is_of_its_author_alone_where_it_was_begun(state: State) -> None:
    made = draft(state=state)
    readers = [one for one in EVERYONE if policy.may_read(one, made, HELD).permitted]
    assert readers == [callers.doctor]
    assert [one for one in EVERYONE if policy.may_write(one, made).permitted] == [callers.doctor]


def test_two_structures_without_a_name_are_not_the_same() -> None:
    nowhere = draft(state=State.ACTIVE, organisation="")
    assert not policy.may_read(HOMELESS, nowhere, Standing()).permitted
    assert not policy.may_read(replace(COLLEAGUE, organisation=""), nowhere, Standing()).permitted


def test_author_and_colleague_cancel_and_nobody_else() -> None:
    able = [one for one in EVERYONE if policy.may_cancel(one, SIGNED).permitted]
    assert able == [callers.doctor, COLLEAGUE, ELSEWHERE]
    able = [one for one in EVERYONE if policy.may_cancel(one, RESTRICTED).permitted]
    assert able == [callers.doctor, ELSEWHERE]


def test_professions_that_prescribe_open_a_draft() -> None:
    parameters = LAW.on(TODAY)
    for profession, opens in (("10", True), ("50", True), ("60", True), ("21", False), ("", False)):
        decision = policy.may_create(replace(callers.doctor, profession=profession), parameters)
        assert decision.permitted is opens
    assert policy.may_create(callers.pharmacist, parameters).rules == ("V25",)


def test_execution_is_hidden_from_prescribers_only() -> None:
    opposed = replace(HELD, opposed=True)
    blind = {
        caller.name: policy.is_blind(policy.may_read(caller, SIGNED, opposed), opposed)
        for caller in (callers.doctor, COLLEAGUE, callers.machine, callers.pharmacist)
    }
    assert blind == {
        "Anne DOCTEUR": True,
        "Zoé COLLEGUE": True,
        "integrator": True,
        "Luc OFFICINE": False,
    }
    assert not policy.is_blind(policy.may_read(callers.citizen, SIGNED, opposed), opposed)
    assert not policy.is_blind(policy.may_read(callers.doctor, SIGNED, HELD), HELD)


@pytest.mark.parametrize(
    ("caller", "rule"),
    [
        (callers.citizen, "erx.person"),
        (callers.doctor, "erx.same_structure"),
        (KINE, "erx.author"),
        (callers.machine, "erx.machine_of_structure"),
    ],
)
def test_these_list_the_prescriptions_of_a_person(caller: Caller, rule: str) -> None:
    assert policy.may_list(caller, callers.citizen.person_id).rules == (rule,)


@pytest.mark.parametrize("caller", [callers.other_citizen, callers.pharmacist, callers.staff, HOMELESS])
def test_these_list_nothing_of_a_person(caller: Caller) -> None:
    assert not policy.may_list(caller, callers.citizen.person_id).permitted


def test_the_journal_is_for_the_person_and_the_auditor() -> None:
    able = [one for one in EVERYONE if policy.may_read_journal(one, SIGNED).permitted]
    assert able == [callers.citizen, callers.auditor]
    assert policy.may_read_journal(callers.guardian, OF_WARD).permitted
    assert not policy.may_read_journal(AIDANT, OF_WARD).permitted
    assert not policy.may_read_journal(callers.guardian, RESTRICTED_OF_WARD).permitted
    assert not policy.may_read_journal(callers.citizen, draft()).permitted
