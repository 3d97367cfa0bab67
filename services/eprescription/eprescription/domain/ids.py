"""The identifiers of this service."""

from __future__ import annotations

from chassis.ids import Id


class PersonId(Id):
    """Opaque id of a person, given by identity-ins."""

    __slots__ = ()


class PrescriptionId(Id):
    """A prescription: all lines that a prescriber signed together."""

    __slots__ = ()


class LineId(Id):
    """A line; what is dispensed points to it."""

    __slots__ = ()


class ClaimId(Id):
    """One hold of a prescription by a pharmacy."""

    __slots__ = ()


class InterventionId(Id):
    """What a pharmacist did about a line, once."""

    __slots__ = ()


class DispensingId(Id):
    """One closed visit to a pharmacy."""

    __slots__ = ()


class DuplicateId(Id):
    """A delivery beyond what was prescribed."""

    __slots__ = ()


class AllergyId(Id):
    """A known allergy of a person."""

    __slots__ = ()
