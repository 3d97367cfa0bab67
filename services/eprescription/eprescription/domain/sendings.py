"""What is to be sent to the personal record of the patient, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from chassis.ids import Id

from .ids import PersonId


class SendingId(Id):
    """One document to send; also the key by which the DMP knows a repeated request again."""

    __slots__ = ()


class SendingKind(StrEnum):
    PRESCRIPTION = "prescription"
    DISPENSING = "dispensing"


class Outcome(StrEnum):
    """How a sending ended; none is an error of the prescription, which stands by itself."""

    SENT = "sent"
    # The person has no open record: none is opened for them.
    NO_RECORD = "no_record"
    # The holder opposes feeding (R1111-47).
    OPPOSED = "opposed"
    # Withdrawn whole by its prescriber before it was sent: nobody has to be told of it.
    CANCELLED = "cancelled"
    # Restricted to prescriber, executor and person in person: a shared record would show it to others.
    WITHHELD = "withheld"
    # Nothing was delivered in the visit.
    NOTHING = "nothing"
    # The DMP, or the registry, refuses it for good: told in the log by the class of the refusal.
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Sending:
    """A row of `sending`; `object_id` is the prescription or the dispensing."""

    id: SendingId
    kind: SendingKind
    object_id: str
    person: PersonId
    created_at: datetime
    attempts: int


# Nobody waits for a document in a record: after half an hour of trying, once every half hour is enough.
FIRST_DELAY, LONGEST_DELAY = timedelta(seconds=2), timedelta(minutes=30)


def delay_after(attempts: int) -> timedelta:
    """How long to wait after so many attempts: twice as long each time, within a bound."""
    return min(FIRST_DELAY * 2.0 ** min(max(attempts - 1, 0), 20), LONGEST_DELAY)
