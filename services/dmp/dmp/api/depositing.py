"""Deposits: what other systems must do is done before the transaction, whole and in plain sight."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from chassis.call import Call
from chassis.caller import Caller
from chassis.db import Database
from dmp import policy
from dmp.clients.blobs import Blobs, name_of
from dmp.clients.keys import RecordKeys
from dmp.domain import (
    Deposit,
    DepositedMeanwhile,
    DocumentChangedMeanwhile,
    DocumentId,
    DocumentReplacedMeanwhile,
    Item,
    Lot,
    LotId,
    PersonId,
    RecordKey,
    Scan,
    Sealed,
    details,
)
from dmp.domain.content import metadata
from dmp.domain.deposit import classed
from dmp.store import deposits as stored
from dmp.usecases import deposits
from dmp.usecases.deposits import Arriving, SealedDeposit, SealedItem
from socle.dmp.v1 import dmp_pb2 as pb

from . import read, write
from .qualification import WITHOUT, Standing

# In bytes: below this, sealing or reading takes less time than handing it to a thread.
IN_LINE = 64 * 1024


# Committed by others while this deposit waited for the record: read again, it is answered as it should be.
MEANWHILE = (DepositedMeanwhile, DocumentChangedMeanwhile, DocumentReplacedMeanwhile)


class Examines(Protocol):
    """`api.examination.Examiner`, or what stands for it."""

    async def examine(self, person: PersonId, deposit: Deposit, call: Call) -> tuple[Scan, ...]:
        """What the scanner said of each document; raises the faults of the lot, or Unavailable."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A deposit once other systems have done their part; `sealed` unless nothing new is expected."""

    arriving: Arriving
    key: RecordKey | None
    sealed: SealedDeposit | None
    qualified: bool


class Depositing:
    """`SubmitDocuments`, and `GenerateMetadata` for who has none to submit."""

    db: Database
    keys: RecordKeys
    blobs: Blobs
    examiner: Examines
    standing: Standing
    parameters: policy.Parameters

    async def SubmitDocuments(
        self, request: pb.SubmitDocumentsRequest, call: Call
    ) -> pb.SubmitDocumentsResponse:
        person, deposit = PersonId(request.person_id), read.deposit(request, self.parameters)
        arriving = Arriving(call.caller, person, deposit, self.parameters)
        receiver, qualified = await self._receiver(person, deposit, call)
        entitled = qualified or _entitled(call.caller, person, deposit)
        # The examination compares traits: whoever may not feed the record could guess them one by one.
        scans = await self.examiner.examine(person, deposit, call) if entitled else ()
        key = await self.keys.open(person, receiver.key) if receiver.key else None
        new = entitled and not receiver.met
        sealed = await self._sealed(key, deposit, scans, call) if key and new else None
        prepared = Prepared(arriving, key, sealed, qualified)
        try:
            return await self._submitted(prepared, call)
        except MEANWHILE:
            # What was committed in between is seen this time, and answered or refused as it should.
            return await self._submitted(prepared, call)

    async def GenerateMetadata(
        self, request: pb.GenerateMetadataRequest, call: Call
    ) -> pb.GenerateMetadataResponse:
        # No line of the journal: the caller is told what they brought, and nothing of a record is read.
        content = request.content
        if len(content) <= IN_LINE:
            found = metadata.generate(content)
        else:
            found = await asyncio.to_thread(metadata.generate, content)
        return pb.GenerateMetadataResponse(entry=write.unsubmitted(found))

    async def _submitted(self, prepared: Prepared, call: Call) -> pb.SubmitDocumentsResponse:
        key = prepared.key
        async with self.db.begin(call) as tx:
            done = await deposits.submit_documents(
                tx, prepared.arriving, prepared.sealed, prepared.qualified, call.now()
            )
            if key is None:
                # Opened in between: the record is there, and this deposit knew nothing of its key.
                raise DepositedMeanwhile
            return tx.answer(_answer(key, done))

    async def _receiver(self, person: PersonId, deposit: Deposit, call: Call) -> tuple[stored.Receiver, bool]:
        """One reading of our tables; identity-ins is asked while its event is still on the way."""
        named = [item.entry.unique_id for item in deposit.items]
        organisation = call.caller.organisation
        async with self.db.read() as tx:
            found = await stored.find_receiver(tx, person, organisation, [*named, deposit.lot.unique_id])
        if call.caller.kind in WITHOUT or not organisation:
            return found, False
        return found, found.qualified or await self.standing(person, organisation, call)

    async def _sealed(
        self, key: RecordKey, deposit: Deposit, scans: Sequence[Scan], call: Call
    ) -> SealedDeposit:
        """Everything under the key of the record; the bytes are durable in the store when this returns.

        A transaction that then fails leaves objects that no document knows: the sweep takes them away.
        """
        pairs = zip(deposit.items, scans, strict=True)
        items = await asyncio.gather(*(self._sealed_item(key, item, scan, call) for item, scan in pairs))
        lot_id, folder_ids = LotId.new(), tuple(LotId.new() for _ in deposit.folders)
        folders = zip(folder_ids, deposit.folders, strict=True)
        return SealedDeposit(
            lot_id,
            _sealed_lot(key, lot_id, deposit.lot),
            tuple(items),
            folder_ids,
            tuple(_sealed_lot(key, folder_id, folder) for folder_id, folder in folders),
        )

    async def _sealed_item(self, key: RecordKey, item: Item, scan: Scan, call: Call) -> SealedItem:
        document = DocumentId.new()
        blob = name_of(call.now(), document.value)
        await self.blobs.put(blob, await _locked(key, document, item.content))
        entry = classed(item.entry)
        words = details.seal_entry(key, document.value, entry)
        return SealedItem(document, Sealed(words, tuple(details.terms_of(key, entry))), blob, scan)


def _entitled(caller: Caller, person: PersonId, deposit: Deposit) -> bool:
    """Whoever deposits without an identity qualifiée: the holder, or a service that sends what it makes."""
    entries = [item.entry for item in deposit.items]
    sends = policy.may_send(caller, [e.confidentiality for e in entries], [e.type.code for e in entries])
    return sends.permitted or policy.may_hold(caller, person).permitted


async def _locked(key: RecordKey, document: DocumentId, content: bytes) -> bytes:
    about = f"document:{document}"
    if len(content) <= IN_LINE:
        return key.seal(content, about)
    return await asyncio.to_thread(key.seal, content, about)


def _sealed_lot(key: RecordKey, lot_id: LotId, lot: Lot) -> Sealed:
    return Sealed(details.seal_lot(key, lot_id.value, lot), tuple(details.lot_terms(key, lot)))


def _answer(key: RecordKey, done: deposits.Deposited) -> pb.SubmitDocumentsResponse:
    return pb.SubmitDocumentsResponse(
        lot_id=done.lot_id.value,
        entries=[write.entry(key, document) for document in done.documents],
        replayed=done.replayed,
        folder_ids=[folder.value for folder in done.folder_ids],
        replaced=[write.outline(document) for document in done.replaced],
    )
