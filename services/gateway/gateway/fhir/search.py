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

from . import instants
from .faults import Faults
from .subject import EXPECTED, Subject, opaque, opaque_token, token

Pairs = list[tuple[str, str]]
MOST = 100
# Place in a search, made by this server; a client takes it from the `next` link.
PAGE = "_page"
CONTROL = {"_count", PAGE, "_format", "_pretty"}
BY_PATIENT = ("patient", "patient.identifier", "patient:identifier", "subject", "subject:identifier")
REPEATED = {
    "date",
    "creation",
    "birthdate",
    "period",
    "period-start",
    "period-end",
    "_lastUpdated",
    "_include",
}
PREFIXES = {"eq", "ge", "gt", "le", "lt", "sa", "eb"}
FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


class UnknownSearchParameter(InvalidInput):
    """The search has parameters that this server does not know."""


class WrongSearchParameter(InvalidInput):
    """The search has parameters that cannot be read."""


class MissingSearchParameter(InvalidInput):
    """The search lacks parameters that it may not go without."""


@dataclass(slots=True)
class Query:
    """The parameters of a search, once sorted out."""

    used: Pairs
    faults: Faults = field(default_factory=Faults)
    # How many of the faults are mandatory parameters that are not there.
    missing: int = 0
    # Whom it is about, once known: the page that follows is asked for by this id.
    person_id: str = ""

    def one(self, name: str) -> str:
        """The only value of a parameter, or nothing."""
        return next((value for key, value in self.used if key == name), "")

    def all(self, *names: str) -> Pairs:
        """Every value that any of these parameters was given, with its name; empty values are none."""
        return [(key, value) for key, value in self.used if key in names and value]

    def tokens(self, name: str) -> list[str]:
        """The alternatives (comma separated) of a parameter."""
        return [part.strip() for part in self.one(name).split(",") if part.strip()]

    def single(self, name: str) -> str:
        """The value of a parameter that is searched without alternatives; a fault when it has some."""
        value = self.one(name)
        if "," in value:
            self.faults.add(name, "holds a comma: alternatives are not searched here, give one value")
        return value

    def lack(self, name: str, problem: str) -> None:
        """A mandatory parameter is not there."""
        self.missing += 1
        self.faults.add(name, problem)

    def close(self) -> None:
        """Raises MissingSearchParameter when nothing else is wrong, WrongSearchParameter with every fault."""
        if self.faults.found:
            only_missing = self.missing == len(self.faults.found)
            raise (MissingSearchParameter if only_missing else WrongSearchParameter)(
                violations=self.faults.found
            )


def sort_out(pairs: Iterable[tuple[str, str]], known: set[str], *, lenient: bool) -> Query:
    """Keeps what is known; raises UnknownSearchParameter with the others, unless the caller is lenient."""
    used, strange = [], []
    for name, value in pairs:
        if name in known or name in CONTROL:
            used.append((name, value))
        # A modifier turns a search into another one: whoever is lenient may not get that other one either.
        elif not lenient or name.partition(":")[0] in known:
            strange.append(name)
    if strange:
        raise UnknownSearchParameter(
            violations=[Violation(_shown(name), _why(name, known)) for name in strange],
            hint=f"Known: {', '.join(sorted(known | CONTROL))}. `Prefer: handling=lenient` ignores others.",
        )
    query = Query(used)
    seen: set[str] = set()
    for name, _ in used:
        if name in seen and name not in REPEATED:
            query.faults.add(name, "is given twice: use commas for alternatives")
        seen.add(name)
    return query


def _why(name: str, known: set[str]) -> str:
    base, _, modifier = name.partition(":")
    if modifier and base in known:
        return "has a modifier that this server does not serve"
    return "is not a parameter of this search"


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


def read_patient(query: Query) -> Subject:
    """Whom the search is about; a fault when that is not said once."""
    given = query.all(*BY_PATIENT)
    if len(given) != 1:
        query.lack("patient.identifier", "(or patient) is mandatory, once: give system|value of the INS")
        return Subject("patient")
    name, value = given[0]
    if name.endswith("identifier"):
        found = token(value, name) or opaque_token(value, name)
    else:
        found = Subject(name, patient_id=value.rpartition("Patient/")[2])
    if found is None:
        query.faults.add(name, EXPECTED)
    return found or Subject(name)


def read_codes(query: Query, name: str, systems: set[str], into: MutableSequence[str]) -> bool:
    """Codes of the systems a parameter can have (none named: any); false when every alternative is of
    another system.
    """
    asked = query.tokens(name)
    for one in asked:
        system, bar, code = one.rpartition("|")
        if not code:
            query.faults.add(name, "must be code or system|code")
        elif not bar or not systems or system in systems:
            into.append(code)
    return not asked or bool(into)


def read_identifiers(query: Query, name: str, systems: set[str], into: MutableSequence[str]) -> bool:
    """Values of the systems of `name` (none, or an empty one, is any); false when none of them can match."""
    asked = query.tokens(name)
    for one in asked:
        system, bar, value = one.rpartition("|")
        if value and (not bar or system in systems | {""}):
            into.append(value)
    return not asked or bool(into)


def read_boolean(query: Query, name: str) -> bool | None:
    """`true` or `false`; None when it is not asked for."""
    text = query.one(name)
    if text not in ("", "true", "false"):
        query.faults.add(name, "must be true or false")
    return text == "true" if text else None


def read_choice(query: Query, name: str, choices: Iterable[str]) -> str:
    """One of the choices, or nothing; a fault when it is another."""
    text, known = query.one(name), list(choices)
    if text and text not in known:
        query.faults.add(name, f"must be one of {', '.join(known)}")
        return ""
    return text


@dataclass(frozen=True, slots=True)
class Range:
    """Moments from `start` included to `end` excluded."""

    start: datetime = FIRST
    end: datetime = LAST

    @property
    def possible(self) -> bool:
        """There is a moment in it."""
        return self.start < self.end

    def within(self, other: Range) -> Range:
        """What both hold."""
        return Range(max(self.start, other.start), min(self.end, other.end))

    def into(self, message: dmp_pb2.TimeRange) -> bool:
        """Writes the bounds that there are; false when no moment is left."""
        if self.start > FIRST:
            getattr(message, "from").FromDatetime(self.start)
        if self.end < LAST:
            message.to.FromDatetime(self.end)
        return self.possible


def read_range(query: Query, *names: str) -> Range:
    """What every bound given under these names leaves."""
    left = Range()
    for name, value in query.all(*names):
        if found := read_bound(query, name, value):
            left = left.within(_bounds(*found))
    return left


def read_bound(query: Query, name: str, text: str) -> tuple[str, instants.Span] | None:
    """The prefix of a date (`eq` without one) and what the date covers; None, with a fault, when it is
    none.
    """
    prefix, rest = (text[:2], text[2:]) if text[:2].isalpha() else ("eq", text)
    if prefix not in PREFIXES:
        query.faults.add(name, f"must begin with one of {', '.join(sorted(PREFIXES))}, or with none")
        return None
    try:
        return prefix, instants.span(rest)
    except ValueError as error:
        query.faults.add(name, str(error))
        return None


def _bounds(prefix: str, asked: instants.Span) -> Range:
    return {
        "eq": Range(asked.start, asked.end),
        "ge": Range(asked.start, LAST),
        "gt": Range(asked.end, LAST),
        "sa": Range(asked.end, LAST),
        "le": Range(FIRST, asked.end),
        "lt": Range(FIRST, asked.start),
        "eb": Range(FIRST, asked.start),
    }[prefix]


def self_link(base: str, kind: str, query: Query) -> str:
    """The search as it was understood: only the parameters that were used."""
    return _link(base, kind, query.used)


def first_link(base: str, kind: str, query: Query) -> str:
    """Where the search begins."""
    return _link(base, kind, _to_follow(query))


def next_link(base: str, kind: str, query: Query, place: str) -> str:
    """Where the search goes on."""
    return _link(base, kind, [*_to_follow(query), (PAGE, place)])


def _to_follow(query: Query) -> Pairs:
    """An INS that came in a form does not leave in an address that clients follow: logs keep these."""
    kept = [(name, value) for name, value in query.used if name != PAGE]
    if query.person_id:
        kept = [one for one in kept if one[0] not in BY_PATIENT]
        kept.append(("patient.identifier", opaque(query.person_id)))
    return kept


def _link(base: str, kind: str, pairs: Pairs) -> str:
    return f"{base}/{kind}" + (f"?{urlencode(pairs)}" if pairs else "")
