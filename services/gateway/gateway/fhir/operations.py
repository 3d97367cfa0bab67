"""OperationDefinitions: what each operation takes and answers, as it is served; those on Patients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]
PUBLISHED = "2026-11-22"
# A parameter that is made of the parts code and reason, and has no type of its own.
PARTS = "BackboneElement"
INS_CODES = "00 one person found, 01 nobody, 02 several"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter: `many` is its range, as 0..1."""

    name: str
    many: str
    type: str
    text: str

    def written(self, use: str) -> Json:
        low, _, high = self.many.partition("..")
        told: Json = {"name": self.name, "use": use, "min": int(low), "max": high, "documentation": self.text}
        if self.type == PARTS:
            texts = [Parameter(name, "1..1", "string", "") for name in ("code", "reason")]
            parts = [one.written(use) for one in texts]
            return told | {"part": [{name: value for name, value in one.items() if value} for one in parts]}
        return told | {"type": self.type}


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation; `levels` are where it is called: on the type, on one instance."""

    code: str
    title: str
    text: str
    levels: frozenset[str]
    changes: bool
    takes: tuple[Parameter, ...]
    answers: tuple[Parameter, ...]
    base: str = ""
    resource: str = "Patient"

    @property
    def id(self) -> str:
        return f"{self.resource}-{self.code}"


TYPE, INSTANCE = frozenset({"type"}), frozenset({"instance"})
LABEL = Parameter("label", "0..1", "string", "What INSi says of the code.")
PATIENT = Parameter("patient", "1..1", "Patient", "The Patient as it is now.")
MATCH = Operation(
    "match",
    "Which Patients of the structure may be this person",
    "Deterministic and explained: every candidate tells its score (0 to 1), its grade (match-grade) and, in"
    " the extension urn:x-socle:match-reason, how each field agrees. `resource` needs a name or a birthDate;"
    " what is not compared is left aside. Nothing is changed.",
    TYPE,
    False,
    (
        Parameter("resource", "1..1", "Patient", "The person as far as known."),
        Parameter("onlyCertainMatches", "0..1", "boolean", "Only candidates of grade certain."),
        Parameter("count", "0..1", "integer", "Most candidates wanted, 1 to 50; 10 without it."),
    ),
    (Parameter("return", "1..1", "Bundle", "A searchset, best first."),),
    "http://hl7.org/fhir/OperationDefinition/Patient-match",
)
SEARCH_INS = Operation(
    "search-ins",
    "INSi search by traits",
    "Asks INSi for the INS of a person by birth name, one first name, sex and date of birth; the place of"
    " birth filters. Each call is journaled. Nothing is kept.",
    TYPE,
    False,
    (
        Parameter("birthName", "1..1", "string", "Nom de naissance."),
        Parameter("birthFirstName", "1..1", "string", "One birth first name, any of the list."),
        Parameter("gender", "1..1", "code", "male or female."),
        Parameter("birthDate", "1..1", "date", "YYYY-MM-DD."),
        Parameter("birthPlace", "0..1", "code", "COG code, 5 characters."),
    ),
    (
        Parameter("code", "1..1", "code", f"{INS_CODES}."),
        LABEL,
        Parameter("person", "0..1", "Patient", "With 00: traits and INS of INSi; no Patient of this server."),
    ),
)
RETRIEVE_INS = Operation(
    "retrieve-ins",
    "INSi search with the traits of a Patient",
    "Called as $search-ins on one Patient. With 00 the Patient takes the INS and the traits of INSi, and"
    " becomes récupérée, or qualifiée when its paper was checked.",
    INSTANCE,
    True,
    (),
    (Parameter("code", "1..1", "code", f"{INS_CODES}."), LABEL, PATIENT),
)
VERIFY_INS = Operation(
    "verify-ins",
    "INSi verification of an INS with all traits",
    "Of the INS that the Patient holds, or of the one given, which it takes when INSi confirms it. An INS"
    " that is held and not confirmed is removed.",
    INSTANCE,
    True,
    (Parameter("identifier", "0..1", "Identifier", "An INS, with its type."),),
    (Parameter("result", "1..1", "code", "confirmed, replaced or not-confirmed."), PATIENT),
)
VERIFY_TRAITS = Operation(
    "verify-traits",
    "INSi verification of a person who is not a Patient here",
    "Called as $verify-ins on the type: asks INSi whether a number is that of the person of these five"
    " traits. It never says which one does not agree. Nothing is kept.",
    TYPE,
    False,
    (Parameter("resource", "1..1", "Patient", "The INS, with its type, and the traits."),),
    (Parameter("result", "1..1", "code", "confirmed or not-confirmed."),),
)
# On the type and on a Patient, $search-ins and $verify-ins take and answer different things: each has its own
# definition.
OPERATIONS = {one.id: one for one in (MATCH, SEARCH_INS, RETRIEVE_INS, VERIFY_INS, VERIFY_TRAITS)}
CALLED = {RETRIEVE_INS.id: SEARCH_INS.code, VERIFY_TRAITS.id: VERIFY_INS.code}


def code_of(operation: Operation) -> str:
    """The name an operation is called by, without the $."""
    return CALLED.get(operation.id, operation.code)


def write_definition(operation: Operation, base: str) -> Json:
    """The OperationDefinition, under the FHIR address of this server."""
    definition: Json = {
        "resourceType": "OperationDefinition",
        "id": operation.id,
        "url": f"{base}/OperationDefinition/{operation.id}",
        "name": "".join(word.capitalize() for word in operation.id.split("-")),
        "title": operation.title,
        "status": "active",
        "kind": "operation",
        "date": PUBLISHED,
        "description": operation.text,
        "affectsState": operation.changes,
        "code": code_of(operation),
        "resource": [operation.resource],
        "system": False,
        "type": operation.levels >= TYPE,
        "instance": operation.levels >= INSTANCE,
        "parameter": [
            *(one.written("in") for one in operation.takes),
            *(one.written("out") for one in operation.answers),
        ],
    }
    return definition | ({"base": operation.base} if operation.base else {})
