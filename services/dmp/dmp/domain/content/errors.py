"""What a content is refused for; codes 900 to 906 are those of the CI-SIS (transmission of a CDA)."""

from __future__ import annotations

from chassis.errors import InvalidInput, RuleViolated, Unavailable

# Carried among the rules of an error, so that each door says them in its own words.
INS_MISSING, INS_DIFFERS, INS_INCOMPLETE = "CISIS_903", "CISIS_904", "CISIS_905"


class ActiveContent(InvalidInput):
    """The content holds something that would run or open by itself: a record takes documents to be read."""


class CdaHeaderIncomplete(InvalidInput):
    """The header of the CDA lacks what every document of a record has: see each place."""


class CdaHeaderContradicts(InvalidInput):
    """The header of the CDA contradicts the metadata of the document: see each field."""


class EnclosedFileNotReadable(InvalidInput):
    """The file enclosed in the CDA cannot be taken out of it."""


class InsMissing(InvalidInput):
    """The header of the CDA names no INS."""


class InsIncomplete(InvalidInput):
    """The header of the CDA gives an INS without all the traits that make it one."""


class PatientDiffers(RuleViolated):
    """The patient in the header of the CDA is not the person of the record, or is described otherwise."""


class ContentInfected(InvalidInput):
    """The scanner found malicious code in the content; nothing was stored."""


class ScannerAway(Unavailable):
    """The scanner that every content must pass does not answer: nothing was stored, retrying is safe."""


class NothingEnclosed(RuleViolated):
    """This document encloses no file: its page is all there is to see."""
