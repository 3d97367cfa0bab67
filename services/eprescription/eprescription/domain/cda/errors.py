"""Why a CDA is not read, or not written: a class each, its docstring is the sentence a caller reads."""

from __future__ import annotations

from chassis.errors import InvalidInput, RuleViolated


class DocumentNotReadable(InvalidInput):
    """This is not a well-formed CDA R2 document."""

    where = "cda"


class NotAPrescription(InvalidInput):
    """This document is of another type: only prescriptions of health products are read."""

    where = "cda"
    remedy = "Send a document of type 57833-6 (LOINC)."


class ModelUnknown(InvalidInput):
    """This prescription follows another model than eP-MED-DM, or a version that is not known here."""

    where = "cda"


class NothingPrescribed(InvalidInput):
    """This prescription has no line that can be read."""

    where = "cda"
    remedy = "Send a document with a structured body: lines in sections 57828-6 or 46264-8."


class LineNotReadable(InvalidInput):
    """A line of this prescription says something that a draft cannot say: see each place."""

    where = "cda"
    remedy = "Write this line by hand; a posology is never guessed at."


class NothingToTell(RuleViolated):
    """There is no document of this: only of a signed prescription, and of what was delivered of one."""

    where = "state"
    remedy = "Sign the prescription first; a visit where nothing was delivered has no document."
