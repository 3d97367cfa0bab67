"""Search of Task, MedicationRequest and DeviceRequest: the parameters of FHIR to the lists of the contract.

A search says whose prescriptions: of a patient, of a number, those that the caller wrote (`requester=me`), or
those that the caller's pharmacy holds (`owner=me`). What the lists of the contract cannot narrow is narrowed
here, page by page: a page may hold fewer than `_count`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC

from chassis.caller import Caller
from socle.common.v1 import common_pb2
from socle.eprescription.v1 import eprescription_pb2 as pb

from . import names
from .line_status import LINES, TASKS, slugs, status_of
from .search import BY_PATIENT, Query, Range, read_page, read_patient, read_range
from .subject import Subject

ME = "me"
NUMBERS = ("group-identifier", "identifier")
# Parameter -> its type, as the CapabilityStatement declares them.
TASK = {
    "patient": "reference",
    "patient.identifier": "token",
    "group-identifier": "token",
    "identifier": "token",
    "status": "token",
    "business-status": "token",
    "requester": "reference",
    "owner": "reference",
    "authored-on": "date",
}
REQUEST = {
    "patient": "reference",
    "patient.identifier": "token",
    "group-identifier": "token",
    "status": "token",
    "requester": "reference",
    "authoredon": "date",
}
DEVICE = {name: kind for name, kind in REQUEST.items() if name != "authoredon"} | {"authored-on": "date"}
KNOWN = {
    "Task": {*TASK, *BY_PATIENT},
    "MedicationRequest": {*REQUEST, *BY_PATIENT},
    "DeviceRequest": {*DEVICE, *BY_PATIENT},
}
PARAMETERS = {"Task": TASK, "MedicationRequest": REQUEST, "DeviceRequest": DEVICE}
TASK_STATUSES = set(TASKS.values())
LINE_STATUSES = {"draft", "on-hold", *LINES.values()}
SIGNED = frozenset(TASKS) - {pb.PRESCRIPTION_STATE_DRAFT, pb.PRESCRIPTION_STATE_DISCARDED}
# Status of a line -> states in which a prescription may have one.
OF_LINES = {
    "draft": {pb.PRESCRIPTION_STATE_DRAFT},
    "active": {
        pb.PRESCRIPTION_STATE_ACTIVE,
        pb.PRESCRIPTION_STATE_IN_DISPENSE,
        pb.PRESCRIPTION_STATE_PARTIALLY_DISPENSED,
    },
    "on-hold": {pb.PRESCRIPTION_STATE_IN_DISPENSE},
    "cancelled": {*SIGNED, pb.PRESCRIPTION_STATE_DISCARDED},
}


@dataclass(slots=True)
class Asked:
    """What a search wants; `possible` is false when nothing can match."""

    page: common_pb2.PageRequest
    subject: Subject | None = None
    number: str = ""
    mine: bool = False
    states: set[int] = field(default_factory=set)
    statuses: set[str] = field(default_factory=set)
    requester: str = ""
    owner: str = ""
    authored: Range = field(default_factory=Range)
    possible: bool = True


def read_search(query: Query, kind: str, caller: Caller) -> Asked:
    """The search of one type of resource; raises WrongSearchParameter or MissingSearchParameter."""
    asked = Asked(read_page(query), possible=True)
    if query.all(*BY_PATIENT):
        asked.subject = read_patient(query)
    _read_number(query, asked)
    asked.requester = _read_who(query, "requester", names.PROFESSIONALS, caller.subject)
    asked.owner = _read_who(query, "owner", names.STRUCTURES, caller.organisation)
    asked.mine = caller.subject == asked.requester != "" or caller.organisation == asked.owner != ""
    asked.authored = read_range(query, "authoredon", "authored-on")
    _read_statuses(query, kind, asked)
    if not (asked.subject or asked.number or asked.mine):
        query.lack("patient.identifier", "(or patient), group-identifier, requester=me or owner=me is needed")
    query.close()
    asked.possible = asked.possible and asked.authored.possible
    return asked


def _read_number(query: Query, asked: Asked) -> None:
    for name in NUMBERS:
        system, bar, value = query.single(name).rpartition("|")
        if bar and system not in ("", names.PRESCRIPTION_NUMBER):
            asked.possible = False
        asked.number = asked.number or value


def _read_who(query: Query, name: str, system: str, own: str) -> str:
    """`me`, a national number, `system|number`, or a reference that ends with it."""
    text = query.single(name)
    of, bar, value = text.rpartition("|")
    if bar and of not in ("", system):
        query.faults.add(name, f"must be of the system {system}")
    return own if text == ME else value.rpartition("/")[2]


def _read_statuses(query: Query, kind: str, asked: Asked) -> None:
    known = TASK_STATUSES if kind == "Task" else LINE_STATUSES
    asked.statuses = {one.rpartition("|")[2] for one in query.tokens("status")}
    if asked.statuses - known:
        query.faults.add("status", f"must be among {', '.join(sorted(known))}")
    if kind == "Task":
        asked.states = {state for state, name in TASKS.items() if name in asked.statuses}
    else:
        asked.states = {state for name in asked.statuses for state in OF_LINES.get(name, SIGNED)}
    business = {one.rpartition("|")[2] for one in query.tokens("business-status")}
    states = slugs(pb.PrescriptionState)
    if business - states.keys():
        query.faults.add("business-status", f"must be among {', '.join(states)}")
    if business:
        wanted = {states[one] for one in business & states.keys()}
        asked.states = asked.states & wanted if asked.statuses else wanted
        asked.possible = bool(asked.states)


def kept(found: Iterable[pb.Prescription], asked: Asked, person_id: str) -> list[pb.Prescription]:
    """Those that a list of the contract could not narrow to."""
    return [one for one in found if _matches(one, asked, person_id)]


def _matches(one: pb.Prescription, asked: Asked, person_id: str) -> bool:
    wanted = [
        not person_id or one.person_id == person_id,
        not asked.number or one.number == _plain(asked.number),
        not asked.states or one.state in asked.states,
        not asked.requester or one.prescriber.id == asked.requester,
        not asked.owner or one.held_by == asked.owner,
        _authored(one, asked.authored),
    ]
    return all(wanted)


def _plain(number: str) -> str:
    return number.replace(" ", "").replace("-", "").upper()


def _authored(one: pb.Prescription, wanted: Range) -> bool:
    if wanted == Range():
        return True
    moment = one.signed_at if one.HasField("signed_at") else one.created_at
    return wanted.start <= moment.ToDatetime(UTC) < wanted.end


def lines_of(one: pb.Prescription, asked: Asked, kind: str) -> list[pb.PrescribedLine]:
    """The lines of one type of resource, of the statuses that were asked for."""
    devices = kind == "DeviceRequest"
    statuses = {status.line_id: status for status in one.lines}
    return [
        line
        for line in one.content.lines
        if (line.kind == pb.LINE_KIND_DEVICE) is devices
        and (not asked.statuses or status_of(one, statuses.get(line.line_id)) in asked.statuses)
    ]
