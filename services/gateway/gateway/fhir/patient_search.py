"""The search of Patients among the local identities of a structure.

`identifier` finds an INS or the number of the structure. An INS and a billing number have one system
(`urn:oid:1.2.250.1.213.1.4.8`), so `system|value` alone is read as the INS; billing numbers are not searched,
a parent's number being that of several patients. `identifier:of-type` says it exactly.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

from socle.identity_ins.v1 import identity_ins_pb2 as pb

from . import instants, names
from .civil import GENDERS
from .identifiers import OIDS, ipp_system
from .search import PREFIXES, Query, read_page
from .subject import token

OF_TYPE = "identifier:of-type"
PARAMETERS = {"_id", "identifier", OF_TYPE, "family", "given", "birthdate", "gender", "_sort"}
SORTS = {
    "family": pb.IDENTITY_SORT_FAMILY,
    "given": pb.IDENTITY_SORT_GIVEN,
    "birthdate": pb.IDENTITY_SORT_BIRTH_DATE,
    "_lastUpdated": pb.IDENTITY_SORT_UPDATED,
}
# Field of the contract -> parameter that it was read from.
PLACES = {
    "identity_id": "_id",
    "ins": "identifier",
    "ipp": "identifier",
    "birth_date": "birthdate",
    "born_from": "birthdate",
    "born_to": "birthdate",
    "sex": "gender",
    "sort": "_sort",
    "page": "_page",
}


def read_patients(query: Query) -> pb.ListIdentitiesRequest | None:
    """The request of a search; None when nothing can match. Raises WrongSearchParameter."""
    request = pb.ListIdentitiesRequest(page=read_page(query))
    for name in sorted(PARAMETERS - {"birthdate"}):
        if "," in query.one(name):
            query.faults.add(name, "holds a comma: alternatives are not searched here, give one value")
    request.identity_id = query.one("_id").removeprefix("Patient/")
    request.family, request.given = query.one("family"), query.one("given")
    _read_identifier(request, query)
    if gender := query.one("gender"):
        request.sex = GENDERS.get(gender, pb.SEX_UNSPECIFIED)
        if gender not in GENDERS:
            query.faults.add("gender", f"must be one of {', '.join(GENDERS)}")
    _read_sort(request, query)
    possible = _read_birth(request, query)
    query.close()
    return request if possible else None


def located(field: str) -> str:
    """The parameter that a field of the contract comes from."""
    return PLACES.get(field.partition(".")[0], field)


def _read_identifier(request: pb.ListIdentitiesRequest, query: Query) -> None:
    plain, of_type = query.one("identifier"), query.one(OF_TYPE)
    if plain and of_type:
        query.faults.add(OF_TYPE, "and identifier are given: one is enough")
    elif of_type:
        _read_of_type(of_type, request, query)
    elif plain:
        _read_token(plain, request, query)


def _read_token(text: str, request: pb.ListIdentitiesRequest, query: Query) -> None:
    system, bar, value = text.rpartition("|")
    if subject := token(text, "identifier"):
        request.ins.CopyFrom(subject.ins)
    elif value and (not bar or system.startswith((names.IPP_PREFIX, names.OID))):
        request.ipp = value
    else:
        query.faults.add(
            "identifier",
            "must be system|value: an INS (urn:oid:1.2.250.1.213.1.4.8 to .11), or a number of the structure"
            f" (urn:oid: and its authority, or {names.IPP_PREFIX} and the structure)",
        )


def _read_of_type(text: str, request: pb.ListIdentitiesRequest, query: Query) -> None:
    system, code, value = (*text.split("|"), "", "", "")[:3]
    if text.count("|") != 2 or not value:
        query.faults.add(OF_TYPE, "must be system|code|value, where system and code are those of the type")
    elif system == names.FR_IDENTIFIER_TYPE and code in OIDS:
        request.ins.CopyFrom(pb.Ins(matricule=value.upper(), oid=OIDS[code]))
    elif system == names.IDENTIFIER_TYPE and code == names.IPP:
        request.ipp = value
    elif system == names.IDENTIFIER_TYPE and code == names.BILLING:
        query.faults.add(OF_TYPE, "billing numbers (NH) are not searched: several patients may share one")
    else:
        known = ", ".join([*OIDS, names.IPP])
        query.faults.add(OF_TYPE, f"must have a type that is searched here: {known}")


def of_system(found: Iterable[pb.Identity], query: Query) -> list[pb.Identity]:
    """Those whose number has the system that was asked for: the contract searches the number alone."""
    system, bar, _ = query.one("identifier").rpartition("|")
    if not bar or system.removeprefix(names.OID) in names.INS_TYPES:
        return list(found)
    return [identity for identity in found if ipp_system(identity) == system]


def _read_sort(request: pb.ListIdentitiesRequest, query: Query) -> None:
    text = query.one("_sort")
    if text and text.removeprefix("-") not in SORTS:
        query.faults.add("_sort", f"must be one of {', '.join(SORTS)}, after a hyphen for the reverse")
    elif text:
        request.sort = SORTS[text.removeprefix("-")]
        request.descending = text.startswith("-")


def _read_birth(request: pb.ListIdentitiesRequest, query: Query) -> bool:
    """Every bound is to hold; false when they leave no day."""
    start, end = date.min, date.max
    for name, value in query.used:
        if name == "birthdate" and value:
            first, last = _bounds(value, query)
            start, end = max(start, first), min(end, last)
    if start > end:
        return False
    if start == end:
        request.birth_date = start.isoformat()
        return True
    request.born_from = start.isoformat() if start > date.min else ""
    request.born_to = end.isoformat() if end < date.max else ""
    return True


def _bounds(text: str, query: Query) -> tuple[date, date]:
    """First and last day that a value of `birthdate` allows; the last before the first when none is."""
    prefix, rest = (text[:2], text[2:]) if text[:2].isalpha() else ("eq", text)
    if prefix not in PREFIXES or "T" in rest:
        shape = f"a date (YYYY-MM-DD, YYYY-MM or YYYY) after one of {', '.join(sorted(PREFIXES))} or nothing"
        query.faults.add("birthdate", f"must be {shape}")
        return date.min, date.max
    try:
        asked = instants.span(rest)
    except ValueError as error:
        query.faults.add("birthdate", str(error))
        return date.min, date.max
    first, last = asked.start.date(), asked.end.date() - timedelta(days=1)
    if prefix in ("gt", "sa"):
        return asked.end.date(), date.max
    if prefix in ("lt", "eb"):
        return (date.min, first - timedelta(days=1)) if first > date.min else (date.max, date.min)
    return {"eq": (first, last), "ge": (first, date.max), "le": (date.min, last)}[prefix]
