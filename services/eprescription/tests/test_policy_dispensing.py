"""Who dispenses and who reads the history: each answer by the rule that makes it."""

from dataclasses import replace

import pytest

from chassis.caller import Caller
from chassis.testing import callers
from eprescription.domain.content import Content
from eprescription.domain.history import Opposition
from eprescription.policy import dispensing as policy

from .given import LAW, PERSON, TODAY

PHARMACIST, DOCTOR = callers.pharmacist, callers.doctor
SECTORS = frozenset(LAW.on(TODAY).hospital_sectors)
OPPOSED = Opposition(history_opposed=True)


@pytest.mark.parametrize(
    ("caller", "rule"),
    [
        (PHARMACIST, "erx.pharmacy"),
        *((replace(PHARMACIST, sector=sector), "erx.pharmacy") for sector in sorted(policy.PHARMACIES)),
        (replace(PHARMACIST, sector="SA01"), "erx.not_in_a_pharmacy"),
        (replace(PHARMACIST, sector="SA25"), "erx.not_in_a_pharmacy"),
        (replace(PHARMACIST, organisation=""), "erx.not_in_a_pharmacy"),
        (replace(DOCTOR, sector="SA33"), "erx.not_a_dispenser"),
        (callers.nurse, "erx.not_a_dispenser"),
        (callers.citizen, "erx.not_a_dispenser"),
    ],
)
def test_who_dispenses(caller: Caller, rule: str) -> None:
    decision = policy.may_dispense(caller)
    assert decision.rules == (rule,)
    assert decision.permitted is (rule == "erx.pharmacy")


def test_a_named_pharmacy_is_the_only_one_that_opens() -> None:
    named = Content((), named_pharmacy=PHARMACIST.organisation)
    assert policy.may_open(PHARMACIST, named).permitted
    assert not policy.may_open(replace(PHARMACIST, organisation="1"), named).permitted
    assert policy.may_open(replace(PHARMACIST, organisation="1"), Content(())).permitted


@pytest.mark.parametrize(
    ("caller", "opposition", "rule"),
    [
        (callers.citizen, OPPOSED, "erx.history_own"),
        (replace(callers.guardian, represents=frozenset({PERSON.value})), OPPOSED, "erx.history_own"),
        (callers.other_citizen, Opposition(), "erx.stranger"),
        (replace(callers.other_citizen, assists=frozenset({PERSON.value})), Opposition(), "erx.stranger"),
        (callers.auditor, Opposition(), "erx.history_not_for_you"),
        (PHARMACIST, Opposition(), "erx.history"),
        (PHARMACIST, OPPOSED, "erx.history_opposed"),
        (replace(PHARMACIST, sector="SA01"), Opposition(), "erx.history"),
        (replace(PHARMACIST, organisation=""), Opposition(), "erx.history_not_for_you"),
        *((replace(DOCTOR, sector=sector), Opposition(), "erx.history") for sector in sorted(SECTORS)),
        (replace(DOCTOR, sector="SA01"), OPPOSED, "erx.history_opposed"),
        (replace(DOCTOR, sector="SA05"), Opposition(), "erx.history_not_for_you"),
        (replace(DOCTOR, sector="SA07"), Opposition(), "erx.history_not_for_you"),
        (replace(DOCTOR, sector=""), Opposition(), "erx.history_not_for_you"),
        (replace(callers.nurse, sector="SA01"), Opposition(), "erx.history_not_for_you"),
    ],
)
def test_who_reads_the_history(caller: Caller, opposition: Opposition, rule: str) -> None:
    assert policy.may_read_history(caller, PERSON.value, opposition, SECTORS).rules == (rule,)


@pytest.mark.parametrize(
    ("caller", "permitted"), [(callers.citizen, True), (callers.guardian, False), (PHARMACIST, False)]
)
def test_the_holder_alone_opposes(caller: Caller, permitted: bool) -> None:
    assert policy.may_oppose(caller, PERSON.value).permitted is permitted
