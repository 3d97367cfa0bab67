"""Records, accesses and decisions, between the domain and the messages of the contract."""

from __future__ import annotations

from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from chassis import caller
from chassis.errors import InvalidInput
from dmp.domain.erasure import Receipt
from dmp.domain.records import (
    Authorisation,
    Block,
    CareRole,
    CloseReason,
    Consents,
    DeclaredRole,
    EmergencyConsent,
    GranteeKind,
    RecordState,
)
from dmp.usecases.accesses import Accesses
from dmp.usecases.records import Shown
from socle.dmp.v1 import dmp_pb2 as pb
from socle.dmp.v1 import policy_pb2, records_pb2

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
STATES = {
    RecordState.OPEN: pb.RECORD_STATE_OPEN,
    RecordState.CLOSED: pb.RECORD_STATE_CLOSED,
    RecordState.DESTROYED: pb.RECORD_STATE_DESTROYED,
}
REASONS = {
    CloseReason.PATIENT_REQUEST: pb.CLOSE_REASON_PATIENT_REQUEST,
    CloseReason.DEATH: pb.CLOSE_REASON_DEATH,
    CloseReason.FRAUD: pb.CLOSE_REASON_FRAUD,
}
KINDS = {
    GranteeKind.PROFESSIONAL: pb.ACCESS_KIND_PROFESSIONAL,
    GranteeKind.STRUCTURE: pb.ACCESS_KIND_STRUCTURE,
}
ROLES = {
    CareRole.MEDECIN_TRAITANT: pb.CARE_ROLE_MEDECIN_TRAITANT,
    CareRole.ADMINISTRATOR: pb.CARE_ROLE_ADMINISTRATOR,
    CareRole.PHARMACIEN_CORRESPONDANT: pb.CARE_ROLE_PHARMACIEN_CORRESPONDANT,
    CareRole.SAGE_FEMME_REFERENTE: pb.CARE_ROLE_SAGE_FEMME_REFERENTE,
}


class UnknownCloseReason(InvalidInput):
    """This is not a reason for closing a record."""


class UnknownCareRole(InvalidInput):
    """This is not a role that a holder gives."""


def moment(value: datetime | None) -> Timestamp | None:
    if value is None:
        return None
    # What `FromDatetime` does, at a third of its time: a page of documents holds a hundred of them.
    apart = value - EPOCH
    return Timestamp(seconds=apart.days * 86_400 + apart.seconds, nanos=apart.microseconds * 1_000)


def record(shown: Shown) -> pb.Record:
    """Who does not decide on the settings is not told of them."""
    r, readable = shown.record, shown.readable
    message = pb.Record(
        person_id=r.person_id.value,
        opened_at=moment(r.opened_at),
        readable=readable.permitted,
        rules=readable.rules,
        hint=readable.hint,
        state=STATES[r.state],
        closed_at=moment(r.closed_at),
        close_reason=REASONS[r.close_reason] if r.close_reason else pb.CLOSE_REASON_UNSPECIFIED,
        destroy_at=moment(r.destroy_at),
        attached=r.attached,
        referring_doctor=shown.referring_doctor,
    )
    if shown.settings:
        message.feeding_allowed = r.feeding_allowed
        message.consultation_allowed = r.consultation_allowed
        message.masked_by_default = r.masked_by_default
        message.emergency.CopyFrom(_emergency(shown.consents))
    return message


def _emergency(consents: frozenset[EmergencyConsent]) -> pb.EmergencyConsents:
    return pb.EmergencyConsents(
        etreat=EmergencyConsent.ETREAT in consents,
        btg=EmergencyConsent.BTG in consents,
        masked=EmergencyConsent.MASKED in consents,
    )


def authorisation(given: Authorisation) -> pb.Access:
    return pb.Access(
        id=given.id.value,
        grantee=given.grantee,
        kind=KINDS[given.kind],
        since=moment(given.since),
        until=moment(given.until),
    )


def block(blocked: Block) -> pb.Access:
    return pb.Access(
        id=blocked.id.value,
        grantee=blocked.professional,
        kind=pb.ACCESS_KIND_BLOCKED,
        since=moment(blocked.since),
    )


def care_role(declared: DeclaredRole) -> pb.Access:
    return pb.Access(
        id=declared.id.value,
        grantee=declared.professional,
        kind=pb.ACCESS_KIND_CARE_ROLE,
        since=moment(declared.since),
        role=ROLES[declared.role],
    )


def accesses(found: Accesses) -> list[pb.Access]:
    return [
        *(authorisation(a) for a in found.authorisations),
        *(block(b) for b in found.blocks),
        *(care_role(r) for r in found.roles),
    ]


def decision(made: caller.Decision) -> policy_pb2.Decision:
    return policy_pb2.Decision(permitted=made.permitted, rules=made.rules, hint=made.hint)


def receipt(kept: Receipt, signature: str) -> records_pb2.ErasureReceipt:
    return records_pb2.ErasureReceipt(
        receipt_id=kept.id.value,
        person_id=kept.person_id.value,
        erased_at=moment(kept.erased_at),
        documents=kept.documents,
        lots=kept.lots,
        bytes=kept.size,
        key_fingerprint=kept.key_fingerprint,
        master_version=kept.master_version,
        backups_unreadable_at=moment(kept.backups_unreadable_at),
        signature=signature,
    )


def close_reason(value: int) -> CloseReason:
    for known, code in REASONS.items():
        if code == value:
            return known
    raise UnknownCloseReason(field="reason", hint=f"Give one of {', '.join(CloseReason)}.")


def role(value: int) -> CareRole:
    for known, code in ROLES.items():
        if code == value:
            return known
    raise UnknownCareRole(field="role", hint=f"Give one of {', '.join(CareRole)}.")


def consents(request: records_pb2.ChangeConsentsRequest) -> Consents:
    switches = (
        (EmergencyConsent.ETREAT, request.HasField("etreat"), request.etreat),
        (EmergencyConsent.BTG, request.HasField("btg"), request.btg),
        (EmergencyConsent.MASKED, request.HasField("masked"), request.masked),
    )
    return Consents(
        feeding=request.feeding_allowed if request.HasField("feeding_allowed") else None,
        consultation=request.consultation_allowed if request.HasField("consultation_allowed") else None,
        emergency=tuple((consent, given) for consent, asked, given in switches if asked),
        reason=request.reason,
    )
