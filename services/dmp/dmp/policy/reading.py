"""Which documents of one record a reader sees, in the mode of the request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from chassis.caller import Caller, CallerKind, Decision, Purpose, permit, refuse
from dmp.domain.documents import Confidentiality, Document
from dmp.domain.errors import ReasonMissing
from dmp.domain.records import EmergencyConsent, PersonId, Relation

from .standing import EMERGENCIES, WRONG_PURPOSE, is_delegate, may_hold, not_open, not_standing, role_rules

REGULATION_ROLE = "regulation"
ASK_CONSENT = "Ask the holder for an authorisation, or record the consent given orally (GrantAccess)."
CONSULTATION = "The holder opposes consultation: record it when they change their mind (ChangeConsents)."
READERS = "Read with the token of a citizen or of a professional: structures and services only feed."
BREAKING = "The holder refuses that the glass is broken; an authorisation lets one read in `normal` mode."
CALLING = "The holder refuses the regulation doctor; an authorisation lets one read in `normal` mode."
REGULATION = "The purpose `centre_15` is for the regulation doctor of the SAMU, as their token says."
OTHER_PROFESSION = (
    "The matrix gives this type of document to other professions; a role that the holder gives (médecin "
    "traitant, administrator) opens every type."
)
SHOWN_BY_HOLDER = (
    "The holder can show the document (UnmaskDocument), or make the reader médecin traitant or administrator."
)
MASKED_SWITCH = "The holder can let masked documents be opened in an emergency (the consent MASKED)."
ANNOUNCED = "It is shown after its announcement by a professional, or by itself a month after its deposit."
KEPT_FROM_PARENTS = "The minor keeps it from legal representatives; a professional can show it on request."

Rules = tuple[str, ...]
# Codes that hide a document from a kind of reader: the rules that say so, and what would change it.
Hidden = Mapping[Confidentiality, tuple[Rules, str]]
FROM_PATIENT = {Confidentiality.HIDDEN_FROM_PATIENT: (("R1111-53",), ANNOUNCED)}
FROM_PARENTS = {Confidentiality.HIDDEN_FROM_REPRESENTATIVES: (("R1111-50",), KEPT_FROM_PARENTS)}
HIDDEN_FROM_HOLDER: Hidden = FROM_PATIENT
# For a delegate too: the texts are silent on the second code, and what is kept from the family stays so from
# whoever of the family helps.
HIDDEN_FROM_REPRESENTATIVE: Hidden = {**FROM_PATIENT, **FROM_PARENTS}
HIDDEN_FROM_PROFESSIONAL: Hidden = {Confidentiality.MASKED: (("dmp.masked",), SHOWN_BY_HOLDER)}
HIDDEN_IN_EMERGENCY: Hidden = {Confidentiality.MASKED: (("dmp.masked", "consent.MASKED"), MASKED_SWITCH)}


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
    hidden: Hidden = field(default_factory=dict)


def reach(caller: Caller, person: PersonId, relation: Relation) -> Reach:
    """What the caller sees of the record of this person."""
    consult = may_consult(caller, person, relation)
    if caller.kind is CallerKind.CITIZEN:
        return Reach(consult, hidden=hidden_from_citizen(caller, person))
    if caller.kind is not CallerKind.PROFESSIONAL or not_standing(relation):
        return Reach(consult)
    if role_rules(relation):
        return Reach(consult, caller.subject)
    # The law is silent on the matrix in emergencies: kept when the glass is broken (least privilege), left
    # out for the regulation doctor, who has seconds.
    matrix = None if caller.purpose is Purpose.REGULATION else caller.profession
    return Reach(consult, caller.subject, matrix, _hidden_from_professional(caller, relation))


def hidden_from_citizen(caller: Caller, person: PersonId) -> Hidden:
    """The codes that hide a document from the holder, a representative or a delegate."""
    return HIDDEN_FROM_HOLDER if caller.person_id == person.value else HIDDEN_FROM_REPRESENTATIVE


def _hidden_from_professional(caller: Caller, relation: Relation) -> Hidden:
    if caller.purpose not in EMERGENCIES:
        return HIDDEN_FROM_PROFESSIONAL
    return {} if EmergencyConsent.MASKED in relation.consents else HIDDEN_IN_EMERGENCY


def may_consult(caller: Caller, person: PersonId, relation: Relation) -> Decision:
    """The record as a whole, in the mode of the request."""
    if caller.kind is CallerKind.CITIZEN:
        return _may_consult_as_citizen(caller, person, relation)
    if caller.kind is not CallerKind.PROFESSIONAL:
        return refuse("dmp.readers_only", hint=READERS)
    refused = not_standing(relation)
    if refused:
        return refused
    decision = MODES[caller.purpose](caller, relation)
    return permit(*decision.rules, *role_rules(relation)) if decision.permitted else decision


def may_see(caller: Caller, person: PersonId) -> Decision:
    """That there is a record, and in which state (TD0.2): whoever cares or feeds, the holder, a delegate."""
    if caller.kind is not CallerKind.CITIZEN:
        return permit("TD0.2")
    if is_delegate(caller, person) and not caller.acts_for(person.value):
        return _delegated(caller)
    return may_hold(caller, person)


def _may_consult_as_citizen(caller: Caller, person: PersonId, relation: Relation) -> Decision:
    entitled = may_see(caller, person)
    return (not_open(relation.record) or entitled) if entitled.permitted else entitled


def _delegated(caller: Caller) -> Decision:
    if caller.purpose is Purpose.SECRET:
        return refuse("dmp.secret_for_professionals", hint=WRONG_PURPOSE)
    return permit("dmp.delegate")


def _normal(_caller: Caller, relation: Relation) -> Decision:
    if relation.record is None or not relation.record.consultation_allowed:
        return refuse("R1111-46", "consent.consultation", hint=CONSULTATION)
    if role_rules(relation):
        return permit()
    return permit("R1111-46") if relation.authorised else refuse("R1111-46", hint=ASK_CONSENT)


def _secret(caller: Caller, relation: Relation) -> Decision:
    decision = _normal(caller, relation)
    return permit(*decision.rules, "R1111-50") if decision.permitted else decision


def _break_glass(_caller: Caller, relation: Relation) -> Decision:
    rules = ("L1111-17-I", "consent.BTG")
    allowed = EmergencyConsent.BTG in relation.consents
    return permit(*rules) if allowed else refuse(*rules, hint=BREAKING)


def _regulation(caller: Caller, relation: Relation) -> Decision:
    if REGULATION_ROLE not in caller.roles:
        return refuse("L1111-17-I", "dmp.regulation_doctor_only", hint=REGULATION)
    rules = ("L1111-17-I", "consent.ETREAT")
    allowed = EmergencyConsent.ETREAT in relation.consents
    return permit(*rules) if allowed else refuse(*rules, hint=CALLING)


# In an emergency mode the holder's switch decides, for the médecin traitant too: who is authorised reads in
# normal mode and alarms nobody.
MODES: dict[Purpose, Callable[[Caller, Relation], Decision]] = {
    Purpose.NORMAL: _normal,
    Purpose.SECRET: _secret,
    Purpose.BREAK_GLASS: _break_glass,
    Purpose.REGULATION: _regulation,
}


def check_purpose(caller: Caller) -> None:
    """Breaking the glass without a typed reason is a fault of the request, not a decision."""
    if caller.purpose is Purpose.BREAK_GLASS and not caller.reason:
        raise ReasonMissing(field="Socle-Reason", hint="Send the reason, percent-encoded, in Socle-Reason.")


def is_emergency(caller: Caller) -> bool:
    """The holder and the médecin traitant are to be told of this access (R1111-48)."""
    return caller.kind is CallerKind.PROFESSIONAL and caller.purpose in EMERGENCIES


def may_read(document: Document, reach: Reach, habilitated: bool) -> Decision:
    """One document; `habilitated` is the cell of the matrix for this profession and this type."""
    if document.is_by(reach.author):
        return permit("R1111-49")
    if not reach.consult.permitted:
        return reach.consult
    cell = () if reach.profession is None else (f"matrix.{reach.profession}.{document.facts.type_code}",)
    if cell and not habilitated:
        return refuse(*cell, hint=OTHER_PROFESSION)
    for code, (rules, hint) in reach.hidden.items():
        if code in document.facts.confidentiality:
            return refuse(*rules, hint=hint)
    return permit(*reach.consult.rules, *cell)
