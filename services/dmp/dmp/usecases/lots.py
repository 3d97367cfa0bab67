"""Lots, changes and folders as a reader sees them: through the documents they may know, or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from chassis import audit
from chassis.caller import Caller, refuse, require
from chassis.db import Tx
from chassis.errors import Refusal
from dmp import policy
from dmp.domain import (
    Document,
    DocumentId,
    LotId,
    LotNotFound,
    LotPlace,
    LotSearch,
    PersonId,
    StoredLot,
    Wrapped,
)
from dmp.domain.tracing import chain
from dmp.store import documents
from dmp.store import lots as store
from dmp.store.access import find_relation

from . import notices
from .documents import permitted_hits, write_search

NO_LOT = "dmp.no_lot"


@dataclass(frozen=True, slots=True)
class SeenLots:
    """Lots sealed, with what opens them; `key` is None only where there are none."""

    lots: Sequence[StoredLot]
    key: Wrapped | None
    documents: Sequence[Document] = ()
    # Where the next page starts.
    after: LotPlace | None = None


async def list_readable_lots(
    tx: Tx, caller: Caller, person: PersonId, wanted: LotSearch, now: datetime
) -> SeenLots:
    """The lots that hold a document the caller may read, and those documents.

    A deleted document is named by the change that deleted it, so that copies go too; it is not among the
    documents.
    """
    policy.check_purpose(caller)
    relation = await find_relation(tx, person, caller, now)
    reach = policy.reach(caller, person, relation)
    found = await store.list_lots(tx, person, reach, replace(wanted, size=wanted.size + 1))
    page = found[: wanted.size]
    members: list[DocumentId] = list(dict.fromkeys(d for lot in page for d in lot.documents))
    shown = await documents.list_documents(tx, person, members, reach) if members else []
    hits = permitted_hits(shown, reach)
    await write_search(tx, caller, "dmp_lot.search", person, relation, reach.consult, hits, now)
    last = page[-1] if len(found) > wanted.size else None
    return SeenLots(
        page,
        relation.key,
        [document for document, _ in hits],
        LotPlace(last.received_at, last.id) if last else None,
    )


async def read_lot(tx: Tx, caller: Caller, lot_id: LotId, now: datetime) -> SeenLots:
    """One lot with those of its documents that the caller may read; LotNotFound when there is none of them.

    The second reading is made for a lot that is not there too: the answer takes as long.
    """
    policy.check_purpose(caller)
    there = await store.find_lot(tx, lot_id, caller, now)
    reach = (
        policy.reach(caller, there.lot.person_id, there.relation) if there else policy.Reach(refuse(NO_LOT))
    )
    members = await store.list_members(tx, lot_id, reach)
    shown = [member for member in members if member.seen]
    numbered = _numbered(caller, shown or members)
    if there is None:
        raise LotNotFound(refusal=Refusal("", lot_id.value, (NO_LOT,), numbered))
    person = there.lot.person_id
    if not shown:
        rules = ("dmp.no_document_shown",) if reach.consult.permitted else reach.consult.rules
        require(
            refuse(*rules), subject=person.value, object_id=lot_id.value, unseen=LotNotFound, chain=numbered
        )
    line = audit.record(
        tx,
        caller,
        "dmp_lot.read",
        person.value,
        object_id=lot_id.value,
        rules=reach.consult.rules,
        chain=numbered,
        now=now,
    )
    await notices.tell(tx, caller, person, there.relation, line, now)
    lot = replace(there.lot, documents=tuple(member.id for member in shown))
    brought = any(member.brought for member in shown)
    return SeenLots([lot if brought else lot.without_words()], there.relation.key)


def _numbered(caller: Caller, members: Sequence[store.Member]) -> str:
    """The chain of a line about a lot: that of the record when one of the documents is in it.

    A lot of documents that are all numbered apart is told of with the first of them.
    """
    own = chain(caller.purpose)
    chains = [chain(caller.purpose, member.id.value, member.codes) for member in members]
    return own if own in chains or not chains else chains[0]
