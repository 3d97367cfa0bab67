"""The servicer of prescriptions, from the draft to the signature, their views and their cancellation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from chassis import journal
from chassis.call import Call
from chassis.errors import InvalidInput, NotFound, TimedOut, Unavailable
from eprescription.domain.cancelling import CancelReason, Wanted
from eprescription.domain.errors import ChangedMeanwhile, LineTaken
from eprescription.domain.ids import PersonId, PrescriptionId
from eprescription.domain.prescriptions import Prescription
from eprescription.domain.signature import Signature
from eprescription.usecases import cancelling, listing, prescriptions, signing
from eprescription.usecases import journal as journals
from eprescription.usecases.prescriptions import View
from eprescription.usecases.signing import Prepared
from socle.eprescription.v1 import eprescription_pb2 as pb

from . import read, shown
from .desk import Desk
from .documents import Documents
from .papers import Papers
from .signatures import Signatures


class SignatureMissing(InvalidInput):
    """No signature came with the request, and no key service signs here."""

    where = "signature"
    remedy = "Sign the bytes of GetSigningInput with your card, and send the detached JWS."


class PersonUnknown(InvalidInput):
    """The national registry knows nobody under this person_id."""

    where = "person_id"
    remedy = "Resolve the INS of the patient again, then write the prescription for that person."


class PrescriptionServicer(Papers, Signatures, Documents):
    """`socle.eprescription.v1.PrescriptionService`."""

    service = pb.DESCRIPTOR.services_by_name["PrescriptionService"]

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    async def CreatePrescription(
        self, request: pb.CreatePrescriptionRequest, call: Call
    ) -> pb.CreatePrescriptionResponse:
        person, content = PersonId(request.person_id), read.content(request.content)
        law = self.desk.parameters(call)
        async with self.desk.db.begin(call) as tx:
            made = await prescriptions.create_prescription(tx, call.caller, person, content, law, call.now())
            return tx.answer(pb.CreatePrescriptionResponse(prescription=shown.prescription(made)))

    async def ChangePrescription(
        self, request: pb.ChangePrescriptionRequest, call: Call
    ) -> pb.ChangePrescriptionResponse:
        of, content = PrescriptionId(request.prescription_id), read.content(request.content)
        async with self.desk.db.begin(call) as tx:
            changed = await prescriptions.change_prescription(
                tx, call.caller, of, content, request.version, call.now()
            )
            return tx.answer(pb.ChangePrescriptionResponse(prescription=shown.prescription(changed)))

    async def DiscardPrescription(
        self, request: pb.DiscardPrescriptionRequest, call: Call
    ) -> pb.DiscardPrescriptionResponse:
        of = PrescriptionId(request.prescription_id)
        async with self.desk.db.begin(call) as tx:
            await prescriptions.discard_prescription(tx, call.caller, of, call.now())
            return tx.answer(pb.DiscardPrescriptionResponse())

    async def CheckPrescription(
        self, request: pb.CheckPrescriptionRequest, call: Call
    ) -> pb.CheckPrescriptionResponse:
        of = PrescriptionId(request.prescription_id)
        async with self.desk.db.begin(call) as tx:
            found = await signing.check(tx, call.caller, of, self.desk.parameters(call), call.now())
        return pb.CheckPrescriptionResponse(findings=shown.findings(found))

    async def SignPrescription(
        self, request: pb.SignPrescriptionRequest, call: Call
    ) -> pb.SignPrescriptionResponse:
        try:
            return await self._signed(request, call)
        except (ChangedMeanwhile, LineTaken):
            # By a twin of this request, maybe: what it signed is then answered.
            return await self._signed(request, call)

    async def _signed(self, request: pb.SignPrescriptionRequest, call: Call) -> pb.SignPrescriptionResponse:
        prepared = await self._prepared(request, call)
        given = await self._signature(request.signature, prepared, call)
        async with self.desk.db.begin(call) as tx:
            done = await signing.sign(tx, call.caller, prepared, given, call.now())
            return tx.answer(
                pb.SignPrescriptionResponse(
                    prescription=shown.prescription(done.prescription, done.lines),
                    findings=shown.findings(prepared.findings),
                    access_code=self.desk.secrets.access_code(done.prescription.id),
                    signature=done.prescription.signature,
                )
            )

    async def _prepared(self, request: pb.SignPrescriptionRequest, call: Call) -> Prepared:
        """Reads without a trace: the signature that follows is one, a refusal writes its own. The key of the
        request is for what changes."""
        of, decided = PrescriptionId(request.prescription_id), read.decisions(request.decisions)
        wanted = signing.Wanted(of, decided, request.version)
        now = call.now()
        async with self.desk.db.begin(replace(call, idempotency=None)) as tx:
            prepared = await signing.prepare(tx, call.caller, wanted, self.desk.parameters(call), now)
        if not prepared.again:
            await self._known(prepared.prescription, call)
        return prepared

    async def _known(self, prescription: Prescription, call: Call) -> None:
        """Nobody prescribes for nobody. A registry that does not answer stops no treatment: the gateway
        resolved this person from it a moment ago."""
        try:
            await self.desk.identities.require_known(prescription.person, call)
        except NotFound:
            raise PersonUnknown from None
        except (Unavailable, TimedOut):
            if call.remaining <= 0:
                raise

    async def _signature(self, sent: str, prepared: Prepared, call: Call) -> Signature | str:
        if sent or prepared.again:
            return sent
        if self.desk.signing is None:
            raise SignatureMissing
        return await self.desk.signing.sign(call.caller.subject, prepared.payload)

    async def GetPrescription(
        self, request: pb.GetPrescriptionRequest, call: Call
    ) -> pb.GetPrescriptionResponse:
        of = PrescriptionId(request.prescription_id) if request.prescription_id else None
        async with self.desk.db.begin(call) as tx:
            view = await prescriptions.get_prescription(tx, call.caller, of, request.number, call.now())
        return pb.GetPrescriptionResponse(prescription=_view(view))

    async def ListPrescriptions(
        self, request: pb.ListPrescriptionsRequest, call: Call
    ) -> pb.ListPrescriptionsResponse:
        person, states = PersonId(request.person_id), read.states(request.states)
        async with self.desk.db.begin(call) as tx:
            views, more = await listing.list_prescriptions(
                tx, call.caller, person, states, request.page, call.now()
            )
        return pb.ListPrescriptionsResponse(prescriptions=_views(views), next_token=more)

    async def ListMyPrescriptions(
        self, request: pb.ListMyPrescriptionsRequest, call: Call
    ) -> pb.ListMyPrescriptionsResponse:
        states = read.states(request.states)
        async with self.desk.db.begin(call) as tx:
            views, more = await listing.list_my_prescriptions(
                tx, call.caller, states, request.page, call.now()
            )
        return pb.ListMyPrescriptionsResponse(prescriptions=_views(views), next_token=more)

    async def CancelPrescription(
        self, request: pb.CancelPrescriptionRequest, call: Call
    ) -> pb.CancelPrescriptionResponse:
        of = PrescriptionId(request.prescription_id)
        wanted = Wanted(_reason(request.reason), tuple(request.line_ids), request.comment)
        async with self.desk.db.begin(call) as tx:
            done = await cancelling.cancel_prescription(tx, call.caller, of, wanted, call.now())
            return tx.answer(
                pb.CancelPrescriptionResponse(
                    prescription=_view(done.view), lines=[shown.cancelled(one) for one in done.answers]
                )
            )

    async def ListPrescriptionJournal(
        self, request: pb.ListPrescriptionJournalRequest, call: Call
    ) -> pb.ListPrescriptionJournalResponse:
        of = PrescriptionId(request.prescription_id)
        async with self.desk.db.begin(call) as tx:
            person, entries, more = await journals.list_journal(tx, call.caller, of, request.page, call.now())
        lines = [journal.entry(one, person.value) for one in entries]
        return pb.ListPrescriptionJournalResponse(entries=lines, next_token=more)


REASONS = {number: reason for reason, number in shown.REASONS.items()}


def _reason(given: pb.CancelReason.ValueType) -> CancelReason:
    """The contract requires one, and its checks let only those it lists through."""
    return REASONS[given]


def _view(of: View) -> pb.Prescription:
    return shown.prescription(
        of.prescription, of.lines, of.interventions, of.claim, execution_hidden=of.execution_hidden
    )


def _views(of: Sequence[View]) -> list[pb.Prescription]:
    return [_view(one) for one in of]
