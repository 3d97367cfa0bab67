"""The part of the servicer that hands out the bytes to sign, and verifies what was signed."""

from __future__ import annotations

from hashlib import sha256

from google.protobuf.timestamp_pb2 import Timestamp

from chassis.call import Call
from eprescription.domain.errors import SignatureBroken
from eprescription.domain.ids import PrescriptionId
from eprescription.policy.papers import WITHOUT_CONTENT
from eprescription.usecases import signatures, signing
from socle.eprescription.v1 import eprescription_pb2 as pb

from . import read
from .desk import Desk


class Signatures:
    """Mixed into PrescriptionServicer."""

    desk: Desk

    async def GetSigningInput(
        self, request: pb.GetSigningInputRequest, call: Call
    ) -> pb.GetSigningInputResponse:
        """Final bytes: dated today, decisions included. Signed on another day they are refused."""
        wanted = signing.Wanted(PrescriptionId(request.prescription_id), read.decisions(request.decisions))
        async with self.desk.db.begin(call) as tx:
            prepared = await signing.signing_input(
                tx, call.caller, wanted, self.desk.parameters(call), call.now()
            )
        return pb.GetSigningInputResponse(
            payload=prepared.payload,
            sha256=sha256(prepared.payload).digest(),
            version=prepared.prescription.version,
        )

    async def VerifySignature(
        self, request: pb.VerifySignatureRequest, call: Call
    ) -> pb.VerifySignatureResponse:
        async with self.desk.db.begin(call) as tx:
            found = await signatures.verify_signature(
                tx, call.caller, PrescriptionId(request.prescription_id), call.now()
            )
        return _shown(found, whole=call.caller.kind not in WITHOUT_CONTENT)


def _shown(found: signatures.Verification, *, whole: bool) -> pb.VerifySignatureResponse:
    """`whole`: with the bytes that were signed, which hold the medicines of a person."""
    prescription = found.prescription
    signed_at = Timestamp()
    if prescription.signed_at:
        signed_at.FromDatetime(prescription.signed_at)
    return pb.VerifySignatureResponse(
        valid=found.key is not None,
        problem="" if found.key else f"{SignatureBroken().sentence} ({', '.join(found.faults)})",
        key_id=found.key.key_id if found.key else prescription.key_id,
        signer=found.key.professional if found.key else "",
        signed_at=signed_at,
        signature=prescription.signature,
        payload=prescription.body if whole else b"",
    )
