"""The line of the journal about one prescription: the person reads who did what, by which rule."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from chassis import audit
from chassis.caller import Caller, Decision
from chassis.db import Tx
from chassis.errors import Conflict, Refusal, RuleViolated
from eprescription.domain.prescriptions import Prescription


def trace(
    tx: Tx, caller: Caller, action: str, prescription: Prescription, decision: Decision, now: datetime
) -> None:
    audit.record(
        tx,
        caller,
        action,
        prescription.person.value,
        object_id=prescription.id.value,
        rules=decision.rules,
        now=now,
    )


@contextmanager
def refusals_of(prescription: Prescription) -> Iterator[None]:
    """Who proved to have the paper and is turned away by a state, a hold or a rule: a fact of the person's
    journal too. What the caller reads of it does not change."""
    try:
        yield
    except (RuleViolated, Conflict) as error:
        rules = error.rules or (f"state.{prescription.state}",)
        error.refusal = error.refusal or Refusal(prescription.person.value, prescription.id.value, rules)
        raise
