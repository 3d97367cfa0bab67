"""Media types of FHIR: what a request accepts, and in which of them it wants its answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.datastructures import Headers, QueryParams
from starlette.types import Scope

from .fhir.names import FHIR_JSON, FHIR_XML

# Every name of a format, the one that answers carry first.
NAMES = {
    FHIR_JSON: {FHIR_JSON, "application/json", "text/json", "json"},
    FHIR_XML: {FHIR_XML, "application/xml", "text/xml", "xml"},
}
SUPPORTED = " or ".join(NAMES)
# `fhirVersion` of a media type: this server speaks R4 only.
VERSIONS = {"4.0", "4.0.1"}
# Where the format of an answer is kept once a POSTed `_format` has chosen it.
CHOSEN = "socle.fhir_format"


@dataclass(frozen=True, slots=True)
class Range:
    """One media range of an `Accept` header, in lower case."""

    kind: str
    weight: float
    parameters: Mapping[str, str]

    def closeness(self, names: set[str]) -> int:
        """How precisely it names one of these types: 2 by name, 1 by its main type, 0 as anything, -1 not at
        all.
        """
        if self.parameters.get("fhirversion", "4.0") not in VERSIONS:
            return -1
        if self.kind in names:
            return 2
        if self.kind == "*/*":
            return 0
        return 1 if any(f"{name.partition('/')[0]}/*" == self.kind for name in names) else -1


def read_type(text: str) -> tuple[str, dict[str, str]]:
    """A media type and its parameters, in lower case."""
    kind, *rest = (part.strip() for part in text.lower().split(";"))
    pairs = (one.partition("=") for one in rest)
    return kind, {name.strip(): value.strip().strip('"') for name, _, value in pairs}


def ranges(header: str) -> list[Range]:
    """The media ranges of `Accept`; everything when it is absent or empty."""
    found = []
    for part in (header.strip() or "*/*").split(","):
        kind, parameters = read_type(part)
        found.append(Range(kind, _weight(parameters.get("q", "1")), parameters))
    return found


def _weight(text: str) -> float:
    """A q-value; one that cannot be read counts as absent."""
    try:
        return min(max(float(text), 0.0), 1.0)
    except ValueError:
        return 1.0


def named(text: str) -> str:
    """The format that `_format` names; empty when it is none of ours."""
    # An unescaped + of a query arrives as a space.
    kind, parameters = read_type(text.strip().replace(" ", "+"))
    if parameters.get("fhirversion", "4.0") not in VERSIONS:
        return ""
    return next((answer for answer, names in NAMES.items() if kind in names), "")


def preferred(header: str) -> str:
    """The format an `Accept` header prefers; JSON when it does not care, empty when it takes neither."""
    wanted = ranges(header)
    best: tuple[float, int, int] = (0.0, -1, 0)
    answer = ""
    for kind, names in NAMES.items():
        closeness, place, weight = max(
            (one.closeness(names), -place, one.weight) for place, one in enumerate(wanted)
        )
        if closeness >= 0 and weight > 0 and (weight, closeness, place) > best:
            best, answer = (weight, closeness, place), kind
    return answer


def wanted(scope: Scope) -> str:
    """The format of the answer to a request (`_format` goes before `Accept`); empty when it takes neither."""
    if CHOSEN in scope:
        return str(scope[CHOSEN])
    asked = QueryParams(scope.get("query_string", b"")).get("_format")
    if asked:
        return named(asked)
    return preferred(",".join(Headers(scope=scope).getlist("accept")))


def accepts(scope: Scope, kind: str) -> bool:
    """Whether `Accept` takes answers of a media type, whatever FHIR has to do with it."""
    found = ranges(",".join(Headers(scope=scope).getlist("accept")))
    closeness, weight = max((one.closeness({kind}), one.weight) for one in found)
    return closeness >= 0 and weight > 0
