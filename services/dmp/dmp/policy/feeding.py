"""Opening a record and putting documents into it: authorisations concern reading only (R1111-47)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from chassis.caller import Caller, CallerKind, Decision, Purpose, permit, refuse
from dmp.domain.documents import Confidentiality
from dmp.domain.records import PersonId, Record

from .standing import may_hold, not_open

NOT_QUALIFIED = (
    "Make the identity qualifiée in your structure first (retrieve the INS, check an identity paper)."
)
PROFESSIONALS_HIDE = "Only a professional may hide a document from the patient."
MINORS_HIDE = "The minor keeps a document from their representatives in person, or a professional for them."
OPPOSED = "The holder opposes feeding: record it when they change their mind (ChangeConsents)."
NOT_A_SENDER = "A service sends what it makes, of the types said for it by name, hidden from nobody."
CODE_NEEDED = "In a secret connection each document carries INVISIBLE_REPRESENTANTS_LEGAUX (EX_0.1-1115)."

# What a service of the platform puts into records, by the client of its token: prescription and dispensation
# of products of health (JDV_J07). It holds no identity of its own: what it sends was made for a person of the
# registry, by the professionals that the metadata name.
SENDERS = {"eprescription": frozenset({"57833-6", "60593-1"})}


@dataclass(frozen=True, slots=True)
class Parameters:
    """What the platform decides where the texts leave a choice (EX_GEN-1550)."""

    # MASQUE_PS and INVISIBLE_PATIENT may stand together (`cumul-invisible_patient-masque_ps`).
    masked_and_hidden: bool = False
    # `age-majorite`, in years.
    majority_age: int = 18


def may_open(caller: Caller, person: PersonId, qualified: bool) -> Decision:
    """Opens a record: the person, or a structure that has qualified the person's identity."""
    if caller.kind is CallerKind.CITIZEN:
        return may_hold(caller, person)
    return (
        permit("dmp.identity_qualified")
        if qualified
        else refuse("dmp.identity_qualified", hint=NOT_QUALIFIED)
    )


def may_send(
    caller: Caller, deposited: Collection[Collection[Confidentiality]], types: Collection[str]
) -> Decision:
    """A service deposits what it makes; hiding a document is a decision of persons (R1111-49, R1111-53)."""
    known = SENDERS.get(caller.subject, frozenset()) if caller.kind is CallerKind.SERVICE else frozenset()
    plain = all(set(codes) <= {Confidentiality.NORMAL} for codes in deposited)
    if types and known.issuperset(types) and plain:
        return permit("dmp.sent_by_service")
    return refuse("dmp.sent_by_service", hint=NOT_A_SENDER)


def may_feed(
    caller: Caller,
    person: PersonId,
    record: Record | None,
    deposited: Collection[Collection[Confidentiality]],
    qualified: bool,
    types: Collection[str] = (),
) -> Decision:
    """Deposits documents; `deposited` and `types` are the codes and the type of each one of them.

    Who may, then the record, then the holder's consent, then the codes. A block does not stop a deposit:
    it concerns reading, and what a professional did must be in the record whatever the holder thinks of them.
    """
    by_service = caller.kind is CallerKind.SERVICE
    opens = may_send(caller, deposited, types) if by_service else may_open(caller, person, qualified)
    refused = None if not opens.permitted else not_open(record)
    if refused or not opens.permitted:
        return refused or opens
    if caller.kind is CallerKind.CITIZEN:
        return _may_feed_as_citizen(opens, deposited, in_person=caller.person_id == person.value)
    if record is None or not record.feeding_allowed:
        return refuse("R1111-47", "consent.feeding", hint=OPPOSED)
    return _may_feed_as_structure(caller, opens, deposited)


def _may_feed_as_citizen(
    holds: Decision, deposited: Collection[Collection[Confidentiality]], *, in_person: bool
) -> Decision:
    """The holder's opposition is to professionals: it stops nobody from writing in their own record."""
    if any(Confidentiality.HIDDEN_FROM_PATIENT in codes for codes in deposited):
        return refuse("R1111-53", hint=PROFESSIONALS_HIDE)
    hidden = any(Confidentiality.HIDDEN_FROM_REPRESENTATIVES in codes for codes in deposited)
    # One parent would hide it from the other.
    return refuse("R1111-50", hint=MINORS_HIDE) if hidden and not in_person else holds


def _may_feed_as_structure(
    caller: Caller, opens: Decision, deposited: Collection[Collection[Confidentiality]]
) -> Decision:
    if caller.purpose is not Purpose.SECRET:
        return permit("R1111-47", *opens.rules)
    if not all(Confidentiality.HIDDEN_FROM_REPRESENTATIVES in codes for codes in deposited):
        return refuse("R1111-50", "dmp.secret_deposit", hint=CODE_NEEDED)
    return permit("R1111-47", "R1111-50", *opens.rules)
