"""The life of a record and its explanations as callers meet them: real gRPC, every door, real PostgreSQL."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from chassis import ledger
from chassis.caller import Caller
from chassis.db import Database
from chassis.errors import Forbidden, InvalidInput, NotFound, RuleViolated
from chassis.testing import NOW, LocalIssuer, call_as, callers, emergency
from dmp import policy
from dmp.api import DmpServicer
from dmp.api.policy import PolicyServicer
from dmp.api.records import RecordServicer
from dmp.clients.keys import RecordKeys
from dmp.domain.deposit import PATIENT, PROFESSIONAL
from dmp.domain.records import USUAL_DELAY, PersonId, years_later
from dmp.store.keys import find_key
from dmp.usecases import erasure
from socle.common.v1.common_pb2 import PageRequest
from socle.dmp.v1 import dmp_pb2, policy_pb2
from socle.dmp.v1 import records_pb2 as pb

from .access_given import Stage, staged
from .dmp_given import Qualified, document, holder, refused, rows, submission

SIGNER = ledger.Signer.fresh()
DOCTOR, READER = callers.doctor, callers.other_doctor
WISH = dmp_pb2.CLOSE_REASON_PATIENT_REQUEST


@pytest.fixture
async def stage(
    database: Database, issuer: LocalIssuer, qualified: Qualified, servicer: DmpServicer, keys: RecordKeys
) -> AsyncIterator[Stage]:
    parameters = policy.Parameters(masked_and_hidden=True, majority_age=21)
    servicers: dict[str, Any] = {
        "dmp": servicer,
        "records": RecordServicer(database, keys, qualified, SIGNER, USUAL_DELAY),
        "policy": PolicyServicer(database, keys, parameters, "clamd", ["text/plain"]),
    }
    async with staged(servicers, database, issuer, qualified) as running:
        yield running


@pytest.fixture
async def patient(stage: Stage) -> Caller:
    someone = holder()
    await stage.ask("OpenRecord", dmp_pb2.OpenRecordRequest(person_id=someone.person_id), someone)
    return someone


def stamp(moment: Any) -> Timestamp:
    made = Timestamp()
    made.FromDatetime(moment)
    return made


async def failed(stage: Stage, method: str, request: Message, caller: Caller) -> Any:
    return await refused(stage.ask(method, request, caller))


# -- closing, reopening, destruction


async def test_record_is_closed_reopened_and_asked_to_be_destroyed(stage: Stage, patient: Caller) -> None:
    person = patient.person_id
    closed = await stage.ask("CloseRecord", pb.CloseRecordRequest(person_id=person, reason=WISH), patient)
    assert (closed.record.state, closed.record.close_reason) == (dmp_pb2.RECORD_STATE_CLOSED, WISH)
    assert closed.record.destroy_at == stamp(years_later(NOW, 10))
    assert (closed.record.readable, list(closed.record.rules)) == (False, ["dmp.record_closed"])
    asked = pb.RequestDestructionRequest(person_id=person)
    unconfirmed = await failed(stage, "RequestDestruction", asked, patient)
    assert (type(unconfirmed), unconfirmed.field) == (InvalidInput, "confirmed")
    asked.confirmed = True
    due = await stage.ask("RequestDestruction", asked, patient)
    assert due.record.destroy_at == stamp(NOW + USUAL_DELAY)
    opened = await stage.ask("ReopenRecord", pb.ReopenRecordRequest(person_id=person), patient)
    assert (opened.record.state, opened.record.readable) == (dmp_pb2.RECORD_STATE_OPEN, True)
    assert not opened.record.HasField("destroy_at")


async def test_comment_of_a_closing_is_kept_under_the_key_of_the_record(
    stage: Stage, patient: Caller, database: Database, keys: RecordKeys
) -> None:
    words, person = "je change de médecin, et de dossier", PersonId(patient.person_id)
    asked = pb.CloseRecordRequest(person_id=person.value, reason=WISH, comment=words)
    await stage.ask("CloseRecord", asked, patient)
    (row,) = await rows(database, "SELECT close_comment FROM record WHERE person_id = $1", person.value)
    assert words.encode() not in row["close_comment"]
    async with database.read() as tx:
        wrapped = await find_key(tx, person)
    assert wrapped is not None
    key = await keys.open(person, wrapped)
    assert key.open(row["close_comment"], f"close:{person}").decode() == words
    assert await rows(database, "SELECT 1 FROM audit WHERE reason LIKE '%dossier%'") == []


async def test_closing_needs_a_reason_that_is_known(stage: Stage, patient: Caller) -> None:
    for reason in (0, 99):
        asked = pb.CloseRecordRequest(person_id=patient.person_id)
        asked.reason = dmp_pb2.CloseReason.ValueType(reason)
        assert isinstance(await failed(stage, "CloseRecord", asked, patient), InvalidInput)


async def test_closed_record_says_so_and_what_to_do(stage: Stage, patient: Caller) -> None:
    person = patient.person_id
    await stage.ask("CloseRecord", pb.CloseRecordRequest(person_id=person, reason=WISH), patient)
    for method, request in (
        ("SubmitDocuments", submission(person)),
        ("OpenRecord", dmp_pb2.OpenRecordRequest(person_id=person)),
        ("ChangeConsents", pb.ChangeConsentsRequest(person_id=person, feeding_allowed=True)),
    ):
        error = await failed(stage, method, request, DOCTOR)
        assert (type(error), "ReopenRecord" in error.hint) == (RuleViolated, True), method


async def test_receipt_of_a_destruction_is_signed_and_only_for_who_may_read_the_journal(
    stage: Stage, patient: Caller, database: Database
) -> None:
    person = PersonId(patient.person_id)
    asked = pb.GetErasureReceiptRequest(person_id=person.value)
    assert isinstance(await failed(stage, "GetErasureReceipt", asked, patient), NotFound)
    await stage.ask("SubmitDocuments", submission(person.value), DOCTOR)
    await stage.ask("CloseRecord", pb.CloseRecordRequest(person_id=person.value, reason=WISH), patient)
    later = call_as(callers.service, now=years_later(NOW, 10))
    async with database.begin(later) as tx:
        erased = await erasure.destroy_record(tx, later.caller, person, later.now())
    receipt = (await stage.ask("GetErasureReceipt", asked, patient)).receipt
    assert (receipt.documents, receipt.receipt_id) == (1, erased.receipt.id.value)
    assert SIGNER.sign(erased.receipt.payload()).split(".")[1] == receipt.signature.split(".")[1]
    assert isinstance(await failed(stage, "GetErasureReceipt", asked, callers.other_citizen), NotFound)
    shown = await stage.ask("GetRecord", dmp_pb2.GetRecordRequest(person_id=person.value), patient)
    assert shown.record.state == dmp_pb2.RECORD_STATE_DESTROYED


# -- consents and roles


async def test_consents_are_shown_to_the_holder_and_not_to_a_professional(
    stage: Stage, patient: Caller
) -> None:
    person = patient.person_id
    asked = pb.ChangeConsentsRequest(person_id=person, consultation_allowed=False, btg=False, masked=True)
    changed = (await stage.ask("ChangeConsents", asked, patient)).record
    assert (changed.feeding_allowed, changed.consultation_allowed) == (True, False)
    assert (changed.emergency.etreat, changed.emergency.btg, changed.emergency.masked) == (True, False, True)
    seen = (await stage.ask("GetRecord", dmp_pb2.GetRecordRequest(person_id=person), READER)).record
    assert (seen.feeding_allowed, seen.HasField("emergency")) == (False, False)
    assert (seen.readable, list(seen.rules)) == (False, ["R1111-46", "consent.consultation"])
    assert seen.hint


@pytest.mark.parametrize(
    ("fields", "field"),
    [({}, ""), ({"feeding_allowed": False}, "reason"), ({"feeding_allowed": False, "reason": " "}, "reason")],
)
async def test_change_of_consents_that_cannot_be(
    stage: Stage, patient: Caller, fields: dict[str, Any], field: str
) -> None:
    asked = pb.ChangeConsentsRequest(person_id=patient.person_id, **fields)
    error = await failed(stage, "ChangeConsents", asked, patient)
    assert (type(error), error.field) == (InvalidInput, field)


async def test_roles_are_listed_and_the_medecin_traitant_is_shown(stage: Stage, patient: Caller) -> None:
    person, professional = patient.person_id, READER.subject
    declared = {}
    for role in (dmp_pb2.CARE_ROLE_MEDECIN_TRAITANT, dmp_pb2.CARE_ROLE_SAGE_FEMME_REFERENTE):
        asked = pb.DeclareCareRoleRequest(person_id=person, professional=professional, role=role)
        declared[role] = (await stage.ask("DeclareCareRole", asked, patient)).access
    listed = await stage.ask("ListAccesses", dmp_pb2.ListAccessesRequest(person_id=person), patient)
    assert list(listed.accesses) == list(declared.values())
    assert {access.kind for access in listed.accesses} == {dmp_pb2.ACCESS_KIND_CARE_ROLE}
    seen = await stage.ask("GetRecord", dmp_pb2.GetRecordRequest(person_id=person), READER)
    assert (seen.record.referring_doctor, seen.record.readable) == (professional, True)
    ended = declared[dmp_pb2.CARE_ROLE_MEDECIN_TRAITANT].id
    await stage.ask("EndCareRole", pb.EndCareRoleRequest(person_id=person, care_role_id=ended), patient)
    seen = await stage.ask("GetRecord", dmp_pb2.GetRecordRequest(person_id=person), READER)
    assert (seen.record.referring_doctor, seen.record.readable) == ("", False)
    unknown = pb.DeclareCareRoleRequest(person_id=person, professional=professional)
    unknown.role = dmp_pb2.CareRole.ValueType(99)
    assert isinstance(await failed(stage, "DeclareCareRole", unknown, patient), InvalidInput)


async def test_default_masking_says_how_many_documents_it_changed(stage: Stage, patient: Caller) -> None:
    person = patient.person_id
    await stage.ask("SubmitDocuments", submission(person, document(), document()), DOCTOR)
    done = await stage.ask(
        "SetDefaultMasking", pb.SetDefaultMaskingRequest(person_id=person, masked=True), patient
    )
    assert (done.changed, done.waiting, done.record.masked_by_default) == (2, 0, True)
    await stage.ask("SubmitDocuments", submission(person), DOCTOR)
    found = await stage.ask(
        "ListReadableDocuments", dmp_pb2.ListReadableDocumentsRequest(person_id=person), patient
    )
    assert [list(e.confidentiality) for e in found.entries] == [["N", "MASQUE_PS"]] * 3


# -- explanations


def reader(who: Caller, **more: Any) -> policy_pb2.Reader:
    return policy_pb2.Reader(
        professional=who.subject, profession=who.profession, organisation=who.organisation, **more
    )


async def test_holder_reads_the_titles_with_each_decision(stage: Stage, patient: Caller) -> None:
    person = patient.person_id
    await stage.ask("SubmitDocuments", submission(person, document(title="Consultation d'avril")), DOCTOR)
    asked = policy_pb2.ExplainAccessRequest(person_id=person, reader=reader(READER))
    told = await stage.ask("ExplainAccess", asked, patient)
    assert (told.record.permitted, list(told.record.rules)) == (False, ["R1111-46"])
    assert told.record.hint
    (decision,) = told.documents
    assert (decision.title, decision.type.code) == ("Consultation d'avril", "11488-4")
    assert (decision.decision.permitted, list(decision.decision.rules)) == (False, ["R1111-46"])
    regulation = policy_pb2.ExplainAccessRequest(
        person_id=person, reader=reader(READER, purpose="centre_15", regulation=True)
    )
    told = await stage.ask("ExplainAccess", regulation, patient)
    assert list(told.record.rules) == ["L1111-17-I", "consent.ETREAT"]
    assert told.documents[0].decision.permitted


async def test_auditor_reads_decisions_without_titles(stage: Stage, patient: Caller) -> None:
    person = patient.person_id
    await stage.ask("SubmitDocuments", submission(person), DOCTOR)
    asked = policy_pb2.ExplainAccessRequest(person_id=person, reader=reader(READER))
    told = await stage.ask("ExplainAccess", asked, callers.auditor)
    assert [(d.title, d.type.code, d.type.display) for d in told.documents] == [("", "11488-4", "")]


async def test_explanations_come_in_pages(stage: Stage, patient: Caller) -> None:
    person = patient.person_id
    await stage.ask("SubmitDocuments", submission(person, *(document() for _ in range(5))), DOCTOR)
    seen: list[str] = []
    asked = policy_pb2.ExplainAccessRequest(person_id=person, reader=reader(READER), page=PageRequest(size=2))
    while True:
        told = await stage.ask("ExplainAccess", asked, patient)
        seen += [d.document_id for d in told.documents]
        if not told.next_token:
            break
        asked.page.token = told.next_token
    assert (len(seen), len(set(seen))) == (5, 5)
    asked.page.token = "made-up"
    assert isinstance(await failed(stage, "ExplainAccess", asked, patient), InvalidInput)


async def test_professional_is_explained_their_own_mode_whatever_they_write(
    stage: Stage, patient: Caller
) -> None:
    person = patient.person_id
    await stage.ask("SubmitDocuments", submission(person), DOCTOR)
    lied = reader(READER, purpose="centre_15", regulation=True)
    told = await stage.ask(
        "ExplainAccess", policy_pb2.ExplainAccessRequest(person_id=person, reader=lied), READER
    )
    assert (told.record.permitted, list(told.documents)) == (False, [])
    own = policy_pb2.ExplainAccessRequest(person_id=person)
    told = await stage.ask("ExplainAccess", own, emergency(READER))
    assert (told.record.permitted, len(told.documents)) == (True, 1)
    other = policy_pb2.ExplainAccessRequest(person_id=person, reader=reader(DOCTOR))
    assert isinstance(await failed(stage, "ExplainAccess", other, READER), Forbidden)


async def test_unknown_purpose_of_an_imagined_reader_is_refused(stage: Stage, patient: Caller) -> None:
    asked = policy_pb2.ExplainAccessRequest(
        person_id=patient.person_id, reader=reader(READER, purpose="curiosity")
    )
    assert isinstance(await failed(stage, "ExplainAccess", asked, patient), InvalidInput)


async def test_matrix_and_parameters_are_told(stage: Stage) -> None:
    asked = policy_pb2.ListHabilitationsRequest(profession="60")
    nurse = await stage.ask("ListHabilitations", asked, callers.machine)
    cells = {cell.type: cell for cell in nurse.habilitations}
    assert (cells["*"].allowed, cells["89601-9"].allowed) == (True, False)
    assert (cells["89601-9"].source, cells["89601-9"].version) == ("published", 1)
    whole = await stage.ask("ListHabilitations", policy_pb2.ListHabilitationsRequest(), callers.citizen)
    assert len(whole.habilitations) > len(nurse.habilitations)
    told = await stage.ask("GetParameters", policy_pb2.GetParametersRequest(), callers.machine)
    assert (told.majority_age, told.minor_functions, told.masked_and_hidden) == (21, True, True)
    assert told.professional_document_bytes == PROFESSIONAL.size
    assert told.patient_document_bytes == PATIENT.size == 5_000_000
    assert (told.scanner, list(told.mime_types)) == ("clamd", ["text/plain"])
    assert "application/pdf" in told.patient_mime_types
