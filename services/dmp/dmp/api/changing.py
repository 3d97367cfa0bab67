"""Changes of metadata: who may not is refused before anybody asks for the key of the record."""

from __future__ import annotations

from typing import TypeVar

from chassis.call import Call
from chassis.db import Database
from chassis.errors import InvalidInput
from dmp import policy
from dmp.clients.keys import RecordKeys
from dmp.domain import Change, DocumentId, PersonId
from dmp.store import named
from dmp.usecases import changes
from dmp.usecases.changes import Asked
from socle.dmp.v1 import dmp_pb2 as pb

from . import read, write

M = TypeVar("M", pb.ChangeDocumentResponse, pb.MaskDocumentResponse, pb.UnmaskDocumentResponse)


class DocumentNotNamed(InvalidInput):
    """The document is named in none of the two ways, or in both."""


class Changing:
    """`ChangeDocument`, and masking as a short form of it."""

    db: Database
    keys: RecordKeys
    parameters: policy.Parameters

    async def ChangeDocument(
        self, request: pb.ChangeDocumentRequest, call: Call
    ) -> pb.ChangeDocumentResponse:
        asked = Asked(
            call.caller,
            await self._named(request),
            read.changes(request),
            self.parameters,
            request.expected_version,
            request.confirmed,
        )
        return await self._changed(asked, call, pb.ChangeDocumentResponse)

    async def _named(self, request: pb.ChangeDocumentRequest) -> DocumentId:
        """The document meant; one that is not there gets an identifier that nothing has, and that answer."""
        by_id, by_name = bool(request.document_id), bool(request.person_id and request.unique_id)
        if by_id == by_name:
            raise DocumentNotNamed(field="document_id", hint="Give document_id, or person_id with unique_id.")
        if by_id:
            return DocumentId(request.document_id)
        async with self.db.read() as tx:
            found = await named.find_named(tx, PersonId(request.person_id), request.unique_id)
        return found or DocumentId.new()

    async def MaskDocument(self, request: pb.MaskDocumentRequest, call: Call) -> pb.MaskDocumentResponse:
        asked = self._one(request.document_id, Change.MASK, call)
        return await self._changed(asked, call, pb.MaskDocumentResponse)

    async def UnmaskDocument(
        self, request: pb.UnmaskDocumentRequest, call: Call
    ) -> pb.UnmaskDocumentResponse:
        asked = self._one(request.document_id, Change.UNMASK, call)
        return await self._changed(asked, call, pb.UnmaskDocumentResponse)

    def _one(self, document_id: str, change: Change, call: Call) -> Asked:
        return Asked(call.caller, DocumentId(document_id), (change,), self.parameters)

    async def _changed(self, asked: Asked, call: Call, answer: type[M]) -> M:
        async with self.db.read() as tx:
            owner, wrapped = await changes.find_key(tx, asked, call.now())
        key = await self.keys.open(owner, wrapped)
        async with self.db.begin(call) as tx:
            done = await changes.change_document(tx, asked, call.now())
            entry = write.entry(key, done.document) if done.read else write.outline(done.document)
            return tx.answer(answer(entry=entry))
