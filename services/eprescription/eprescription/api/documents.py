"""The part of the servicers that writes and reads CDA documents."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from chassis import checks
from chassis.call import Call
from chassis.caller import Caller, CallerKind
from chassis.errors import Violation
from eprescription.domain import writing
from eprescription.domain.cda import read_prescription, write_dispensation, write_prescription
from eprescription.domain.cda.enclosed import copy_of
from eprescription.domain.cda.errors import LineNotReadable
from eprescription.domain.cda.patient import Patient
from eprescription.domain.ids import DispensingId, PrescriptionId
from eprescription.domain.prescriptions import Prescription
from eprescription.usecases import documents as usecases
from socle.eprescription.v1 import dispensing_pb2
from socle.eprescription.v1 import eprescription_pb2 as pb

from . import read, shown
from .desk import Desk

PAPER, DELIVERY = "prescription", "dispensing"


class Documents:
    """Mixed into PrescriptionServicer."""

    desk: Desk

    async def GetDocument(self, request: pb.GetDocumentRequest, call: Call) -> pb.GetDocumentResponse:
        id = PrescriptionId(request.prescription_id)
        async with self.desk.db.begin(call) as tx:
            prescription = await usecases.get_document(tx, call.caller, id, call.now())
        patient = await self.desk.identities.describe(
            prescription.person, PAPER, prescription.id, behind(call.caller), call
        )
        # A PDF takes tens of milliseconds: not on the loop that everybody waits on.
        return pb.GetDocumentResponse(cda=await asyncio.to_thread(written, prescription, patient))

    async def ReadDocument(self, request: pb.ReadDocumentRequest, call: Call) -> pb.ReadDocumentResponse:
        # No line of the journal: the caller is told what they brought, and nothing is written.
        found = await asyncio.to_thread(read_prescription.read, request.cda)
        content = shown.content(found.content)
        if violations := list(_faults(content)):
            raise LineNotReadable(violations=violations)
        return pb.ReadDocumentResponse(content=content, left_out=found.left_out, number=found.number)


class DispensingDocuments:
    """Mixed into DispensingServicer."""

    desk: Desk

    async def GetDispensingDocument(
        self, request: dispensing_pb2.GetDispensingDocumentRequest, call: Call
    ) -> dispensing_pb2.GetDispensingDocumentResponse:
        id = DispensingId(request.dispensing_id)
        async with self.desk.db.begin(call) as tx:
            delivery = await usecases.get_dispensing_document(tx, call.caller, id, call.now())
        patient = await self.desk.identities.describe(
            delivery.prescription.person, DELIVERY, id, behind(call.caller), call
        )
        cda = await asyncio.to_thread(write_dispensation.write, delivery, patient)
        return dispensing_pb2.GetDispensingDocumentResponse(cda=cda)


def _faults(content: pb.PrescriptionContent) -> Iterator[Violation]:
    """What a draft would be refused for: said of the document at once, with the fields of the draft."""
    yield from checks.violations_of(content, "content.")
    for field, problem in writing.faults(read.content(content)):
        yield Violation(f"content.{field}", problem)


def behind(caller: Caller) -> str:
    """Whom the journal of the registry names: the professional; nobody when the person asked."""
    return caller.subject if caller.kind is CallerKind.PROFESSIONAL else ""


def written(prescription: Prescription, patient: Patient) -> bytes:
    return write_prescription.write(prescription, patient, copy_of(prescription, patient))
