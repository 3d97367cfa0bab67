"""Records opened and asked about, who may read them, and who did."""

from __future__ import annotations

from chassis import journal
from chassis.call import Call
from chassis.db import Database
from dmp.clients.keys import RecordKeys
from dmp.domain import AuthorisationId, PersonId
from dmp.store import keys as stored
from dmp.usecases import accesses, records
from dmp.usecases.journal import list_journal
from socle.dmp.v1 import dmp_pb2 as pb

from . import read, shown
from .journal import wanted
from .qualification import Qualification


class Accessing:
    """The RPCs about the record as a whole."""

    db: Database
    keys: RecordKeys
    qualification: Qualification

    async def OpenRecord(self, request: pb.OpenRecordRequest, call: Call) -> pb.OpenRecordResponse:
        person = PersonId(request.person_id)
        qualified = await self.qualification.of(person, call)
        async with self.db.read() as tx:
            there = await stored.find_key(tx, person)
        wrapped = there or (await self.keys.make(person))[1]
        async with self.db.begin(call) as tx:
            record = await records.open_record(tx, call.caller, person, qualified, wrapped, call.now())
            return tx.answer(pb.OpenRecordResponse(record=shown.record(record)))

    async def GetRecord(self, request: pb.GetRecordRequest, call: Call) -> pb.GetRecordResponse:
        async with self.db.begin(call) as tx:
            record = await records.get_record(tx, call.caller, PersonId(request.person_id), call.now())
        return pb.GetRecordResponse(record=shown.record(record))

    async def GrantAccess(self, request: pb.GrantAccessRequest, call: Call) -> pb.GrantAccessResponse:
        person, asked = PersonId(request.person_id), read.grant(request)
        async with self.db.begin(call) as tx:
            granted = await accesses.grant_access(tx, call.caller, person, asked, call.now())
            return tx.answer(pb.GrantAccessResponse(access=shown.authorisation(granted)))

    async def RevokeAccess(self, request: pb.RevokeAccessRequest, call: Call) -> pb.RevokeAccessResponse:
        person, access = PersonId(request.person_id), AuthorisationId(request.access_id)
        async with self.db.begin(call) as tx:
            await accesses.revoke_access(tx, call.caller, person, access, call.now())
            return tx.answer(pb.RevokeAccessResponse())

    async def ListAccesses(self, request: pb.ListAccessesRequest, call: Call) -> pb.ListAccessesResponse:
        person = PersonId(request.person_id)
        async with self.db.begin(call) as tx:
            found = await accesses.list_accesses(tx, call.caller, person, call.now())
        return pb.ListAccessesResponse(accesses=shown.accesses(found))

    async def BlockProfessional(
        self, request: pb.BlockProfessionalRequest, call: Call
    ) -> pb.BlockProfessionalResponse:
        person = PersonId(request.person_id)
        async with self.db.begin(call) as tx:
            block = await accesses.block_professional(
                tx, call.caller, person, request.professional, call.now()
            )
            return tx.answer(pb.BlockProfessionalResponse(access=shown.block(block)))

    async def UnblockProfessional(
        self, request: pb.UnblockProfessionalRequest, call: Call
    ) -> pb.UnblockProfessionalResponse:
        person = PersonId(request.person_id)
        async with self.db.begin(call) as tx:
            await accesses.unblock_professional(tx, call.caller, person, request.professional, call.now())
            return tx.answer(pb.UnblockProfessionalResponse())

    async def ListJournal(self, request: pb.ListJournalRequest, call: Call) -> pb.ListJournalResponse:
        person = PersonId(request.person_id)
        async with self.db.begin(call) as tx:
            asked = wanted(request)
            entries, more = await list_journal(tx, call.caller, person, request.page, call.now(), asked)
        return pb.ListJournalResponse(
            entries=[journal.entry(e, person.value) for e in entries], next_token=more
        )
