"""The servicer: one transaction an RPC; what another service must say is asked before it opens."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from chassis import journal, page
from chassis.call import Call
from chassis.caller import CallerKind
from chassis.db import Database
from dmp import domain, store, usecases
from dmp.domain import DocumentId, PersonId
from socle.dmp.v1 import dmp_pb2 as pb

from . import read, write

Standing = Callable[[PersonId, str, Call], Awaitable[bool]]
# Below this, checking a lot takes less time than handing it to a thread.
IN_LINE = 64 * 1024


class DmpServicer:
    """`socle.dmp.v1.DmpService`. `standing` asks identity-ins whether a structure has qualified a person."""

    service = pb.DESCRIPTOR.services_by_name["DmpService"]

    def __init__(self, db: Database, standing: Standing) -> None:
        self.db = db
        self.standing = standing

    async def _qualified(self, person: PersonId, call: Call) -> bool:
        """Asked before the transaction: our table first, identity-ins while its event is still on the way."""
        domain = call.caller.organisation
        if call.caller.kind is CallerKind.CITIZEN or not domain:
            return False
        async with self.db.read() as tx:
            if await store.is_qualified(tx, person, domain):
                return True
        return await self.standing(person, domain, call)

    async def OpenRecord(self, request: pb.OpenRecordRequest, call: Call) -> pb.OpenRecordResponse:
        person = PersonId(request.person_id)
        qualified = await self._qualified(person, call)
        async with self.db.begin(call) as tx:
            record = await usecases.open_record(tx, call.caller, person, qualified, call.now())
            return tx.answer(pb.OpenRecordResponse(record=write.record(record)))

    async def GetRecord(self, request: pb.GetRecordRequest, call: Call) -> pb.GetRecordResponse:
        async with self.db.begin(call) as tx:
            record, decision = await usecases.get_record(
                tx, call.caller, PersonId(request.person_id), call.now()
            )
        return pb.GetRecordResponse(record=write.record(record, decision))

    async def SubmitDocuments(
        self, request: pb.SubmitDocumentsRequest, call: Call
    ) -> pb.SubmitDocumentsResponse:
        person, deposit = PersonId(request.person_id), read.deposit(request)
        await _examined(deposit, call)
        qualified = await self._qualified(person, call)
        try:
            return await self._submitted(person, deposit, qualified, call)
        except domain.DepositedMeanwhile:
            # Its twin was committed in between: this time it is found there, and gets the same answer.
            return await self._submitted(person, deposit, qualified, call)

    async def _submitted(
        self, person: PersonId, deposit: domain.Deposit, qualified: bool, call: Call
    ) -> pb.SubmitDocumentsResponse:
        async with self.db.begin(call) as tx:
            done = await usecases.submit_documents(tx, call.caller, person, deposit, qualified, call.now())
            return tx.answer(
                pb.SubmitDocumentsResponse(
                    lot_id=done.lot_id.value,
                    entries=[write.entry(d) for d in done.documents],
                    replayed=done.replayed,
                )
            )

    async def ListReadableDocuments(
        self, request: pb.ListReadableDocumentsRequest, call: Call
    ) -> pb.ListReadableDocumentsResponse:
        person, wanted = PersonId(request.person_id), read.search(request)
        async with self.db.begin(call) as tx:
            found, after = await usecases.list_readable_documents(tx, call.caller, person, wanted, call.now())
        token = page.token(at=after.created_at.isoformat(), id=after.id.value) if after else ""
        return pb.ListReadableDocumentsResponse(entries=[write.entry(d) for d in found], next_token=token)

    async def ReadDocument(self, request: pb.ReadDocumentRequest, call: Call) -> pb.ReadDocumentResponse:
        async with self.db.begin(call) as tx:
            document = await usecases.read_document(
                tx, call.caller, DocumentId(request.document_id), call.now()
            )
        return pb.ReadDocumentResponse(entry=write.entry(document))

    async def RetrieveDocument(
        self, request: pb.RetrieveDocumentRequest, call: Call
    ) -> pb.RetrieveDocumentResponse:
        async with self.db.begin(call) as tx:
            document, content = await usecases.retrieve_document(
                tx, call.caller, DocumentId(request.document_id), call.now()
            )
        return pb.RetrieveDocumentResponse(
            mime_type=document.entry.mime_type, content=content, sha1=document.entry.sha1
        )

    async def MaskDocument(self, request: pb.MaskDocumentRequest, call: Call) -> pb.MaskDocumentResponse:
        async with self.db.begin(call) as tx:
            document = await usecases.mask_document(
                tx, call.caller, DocumentId(request.document_id), call.now()
            )
            return tx.answer(pb.MaskDocumentResponse(entry=write.entry(document)))

    async def UnmaskDocument(
        self, request: pb.UnmaskDocumentRequest, call: Call
    ) -> pb.UnmaskDocumentResponse:
        async with self.db.begin(call) as tx:
            document = await usecases.unmask_document(
                tx, call.caller, DocumentId(request.document_id), call.now()
            )
            return tx.answer(pb.UnmaskDocumentResponse(entry=write.entry(document)))

    async def GrantAccess(self, request: pb.GrantAccessRequest, call: Call) -> pb.GrantAccessResponse:
        person, asked = PersonId(request.person_id), read.grant(request)
        async with self.db.begin(call) as tx:
            granted = await usecases.grant_access(tx, call.caller, person, asked, call.now())
            return tx.answer(pb.GrantAccessResponse(access=write.authorisation(granted)))

    async def RevokeAccess(self, request: pb.RevokeAccessRequest, call: Call) -> pb.RevokeAccessResponse:
        person, access = PersonId(request.person_id), domain.AuthorisationId(request.access_id)
        async with self.db.begin(call) as tx:
            await usecases.revoke_access(tx, call.caller, person, access, call.now())
            return tx.answer(pb.RevokeAccessResponse())

    async def ListAccesses(self, request: pb.ListAccessesRequest, call: Call) -> pb.ListAccessesResponse:
        async with self.db.begin(call) as tx:
            running, blocks = await usecases.list_accesses(
                tx, call.caller, PersonId(request.person_id), call.now()
            )
        return pb.ListAccessesResponse(
            accesses=[*(write.authorisation(a) for a in running), *(write.block(b) for b in blocks)]
        )

    async def BlockProfessional(
        self, request: pb.BlockProfessionalRequest, call: Call
    ) -> pb.BlockProfessionalResponse:
        person = PersonId(request.person_id)
        async with self.db.begin(call) as tx:
            block = await usecases.block_professional(
                tx, call.caller, person, request.professional, call.now()
            )
            return tx.answer(pb.BlockProfessionalResponse(access=write.block(block)))

    async def UnblockProfessional(
        self, request: pb.UnblockProfessionalRequest, call: Call
    ) -> pb.UnblockProfessionalResponse:
        person = PersonId(request.person_id)
        async with self.db.begin(call) as tx:
            await usecases.unblock_professional(tx, call.caller, person, request.professional, call.now())
            return tx.answer(pb.UnblockProfessionalResponse())

    async def ListJournal(self, request: pb.ListJournalRequest, call: Call) -> pb.ListJournalResponse:
        person = PersonId(request.person_id)
        async with self.db.begin(call) as tx:
            entries, more = await usecases.list_journal(tx, call.caller, person, request.page, call.now())
        return pb.ListJournalResponse(
            entries=[journal.entry(e, person.value) for e in entries], next_token=more
        )


async def _examined(deposit: domain.Deposit, call: Call) -> None:
    """Hashing and parsing megabytes would hold up every other call: both let go of the interpreter."""
    if sum(len(item.content) for item in deposit.items) <= IN_LINE:
        domain.examine(deposit, call.now())
    else:
        await asyncio.to_thread(domain.examine, deposit, call.now())
