"""ITI-66: the parameters of MHD and PDSm for submission sets and folders.

`_lastUpdated` is the moment this server stored the lot: it grows with each lot of a record, whatever the
clock of the sender says, so it is what to poll with. `date` is the sender's.
"""

from __future__ import annotations

from collections.abc import Iterable

from socle.dmp.v1 import dmp_pb2

from . import names
from .document_search import read_authors, read_include
from .search import (
    BY_PATIENT,
    Query,
    read_boolean,
    read_choice,
    read_codes,
    read_identifiers,
    read_page,
    read_patient,
    read_range,
)
from .subject import Subject

Request = dmp_pb2.ListReadableLotsRequest
PARAMETERS = {
    "_lastUpdated": "date",
    "patient": "reference",
    "patient.identifier": "token",
    "code": "token",
    "status": "token",
    "date": "date",
    "designationType": "token",
    "identifier": "token",
    "isArchived": "token",
    "title": "string",
    "sourceId": "token",
    "source": "reference",
    "source.identifier": "token",
    "source.given": "string",
    "source.family": "string",
    "authorOrg": "reference",
    "authorOrg.identifier": "token",
}
ALIASES = {"source:identifier", "authorOrg:identifier", *BY_PATIENT}
INCLUDE = "List:item"
KNOWN = {*PARAMETERS, *ALIASES, "_sort", "_include"}
SORTS = {"-_lastUpdated": False, "_lastUpdated": True}
KINDS = {
    "submissionset": (dmp_pb2.LOT_KIND_DEPOSIT, dmp_pb2.LOT_KIND_CHANGE),
    "folder": (dmp_pb2.LOT_KIND_FOLDER,),
}
STATUSES = ("current", "retired", "entered-in-error")
PLACES = {
    "kinds": "code",
    "unique_id": "identifier",
    "source_ids": "sourceId",
    "content_types": "designationType",
    "submitted": "date",
    "received": "_lastUpdated",
    "author_family": "source.family",
    "author_given": "source.given",
    "authors": "source",
    "title": "title",
    "page": "_page",
}


def read_lots(query: Query) -> tuple[Subject, Request | None]:
    """Whom it is about, and the request without its person; None when nothing can match. Raises
    WrongSearchParameter or MissingSearchParameter.
    """
    request = Request(page=read_page(query))
    subject = read_patient(query)
    possible = [
        _read_kinds(query, request),
        _read_status(query),
        _read_identifier(query, request),
        _read_sources(query, request),
        read_codes(query, "designationType", set(), request.content_types),
        read_authors(query, ("source", "authorOrg"), request.authors),
        read_range(query, "date").into(request.submitted),
        read_range(query, "_lastUpdated").into(request.received),
    ]
    request.author_family, request.author_given = query.single("source.family"), query.single("source.given")
    request.title = query.single("title")
    request.oldest_first = SORTS.get(read_choice(query, "_sort", SORTS), False)
    request.include_documents = read_include(query, INCLUDE)
    read_boolean(query, "isArchived")
    query.close()
    return subject, request if all(possible) else None


def _read_kinds(query: Query, request: Request) -> bool:
    asked = query.tokens("code")
    if not asked:
        query.lack("code", "is mandatory: submissionset, folder, or both with a comma")
    for one in asked:
        system, bar, code = one.rpartition("|")
        if code not in KINDS:
            query.faults.add("code", f"must be submissionset or folder ({names.MHD_LIST_TYPES})")
        elif not bar or system == names.MHD_LIST_TYPES:
            request.kinds.extend(KINDS[code])
    return bool(request.kinds)


def _read_status(query: Query) -> bool:
    """A lot is immutable and stays current: any other status finds nothing."""
    asked = query.tokens("status")
    if not asked:
        query.lack("status", "is mandatory: current")
    if any(one not in STATUSES for one in asked):
        query.faults.add("status", f"must be one of {', '.join(STATUSES)}")
    return "current" in asked


def _read_identifier(query: Query, request: Request) -> bool:
    query.single("identifier")
    found: list[str] = []
    possible = read_identifiers(query, "identifier", {names.URI}, found)
    request.unique_id = found[0] if found else ""
    return possible


def _read_sources(query: Query, request: Request) -> bool:
    """OIDs with or without `urn:oid:`: the contract has them without."""
    found: list[str] = []
    read_identifiers(query, "sourceId", {one.rpartition("|")[0] for one in query.tokens("sourceId")}, found)
    request.source_ids.extend(one.removeprefix(names.OID) for one in found)
    return True


def kept(lots: Iterable[dmp_pb2.Lot], query: Query) -> list[dmp_pb2.Lot]:
    """Those that are archived as asked, and whose type of activity has the system that was asked for: the
    contract searches neither.
    """
    archived = query.one("isArchived")
    types = [one.rpartition("|") for one in query.tokens("designationType")]
    return [
        lot
        for lot in lots
        if (not archived or lot.archived == (archived == "true"))
        and (
            not types
            or any(
                (not bar or system == lot.content_type.system) and code == lot.content_type.code
                for system, bar, code in types
            )
        )
    ]
