"""The servicer of the journal with its proof."""

from __future__ import annotations

from datetime import UTC

import orjson
from google.protobuf.timestamp_pb2 import Timestamp

from chassis import journal, ledger, page
from chassis.audit import Wanted
from chassis.call import Call
from chassis.db import Database
from dmp.domain import PersonId
from dmp.usecases import journal as usecases
from dmp.usecases.journal import Cursor
from socle.dmp.v1 import dmp_pb2
from socle.dmp.v1 import journal_pb2 as pb


class JournalServicer:
    """`socle.dmp.v1.JournalService`; `signer` shows the keys that verify the heads."""

    service = pb.DESCRIPTOR.services_by_name["JournalService"]

    def __init__(self, db: Database, signer: ledger.Signer) -> None:
        self.db = db
        self.keys = orjson.dumps(signer.jwks()).decode()

    async def ExportJournal(self, request: pb.ExportJournalRequest, call: Call) -> pb.ExportJournalResponse:
        person = PersonId(request.person_id)
        size, parts = page.after(request.page, tree_size=_count, chain=str, number=_count)
        cursor = Cursor(**parts) if parts else None
        async with self.db.begin(call) as tx:
            exported = await usecases.export_journal(
                tx, call.caller, person, request.since_tree_size, size, cursor, call.now()
            )
        follows = exported.next
        return pb.ExportJournalResponse(
            lines=[_proven(line) for line in exported.lines],
            next_token=page.token(**_parts(follows)) if follows else "",
            head=_head(exported.head),
            consistency=exported.consistency,
            keys=self.keys,
            pending=exported.pending,
        )

    async def GetTreeHead(self, request: pb.GetTreeHeadRequest, _call: Call) -> pb.GetTreeHeadResponse:
        async with self.db.read() as tx:
            head = await usecases.get_tree_head(tx, request.tree_size)
        return pb.GetTreeHeadResponse(head=_head(head), keys=self.keys)

    async def ProveConsistency(
        self, request: pb.ProveConsistencyRequest, _call: Call
    ) -> pb.ProveConsistencyResponse:
        async with self.db.read() as tx:
            path, head = await usecases.prove_consistency(tx, request.first, request.second)
        return pb.ProveConsistencyResponse(path=path, head=_head(head))

    async def GetNotice(self, request: pb.GetNoticeRequest, call: Call) -> pb.GetNoticeResponse:
        async with self.db.begin(call) as tx:
            notice = await usecases.get_notice(tx, call.caller, request.journal_id, call.now())
        return pb.GetNoticeResponse(
            person_id=notice.person_id.value,
            entry=journal.entry(notice.entry, notice.person_id.value),
            referring_doctor=notice.referring_doctor,
        )


def wanted(request: dmp_pb2.ListJournalRequest) -> Wanted:
    """What `ListJournal` asks for."""
    occurred = request.occurred
    return Wanted(
        occurred_from=getattr(occurred, "from").ToDatetime(UTC) if occurred.HasField("from") else None,
        occurred_to=occurred.to.ToDatetime(UTC) if occurred.HasField("to") else None,
        actors=tuple(request.actors),
        actions=tuple(request.actions),
        outcome=request.outcome,
        object_id=request.object_id,
        entry_id=request.entry_id,
        oldest_first=request.oldest_first,
    )


def _count(value: object) -> int:
    if not isinstance(value, int) or not 0 <= value <= ledger.LARGEST:
        raise ValueError("not a size that was given here")
    return value


def _parts(cursor: Cursor) -> dict[str, object]:
    return {"tree_size": cursor.tree_size, "chain": cursor.chain, "number": cursor.number}


def _head(of: ledger.Head) -> pb.TreeHead:
    signed_at = Timestamp()
    signed_at.FromDatetime(of.signed_at)
    return pb.TreeHead(
        tree_size=of.tree_size, root_hash=of.root_hash, signed_at=signed_at, signature=of.signature
    )


def _proven(line: ledger.Proven) -> pb.ProvenLine:
    leaf = line.leaf
    return pb.ProvenLine(
        line=leaf.line,
        leaf_index=leaf.leaf_index,
        leaf_hash=leaf.leaf_hash,
        path=line.path,
        chain=leaf.chain,
        number=leaf.number,
        withheld=leaf.withheld,
    )
