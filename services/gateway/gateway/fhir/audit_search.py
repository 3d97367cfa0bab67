"""Search of AuditEvents (ITI-81): the parameters of FHIR to those of the journal."""

from __future__ import annotations

from socle.dmp.v1 import dmp_pb2 as pb

from . import names
from .audit_event import ACTION, ACTIONS, CLIENT, IHE_EVENT, INTERACTION, RESOURCES, read_line_id
from .search import BY_PATIENT, Query, read_choice, read_identifiers, read_page, read_patient, read_range
from .subject import Subject

AGENT = ("agent", "agent.identifier", "agent:identifier")
DATE = ("date", "period-start")
# Parameter -> its type, as the CapabilityStatement declares them; the others are spellings of these.
PARAMETERS = {
    "patient": "reference",
    "patient.identifier": "token",
    "_id": "token",
    "date": "date",
    "period-start": "date",
    "agent": "reference",
    "action": "token",
    "subtype": "token",
    "outcome": "token",
    "entity": "reference",
}
KNOWN = {*PARAMETERS, *BY_PATIENT, *AGENT, "_sort"}
# Value of `_sort` -> whether the oldest come first.
ORDERS = {"-date": False, "date": True}
OUTCOMES = {"0": "permitted", "4": "refused"}
# Of FHIR, and never those of a line here.
OTHER_OUTCOMES = ("8", "12")
LETTERS = ("C", "R", "U", "D", "E")


def read_events(query: Query) -> tuple[Subject, pb.ListJournalRequest | None]:
    """Whose journal, and the request without its person; None when nothing can match."""
    asked = pb.ListJournalRequest(page=read_page(query))
    subject = read_patient(query)
    asked.oldest_first = ORDERS.get(read_choice(query, "_sort", ORDERS), False)
    possible = [
        read_range(query, *DATE).into(asked.occurred),
        _read_agents(query, asked),
        _read_actions(query, asked),
        _read_outcome(query, asked),
        _read_entity(query, asked),
        _read_id(query, asked),
    ]
    query.close()
    return subject, asked if all(possible) else None


def _read_agents(query: Query, asked: pb.ListJournalRequest) -> bool:
    systems = {names.PROFESSIONALS, CLIENT}
    found = [read_identifiers(query, name, systems, asked.actors) for name in AGENT]
    return all(found)


def _read_actions(query: Query, asked: pb.ListJournalRequest) -> bool:
    """`action` and `subtype` both narrow the actions of the journal."""
    letters, subtypes = query.tokens("action"), query.tokens("subtype")
    for letter in letters:
        if letter not in LETTERS:
            query.faults.add("action", f"must be one of {', '.join(LETTERS)}")
    if not letters and not subtypes:
        return True
    found = {name for name, means in ACTIONS.items() if not letters or means.letter in letters}
    if subtypes:
        found &= {name for one in subtypes for name in _of_subtype(one)}
    asked.actions.extend(sorted(found))
    return bool(found)


def _of_subtype(token: str) -> set[str]:
    """The actions that have this subtype: ours, a REST interaction, or a transaction of IHE."""
    system, bar, code = token.rpartition("|")
    return {
        name
        for name, means in ACTIONS.items()
        for of, value in ((ACTION, name), (INTERACTION, means.interaction), (IHE_EVENT, means.transaction))
        if code and value == code and (not bar or system in ("", of))
    }


def _read_outcome(query: Query, asked: pb.ListJournalRequest) -> bool:
    wanted = set(query.tokens("outcome"))
    if strange := wanted - OUTCOMES.keys() - set(OTHER_OUTCOMES):
        query.faults.add("outcome", f"must be among {', '.join([*OUTCOMES, *OTHER_OUTCOMES])}")
    known = wanted & OUTCOMES.keys()
    if len(known) == 1:
        asked.outcome = OUTCOMES[known.pop()]
        return True
    return bool(known) or bool(strange) or not wanted


def _read_entity(query: Query, asked: pb.ListJournalRequest) -> bool:
    text = query.single("entity")
    kind, _, value = text.rpartition("/")
    asked.object_id = value
    return not text or (not kind or kind.rpartition("/")[2] in RESOURCES.values())


def _read_id(query: Query, asked: pb.ListJournalRequest) -> bool:
    text = query.single("_id")
    found = read_line_id(text)
    if found:
        asked.entry_id = found[0]
    return not text or found is not None
