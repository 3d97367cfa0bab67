"""Chapters 7 and 11: what is left behind, for the patient and for subscribers."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Any

from socle_local.personas import DOCTOR, EMERGENCY_DOCTOR, OTHER_DOCTOR

from .actors import UnexpectedAnswerError
from .documents import Patient
from .events import Event
from .record import REASON

if TYPE_CHECKING:
    from .story import Story

Line = tuple[str, str, str, str, str]
PREFIX = "socle."
CLOUD_EVENTS = {"specversion", "id", "type", "source", "subject", "time"}


def expected_lines(story: Story) -> list[Line]:
    """What the journal must hold of this run: actor, action, outcome, rule, purpose."""
    doctor, other, emergency = DOCTOR.id_nat, OTHER_DOCTOR.id_nat, EMERGENCY_DOCTOR.id_nat
    return [
        (doctor, "dmp_document.submit", "permitted", "R1111-47", "normal"),
        (doctor, "dmp_document.show_to_patient", "permitted", "dmp.author", "normal"),
        (other, "dmp_document.search", "refused", "R1111-46", "normal"),
        ("self", "dmp_access.grant", "permitted", "L1111-19", "normal"),
        (other, "dmp_document.search", "permitted", "R1111-46", "normal"),
        (other, "dmp_document.retrieve", "permitted", "R1111-46", "normal"),
        ("self", "dmp_document.mask", "permitted", "R1111-49", "normal"),
        (other, "dmp_document.retrieve", "refused", "dmp.masked", "normal"),
        (doctor, "dmp_document.retrieve", "permitted", "R1111-49", "normal"),
        ("self", "dmp_policy.explain", "permitted", "L1111-19", "normal"),
        ("self", "dmp_professional.block", "permitted", "L1111-19", "normal"),
        (other, "dmp_document.search", "refused", "dmp.blocked", "normal"),
        (other, "dmp_document.search", "refused", "dmp.blocked", "bris_de_glace"),
        (other, "dmp_document.retrieve", "refused", "dmp.blocked", "centre_15"),
        (emergency, "dmp_document.search", "refused", "R1111-46", "normal"),
        (emergency, "dmp_document.search", "permitted", "consent.BTG", "bris_de_glace"),
        (emergency, "dmp_document.retrieve", "refused", "consent.MASKED", "bris_de_glace"),
    ]


async def read_journal(story: Story) -> str:
    """Every access of this run is there, refusals included, with the reason that was typed."""
    story.journal = await _lines(story)
    there = {
        (line["actor"], line["action"], line["outcome"], rule, line["purpose"])
        for line in story.journal
        for rule in line["rules"]
    }
    if missing := [line for line in expected_lines(story) if line not in there]:
        raise UnexpectedAnswerError(f"The journal does not tell of {missing}.")
    typed = [line.get("reason") for line in story.journal if line["purpose"] == "bris_de_glace"]
    if not typed or set(typed) != {REASON}:
        raise UnexpectedAnswerError(f"The reason of the break-glass is not in the journal: {typed}.")
    outcomes = Counter(line["outcome"] for line in story.journal)
    return f"{len(story.journal)} lines, {outcomes['refused']} of them refusals"


async def _lines(story: Story) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = []
    params = {"size": "200"}
    while True:
        reply = await story["patient"].send("GET", f"/v1/dmp/{story.person_id}/journal", params=params)
        page = reply.expect(200).json()
        fresh = [line for line in page["entries"] if moment(line["occurred_at"]) >= story.began]
        lines += fresh
        token = page.get("next_token", "")
        if not token or len(fresh) < len(page["entries"]):
            return lines
        params = {"size": "200", "token": token}


def moment(text: str) -> datetime:
    """An RFC 3339 moment; protobuf writes nanoseconds when there are some, Python reads microseconds."""
    return datetime.fromisoformat(text)


def expected_events(story: Story) -> list[tuple[str, str]]:
    """What this run published: event type without prefix and version, and the aggregate's id."""
    person, identity, document = story.person_id, story.identity_id, story.document_id
    return [
        ("identity_ins.identity.created", identity),
        ("identity_ins.identity.retrieved", identity),
        ("identity_ins.identity.qualified", identity),
        ("identity_ins.identity.created", story.twin_id),
        ("identity_ins.identity.merged", identity),
        ("identity_ins.identity.unmerged", identity),
        ("dmp.document.submitted", document),
        ("dmp.document.submitted", story.result_id),
        ("dmp.document.shown_to_patient", story.result_id),
        ("dmp.access.granted", person),
        ("dmp.document.masked", document),
        ("dmp.professional.blocked", person),
        ("dmp.access.revoked", person),
        ("dmp.access.emergency_used", person),
        ("dmp.record.closed", person),
        ("dmp.record.reopened", person),
        ("eprescription.prescription.signed", story.erx.id),
        ("eprescription.prescription.activated", story.erx.id),
        ("eprescription.prescription.locked", story.erx.id),
        ("eprescription.prescription.released", story.erx.id),
        ("eprescription.prescription.locked", story.erx.id),
        ("eprescription.prescription.completed", story.erx.id),
    ]


async def check_events(story: Story) -> str:
    """All of them came, each service's in its order and without a gap, and none says who the patient is."""
    wanted = expected_events(story)
    story.events = await story.listener.until(lambda events: not _missing(events, wanted))
    if missing := _missing(story.events, wanted):
        raise UnexpectedAnswerError(f"The subscriber did not receive {missing}.")
    for event in story.events:
        _check_envelope(event)
        _check_silence(event, story.patient, story.ipp)
    for service in {event.service for event in story.events}:
        check_order(story.listener.of(service))
    return f"{len(story.events)} events, positions without a gap"


def _missing(events: list[Event], wanted: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """What is not there in the wanted order of each service."""
    left = list(wanted)
    for event in events:
        key = (short_type(event), event.body["subject"].rpartition("/")[2])
        first = next((one for one in left if one[0].split(".")[0] == event.service), None)
        if key == first:
            left.remove(key)
    return left


def short_type(event: Event) -> str:
    """`socle.dmp.document.masked.v1` -> `dmp.document.masked`."""
    return event.subject.removeprefix(PREFIX).rpartition(".")[0]


def check_order(events: list[Event]) -> None:
    """Positions follow one another; raises UnexpectedAnswerError at a gap, a repeat or a step back."""
    positions = [event.position for event in events]
    if positions != list(range(positions[0], positions[0] + len(positions))):
        raise UnexpectedAnswerError(f"Positions are not one after the other: {positions}.")


def _check_envelope(event: Event) -> None:
    if missing := CLOUD_EVENTS - event.body.keys():
        raise UnexpectedAnswerError(f"{event.subject} is not a CloudEvent: {missing} missing.")
    said = (event.body["specversion"], event.body["type"], event.body["id"])
    if said != ("1.0", event.subject, event.message_id):
        raise UnexpectedAnswerError(f"{event.subject}: the envelope contradicts the message.")


def _check_silence(event: Event, patient: Patient, ipp: str) -> None:
    """No trait, no number: an event names people by opaque identifiers only."""
    text = event.raw.decode().upper()
    names = (patient.birth_name, *patient.first_names)
    numbers = (patient.matricule[:13], patient.birth_date, patient.birth_date.replace("-", ""), ipp)
    if told := [word for word in (*names, *numbers) if word.upper() in text]:
        raise UnexpectedAnswerError(f"{event.subject} holds {len(told)} identifying words.")
