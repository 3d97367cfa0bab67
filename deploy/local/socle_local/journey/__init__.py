"""The first journey: an identity is qualified, its twin merged and unmerged, a document deposited, shared,
hidden, opened in an emergency, every access told and proven, the record closed and opened again; a
prescription is signed, verified offline, dispensed by two pharmacies and refused to a third.

Told once, used twice: `make demo` shows it, the integration tests assert it. Public interfaces only: HTTP at
the gateway, and a NATS subscription.
"""

from .actors import Actor, Reach, Reply, UnexpectedAnswerError, purpose
from .deposits import Deposit, bundle
from .documents import ClinicalDocument, Patient, consultation_report
from .events import Event, Listener
from .story import ACTS, Act, Story, opened, play

__all__ = [
    "ACTS",
    "Act",
    "Actor",
    "ClinicalDocument",
    "Deposit",
    "Event",
    "Listener",
    "Patient",
    "Reach",
    "Reply",
    "Story",
    "UnexpectedAnswerError",
    "bundle",
    "consultation_report",
    "opened",
    "play",
    "purpose",
]
