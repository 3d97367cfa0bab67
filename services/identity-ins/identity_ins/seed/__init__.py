"""Fictitious persons: the reference registry of a test platform."""

from .generate import people, person, person_id_of
from .known import GUARDIAN, OTHER_PATIENT, PATIENT
from .load import load

__all__ = ["GUARDIAN", "OTHER_PATIENT", "PATIENT", "load", "people", "person", "person_id_of"]
