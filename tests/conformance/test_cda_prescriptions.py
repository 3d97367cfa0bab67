"""The official CDA prescriptions read into drafts, written again as ours, and taken by the record.

The documents of the ANS are read or refused for a stated reason; what is written here is examined by the
rules of the DMP, which know nothing of this service.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from chassis import checks
from chassis.caller import service
from chassis.errors import InvalidInput
from dmp import domain as record
from dmp import policy
from dmp.api import read as deposits
from dmp.domain import content as contents
from dmp.domain.content import cda, metadata
from dmp.domain.deposit import arrival_of, examine
from eprescription.api import read as messages
from eprescription.api import shown
from eprescription.clients.record import Sent, request_of
from eprescription.domain import body, number, writing
from eprescription.domain.cda import write_dispensation, write_prescription
from eprescription.domain.cda.enclosed import copy_of
from eprescription.domain.cda.errors import NotAPrescription
from eprescription.domain.cda.patient import Patient
from eprescription.domain.cda.read_prescription import ReadPrescription, read
from eprescription.domain.cda.write_dispensation import Delivery
from eprescription.domain.content import (
    Content,
    CountUnit,
    Kind,
    LineKind,
    NonSubstitution,
    Prescriber,
    Signed,
)
from eprescription.domain.dispensing import Intervention, InterventionKind
from eprescription.domain.ids import ClaimId, DispensingId, InterventionId, LineId, PersonId, PrescriptionId
from eprescription.domain.prescriptions import Prescription
from eprescription.domain.sendings import SendingId
from eprescription.domain.states import State
from eprescription.domain.visits import ClosedVisit
from socle.eprescription.v1 import eprescription_pb2 as pb
from tests.conformance.conftest import Reference

NUMBER = "01S2TBPZ2JCNZZYGHZ"
SIGNED_AT = datetime(2026, 6, 12, 8, 30, 15, 250_000, tzinfo=UTC)
NOW = datetime(2026, 6, 12, 9, 0, tzinfo=UTC)
SENDER = service("eprescription")
STRUCTURED, FREE = True, False
FLAGS = {"bizone", "exception_medicines", "secure", "large_equipment", "at_home", "urgent", "military"}


@dataclass(frozen=True)
class Sample:
    """What a person reads in the document."""

    structured: bool
    starts_on: date
    flags: set[str]
    comment: str
    # Last day of the hired bed, both ends included, in days.
    bed_days: int


SOME = {"at_home", "urgent", "military"}
READ: dict[str, Sample] = {
    "eP-MED-DM_2022.01_PosoStruct.xml": Sample(STRUCTURED, date(2021, 12, 1), FLAGS, "", 62),
    "eP-MED-DM_2023.01_PosoNonStruct.xml": Sample(FREE, date(2021, 12, 1), SOME, "", 427),
    "eP-MED-DM_2024.01_PosoNonStruct.xml": Sample(FREE, date(2023, 12, 1), SOME, "(texte libre)", 62),
    "eP-MED-DM_2024.01_PosoStruct.xml": Sample(STRUCTURED, date(2023, 12, 1), FLAGS, "(texte libre)", 62),
}
# A dispensation tells what was given, not what was prescribed.
REFUSED = "eDISP-MED_2024.01.xml"
EVERY = pytest.mark.parametrize("name", sorted(READ))


def found(reference: Reference, name: str) -> ReadPrescription:
    return read((reference.folder.parent / "cda-eprescription" / name).read_bytes())


def test_every_document_is_in_the_table(reference: Reference) -> None:
    there = {file.name for file in (reference.folder.parent / "cda-eprescription").glob("*.xml")}
    assert there == {*READ, REFUSED}


def test_dispensation_is_refused_for_what_it_is(reference: Reference) -> None:
    with pytest.raises(NotAPrescription) as told:
        found(reference, REFUSED)
    assert "57833-6" in told.value.hint


@EVERY
def test_prescription_is_read_as_a_person_reads_it(reference: Reference, name: str) -> None:
    sample, read_ = READ[name], found(reference, name)
    content = read_.content
    medicine, preparation, bed = content.lines
    assert read_.number == NUMBER
    assert {flag for flag in FLAGS if getattr(content, flag)} == sample.flags
    assert (content.weight_grams, content.height_millimetres, content.pregnant) == (55_000, 1_700, True)
    assert (content.replaced_prescriber, content.named_pharmacy) == ("807505123456", "1750512302")
    assert content.comment == sample.comment
    assert (medicine.product.cis, medicine.product.mv, medicine.product.cip13) == (
        "63107752",
        "MV00002306",
        "3400933516390",
    )
    assert (medicine.renewals, medicine.duration_days, medicine.starts_on) == (3, 6, sample.starts_on)
    assert medicine.non_substitution is NonSubstitution.MTE
    assert medicine.quantity is not None
    assert (medicine.quantity.value, medicine.quantity.unit) == (Decimal(2), CountUnit.BOX)
    assert not any(line.ald or line.off_label or line.non_reimbursable for line in content.lines)
    assert preparation.kind is LineKind.PREPARATION
    assert [(one.quantity, one.name) for one in preparation.ingredients] == [
        ("30g", "diprosone"),
        ("70g", "Cérat Frais de Galien"),
    ]
    assert (bed.kind, bed.product.emdn, bed.product.lpp) == (LineKind.DEVICE, "V0806", "1215702")
    assert (bed.rental_days, bed.duration_days) == (60, sample.bed_days)


@EVERY
def test_posology_is_kept_with_its_words(reference: Reference, name: str) -> None:
    read_ = found(reference, name)
    medicine, preparation, _ = read_.content.lines
    assert "3 fois/j" in medicine.posology.text
    assert preparation.posology.text.startswith("2 applications")
    if not READ[name].structured:
        assert medicine.posology.doses == ()
        return
    steps = [(d.sequence, d.frequency, d.period, d.period_unit, d.days) for d in medicine.posology.doses]
    assert steps == [(1, 1, Decimal(8), "h", 2), (2, 1, Decimal(12), "h", 4)]
    assert medicine.posology.max_per_day == 4
    # The narrative says "1 cp à 2 cp", the code one tablet: the draft warns whoever signs it.
    assert any("diffèrent" in left for left in read_.left_out)
    assert preparation.posology.doses == ()


@EVERY
def test_content_has_the_form_of_a_draft(reference: Reference, name: str) -> None:
    content = shown.content(found(reference, name).content)
    checks.check(pb.CreatePrescriptionRequest(person_id=PersonId.new().value, content=content))
    draft = messages.content(content)
    writing.check(draft)
    assert len({line.line_id for line in draft.lines}) == len(draft.lines)


@EVERY
def test_what_is_left_out_is_named(reference: Reference, name: str) -> None:
    left_out = found(reference, name).left_out
    assert any(left.startswith("patient") for left in left_out)
    assert "section 57723-9 (Numéro de code à barres unique)" in left_out
    assert all(left.strip() for left in left_out)


# -- written as ours


def identified(content: Content) -> Content:
    """With ids, as a draft has them."""
    return replace(content, lines=tuple(replace(line, line_id=LineId.new().value) for line in content.lines))


def signed(content: Content) -> Prescription:
    prescriber = Prescriber("810100000011", "Anne DOCTEUR", "10", ("SM26",), "1750000018", "SA07")
    what = Signed(number.new(), PersonId.new().value, prescriber, date(2026, 6, 12), content)
    return Prescription(
        id=PrescriptionId.new(),
        number=what.number,
        person=PersonId(what.person_id),
        kind=Kind.STANDARD,
        state=State.ACTIVE,
        version=2,
        prescriber=prescriber.id,
        organisation=prescriber.organisation,
        restricted=content.restricted,
        body=body.canonical(what),
        signed=what,
        created_at=SIGNED_AT,
        changed_at=SIGNED_AT,
        written_on=what.written_on,
        expires_on=date(2027, 6, 12),
        signed_at=SIGNED_AT,
    )


PHARMACY, PHARMACIST = "1750000042", "810100000045"
PATIENT = Patient(
    "PAT-TROIS",
    ("DOMINIQUE", "MARIE-LOUISE"),
    "F",
    "1979-03-28",
    "51215",
    ins="279035121518989",
    ins_oid="1.2.250.1.213.1.4.10",
)


def prescription_sent(of: Prescription) -> Sent:
    written = write_prescription.write(of, PATIENT, copy_of(of, PATIENT))
    heading = write_prescription.heading_of(of, PATIENT, SIGNED_AT)
    sector = write_prescription.sector_of(of)
    return Sent(SendingId.new(), of.person, heading, sector, SIGNED_AT, written)


def dispensation_sent(of: Prescription) -> Sent:
    closed = ClosedVisit(
        DispensingId.new(),
        of.id,
        of.person,
        ClaimId.new(),
        "1750000042",
        "810100000045",
        SIGNED_AT,
        "receipt",
    )
    given = Intervention(
        id=InterventionId.new(),
        prescription_id=of.id,
        line_id=LineId(of.signed.content.lines[0].line_id),
        person=of.person,
        kind=InterventionKind.SUBSTITUTED,
        recorded_at=SIGNED_AT,
        delivered_on=date(2026, 6, 12),
        pharmacist=closed.pharmacist,
        pharmacy=closed.pharmacy,
        cip13="3400933516390",
        label="PARACETAMOL",
        packs=Decimal(2),
    )
    lines = {line.line_id: line for line in of.signed.content.lines}
    delivery = Delivery(closed, of, lines, [given])
    heading = write_dispensation.heading_of(delivery, PATIENT)
    written = write_dispensation.write(delivery, PATIENT)
    return Sent(SendingId.new(), of.person, heading, "SA33", SIGNED_AT, written)


Make = Callable[[Prescription], Sent]
BOTH = pytest.mark.parametrize("make", [prescription_sent, dispensation_sent], ids=["eP-MED-DM", "eDISP-MED"])


@EVERY
def test_official_prescription_written_by_us_says_the_same(reference: Reference, name: str) -> None:
    content = found(reference, name).content
    of = signed(identified(content))
    again = read(write_prescription.write(of, PATIENT, copy_of(of, PATIENT)))
    assert again.content == content


@EVERY
@BOTH
def test_record_takes_what_we_write(reference: Reference, name: str, make: Make) -> None:
    """The contract, the whole examination of a deposit, and the traits that the registry compares."""
    sent = make(signed(identified(found(reference, name).content)))
    request = request_of(sent, NOW)
    checks.check(request)
    examine(deposits.deposit(request, policy.Parameters()), arrival_of(SENDER, NOW))
    patient, enclosed = contents.opened(sent.cda, "content")
    assert (patient.ins, patient.birth_name) == (cda.Ins(PATIENT.ins, PATIENT.ins_oid), PATIENT.birth_name)
    assert " ".join(patient.first_names).split() == list(PATIENT.first_names)
    assert (patient.sex, patient.birth_date, patient.birth_place) == ("F", "1979-03-28", "51215")
    assert enclosed is None
    entry = request.documents[0].entry
    types = [entry.type.code]
    assert policy.may_send(
        SENDER, [[record.Confidentiality(c) for c in entry.confidentiality]], types
    ).permitted


@EVERY
@BOTH
def test_our_metadata_are_those_that_the_record_reads_in_the_header(
    reference: Reference, name: str, make: Make
) -> None:
    sent = make(signed(identified(found(reference, name).content)))
    request = request_of(sent, NOW)
    [item] = deposits.deposit(request, policy.Parameters()).items
    ours, told = item.entry, metadata.generate(sent.cda)
    assert (ours.unique_id, ours.type.code, ours.format.code) == (
        told.unique_id,
        told.type.code,
        told.format.code,
    )
    assert ours.category.code == told.category.code
    assert (ours.created_at, ours.title, ours.language) == (told.created_at, told.title, told.language)
    assert [author.professional for author in ours.authors] == [a.professional for a in told.authors]
    assert (ours.facility.code, ours.practice_setting.code) == (
        told.facility.code,
        told.practice_setting.code,
    )
    assert ours.confidentiality == told.confidentiality


def test_forged_patient_in_our_document_would_be_seen(reference: Reference) -> None:
    """The examination is not asleep: another type in the metadata is refused."""
    of = signed(identified(found(reference, "eP-MED-DM_2024.01_PosoStruct.xml").content))
    request = request_of(prescription_sent(of), NOW)
    request.documents[0].entry.type.code = "60593-1"
    getattr(request.documents[0].entry, "class").code = "43"
    with pytest.raises(InvalidInput):
        examine(deposits.deposit(request, policy.Parameters()), arrival_of(SENDER, NOW))
