"""Lines of the access journal as AuditEvents: the shapes of IHE BALP, as the audit examples of MHD have them.

The agent is the real end reader, never a program in between; `agent.policy` names the rules that decided, for
a refusal too. `period` and `source.observer` are there for the traces profile of the ANS (TdE).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from socle.common.v1 import common_pb2
from socle.options.v1 import options_pb2

from . import instants, names
from .keys import pair, read_pair

Json = dict[str, Any]
TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"
INTERACTION = "http://hl7.org/fhir/restful-interaction"
IHE_EVENT, ACTION = "urn:ihe:event-type-code", "urn:x-socle:action"
ACT_REASON, PURPOSE = f"{TERMINOLOGY}/v3-ActReason", "urn:x-socle:purpose"
KIND, RULE, LINE = "urn:x-socle:caller-kind", "urn:x-socle:rule", "urn:x-socle:journal-line"
CLIENT, OBJECT = "urn:x-socle:client", "urn:x-socle:object"
# v3-ActReason of each purpose of use; a person who looks at their own record needs none of these.
REASONS = {"normal": "TREAT", "bris_de_glace": "BTG", "centre_15": "ETREAT", "secret": "TREAT"}
PATIENT_REQUEST = "PATRQT"
OUTCOMES = {"permitted": ("0", "Permitted"), "refused": ("4", "Refused")}


@dataclass(frozen=True, slots=True)
class Meaning:
    """An action of the journal in FHIR: its letter, its interaction, its transaction when IHE has one."""

    letter: str
    interaction: str
    transaction: str = ""


READ, SEARCH = Meaning("R", "read"), Meaning("E", "search")
CREATE, UPDATE, DELETE = Meaning("C", "create"), Meaning("U", "update"), Meaning("D", "delete")
READ, SEARCH, OTHER = Meaning("R", "read"), Meaning("E", "search"), Meaning("E", "operation")
CREATE, UPDATE, DELETE = Meaning("C", "create"), Meaning("U", "update"), Meaning("D", "delete")
# What the journal of a record tells of.
ACTIONS = {
    "dmp_document.submit": Meaning("C", "create", "ITI-65"),
    "dmp_document.search": Meaning("E", "search", "ITI-67"),
    "dmp_document.retrieve": Meaning("R", "read", "ITI-68"),
    "dmp_lot.search": Meaning("E", "search", "ITI-66"),
    **dict.fromkeys(("dmp_document.read", "dmp_document.view", "dmp_lot.read"), READ),
    **dict.fromkeys(("dmp_record.read", "dmp_record.read_receipt", "dmp_access.list"), READ),
    **dict.fromkeys(("dmp_policy.explain", "dmp_journal.read", "dmp_journal.export"), READ),
    **dict.fromkeys(("dmp_record.open", "dmp_access.grant", "dmp_care_role.declare"), CREATE),
    **dict.fromkeys(("dmp_professional.block",), CREATE),
    **dict.fromkeys(("dmp_document.delete", "dmp_access.revoke", "dmp_care_role.end"), DELETE),
    **dict.fromkeys(("dmp_professional.unblock", "dmp_record.destroy"), DELETE),
    **dict.fromkeys(("dmp_document.change", "dmp_document.mask", "dmp_document.unmask"), UPDATE),
    **dict.fromkeys(("dmp_document.show_to_patient", "dmp_document.show_to_representatives"), UPDATE),
    **dict.fromkeys(("dmp_document.hide_from_representatives", "dmp_document.replace"), UPDATE),
    **dict.fromkeys(("dmp_document.archive", "dmp_document.unarchive"), UPDATE),
    **dict.fromkeys(("dmp_record.close", "dmp_record.reopen", "dmp_record.request_destruction"), UPDATE),
    **dict.fromkeys(("dmp_consent.change", "dmp_consent.set_default_masking"), UPDATE),
}
RESOURCES = {"dmp_document": "DocumentReference", "dmp_lot": "List"}


def meaning(action: str) -> Meaning:
    """What an action (`dmp_document.retrieve`) is in FHIR; an operation when it is none of those known."""
    return ACTIONS.get(action, OTHER)


def line_id(entry_id: str, person_id: str) -> str:
    """The id of an AuditEvent: the line and the person, so that one address finds the line in the journal of
    its person.
    """
    return pair(entry_id, person_id)


def read_line_id(text: str) -> tuple[str, str] | None:
    """The line and the person of an id; None when it is none of ours."""
    return read_pair(text)


def write_event(entry: common_pb2.AuditEntry, person_id: str, base: str) -> Json:
    """The AuditEvent of a line of the journal of a person; `base` is the address of the FHIR server."""
    means, moment = meaning(entry.action), instants.text(entry.occurred_at)
    outcome, text = OUTCOMES.get(entry.outcome, ("8", entry.outcome))
    return {
        "resourceType": "AuditEvent",
        "id": line_id(entry.id, person_id),
        "extension": [{"url": LINE, "valueUuid": f"urn:uuid:{entry.id}"}],
        "type": _coding(f"{TERMINOLOGY}/audit-event-type", "rest", "Restful Operation"),
        "subtype": _subtypes(entry.action, means),
        "action": means.letter,
        "period": {"start": moment, "end": moment},
        "recorded": moment,
        "outcome": outcome,
        "outcomeDesc": text,
        "purposeOfEvent": [_purpose(entry)],
        "agent": _agents(entry, person_id, means),
        "source": {
            "site": "Socle DMP",
            "observer": {"type": "Device", "display": base},
            "type": [_coding(f"{TERMINOLOGY}/security-source-type", "4", "Application Server")],
        },
        "entity": _entities(entry, person_id, means),
    }


def _coding(system: str, code: str, display: str = "") -> Json:
    return {"system": system, "code": code} | ({"display": display} if display else {})


def _subtypes(action: str, means: Meaning) -> list[Json]:
    found = [_coding(INTERACTION, means.interaction)]
    if means.transaction:
        found.append(_coding(IHE_EVENT, means.transaction))
    return [*found, _coding(ACTION, action)]


def _purpose(entry: common_pb2.AuditEntry) -> Json:
    own = entry.actor_kind == options_pb2.CALLER_KIND_CITIZEN
    reason = PATIENT_REQUEST if own else REASONS.get(entry.purpose, "TREAT")
    concept: Json = {"coding": [_coding(ACT_REASON, reason), _coding(PURPOSE, entry.purpose or "normal")]}
    # What the reader typed to break the glass: the holder may read it.
    return concept | ({"text": entry.reason} if entry.reason else {})


def _agents(entry: common_pb2.AuditEntry, person_id: str, means: Meaning) -> list[Json]:
    kind = options_pb2.CallerKind.Name(entry.actor_kind).removeprefix("CALLER_KIND_").lower()
    participation = "AUT" if means.letter in "CUD" else "IRCP"
    reader: Json = {
        "type": {"coding": [_coding(f"{TERMINOLOGY}/v3-ParticipationType", participation)]},
        "role": [{"coding": [_coding(KIND, kind)]}],
        "who": _who(entry, person_id),
        "requestor": True,
        "policy": [f"{RULE}:{rule}" for rule in entry.rules],
    }
    if entry.actor_name:
        reader["name"] = entry.actor_name
    if not entry.rules:
        del reader["policy"]
    if not entry.organisation:
        return [reader]
    structure = {"system": names.STRUCTURES, "value": entry.organisation}
    return [
        reader,
        {
            "type": {"coding": [_coding(f"{TERMINOLOGY}/v3-RoleClass", "PROV", "healthcare provider")]},
            "who": {"type": "Organization", "identifier": structure},
            "requestor": False,
        },
    ]


def _who(entry: common_pb2.AuditEntry, person_id: str) -> Json:
    if entry.actor_kind == options_pb2.CALLER_KIND_CITIZEN:
        person = person_id if entry.actor == "self" else entry.actor.removeprefix("person:")
        return {"type": "Patient", "identifier": {"system": names.PERSON, "value": person}}
    if entry.actor_kind in (options_pb2.CALLER_KIND_PROFESSIONAL, options_pb2.CALLER_KIND_STAFF):
        return {"type": "Practitioner", "identifier": {"system": names.PROFESSIONALS, "value": entry.actor}}
    return {"type": "Device", "identifier": {"system": CLIENT, "value": entry.actor}}


def _entities(entry: common_pb2.AuditEntry, person_id: str, means: Meaning) -> list[Json]:
    patient = {
        "what": {"type": "Patient", "identifier": {"system": names.PERSON, "value": person_id}},
        "type": _coding(f"{TERMINOLOGY}/audit-entity-type", "1", "Person"),
        "role": _coding(f"{TERMINOLOGY}/object-role", "1", "Patient"),
    }
    resource = entry.action.partition(".")[0]
    shown = [_object(resource, entry.object_id, ())] if entry.object_id else []
    return [patient, *shown, *(_object(resource, hit.object_id, tuple(hit.rules)) for hit in entry.hits)]


def _object(resource: str, object_id: str, rules: tuple[str, ...]) -> Json:
    kind = RESOURCES.get(resource)
    what: Json = (
        {"reference": f"{kind}/{object_id}", "type": kind}
        if kind
        else {"identifier": {"system": OBJECT, "value": object_id}}
    )
    found: Json = {
        "what": what,
        "type": _coding(f"{TERMINOLOGY}/audit-entity-type", "2", "System Object"),
        "role": _coding(f"{TERMINOLOGY}/object-role", "3", "Report"),
    }
    if rules:
        found["detail"] = [{"type": "rule", "valueString": rule} for rule in rules]
    return found
