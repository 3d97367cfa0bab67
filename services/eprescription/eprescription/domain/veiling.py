"""A prescription without its execution, for prescribers of a person who opposed. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from .dispensing import NOTHING, LineStatus
from .prescriptions import Prescription
from .states import LineState, State

# What only a pharmacy brings about.
EXECUTED = frozenset({State.IN_DISPENSE, State.PARTIALLY_DISPENSED, State.COMPLETED})
KEPT = frozenset({LineState.ORDERED, LineState.CANCELLED, LineState.EXPIRED})
# A version counts what pharmacies did too.
UNTOLD = 0


def veil(prescription: Prescription, today: date) -> Prescription:
    """As if no pharmacy had done anything: active, or expired once its last day is over."""
    over = prescription.expires_on is not None and prescription.expires_on < today
    state = State.EXPIRED if over else State.ACTIVE
    shown = state if prescription.state in EXECUTED else prescription.state
    return replace(prescription, state=shown, version=UNTOLD)


def veil_line(line: LineStatus) -> LineStatus:
    """What was prescribed and cancelled, nothing of what was delivered."""
    return replace(
        line,
        state=line.state if line.state in KEPT else LineState.ORDERED,
        delivered=NOTHING,
        forfeited=NOTHING,
        deliveries=0,
        next_on=None,
    )
