"""What comes first in every decision: the record, the block, who the citizen is to the person."""

from __future__ import annotations

from chassis.caller import Caller, CallerKind, Decision, Purpose, permit, refuse
from dmp.domain.records import SEES_ALL, PersonId, Record, RecordState, Relation

EMERGENCIES = frozenset({Purpose.BREAK_GLASS, Purpose.REGULATION})
UNBLOCK = "Only the holder can lift the block (UnblockProfessional); no mode of access does."
HOLDER_ONLY = "The holder or a legal representative can do this, with their own token."
DELEGATE = "A delegation lets one read, not decide: ask the holder or a legal representative."
WRONG_PURPOSE = "A secret connection is for a professional: use the purpose `normal`."
NORMAL_MODE = "An emergency lets one read, nothing else: use the purpose `normal`."
NOT_OPEN = {
    RecordState.CLOSED: ("dmp.record_closed", "The holder may reopen the record (ReopenRecord)."),
    RecordState.DESTROYED: ("dmp.record_destroyed", "Nothing can bring a destroyed record back."),
}
NO_RECORD = refuse("dmp.no_record", hint="Open the record first (OpenRecord).")
BLOCKED = refuse("dmp.blocked", hint=UNBLOCK)


def not_open(record: Record | None) -> Decision | None:
    """The refusal of a record that does not stand open; None when it does."""
    if record is None:
        return NO_RECORD
    if record.is_open:
        return None
    rule, hint = NOT_OPEN[record.state]
    return refuse(rule, hint=hint)


def not_standing(relation: Relation) -> Decision | None:
    """The refusal that no authorisation, consent or role lifts: record not open, professional blocked."""
    return not_open(relation.record) or (BLOCKED if relation.blocked else None)


def not_in_emergency(caller: Caller) -> Decision | None:
    """The refusal of anything but reading in an emergency: nobody who cannot speak consents or decides."""
    emergency = caller.purpose in EMERGENCIES
    return refuse("dmp.emergency_reads_only", hint=NORMAL_MODE) if emergency else None


def not_deciding(caller: Caller, relation: Relation) -> Decision | None:
    """The refusal to whoever decides nothing, whatever the record: blocked, or in an emergency."""
    return BLOCKED if relation.blocked else not_in_emergency(caller)


def role_rules(relation: Relation) -> tuple[str, ...]:
    """Why the professional sees everything; empty when they do not."""
    roles = sorted(relation.roles & SEES_ALL)
    return ("R1111-41", *(f"role.{role}" for role in roles)) if roles else ()


def may_hold(caller: Caller, person: PersonId) -> Decision:
    """The holder in person or a legal representative: sees the record, decides who else does (L1111-19).

    Never in a secret connection: what it does is kept from the representatives, and a representative
    would keep their own doings from the holder's journal with it.
    """
    if caller.kind is not CallerKind.CITIZEN or not caller.acts_for(person.value):
        delegate = is_delegate(caller, person)
        return refuse("dmp.holder_only", hint=DELEGATE if delegate else HOLDER_ONLY)
    if caller.purpose is Purpose.SECRET:
        return refuse("dmp.secret_for_professionals", hint=WRONG_PURPOSE)
    own = caller.person_id == person.value
    return permit("L1111-19") if own else permit("L1111-19", "dmp.representative")


def is_delegate(caller: Caller, person: PersonId) -> bool:
    """An aidant: the holder lets them read in the holder's place."""
    return caller.kind is CallerKind.CITIZEN and person.value in caller.assists
