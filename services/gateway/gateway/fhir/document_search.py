"""ITI-67: the parameters of MHD and PDSm to a request of the contract.

`date` and `creation` are one moment in the DMP (the draft guide maps creationTime to `date`). `period` is
that of the act; `period-start` and `period-end` are its two ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, MutableSequence
from datetime import datetime

from socle.dmp.v1 import dmp_pb2

from . import names
from .document import STATUS
from .search import (
    BY_PATIENT,
    FIRST,
    LAST,
    Query,
    Range,
    read_boolean,
    read_bound,
    read_choice,
    read_codes,
    read_identifiers,
    read_page,
    read_patient,
    read_range,
)
from .subject import Subject

Request = dmp_pb2.ListReadableDocumentsRequest
# Parameter -> type of FHIR, as the CapabilityStatement declares them.
PARAMETERS = {
    "_id": "token",
    "_lastUpdated": "date",
    "patient": "reference",
    "patient.identifier": "token",
    "status": "token",
    "type": "token",
    "category": "token",
    "facility": "token",
    "setting": "token",
    "format": "token",
    "security-label": "token",
    "event": "token",
    "identifier": "token",
    "author": "reference",
    "author.identifier": "token",
    "author.given": "string",
    "author.family": "string",
    "date": "date",
    "creation": "date",
    "period": "date",
    "period-start": "date",
    "period-end": "date",
    "related": "reference",
    "related.identifier": "token",
    "relatesto": "reference",
    "relatesto.identifier": "token",
    "isArchived": "token",
}
# Other spellings of the same: chained, or as a modifier.
ALIASES = {"author:identifier", "related:identifier", "relatesto:identifier", *BY_PATIENT}
INCLUDE = "DocumentReference:relatesto"
KNOWN = {*PARAMETERS, *ALIASES, "_sort", "_include"}
SORTS = {
    "-date": dmp_pb2.DOCUMENT_ORDER_UNSPECIFIED,
    "date": dmp_pb2.DOCUMENT_ORDER_OLDEST_CREATED,
    "-creation": dmp_pb2.DOCUMENT_ORDER_UNSPECIFIED,
    "creation": dmp_pb2.DOCUMENT_ORDER_OLDEST_CREATED,
    "-period-start": dmp_pb2.DOCUMENT_ORDER_LATEST_SERVICE,
    "period-start": dmp_pb2.DOCUMENT_ORDER_EARLIEST_SERVICE,
    "-_lastUpdated": dmp_pb2.DOCUMENT_ORDER_LATEST_CHANGED,
    "_lastUpdated": dmp_pb2.DOCUMENT_ORDER_EARLIEST_CHANGED,
}
# Field of the contract -> parameter that it was read from.
PLACES = {
    "person_id": "patient.identifier",
    "ins": "patient.identifier",
    "statuses": "status",
    "types": "type",
    "classes": "category",
    "facilities": "facility",
    "practice_settings": "setting",
    "formats": "format",
    "confidentiality": "security-label",
    "events": "event",
    "authors": "author",
    "author_family": "author.family",
    "author_given": "author.given",
    "reference": "related",
    "relates_to": "relatesto",
    "identifiers": "identifier",
    "unique_id": "identifier",
    "created_from": "date",
    "created_to": "date",
    "service_start": "period",
    "service_end": "period",
    "changed": "_lastUpdated",
    "archived": "isArchived",
    "order": "_sort",
    "page": "_page",
}


def read_documents(query: Query) -> tuple[Subject, Request | None]:
    """Whom it is about, and the request without its person; None when nothing can match. Raises
    WrongSearchParameter or MissingSearchParameter.
    """
    request = Request(page=read_page(query))
    subject = read_patient(query)
    possible = [
        _read_statuses(query, request),
        *_read_codes(query, request),
        _read_identity(query, request),
        read_authors(query, ("author",), request.authors),
        _read_relations(query, request),
        _read_times(query, request),
    ]
    request.author_family, request.author_given = query.single("author.family"), query.single("author.given")
    if (archived := read_boolean(query, "isArchived")) is not None:
        request.archived = archived
    if order := read_choice(query, "_sort", SORTS):
        request.order = SORTS[order]
    request.include_related = read_include(query, INCLUDE)
    query.close()
    return subject, request if all(possible) else None


def located(subject: Subject, places: dict[str, str] = PLACES) -> Callable[[str], str]:
    """The parameter that a field of the contract comes from."""

    def locate(field: str) -> str:
        head = field.partition(".")[0].partition("[")[0]
        if head in ("person_id", "ins", "identity_id"):
            return subject.at
        return places.get(head, field)

    return locate


def _read_statuses(query: Query, request: Request) -> bool:
    asked = query.tokens("status")
    if not asked:
        query.lack("status", "is mandatory: current, superseded, or both with a comma")
    for status in asked:
        # entered-in-error is a status of FHIR, and no document of a search ever has it.
        if status not in STATUS and status != "entered-in-error":
            query.faults.add("status", "must be current, superseded or entered-in-error")
    request.statuses.extend(sorted({STATUS[status] for status in asked if status in STATUS}))
    return bool(request.statuses)


def _read_codes(query: Query, request: Request) -> list[bool]:
    return [
        read_codes(query, "type", {names.LOINC, names.DOCUMENT_TYPE}, request.types),
        read_codes(query, "category", {names.DOCUMENT_CLASS}, request.classes),
        read_codes(
            query, "security-label", {names.CONFIDENTIALITY, names.VISIBILITY}, request.confidentiality
        ),
        read_codes(query, "facility", set(), request.facilities),
        read_codes(query, "setting", set(), request.practice_settings),
        read_codes(query, "format", set(), request.formats),
        read_codes(query, "event", set(), request.events),
    ]


def _read_identity(query: Query, request: Request) -> bool:
    """`_id` and `identifier` are the same list of the contract: one of them at a time."""
    if query.one("_id") and query.one("identifier"):
        query.faults.add("_id", "and identifier are given: one is enough")
    request.identifiers.extend(query.tokens("_id"))
    return read_identifiers(query, "identifier", {names.URI}, request.identifiers)


def read_authors(query: Query, elements: tuple[str, ...], into: MutableSequence[str]) -> bool:
    """National numbers of authors, by identifier or by reference (`Practitioner/<PS_IdNat>`); false when
    none of them is a number of a professional or of a structure.
    """
    spelled = [name for one in elements for name in (one, f"{one}.identifier", f"{one}:identifier")]
    given = query.all(*spelled)
    if len(given) > 1:
        query.faults.add(given[1][0], f"and {given[0][0]} are given: one is enough")
    possible = True
    for name, _ in given:
        if name.endswith("identifier"):
            systems = {names.PROFESSIONALS, names.STRUCTURES}
            possible &= read_identifiers(query, name, systems, into)
        else:
            into.extend(one.rpartition("/")[2] for one in query.tokens(name))
    return possible


def _read_relations(query: Query, request: Request) -> bool:
    targets = query.all("relatesto", "relatesto.identifier", "relatesto:identifier")
    orders = query.all("related", "related.identifier", "related:identifier")
    for given in (targets, orders):
        if len(given) > 1:
            query.faults.add(given[1][0], "is given twice")
    for name, _ in targets:
        request.relates_to = query.single(name).rpartition("|")[2].rpartition("DocumentReference/")[2]
    for name, value in orders:
        if name == "related" and "/" in value and "|" not in value:
            query.faults.add(name, "is kept by identifier only: give related:identifier=system|value")
        request.reference = query.single(name).rpartition("|")[2]
    return True


def _read_times(query: Query, request: Request) -> bool:
    created = read_range(query, "date", "creation")
    if created.start > FIRST:
        request.created_from.FromDatetime(created.start)
    if created.end < LAST:
        request.created_to.FromDatetime(created.end)
    starts, ends = read_range(query, "period-start"), read_range(query, "period-end")
    for name, value in query.all("period"):
        if found := read_bound(query, name, value):
            starts, ends = _narrowed(starts, ends, found[0], found[1].start, found[1].end)
    changed = read_range(query, "_lastUpdated")
    possible = [
        created.possible,
        starts.into(request.service_start),
        ends.into(request.service_end),
        changed.into(request.changed),
    ]
    return all(possible)


def _narrowed(
    starts: Range, ends: Range, prefix: str, begin: datetime, after: datetime
) -> tuple[Range, Range]:
    """What a bound on a whole period leaves for its two ends (FHIR R4, prefixes on ranges)."""
    start, end = {
        "eq": (Range(begin), Range(end=after)),
        "ge": (Range(), Range(begin)),
        "gt": (Range(), Range(after)),
        "sa": (Range(after), Range()),
        "le": (Range(end=after), Range()),
        "lt": (Range(end=begin), Range()),
        "eb": (Range(), Range(end=begin)),
    }[prefix]
    return starts.within(start), ends.within(end)


def read_include(query: Query, known: str) -> bool:
    """Whether the one inclusion that a search knows is asked for; a fault when it is another."""
    asked = [value for _, value in query.all("_include")]
    for value in asked:
        if value != known:
            query.faults.add("_include", f"must be {known}")
    return bool(asked)


CODED: dict[str, Callable[[dmp_pb2.DocumentEntry], Iterable[dmp_pb2.Coding]]] = {
    "facility": lambda entry: [entry.facility],
    "setting": lambda entry: [entry.practice_setting],
    "format": lambda entry: [entry.format],
    "event": lambda entry: entry.events,
    "type": lambda entry: [entry.type],
}


def of_system(entries: Iterable[dmp_pb2.DocumentEntry], query: Query) -> list[dmp_pb2.DocumentEntry]:
    """Those whose codes have the system that was asked for: the contract searches the code alone."""
    asked = [name for name in CODED if query.tokens(name)]
    return [entry for entry in entries if all(_has(entry, query, name) for name in asked)]


def _has(entry: dmp_pb2.DocumentEntry, query: Query, name: str) -> bool:
    return any(
        (not bar or system == coding.system) and code == coding.code
        for system, bar, code in (one.rpartition("|") for one in query.tokens(name))
        for coding in CODED[name](entry)
    )
