"""Who decides about a record: its life, its consents, its readers, its journal."""

from __future__ import annotations

from chassis.caller import Caller, CallerKind, Decision, permit, refuse
from dmp.domain.records import CloseReason, Consents, Grant, GranteeKind, PersonId, Relation

from .feeding import NOT_QUALIFIED
from .standing import HOLDER_ONLY, may_hold, not_deciding, role_rules

OWN_STRUCTURE = "Record the consent for yourself or for your own structure only."
OPERATOR_ONLY = "Only the operator of the platform closes or reopens a record for this reason."
THEIR_OWN_WISH = "The holder closes a record because they wish so: send the reason `patient_request`."
SWITCHES = "The three switches of emergencies are changed by the holder alone."
ROLE_NEEDED = "The holder, their médecin traitant and their administrators block a professional."
ONESELF = "A professional asks about themselves: leave the reader out."
CLOSED_BY_THE_PLATFORM = frozenset({CloseReason.DEATH, CloseReason.FRAUD})


def may_close(
    caller: Caller, person: PersonId, relation: Relation, reason: CloseReason, qualified: bool
) -> Decision:
    """The holder, or who writes down the holder's wish; a death is also told by a structure (R1111-36)."""
    if caller.kind is CallerKind.OPERATOR:
        return permit("R1111-36", "dmp.operator")
    if reason is CloseReason.FRAUD:
        return refuse("dmp.operator_only", hint=OPERATOR_ONLY)
    if caller.kind is CallerKind.CITIZEN and reason is not CloseReason.PATIENT_REQUEST:
        return refuse("dmp.reason_of_holder", hint=THEIR_OWN_WISH)
    return _may_keep(caller, person, relation, qualified)


def may_reopen(caller: Caller, person: PersonId, relation: Relation, qualified: bool) -> Decision:
    """Whoever may close it; a record closed for a death or a fraud takes the operator, who checks first."""
    if caller.kind is CallerKind.OPERATOR:
        return permit("R1111-36", "dmp.operator")
    allowed = _may_keep(caller, person, relation, qualified)
    closed_by = relation.record.close_reason if relation.record else None
    if allowed.permitted and closed_by in CLOSED_BY_THE_PLATFORM:
        return refuse("dmp.operator_only", hint=OPERATOR_ONLY)
    return allowed


def _may_keep(caller: Caller, person: PersonId, relation: Relation, qualified: bool) -> Decision:
    if caller.kind is CallerKind.CITIZEN:
        holds = may_hold(caller, person)
        return permit("R1111-36", *holds.rules) if holds.permitted else holds
    refused = not_deciding(caller, relation)
    if refused:
        return refused
    if not qualified:
        return refuse("dmp.identity_qualified", hint=NOT_QUALIFIED)
    return permit("R1111-36", "dmp.identity_qualified")


def may_grant(caller: Caller, person: PersonId, relation: Relation, asked: Grant) -> Decision:
    """The holder authorises anyone; a professional oneself or one's structure, on oral consent."""
    if caller.kind is CallerKind.CITIZEN:
        return may_hold(caller, person)
    heard = _may_hear(caller, relation)
    if not heard.permitted:
        return heard
    own = {GranteeKind.PROFESSIONAL: caller.subject, GranteeKind.STRUCTURE: caller.organisation}[asked.kind]
    return heard if asked.grantee == own else refuse("dmp.own_structure", hint=OWN_STRUCTURE)


def _may_hear(caller: Caller, relation: Relation) -> Decision:
    """Writes down what the holder said."""
    if caller.kind is not CallerKind.PROFESSIONAL:
        return refuse("dmp.holder_only", hint=HOLDER_ONLY)
    return not_deciding(caller, relation) or permit("R1111-46")


def may_change_consents(caller: Caller, person: PersonId, relation: Relation, asked: Consents) -> Decision:
    """The holder all of them; a professional those the holder gives orally: feeding, consultation."""
    if caller.kind is CallerKind.CITIZEN:
        return may_hold(caller, person)
    heard = _may_hear(caller, relation)
    if heard.permitted and asked.emergency:
        return refuse("dmp.holder_only", hint=SWITCHES)
    return permit(*heard.rules, "R1111-47") if heard.permitted else heard


def may_declare(caller: Caller, person: PersonId) -> Decision:
    """Gives or ends a role, hides all documents by default, asks for a destruction: the holder."""
    return may_hold(caller, person)


def may_block(caller: Caller, person: PersonId, relation: Relation) -> Decision:
    """The holder, and those whom the holder gave the power to (R1111-41)."""
    if caller.kind is CallerKind.CITIZEN:
        return may_hold(caller, person)
    role = role_rules(relation) if caller.kind is CallerKind.PROFESSIONAL else ()
    if not role:
        return refuse("dmp.holder_only", hint=ROLE_NEEDED)
    return not_deciding(caller, relation) or permit(*role)


def may_explain(caller: Caller, person: PersonId, reader: str) -> Decision:
    """What a reader would see: the holder and the auditor about anyone, a professional about themselves."""
    if caller.kind is CallerKind.AUDITOR:
        return permit("dmp.auditor")
    if caller.kind is not CallerKind.PROFESSIONAL:
        return may_hold(caller, person)
    if reader not in ("", caller.subject):
        return refuse("dmp.oneself_only", hint=ONESELF)
    return permit("dmp.oneself")


def may_read_journal(caller: Caller, person: PersonId) -> Decision:
    """Who looked: the holder (L1111-19, R1111-43), and whoever controls the traces."""
    return permit("dmp.auditor") if caller.kind is CallerKind.AUDITOR else may_hold(caller, person)
