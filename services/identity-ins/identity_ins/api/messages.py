"""Values to messages: what the servicers answer with. `requests` goes the other way."""

from __future__ import annotations

from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp

from chassis import journal
from identity_ins.domain import (
    CollectionMethod,
    Identity,
    Ins,
    Person,
    Precision,
    Remark,
    Sex,
    Status,
    Step,
    Traits,
)
from identity_ins.domain.match import Candidate, FieldAgreement
from identity_ins.store.history import Past
from socle.identity_ins.v1 import identity_ins_pb2 as pb

SEX_OUT = {Sex.MALE: pb.SEX_MALE, Sex.FEMALE: pb.SEX_FEMALE, Sex.UNKNOWN: pb.SEX_UNKNOWN}
PRECISION_OUT = {
    Precision.DAY: pb.BIRTH_DATE_PRECISION_DAY,
    Precision.MONTH: pb.BIRTH_DATE_PRECISION_MONTH,
    Precision.YEAR: pb.BIRTH_DATE_PRECISION_YEAR,
}
COLLECTION_OUT = {
    CollectionMethod.TYPED: pb.COLLECTION_METHOD_TYPED,
    CollectionMethod.CARTE_VITALE: pb.COLLECTION_METHOD_CARTE_VITALE,
    CollectionMethod.INSI: pb.COLLECTION_METHOD_INSI,
    CollectionMethod.BAR_CODE: pb.COLLECTION_METHOD_BAR_CODE,
    CollectionMethod.RFID: pb.COLLECTION_METHOD_RFID,
    CollectionMethod.APPLI_CARTE_VITALE: pb.COLLECTION_METHOD_APPLI_CARTE_VITALE,
}
# What the step that a verification led to says of the number.
RESULT = {
    Step.VERIFY_INS: pb.VERIFICATION_RESULT_CONFIRMED,
    Step.CONFIRM_INS: pb.VERIFICATION_RESULT_CONFIRMED,
    Step.REPLACE_INS: pb.VERIFICATION_RESULT_REPLACED,
    Step.REFUTE_INS: pb.VERIFICATION_RESULT_NOT_CONFIRMED,
    None: pb.VERIFICATION_RESULT_NOT_CONFIRMED,
}
STATUS_OUT = {
    Status.PROVISOIRE: pb.IDENTITY_STATUS_PROVISOIRE,
    Status.RECUPEREE: pb.IDENTITY_STATUS_RECUPEREE,
    Status.VALIDEE: pb.IDENTITY_STATUS_VALIDEE,
    Status.QUALIFIEE: pb.IDENTITY_STATUS_QUALIFIEE,
}


def to_traits(traits: Traits) -> pb.Traits:
    return pb.Traits(
        birth_name=traits.birth_name,
        birth_first_names=traits.birth_first_names,
        sex=SEX_OUT[traits.sex],
        birth_date=traits.birth_date_text,
        birth_place=traits.birth_place,
        used_name=traits.used_name,
        used_first_name=traits.used_first_name,
        birth_place_name=traits.birth_place_name,
        birth_date_precision=PRECISION_OUT[traits.birth_date_precision],
    )


def to_moment(at: datetime) -> Timestamp:
    moment = Timestamp()
    moment.FromDatetime(at)
    return moment


def to_ins(ins: Ins) -> pb.Ins:
    return pb.Ins(matricule=ins.matricule, oid=ins.oid.value)


def to_person(person: Person) -> pb.Person:
    return pb.Person(
        person_id=person.id.value,
        traits=to_traits(person.traits),
        ins=to_ins(person.ins),
        former=map(to_ins, person.former),
    )


def to_identity(identity: Identity) -> pb.Identity:
    retrieval, check = identity.retrieval, identity.paper_check
    return pb.Identity(
        id=identity.id.value,
        domain=identity.domain,
        ipp=identity.ipp,
        status=STATUS_OUT[identity.status],
        traits=to_traits(identity.traits),
        ins=to_ins(retrieval.ins) if retrieval else None,
        person_id=retrieval.person_id.value if retrieval else "",
        attributes=sorted(identity.attributes),
        paper=check.paper.value if check else "",
        retrieved_at=to_moment(retrieval.at) if retrieval else None,
        paper_checked_at=to_moment(check.at) if check else None,
        created_at=to_moment(identity.created_at),
        version=identity.version,
        collection_method=COLLECTION_OUT[identity.collection_method],
        billing_number=identity.billing_number.number if identity.billing_number else "",
        ipp_authority=identity.ipp_authority,
        merged_into=identity.merged_into.value if identity.merged_into else "",
        verified_at=to_moment(retrieval.verified_at) if retrieval and retrieval.verified_at else None,
        updated_at=to_moment(identity.updated_at or identity.created_at),
    )


def to_agreement(field: FieldAgreement) -> pb.FieldAgreement:
    return pb.FieldAgreement(
        field=field.field, agreement=field.agreement, similarity=field.similarity, weight=field.weight
    )


def to_candidate(candidate: Candidate) -> pb.Candidate:
    return pb.Candidate(
        identity=to_identity(candidate.identity),
        score=candidate.score,
        grade=candidate.grade,
        fields=map(to_agreement, candidate.fields),
    )


def to_warning(remark: Remark) -> pb.Warning:
    return pb.Warning(field=remark.field, code=remark.code, text=remark.text)


def to_change(past: Past) -> pb.IdentityChange:
    return pb.IdentityChange(
        version=past.version,
        changed_at=to_moment(past.changed_at),
        author_kind=journal.ACTORS[past.author_kind],  # type: ignore[arg-type]
        author=past.author,
        step=past.step,
        status_before=STATUS_OUT[past.before.status] if past.before else pb.IDENTITY_STATUS_UNSPECIFIED,
        status_after=STATUS_OUT[past.after.status],
        reason=past.reason,
        identity=to_identity(past.after),
    )
