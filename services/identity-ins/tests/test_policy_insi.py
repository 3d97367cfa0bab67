"""Who may read the journal of INSi, handle a lot, change a number of the registry."""

from dataclasses import replace

import pytest

from chassis.caller import Caller
from chassis.testing import callers
from identity_ins import policy

HOMELESS = replace(callers.staff, organisation="")


@pytest.mark.parametrize(
    ("caller", "rules"),
    [
        (callers.auditor, (policy.WHOLE_JOURNAL,)),
        (callers.staff, (policy.INSI_BY_STRUCTURE,)),
        (callers.machine, (policy.INSI_BY_STRUCTURE,)),
    ],
)
def test_journal_when_read_then_by_whom_and_how_much(caller: Caller, rules: tuple[str, ...]) -> None:
    decision = policy.may_read_insi_journal(caller)
    assert (decision.permitted, decision.rules) == (True, rules)


def test_journal_when_the_caller_works_for_no_structure_then_refused_with_what_would_help() -> None:
    decision = policy.may_read_insi_journal(HOMELESS)
    assert (decision.permitted, decision.hint) == (False, policy.LOG_IN_FOR_STRUCTURE)


@pytest.mark.parametrize(
    ("caller", "domain", "permitted"),
    [
        (callers.staff, "1750000018", True),
        (callers.machine, "1750000018", True),
        (callers.staff, "1750000026", False),
        (HOMELESS, "", False),
    ],
)
def test_lot_when_handled_then_by_its_structure_alone(caller: Caller, domain: str, permitted: bool) -> None:
    assert policy.may_handle_lot(caller, domain).permitted is permitted


@pytest.mark.parametrize("kind", sorted(callers.every_kind()))
def test_number_when_replaced_then_by_an_operator_alone(kind: str) -> None:
    decision = policy.may_replace_number(callers.every_kind()[kind])
    assert decision.permitted is (kind == "operator")
