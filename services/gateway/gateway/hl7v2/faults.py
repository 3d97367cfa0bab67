"""What is wrong with a message, in the tables of HL7 (0357) and in the codes of the CI-SIS (900 to 906)."""

from __future__ import annotations

from dataclasses import dataclass

from chassis.errors import InvalidInput, Kind, SocleError

# Table 0357.
SEGMENT_MISSING, FIELD_MISSING, DATA_TYPE, VALUE_UNKNOWN = "100", "101", "102", "103"
TYPE_UNSUPPORTED, EVENT_UNSUPPORTED, PROCESSING_UNSUPPORTED, VERSION_UNSUPPORTED = "200", "201", "202", "203"
INTERNAL = "207"
TEXTS = {
    "0": "Message accepted",
    SEGMENT_MISSING: "Segment sequence error",
    FIELD_MISSING: "Required field missing",
    DATA_TYPE: "Data type error",
    VALUE_UNKNOWN: "Table value not found",
    TYPE_UNSUPPORTED: "Unsupported message type",
    EVENT_UNSUPPORTED: "Unsupported event code",
    PROCESSING_UNSUPPORTED: "Unsupported processing id",
    VERSION_UNSUPPORTED: "Unsupported version id",
    INTERNAL: "Application internal error",
}
# Table of the CI-SIS for the receiver of a document.
WRONG_VERSION, NOT_AUTHOR, UNKNOWN_PATIENT, OTHER = "900", "901", "902", "906"
INS_MISSING = "903"
APPLICATION = {
    WRONG_VERSION: "Version du document incorrecte",
    NOT_AUTHOR: "Auteur non autorisé à remplacer ou supprimer le document",
    UNKNOWN_PATIENT: "Identifiant de patient inconnu",
    INS_MISSING: "INS absente du document",
    "904": "INS et traits différents de ceux enregistrés",
    "905": "INS incomplète",
    OTHER: "Autre erreur",
}
PREFIX = "CISIS_"
# Reasons of the services, and rules of XDS among those of an error.
BY_REASON = {
    "PERSON_UNKNOWN": UNKNOWN_PATIENT,
    "RECORD_NOT_FOUND": UNKNOWN_PATIENT,
    "DOCUMENT_NOT_FOUND": WRONG_VERSION,
    "DOCUMENT_DELETED": WRONG_VERSION,
    "DUPLICATE_DOCUMENT": WRONG_VERSION,
    "NOTHING_TO_REPLACE": WRONG_VERSION,
}
# What a document is refused for when it is read alone; the last, when it is empty or beyond the size taken.
IN_DOCUMENT = {
    "CDA_HEADER_INCOMPLETE": FIELD_MISSING,
    "CDA_NOT_READABLE": DATA_TYPE,
    "MALFORMED_REQUEST": DATA_TYPE,
}
BY_RULE = {"XDSReplaceFailed": WRONG_VERSION, "XDSUnknownPatientId": UNKNOWN_PATIENT}
# Answered by HTTP, not by an acknowledgement: the message was not judged, sending it again is right.
NOT_JUDGED = frozenset({Kind.UNAUTHENTICATED, Kind.TOO_MANY, Kind.UNAVAILABLE, Kind.TIMED_OUT, Kind.INTERNAL})


class MessageUnreadable(InvalidInput):
    """This is not an HL7 v2 message that can be acknowledged: it does not begin with a readable MSH."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of a message. `problem` never quotes it."""

    # `OBX-5`; empty for the whole.
    place: str
    # Table 0357.
    code: str
    problem: str
    # 900 to 906; empty for a fault of the message itself.
    application: str = ""


class MessageRefused(InvalidInput):
    """The message cannot be taken as it is: each fault is told in the acknowledgement."""

    def __init__(self, *faults: Fault) -> None:
        self.faults = faults
        super().__init__()


def faults_of(error: SocleError, *, changing: bool) -> tuple[Fault, ...]:
    """An error of a service as faults; `changing`: a document was to be replaced or deleted."""
    if isinstance(error, MessageRefused):
        return error.faults
    application = _application(error, changing)
    told = [f"{one.field}: {one.problem}." for one in error.violations] or [""]
    return tuple(
        Fault("", INTERNAL, " ".join(filter(None, (error.sentence, one, error.hint))), application)
        for one in told
    )


def of_document(error: InvalidInput) -> InvalidInput:
    """A refusal of the document alone, told where the message carries it; any other stays as it is."""
    code = IN_DOCUMENT.get(error.reason, "")
    if not code:
        return error
    told = [one.problem for one in error.violations] or [f"{error.sentence} {error.hint}".strip()]
    return MessageRefused(*(Fault("OBX-5", code, one, OTHER) for one in told))


def _application(error: SocleError, changing: bool) -> str:
    named = (rule.removeprefix(PREFIX) for rule in error.rules if rule.startswith(PREFIX))
    known = next((code for code in named if code in APPLICATION), "")
    if not known and changing and error.kind is Kind.FORBIDDEN:
        known = NOT_AUTHOR
    by_rule = next((BY_RULE[rule] for rule in error.rules if rule in BY_RULE), OTHER)
    return known or BY_REASON.get(error.reason, by_rule)
