"""Why an access is permitted or refused: the same policy, asked about a reader who has not come yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from chassis.caller import Caller, CallerKind, Decision
from chassis.db import Tx
from dmp import policy
from dmp.domain.documents import Document, DocumentId
from dmp.domain.records import PersonId, Relation
from dmp.domain.sealing import Wrapped
from dmp.domain.search import Place, Search
from dmp.store import access, explain, search
from dmp.store.documents import Found

from .documents import write_search
from .records import allowed

ACTION = "dmp_policy.explain"


@dataclass(frozen=True, slots=True)
class Question:
    person: PersonId
    # Whose access is explained: the caller, or who the holder imagines.
    reader: Caller
    document: DocumentId | None
    size: int
    after: Place | None


@dataclass(frozen=True, slots=True)
class Explained:
    record: Decision
    feeding: Decision
    documents: Sequence[tuple[Document, Decision]]
    # What opens their titles; None for who is not told of them.
    key: Wrapped | None
    after: Place | None


async def explain_access(tx: Tx, caller: Caller, asked: Question, now: datetime) -> Explained:
    """The decision on the record, on a deposit, and on each document that the caller may know of.

    The relation of the reader is the real one, looked up: authorisations, block, roles, consents. A holder
    never learns here of a document that is hidden from them, nor a professional of one they may not read.
    """
    person, reader = asked.person, asked.reader
    policy.check_purpose(caller)
    about = "" if reader is caller else reader.subject
    may = allowed(policy.may_explain(caller, person, about), caller, person)
    relation = await access.find_relation(tx, person, reader, now)
    reach = policy.reach(reader, person, relation)
    feeding = await _feeding(tx, asked, relation)
    found = await _known(tx, caller, asked, relation, reach)
    page = found[: asked.size]
    decisions = [(f.document, policy.may_read(f.document, reach, f.habilitated)) for f in page]
    if caller.kind is CallerKind.PROFESSIONAL:
        await write_search(tx, caller, ACTION, person, relation, reach.consult, decisions, now)
    else:
        shown = [(document, may) for document, _ in decisions]
        await write_search(tx, caller, ACTION, person, relation, may, shown, now)
    last = page[-1].document if len(found) > asked.size else None
    key = relation.key if caller.kind is not CallerKind.AUDITOR else None
    after = Place(last.facts.created_at, last.id) if last else None
    return Explained(reach.consult, feeding, decisions, key, after)


async def _feeding(tx: Tx, asked: Question, relation: Relation) -> Decision:
    """By what the events told of the reader's structure: nobody else is asked for a question."""
    qualified = await access.is_qualified(tx, asked.person, asked.reader.organisation)
    return policy.may_feed(asked.reader, asked.person, relation.record, (), qualified)


async def _known(
    tx: Tx, caller: Caller, asked: Question, relation: Relation, reach: policy.Reach
) -> list[Found]:
    """The documents that the caller may know of: a professional those they read, so that neither the list
    nor its pages tell of the rest; the holder those not hidden from them; an auditor all, by identifier."""
    if policy.not_open(relation.record):
        return []
    if caller.kind is CallerKind.PROFESSIONAL:
        identifiers = (asked.document.value,) if asked.document else ()
        wanted = Search(identifiers=identifiers, size=asked.size + 1, after=asked.after)
        return list(await search.list_readable(tx, asked.person, reach, wanted))
    unknown = () if caller.kind is CallerKind.AUDITOR else policy.hidden_from_citizen(caller, asked.person)
    imagined = explain.Imagined(
        asked.reader.profession, tuple(unknown), asked.document, asked.size + 1, asked.after
    )
    return await explain.list_imagined(tx, asked.person, imagined)
