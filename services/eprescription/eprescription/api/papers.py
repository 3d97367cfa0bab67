"""The part of the servicer that prints: the PDF, and the QR code by itself."""

from __future__ import annotations

import asyncio

from chassis.call import Call
from eprescription.domain import symbol, token, token_content
from eprescription.domain.cda.patient import Patient
from eprescription.domain.ids import PrescriptionId
from eprescription.domain.paper import sheet
from eprescription.domain.prescriptions import Prescription
from eprescription.usecases import papers as usecases
from socle.eprescription.v1 import eprescription_pb2 as pb

from .desk import Desk

PAPER = "prescription"


class Papers:
    """Mixed into PrescriptionServicer."""

    desk: Desk

    async def GetPaper(self, request: pb.GetPaperRequest, call: Call) -> pb.GetPaperResponse:
        prescription, patient = await self._printable(request.prescription_id, call)
        text = self._token(prescription, patient)
        # Fonts and compression take tens of milliseconds: not on the loop that everybody waits on.
        pdf = await asyncio.to_thread(sheet.draw, prescription, patient, text, call.now())
        return pb.GetPaperResponse(pdf=pdf)

    async def GetToken(self, request: pb.GetTokenRequest, call: Call) -> pb.GetTokenResponse:
        prescription, patient = await self._printable(request.prescription_id, call)
        text = self._token(prescription, patient)
        return pb.GetTokenResponse(
            token=text,
            access_code=self.desk.secrets.access_code(prescription.id),
            number=prescription.number,
            png=symbol.png(text),
        )

    async def _printable(self, prescription_id: str, call: Call) -> tuple[Prescription, Patient]:
        """Allowed and traced in a short transaction: asking who the patient is already discloses."""
        async with self.desk.db.begin(call) as tx:
            prescription = await usecases.print_prescription(
                tx, call.caller, PrescriptionId(prescription_id), call.now()
            )
        author = call.caller.subject if call.caller.subject == prescription.prescriber else ""
        patient = await self.desk.identities.describe(
            prescription.person, PAPER, prescription.id, author, call
        )
        return prescription, patient

    def _token(self, prescription: Prescription, patient: Patient) -> str:
        code = self.desk.secrets.access_code(prescription.id)
        claims = token_content.of(prescription, code, patient)
        return token.make(claims, self.desk.platform.token_signer)
