"""Search of MedicationDispense: the history of a patient, or what was done about a line or a prescription."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from socle.common.v1 import common_pb2

from . import instants, names
from .keys import read_pair
from .search import BY_PATIENT, Query, Range, read_page, read_patient, read_range
from .subject import Subject

Json = dict[str, Any]
PARAMETERS = {
    "patient": "reference",
    "patient.identifier": "token",
    "prescription": "reference",
    "group-identifier": "token",
    "status": "token",
    "whenhandedover": "date",
}
KNOWN = {*PARAMETERS, *BY_PATIENT}
STATUSES = {"completed", "declined", "entered-in-error"}


@dataclass(slots=True)
class Asked:
    """Whose history, or which prescription and line of it; `possible` is false when nothing can match."""

    page: common_pb2.PageRequest
    subject: Subject | None = None
    number: str = ""
    prescription_id: str = ""
    line_id: str = ""
    statuses: set[str] = field(default_factory=set)
    handed: Range = field(default_factory=Range)
    possible: bool = True


def read_search(query: Query) -> Asked:
    """The search; raises WrongSearchParameter or MissingSearchParameter."""
    asked = Asked(read_page(query))
    if query.all(*BY_PATIENT):
        asked.subject = read_patient(query)
    system, bar, asked.number = query.single("group-identifier").rpartition("|")
    asked.possible = not bar or system in ("", names.PRESCRIPTION_NUMBER)
    if text := query.single("prescription"):
        found = read_pair(text.rpartition("/")[2])
        if found is None:
            query.faults.add("prescription", "must be MedicationRequest/ and its id, as this server gives it")
        asked.prescription_id, asked.line_id = found or ("", "")
    asked.statuses = {one.rpartition("|")[2] for one in query.tokens("status")}
    if asked.statuses - STATUSES:
        query.faults.add("status", f"must be among {', '.join(sorted(STATUSES))}")
    asked.handed = read_range(query, "whenhandedover")
    ways = [asked.subject is not None, bool(asked.number), bool(asked.prescription_id)]
    if not any(ways) and not query.faults.found:
        query.lack("patient.identifier", "(or patient), prescription or group-identifier is mandatory")
    query.close()
    asked.possible = asked.possible and asked.handed.possible
    return asked


def is_wanted(dispense: Json, asked: Asked) -> bool:
    """What the contract does not narrow: the status, and the day it was handed over."""
    if asked.statuses and dispense["status"] not in asked.statuses:
        return False
    if asked.handed == Range():
        return True
    day = instants.span(dispense["whenHandedOver"])
    return asked.handed.start < day.end and day.start < asked.handed.end
