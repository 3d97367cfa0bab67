"""The servicer of dispensing: what pharmacies do, and what persons read of it."""

from __future__ import annotations

from dataclasses import replace

from chassis.call import Call
from eprescription.domain.ids import InterventionId, PersonId, PrescriptionId
from eprescription.domain.rules.calendar import paris_day
from eprescription.usecases import (
    claims,
    closing,
    dispensing,
    history,
    offline,
    oppositions,
    renewing,
    undoing,
)
from eprescription.usecases.claims import Refused
from eprescription.usecases.offline import Paper
from eprescription.usecases.renewing import Wanted
from socle.eprescription.v1 import dispensing_pb2 as pb

from . import proofs, read, shown
from . import shown_dispensing as told
from .acts import RELEASES, acts, moment
from .desk import Desk
from .documents import DispensingDocuments
from .proofs import Brought


class DispensingServicer(DispensingDocuments):
    """`socle.eprescription.v1.DispensingService`."""

    service = pb.DESCRIPTOR.services_by_name["DispensingService"]

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    async def ClaimPrescription(
        self, request: pb.ClaimPrescriptionRequest, call: Call
    ) -> pb.ClaimPrescriptionResponse:
        desk = self.desk
        brought = Brought(request.number, request.access_code, request.token, request.birth_date)
        proof = await proofs.proof(desk, brought, call)
        # A secret is not kept with an answer: the same request derives it again.
        async with desk.db.begin(replace(call, idempotency=None)) as tx:
            done = await claims.claim_prescription(
                tx, call.caller, proof, desk.secrets, desk.claim_ttl, desk.parameters(call), call.now()
            )
        if isinstance(done, Refused):
            raise proofs.refuse(done)
        return pb.ClaimPrescriptionResponse(
            prescription=told.visit(done.visit),
            secret=done.secret,
            held_until=shown.moment(done.claim.expires_at),
            findings=shown.findings(done.findings),
            entitlements=told.entitlements(done.entitled),
        )

    async def ExtendClaim(self, request: pb.ExtendClaimRequest, call: Call) -> pb.ExtendClaimResponse:
        of, desk = PrescriptionId(request.prescription_id), self.desk
        async with desk.db.begin(call) as tx:
            claim = await claims.extend_claim(
                tx, call.caller, of, request.secret, desk.secrets, desk.claim_ttl, call.now()
            )
            return tx.answer(pb.ExtendClaimResponse(held_until=shown.moment(claim.expires_at)))

    async def ReleasePrescription(
        self, request: pb.ReleasePrescriptionRequest, call: Call
    ) -> pb.ReleasePrescriptionResponse:
        of, desk = PrescriptionId(request.prescription_id), self.desk
        reason = RELEASES[request.reason]
        async with desk.db.begin(call) as tx:
            visit = await claims.release_prescription(
                tx, call.caller, of, request.secret, reason, desk.secrets, call.now()
            )
            return tx.answer(pb.ReleasePrescriptionResponse(prescription=told.visit(visit)))

    async def CheckDispensing(
        self, request: pb.CheckDispensingRequest, call: Call
    ) -> pb.CheckDispensingResponse:
        desk = self.desk
        asked = dispensing.Asked(PrescriptionId(request.prescription_id), request.secret, acts(request.acts))
        async with desk.db.begin(call) as tx:
            done = await dispensing.check_dispensing(
                tx, call.caller, asked, desk.secrets, desk.parameters(call), call.now()
            )
        return pb.CheckDispensingResponse(
            findings=shown.findings(done.findings), entitlements=told.entitlements(done.entitled)
        )

    async def RecordDispensing(
        self, request: pb.RecordDispensingRequest, call: Call
    ) -> pb.RecordDispensingResponse:
        desk = self.desk
        asked = dispensing.Asked(
            PrescriptionId(request.prescription_id),
            request.secret,
            acts(request.acts),
            read.decisions(request.decisions),
            read.day(request.delivered_on),
        )
        async with desk.db.begin(call) as tx:
            done = await dispensing.record_dispensing(
                tx, call.caller, asked, desk.secrets, desk.parameters(call), call.now()
            )
            return tx.answer(
                pb.RecordDispensingResponse(
                    prescription=told.visit(done.visit),
                    interventions=[shown.intervention(one) for one in done.interventions],
                    findings=shown.findings(done.findings),
                )
            )

    async def UndoIntervention(
        self, request: pb.UndoInterventionRequest, call: Call
    ) -> pb.UndoInterventionResponse:
        of, wrong = PrescriptionId(request.prescription_id), InterventionId(request.intervention_id)
        async with self.desk.db.begin(call) as tx:
            done = await undoing.undo_intervention(
                tx, call.caller, of, wrong, request.reason, self.desk.parameters(call), call.now()
            )
            return tx.answer(
                pb.UndoInterventionResponse(
                    prescription=told.visit(done.visit), intervention=shown.intervention(done.intervention)
                )
            )

    async def CloseDispensing(
        self, request: pb.CloseDispensingRequest, call: Call
    ) -> pb.CloseDispensingResponse:
        of, desk = PrescriptionId(request.prescription_id), self.desk
        async with desk.db.begin(call) as tx:
            done = await closing.close_dispensing(
                tx, call.caller, of, request.secret, desk.secrets, desk.platform.sign_receipt, call.now()
            )
            return tx.answer(
                pb.CloseDispensingResponse(
                    prescription=told.visit(done.visit),
                    receipt=done.closed.receipt,
                    dispensing_id=done.closed.id.value,
                )
            )

    async def RenewExceptionally(
        self, request: pb.RenewExceptionallyRequest, call: Call
    ) -> pb.RenewExceptionallyResponse:
        desk = self.desk
        wanted = await self._to_renew(request, call)
        async with desk.db.begin(replace(call, idempotency=None)) as tx:
            done = await renewing.renew_exceptionally(
                tx, call.caller, wanted, desk.secrets, desk.claim_ttl, desk.parameters(call), call.now()
            )
        if isinstance(done, Refused):
            raise proofs.refuse(done)
        return pb.RenewExceptionallyResponse(
            prescription=told.visit(done.visit),
            secret=done.secret,
            held_until=shown.moment(done.claim.expires_at),
            entitlements=told.entitlements(done.entitled),
        )

    async def _to_renew(self, request: pb.RenewExceptionallyRequest, call: Call) -> Wanted:
        of, lines = request.prescription_id, frozenset(request.line_ids)
        if of:
            return Wanted(PrescriptionId(of), None, lines, request.reason)
        proof = await proofs.proof(self.desk, Brought(request.number, request.access_code), call)
        return Wanted(None, proof, lines, request.reason)

    async def RecordOfflineDispensing(
        self, request: pb.RecordOfflineDispensingRequest, call: Call
    ) -> pb.RecordOfflineDispensingResponse:
        desk = self.desk
        proof = await proofs.proof(desk, Brought(request.number, request.access_code, request.token), call)
        paper = Paper(
            proof,
            acts(request.acts),
            moment(request.delivered_at),
            request.paper_reference,
            read.decisions(request.decisions),
        )
        # The reference of the paper is the key: the same one again is the same delivery.
        async with desk.db.begin(replace(call, idempotency=None)) as tx:
            law = desk.law.law.on(paris_day(paper.delivered_at))
            done = await offline.record_offline_dispensing(
                tx, call.caller, paper, desk.secrets, law, call.now()
            )
        if isinstance(done, Refused):
            raise proofs.refuse(done)
        return pb.RecordOfflineDispensingResponse(
            prescription=told.visit(done.visit),
            interventions=[shown.intervention(one) for one in done.interventions],
            duplicates=told.duplicates(done.duplicates),
            findings=shown.findings(done.findings),
        )

    async def ListDuplicates(
        self, request: pb.ListDuplicatesRequest, call: Call
    ) -> pb.ListDuplicatesResponse:
        of = PrescriptionId(request.prescription_id) if request.prescription_id else None
        async with self.desk.db.begin(call) as tx:
            found, more = await history.list_duplicates(tx, call.caller, of, request.page, call.now())
        return pb.ListDuplicatesResponse(duplicates=told.duplicates(found), next_token=more)

    async def ListDispensings(
        self, request: pb.ListDispensingsRequest, call: Call
    ) -> pb.ListDispensingsResponse:
        person = PersonId(request.person_id)
        async with self.desk.db.begin(call) as tx:
            found = await history.list_dispensings(
                tx, call.caller, person, request.page, self.desk.parameters(call), call.now()
            )
        return pb.ListDispensingsResponse(dispensings=told.history(found), next_token=found.more)

    async def SetOpposition(self, request: pb.SetOppositionRequest, call: Call) -> pb.SetOppositionResponse:
        history_opposed = request.history_opposed if request.HasField("history_opposed") else None
        hidden = request.execution_hidden if request.HasField("execution_hidden") else None
        async with self.desk.db.begin(call) as tx:
            now = await oppositions.set_opposition(
                tx, call.caller, PersonId(request.person_id), history_opposed, hidden, call.now()
            )
            return tx.answer(
                pb.SetOppositionResponse(
                    history_opposed=now.history_opposed, execution_hidden=now.execution_hidden
                )
            )

    async def GetOpposition(self, request: pb.GetOppositionRequest, call: Call) -> pb.GetOppositionResponse:
        async with self.desk.db.begin(call) as tx:
            found = await oppositions.get_opposition(tx, call.caller, PersonId(request.person_id), call.now())
        return pb.GetOppositionResponse(
            history_opposed=found.history_opposed, execution_hidden=found.execution_hidden
        )
