"""May this caller, on this record, for this purpose? Pure; every answer names the rules behind it.

Articles (`R1111-46`...) are those of the Code de la santé publique; `matrix.<profession>.<type>` is a cell
of the matrix of the arrêté of 26 October 2023; `consent.*` is a switch of the holder; `dmp.*` is a rule of
this service. The order is that of the law: record, blocked, authorisation or emergency, matrix, flags of
the document.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from chassis.caller import Caller, CallerKind, Decision, Purpose, permit, refuse

from .domain import (
    Confidentiality,
    Document,
    EmergencyConsent,
    Grant,
    GranteeKind,
    PersonId,
    ReasonMissing,
    Relation,
)

REGULATION_ROLE = "regulation"
ASK_CONSENT = "Ask the holder for an authorisation, or record the consent given orally (GrantAccess)."
NOT_QUALIFIED = (
    "Make the identity qualifiée in your structure first (retrieve the INS, check an identity paper)."
)

Hidden = Mapping[Confidentiality, tuple[str, ...]]
HIDDEN_FROM_HOLDER: Hidden = {Confidentiality.HIDDEN_FROM_PATIENT: ("R1111-53",)}
HIDDEN_FROM_REPRESENTATIVE: Hidden = {
    Confidentiality.HIDDEN_FROM_PATIENT: ("R1111-53",),
    Confidentiality.HIDDEN_FROM_REPRESENTATIVES: ("R1111-50",),
}
HIDDEN_FROM_PROFESSIONAL: Hidden = {Confidentiality.MASKED: ("dmp.masked",)}
HIDDEN_IN_EMERGENCY: Hidden = {Confidentiality.MASKED: ("dmp.masked", "consent.MASKED")}


@dataclass(frozen=True, slots=True)
class Reach:
    """Which documents of one record a reader sees, as data for `may_read` and for the lists of `store`."""

    # On the record as a whole; refused, only the reader's own documents are left.
    consult: Decision
    # Documents of this author are seen whatever their flags (R1111-49); empty: of nobody.
    author: str = ""
    # Line of the matrix that applies; None: none does. A token without a profession has an empty one:
    # nothing passes.
    profession: str | None = None
    # Codes that hide a document, with the rules that say so.
    hidden: Hidden = field(default_factory=dict)


def reach(caller: Caller, person: PersonId, relation: Relation) -> Reach:
    """What the caller sees of the record of this person."""
    consult = may_consult(caller, person, relation)
    if caller.kind is CallerKind.CITIZEN:
        own = caller.person_id == person.value
        return Reach(consult, hidden=HIDDEN_FROM_HOLDER if own else HIDDEN_FROM_REPRESENTATIVE)
    if caller.kind is not CallerKind.PROFESSIONAL or relation.record is None or relation.blocked:
        return Reach(consult)
    # The law is silent on the matrix in emergencies: kept when the glass is broken (least privilege), left
    # out for the regulation doctor, who has seconds.
    matrix = None if caller.purpose is Purpose.REGULATION else caller.profession
    return Reach(consult, caller.subject, matrix, _hidden_from_professional(caller, relation))


def _hidden_from_professional(caller: Caller, relation: Relation) -> Hidden:
    if caller.purpose is Purpose.NORMAL:
        return HIDDEN_FROM_PROFESSIONAL
    return {} if EmergencyConsent.MASKED in relation.consents else HIDDEN_IN_EMERGENCY


def may_consult(caller: Caller, person: PersonId, relation: Relation) -> Decision:
    """The record as a whole, in the mode of the request."""
    if caller.kind is CallerKind.CITIZEN:
        return may_hold(caller, person)
    if caller.kind is not CallerKind.PROFESSIONAL:
        return refuse("dmp.readers_only")
    if relation.record is None:
        return refuse("dmp.no_record")
    if relation.blocked:
        return refuse("dmp.blocked")
    return MODES[caller.purpose](caller, relation)


def _normal(_caller: Caller, relation: Relation) -> Decision:
    return permit("R1111-46") if relation.authorised else refuse("R1111-46", hint=ASK_CONSENT)


def _break_glass(_caller: Caller, relation: Relation) -> Decision:
    allowed = EmergencyConsent.BTG in relation.consents
    return (permit if allowed else refuse)("L1111-17-I", "consent.BTG")


def _regulation(caller: Caller, relation: Relation) -> Decision:
    if REGULATION_ROLE not in caller.roles:
        return refuse("L1111-17-I", "dmp.regulation_doctor_only")
    allowed = EmergencyConsent.ETREAT in relation.consents
    return (permit if allowed else refuse)("L1111-17-I", "consent.ETREAT")


MODES: dict[Purpose, Callable[[Caller, Relation], Decision]] = {
    Purpose.NORMAL: _normal,
    Purpose.BREAK_GLASS: _break_glass,
    Purpose.REGULATION: _regulation,
}


def check_purpose(caller: Caller) -> None:
    """Breaking the glass without a typed reason is a fault of the request, not a decision."""
    if caller.purpose is Purpose.BREAK_GLASS and not caller.reason:
        raise ReasonMissing(field="Socle-Reason", hint="Send the reason, percent-encoded, in Socle-Reason.")


def is_emergency(caller: Caller) -> bool:
    """The holder and the médecin traitant are to be told of this access (R1111-48)."""
    return caller.kind is CallerKind.PROFESSIONAL and caller.purpose is not Purpose.NORMAL


def may_read(document: Document, reach: Reach, habilitated: bool) -> Decision:
    """One document; `habilitated` is the cell of the matrix for this profession and this type."""
    if document.is_by(reach.author):
        return permit("R1111-49")
    if not reach.consult.permitted:
        return reach.consult
    cell = () if reach.profession is None else (f"matrix.{reach.profession}.{document.entry.type.code}",)
    if cell and not habilitated:
        return refuse(*cell)
    for code, rules in reach.hidden.items():
        if code in document.entry.confidentiality:
            return refuse(*rules)
    return permit(*reach.consult.rules, *cell)


def may_hold(caller: Caller, person: PersonId) -> Decision:
    """The holder in person or a legal representative: sees the record, decides who else does (L1111-19)."""
    if caller.kind is not CallerKind.CITIZEN or not caller.acts_for(person.value):
        return refuse("dmp.holder_only")
    return (
        permit("L1111-19") if caller.person_id == person.value else permit("L1111-19", "dmp.representative")
    )


def may_open(caller: Caller, person: PersonId, qualified: bool) -> Decision:
    """Opens a record: the person, or a structure that has qualified the person's identity."""
    if caller.kind is CallerKind.CITIZEN:
        return may_hold(caller, person)
    return (
        permit("dmp.identity_qualified")
        if qualified
        else refuse("dmp.identity_qualified", hint=NOT_QUALIFIED)
    )


def may_feed(
    caller: Caller, person: PersonId, deposited: frozenset[Confidentiality], qualified: bool
) -> Decision:
    """Deposits documents: authorisations concern reading only, and a block does not stop a deposit."""
    if caller.kind is not CallerKind.CITIZEN:
        opened = may_open(caller, person, qualified)
        return permit("R1111-47", *opened.rules) if opened.permitted else opened
    if Confidentiality.HIDDEN_FROM_PATIENT in deposited:
        return refuse("R1111-53", hint="Only a professional may hide a document from the patient.")
    return may_hold(caller, person)


def may_grant(caller: Caller, person: PersonId, relation: Relation, asked: Grant) -> Decision:
    """The holder authorises anyone; a professional oneself or one's structure, on oral consent."""
    if caller.kind is CallerKind.CITIZEN:
        return may_hold(caller, person)
    if caller.kind is not CallerKind.PROFESSIONAL:
        return refuse("dmp.holder_only")
    if relation.blocked:
        return refuse("dmp.blocked")
    own = {GranteeKind.PROFESSIONAL: caller.subject, GranteeKind.STRUCTURE: caller.organisation}[asked.kind]
    if asked.grantee != own:
        return refuse(
            "dmp.own_structure", hint="Record the consent for yourself or for your own structure only."
        )
    return permit("R1111-46")


def may_mask(caller: Caller, document: Document, reach: Reach) -> Decision:
    """Hides a document from professionals: the holder, among the documents they see (R1111-49)."""
    seen = may_read(document, reach, habilitated=True)
    if not seen.permitted:
        return seen
    holds = may_hold(caller, document.person_id)
    return permit("R1111-49", *holds.rules) if holds.permitted else holds


def may_read_journal(caller: Caller, person: PersonId) -> Decision:
    """Who looked: the holder (L1111-19, R1111-43), and whoever controls the traces."""
    return permit("dmp.auditor") if caller.kind is CallerKind.AUDITOR else may_hold(caller, person)
