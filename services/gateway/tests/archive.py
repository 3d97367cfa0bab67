"""dmp before a gateway under test, with what a record keeps of lots: replacements, folders, deletions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from chassis.call import Call
from chassis.errors import InvalidInput, NotFound, Violation
from chassis.ids import Id
from socle.dmp.v1 import dmp_pb2 as pb

from .conftest import Records


class DocumentDeleted(NotFound):
    """This document was deleted by its author: its bytes are no longer given."""


class LotNotFound(NotFound):
    """There is no lot that you may see under this identifier."""


@dataclass
class Archive(Records):
    """One open record that everyone may read; a place in a search is a number."""

    lots: dict[str, pb.Lot] = field(default_factory=dict)
    # Documents that were deleted.
    gone: set[str] = field(default_factory=set)
    sent: list[pb.SubmitDocumentsRequest] = field(default_factory=list)

    async def SubmitDocuments(self, request: pb.SubmitDocumentsRequest, call: Call) -> Any:
        self.sent.append(request)
        before = set(self.entries)
        made = await super().SubmitDocuments(request, call)
        replaced = [self._replace(one) for d in request.documents for one in d.entry.relations]
        members = [one for one in self.entries if one not in before]
        self._keep(made.lot_id, request.lot, pb.LOT_KIND_DEPOSIT, request.person_id, members, call)
        folders = []
        for folder in request.folders:
            ids = [one.document_id for one in self.entries.values() if one.unique_id in folder.documents]
            folders.append(Id.new().value)
            self._keep(folders[-1], folder, pb.LOT_KIND_FOLDER, request.person_id, ids, call)
        made.folder_ids.extend(folders)
        made.replaced.extend(one for one in replaced if one is not None)
        return made

    def _replace(self, relation: pb.Relation) -> pb.DocumentEntry | None:
        if relation.kind != pb.RELATION_KIND_REPLACES:
            return None
        known = (relation.document_id, relation.unique_id)
        (old,) = [one for one in self.entries.values() if one.document_id in known or one.unique_id in known]
        old.status, old.version = pb.DOCUMENT_STATUS_SUPERSEDED, old.version + 1
        return old

    def _keep(
        self,
        lot_id: str,
        lot: pb.Lot,
        kind: pb.LotKind.ValueType,
        person: str,
        members: list[str],
        call: Call,
    ) -> None:
        kept = pb.Lot()
        kept.CopyFrom(lot)
        kept.lot_id, kept.kind, kept.person_id = lot_id, kind, person
        del kept.documents[:]
        kept.documents.extend(members)
        kept.received_at.FromDatetime(call.now())
        self.lots[lot_id] = kept

    async def ListReadableDocuments(self, request: pb.ListReadableDocumentsRequest, call: Call) -> Any:
        if request.page.token and not request.page.token.isdigit():
            fault = Violation("page.token", "is not one that this service made")
            raise InvalidInput("The place in the list cannot be read.", violations=[fault])
        found = (await super().ListReadableDocuments(request, call)).entries
        wanted = [one for one in found if one.status in request.statuses and one.document_id not in self.gone]
        start, size = int(request.page.token or 0), request.page.size
        more = str(start + size) if len(wanted) > start + size else ""
        page = wanted[start : start + size]
        answer = pb.ListReadableDocumentsResponse(entries=page, next_token=more)
        if request.include_related:
            known = {one.document_id for one in page}
            targets = {relation.document_id for one in page for relation in one.relations} - known
            answer.related.extend(one for one in found if one.document_id in targets)
        return answer

    async def ListReadableLots(self, request: pb.ListReadableLotsRequest, call: Call) -> Any:
        self.asked.append(request)
        found = [one for one in self.lots.values() if one.kind in request.kinds]
        answer = pb.ListReadableLotsResponse(lots=found)
        if request.include_documents:
            ids = {document for lot in found for document in lot.documents}
            answer.entries.extend(one for one in self.entries.values() if one.document_id in ids)
        return answer

    async def ReadLot(self, request: pb.ReadLotRequest, call: Call) -> Any:
        if request.lot_id not in self.lots:
            raise LotNotFound(field="lot_id")
        return pb.ReadLotResponse(lot=self.lots[request.lot_id])

    def _found(self, document_id: str) -> pb.DocumentEntry:
        if document_id in self.gone:
            raise DocumentDeleted(field="document_id", hint="Ask its author.")
        return super()._found(document_id)
