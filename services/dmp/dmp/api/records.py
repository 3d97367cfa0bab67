"""The servicer of the life of a record, of its consents and of the roles its holder gives."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Protocol

from chassis.call import Call
from chassis.db import Database
from dmp.clients.keys import RecordKeys
from dmp.domain.records import CareRoleId, PersonId
from dmp.store import keys as stored
from dmp.usecases import consents, erasure, masking, records
from socle.dmp.v1 import records_pb2 as pb

from . import shown
from .qualification import Qualification, Standing


class Signer(Protocol):
    """`chassis.ledger.Signer`: what signs the heads of the journal signs the receipts."""

    def sign(self, payload: dict[str, Any]) -> str: ...


class RecordServicer:
    """`socle.dmp.v1.RecordService`; `delay`: from the request of a destruction to the destruction."""

    service = pb.DESCRIPTOR.services_by_name["RecordService"]

    def __init__(
        self,
        db: Database,
        keys: RecordKeys,
        standing: Standing,
        signer: Signer,
        delay: timedelta,
    ) -> None:
        self.db = db
        self.keys = keys
        self.qualification = Qualification(db, standing)
        self.signer = signer
        self.delay = delay

    async def CloseRecord(self, request: pb.CloseRecordRequest, call: Call) -> pb.CloseRecordResponse:
        person, reason = PersonId(request.person_id), shown.close_reason(request.reason)
        qualified = await self.qualification.of(person, call)
        comment = await self._sealed(person, request.comment)
        async with self.db.begin(call) as tx:
            closed = await records.close_record(
                tx, call.caller, person, reason, comment, qualified, call.now()
            )
            return tx.answer(pb.CloseRecordResponse(record=shown.record(closed)))

    async def _sealed(self, person: PersonId, comment: str) -> bytes | None:
        """Under the key of the record; a record that has none is refused in the transaction."""
        if not comment:
            return None
        async with self.db.read() as tx:
            wrapped = await stored.find_key(tx, person)
        if wrapped is None:
            return None
        key = await self.keys.open(person, wrapped)
        return key.seal(comment.encode(), f"close:{person.value}")

    async def ReopenRecord(self, request: pb.ReopenRecordRequest, call: Call) -> pb.ReopenRecordResponse:
        person = PersonId(request.person_id)
        qualified = await self.qualification.of(person, call)
        async with self.db.begin(call) as tx:
            opened = await records.reopen_record(tx, call.caller, person, qualified, call.now())
            return tx.answer(pb.ReopenRecordResponse(record=shown.record(opened)))

    async def RequestDestruction(
        self, request: pb.RequestDestructionRequest, call: Call
    ) -> pb.RequestDestructionResponse:
        person = PersonId(request.person_id)
        async with self.db.begin(call) as tx:
            asked = await records.request_destruction(
                tx, call.caller, person, request.confirmed, self.delay, call.now()
            )
            return tx.answer(pb.RequestDestructionResponse(record=shown.record(asked)))

    async def GetErasureReceipt(
        self, request: pb.GetErasureReceiptRequest, call: Call
    ) -> pb.GetErasureReceiptResponse:
        async with self.db.begin(call) as tx:
            kept = await erasure.get_receipt(tx, call.caller, PersonId(request.person_id), call.now())
        signature = self.signer.sign(kept.payload())
        return pb.GetErasureReceiptResponse(receipt=shown.receipt(kept, signature))

    async def ChangeConsents(
        self, request: pb.ChangeConsentsRequest, call: Call
    ) -> pb.ChangeConsentsResponse:
        person, asked = PersonId(request.person_id), shown.consents(request)
        async with self.db.begin(call) as tx:
            changed = await consents.change_consents(tx, call.caller, person, asked, call.now())
            return tx.answer(pb.ChangeConsentsResponse(record=shown.record(changed)))

    async def SetDefaultMasking(
        self, request: pb.SetDefaultMaskingRequest, call: Call
    ) -> pb.SetDefaultMaskingResponse:
        person = PersonId(request.person_id)
        async with self.db.begin(call) as tx:
            done = await masking.set_default_masking(tx, call.caller, person, request.masked, call.now())
            return tx.answer(
                pb.SetDefaultMaskingResponse(
                    record=shown.record(done.record), changed=done.changed, waiting=done.waiting
                )
            )

    async def DeclareCareRole(
        self, request: pb.DeclareCareRoleRequest, call: Call
    ) -> pb.DeclareCareRoleResponse:
        person, role = PersonId(request.person_id), shown.role(request.role)
        async with self.db.begin(call) as tx:
            declared = await consents.declare_care_role(
                tx, call.caller, person, request.professional, role, call.now()
            )
            return tx.answer(pb.DeclareCareRoleResponse(access=shown.care_role(declared)))

    async def EndCareRole(self, request: pb.EndCareRoleRequest, call: Call) -> pb.EndCareRoleResponse:
        person, role = PersonId(request.person_id), CareRoleId(request.care_role_id)
        async with self.db.begin(call) as tx:
            await consents.end_care_role(tx, call.caller, person, role, call.now())
            return tx.answer(pb.EndCareRoleResponse())
