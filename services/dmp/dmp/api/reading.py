"""Searches and readings: the access is written down and committed, then what was sealed is opened."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256

from chassis import telemetry
from chassis.call import Call
from chassis.db import Database
from dmp.clients.blobs import Blobs
from dmp.clients.keys import RecordKeys
from dmp.domain import (
    Document,
    DocumentId,
    LotId,
    PersonId,
    RecordKey,
    Words,
    Wrapped,
    details,
    errors,
)
from dmp.domain.content import view
from dmp.store import keys as stored
from dmp.usecases import documents, lots
from socle.dmp.v1 import dmp_pb2 as pb

from . import read, write

log = telemetry.logger("documents")
# In bytes: below this, opening takes less time than handing it to a thread.
IN_LINE = 64 * 1024
# What no document carries: a word looked for in a record that has no key is found nowhere.
NOTHING = (b"",)


class Reading:
    """The RPCs that read documents and lots."""

    db: Database
    keys: RecordKeys
    blobs: Blobs

    async def ListReadableDocuments(
        self, request: pb.ListReadableDocumentsRequest, call: Call
    ) -> pb.ListReadableDocumentsResponse:
        person, wanted = PersonId(request.person_id), read.search(request)
        if wanted.words:
            wanted = replace(wanted, tokens=await self._tokens(person, wanted.words))
        async with self.db.begin(call) as tx:
            seen = await documents.list_readable_documents(tx, call.caller, person, wanted, call.now())
        return pb.ListReadableDocumentsResponse(
            entries=await self._entries(person, seen.key, seen.documents),
            related=await self._entries(person, seen.key, seen.related),
            next_token=read.token(request, seen.after),
        )

    async def _tokens(self, person: PersonId, words: Words) -> tuple[bytes, ...]:
        """The hidden forms of the words looked for; the key is asked for before the transaction."""
        async with self.db.read() as tx:
            wrapped = await stored.find_key(tx, person)
        return details.tokens_of(await self.keys.open(person, wrapped), words) if wrapped else NOTHING

    async def _entries(
        self, person: PersonId, wrapped: Wrapped | None, found: Sequence[Document]
    ) -> list[pb.DocumentEntry]:
        """Opened outside any transaction: the key provider is another system."""
        if wrapped is None or not found:
            return []
        key = await self.keys.open(person, wrapped)
        return [write.entry(key, document) for document in found]

    async def ReadDocument(self, request: pb.ReadDocumentRequest, call: Call) -> pb.ReadDocumentResponse:
        async with self.db.begin(call) as tx:
            document_id = DocumentId(request.document_id)
            seen = await documents.read_document(tx, call.caller, document_id, call.now())
        document, key = await self._opened(seen)
        return pb.ReadDocumentResponse(entry=write.entry(key, document))

    async def RetrieveDocument(
        self, request: pb.RetrieveDocumentRequest, call: Call
    ) -> pb.RetrieveDocumentResponse:
        async with self.db.begin(call) as tx:
            document_id = DocumentId(request.document_id)
            seen = await documents.retrieve_document(tx, call.caller, document_id, call.now())
        document, key = await self._opened(seen)
        content = await self._content(key, document)
        facts = document.facts
        return pb.RetrieveDocumentResponse(mime_type=facts.mime_type, content=content, sha1=facts.sha1)

    async def ViewDocument(self, request: pb.ViewDocumentRequest, call: Call) -> pb.ViewDocumentResponse:
        async with self.db.begin(call) as tx:
            document_id = DocumentId(request.document_id)
            seen = await documents.view_document(tx, call.caller, document_id, call.now())
        document, key = await self._opened(seen)
        content, entry = await self._content(key, document), details.open_entry(key, document)
        if request.enclosed:
            mime_type, enclosed = await asyncio.to_thread(view.enclosed, entry, content)
            return pb.ViewDocumentResponse(mime_type=mime_type, content=enclosed)
        page = await asyncio.to_thread(view.page, entry, content)
        return pb.ViewDocumentResponse(mime_type="text/html", content=page)

    async def _opened(self, seen: documents.Seen) -> tuple[Document, RecordKey]:
        document = seen.documents[0]
        if seen.key is None:
            raise RuntimeError("a document in a record without a key: the tables contradict each other")
        return document, await self.keys.open(document.person_id, seen.key)

    async def _content(self, key: RecordKey, document: Document) -> bytes:
        """The bytes as they were deposited, or nothing: the seal and the hash are verified."""
        sealed, about = await self.blobs.get(document.blob), f"document:{document.id}"
        small = len(sealed) <= IN_LINE
        content = key.open(sealed, about) if small else await asyncio.to_thread(key.open, sealed, about)
        if sha256(content).digest() != document.sha256:
            log.critical("document.not_as_stored", path=document.blob)
            raise errors.DocumentNotAsStored
        return content

    async def ListReadableLots(
        self, request: pb.ListReadableLotsRequest, call: Call
    ) -> pb.ListReadableLotsResponse:
        person, wanted = PersonId(request.person_id), read.lots(request)
        if wanted.words:
            wanted = replace(wanted, tokens=await self._tokens(person, wanted.words))
        async with self.db.begin(call) as tx:
            seen = await lots.list_readable_lots(tx, call.caller, person, wanted, call.now())
        shown = seen.documents if request.include_documents else ()
        return pb.ListReadableLotsResponse(
            lots=await self._lots(person, seen),
            entries=await self._entries(person, seen.key, shown),
            next_token=read.lot_token(request, seen.after),
        )

    async def ReadLot(self, request: pb.ReadLotRequest, call: Call) -> pb.ReadLotResponse:
        async with self.db.begin(call) as tx:
            seen = await lots.read_lot(tx, call.caller, LotId(request.lot_id), call.now())
        found = await self._lots(seen.lots[0].person_id, seen)
        return pb.ReadLotResponse(lot=found[0])

    async def _lots(self, person: PersonId, seen: lots.SeenLots) -> list[pb.Lot]:
        if seen.key is None or not seen.lots:
            return []
        key = await self.keys.open(person, seen.key)
        return [write.lot(key, lot) for lot in seen.lots]
