"""Search parameters: what is known is read, the rest is refused by name, or left aside when the caller asked
for that.
"""

from __future__ import annotations

from collections.abc import Iterable, MutableSequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlencode

from chassis.errors import InvalidInput, Violation
from socle.common.v1 import common_pb2
from socle.dmp.v1 import dmp_pb2

from . import instants, names
from .document import STATUS
from .faults import Faults
from .subject import EXPECTED, Subject, token

Pairs = list[tuple[str, str]]
MOST = 100
# Place in a search, made by this server; a client takes it from the `next` link.
PAGE = "_page"
CONTROL = {"_count", PAGE, "_format", "_pretty"}
BY_PATIENT = ("patient", "patient.identifier", "patient:identifier", "subject", "subject:identifier")
DOCUMENT = {"status", "type", "category", "identifier", "date", "creation", *BY_PATIENT}
REPEATED = {"date", "creation", "birthdate"}
PREFIXES = {"eq", "ge", "gt", "le", "lt", "sa", "eb"}


class UnknownSearchParameter(InvalidInput):
    """The search has parameters that this server does not know."""


class WrongSearchParameter(InvalidInput):
    """The search has parameters that cannot be read."""


@dataclass(slots=True)
class Query:
    """The parameters of a search, once sorted out."""

    used: Pairs
    faults: Faults = field(default_factory=Faults)

    def one(self, name: str) -> str:
        """The only value of a parameter, or nothing."""
        return next((value for key, value in self.used if key == name), "")

    def tokens(self, name: str) -> list[str]:
        """The alternatives (comma separated) of a parameter."""
        return [part.strip() for part in self.one(name).split(",") if part.strip()]

    def close(self) -> None:
        """Raises WrongSearchParameter with every fault."""
        if self.faults.found:
            raise WrongSearchParameter(violations=self.faults.found)


def sort_out(pairs: Iterable[tuple[str, str]], known: set[str], *, lenient: bool) -> Query:
    """Keeps what is known; raises UnknownSearchParameter with the others, unless the caller is lenient."""
    used, strange = [], []
    for name, value in pairs:
        if name in known or name in CONTROL:
            used.append((name, value))
        else:
            strange.append(name)
    if strange and not lenient:
        raise UnknownSearchParameter(
            violations=[Violation(_shown(name), "is not a parameter of this search") for name in strange],
            hint=f"Known: {', '.join(sorted(known | CONTROL))}. `Prefer: handling=lenient` ignores others.",
        )
    query = Query(used)
    seen: set[str] = set()
    for name, _ in used:
        if name in seen and name not in REPEATED:
            query.faults.add(name, "is given twice: use commas for alternatives")
        seen.add(name)
    return query


def _shown(name: str) -> str:
    """A parameter's name as an answer may repeat it: short and printable."""
    return "".join(c if c.isprintable() else "?" for c in name[:64]) or "(empty)"


def read_page(query: Query) -> common_pb2.PageRequest:
    """`_count` (1 to 100, 50 without it) and the place to go on from."""
    text = query.one("_count") or "50"
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) > 0):
        query.faults.add("_count", "must be a number from 1 to 100")
        text = "50"
    return common_pb2.PageRequest(size=min(int(text), MOST), token=query.one(PAGE))


def read_documents(query: Query) -> tuple[Subject, dmp_pb2.ListReadableDocumentsRequest | None]:
    """ITI-67: whom it is about, and the request without its person; None when nothing can match."""
    request = dmp_pb2.ListReadableDocumentsRequest(page=read_page(query))
    subject = _read_patient(query)
    possible = [
        _read_statuses(query, request),
        _read_codes(query, "type", {names.LOINC, names.DOCUMENT_TYPE}, request.types),
        _read_codes(query, "category", {names.DOCUMENT_CLASS}, request.classes),
        _read_unique_id(query, request),
        _read_dates(query, request),
    ]
    query.close()
    return subject, request if all(possible) else None


def _read_patient(query: Query) -> Subject:
    given = [(name, value) for name in BY_PATIENT if (value := query.one(name))]
    if len(given) != 1:
        query.faults.add(
            "patient.identifier", "(or patient) is mandatory, once: give system|value of the INS"
        )
        return Subject("patient")
    name, value = given[0]
    if name.endswith("identifier"):
        found = token(value, name)
    else:
        found = Subject(name, patient_id=value.rpartition("Patient/")[2])
    if found is None:
        query.faults.add(name, EXPECTED)
    return found or Subject(name)


def _read_statuses(query: Query, request: dmp_pb2.ListReadableDocumentsRequest) -> bool:
    asked = query.tokens("status")
    if not asked:
        query.faults.add("status", "is mandatory: current, superseded, or both with a comma")
    for status in asked:
        # entered-in-error is a status of FHIR, and no document of a search ever has it.
        if status not in STATUS and status != "entered-in-error":
            query.faults.add("status", "must be current, superseded or entered-in-error")
    request.statuses.extend(sorted({STATUS[status] for status in asked if status in STATUS}))
    return bool(request.statuses)


def _read_codes(query: Query, name: str, systems: set[str], into: MutableSequence[str]) -> bool:
    """Codes of the systems a parameter can have; false when every alternative is of another system."""
    asked = query.tokens(name)
    for one in asked:
        system, bar, code = one.rpartition("|")
        if not code:
            query.faults.add(name, "must be code or system|code")
        elif not bar or system in systems:
            into.append(code)
    return not asked or bool(into)


def _read_unique_id(query: Query, request: dmp_pb2.ListReadableDocumentsRequest) -> bool:
    text = query.one("identifier")
    system, bar, value = text.rpartition("|")
    request.unique_id = value
    return not text or (bool(value) and (not bar or system in ("", names.URI)))


def _read_dates(query: Query, request: dmp_pb2.ListReadableDocumentsRequest) -> bool:
    """`date` and `creation` are one moment in the DMP; several bounds are all to hold."""
    start, end = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    for name, value in query.used:
        if name in ("date", "creation") and (bounds := _read_bound(query, name, value)):
            start, end = max(start, bounds[0]), min(end, bounds[1])
    if start > datetime.min.replace(tzinfo=UTC):
        request.created_from.FromDatetime(start)
    if end < datetime.max.replace(tzinfo=UTC):
        request.created_to.FromDatetime(end)
    return start < end


def _read_bound(query: Query, name: str, text: str) -> tuple[datetime, datetime] | None:
    prefix, rest = (text[:2], text[2:]) if text[:2].isalpha() else ("eq", text)
    first, last = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    if prefix not in PREFIXES:
        query.faults.add(name, f"must begin with one of {', '.join(sorted(PREFIXES))}, or with none")
        return None
    try:
        asked = instants.span(rest)
    except ValueError as error:
        query.faults.add(name, str(error))
        return None
    return {
        "eq": (asked.start, asked.end),
        "ge": (asked.start, last),
        "gt": (asked.end, last),
        "sa": (asked.end, last),
        "le": (first, asked.end),
        "lt": (first, asked.start),
        "eb": (first, asked.start),
    }[prefix]


def self_link(base: str, kind: str, query: Query) -> str:
    """The search as it was understood: only the parameters that were used."""
    return _link(base, kind, query.used)


def first_link(base: str, kind: str, query: Query) -> str:
    """Where the search begins."""
    return _link(base, kind, [(name, value) for name, value in query.used if name != PAGE])


def next_link(base: str, kind: str, query: Query, place: str) -> str:
    """Where the search goes on."""
    kept = [(name, value) for name, value in query.used if name != PAGE]
    return _link(base, kind, [*kept, (PAGE, place)])


def _link(base: str, kind: str, pairs: Pairs) -> str:
    return f"{base}/{kind}" + (f"?{urlencode(pairs)}" if pairs else "")
