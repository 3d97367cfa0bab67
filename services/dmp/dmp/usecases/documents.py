"""Finding, reading and retrieving documents. The journal is written before anything leaves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from chassis import audit
from chassis.caller import Caller, Decision, require
from chassis.db import Tx
from chassis.errors import Refusal
from dmp import policy
from dmp.domain import (
    Document,
    DocumentDeleted,
    DocumentId,
    DocumentNotFound,
    PersonId,
    Place,
    Relation,
    Search,
    Status,
    Wrapped,
)
from dmp.domain.search import at_in
from dmp.domain.tracing import chain
from dmp.store import documents as store
from dmp.store import search
from dmp.store.access import find_relation

from . import notices

# What is not there is refused by a rule of its own, so that the journal keeps who tried identifiers.
NO_DOCUMENT = "dmp.no_document"


@dataclass(frozen=True, slots=True)
class Seen:
    """Documents sealed, with what opens them; `key` is None only where there are none."""

    documents: Sequence[Document]
    key: Wrapped | None
    related: Sequence[Document] = ()
    # Where the next page starts.
    after: Place | None = None


@dataclass(frozen=True, slots=True)
class Permitted:
    """A document that the caller may read, and why."""

    document: Document
    relation: Relation
    decision: Decision
    linked: bool


async def list_readable_documents(
    tx: Tx, caller: Caller, person: PersonId, wanted: Search, now: datetime
) -> Seen:
    """The documents the caller may read, and where the next page starts.

    A refusal is an empty answer, the same for a record that is not there: only the journal tells them apart.
    """
    policy.check_purpose(caller)
    relation = await find_relation(tx, person, caller, now)
    reach = policy.reach(caller, person, relation)
    found = await search.list_readable(tx, person, reach, replace(wanted, size=wanted.size + 1))
    page = found[: wanted.size]
    related: Sequence[store.Found] = ()
    if wanted.include_related and page:
        related = await store.list_related(tx, person, [f.document.id for f in page], reach)
    hits = permitted_hits([*page, *related], reach)
    await write_search(tx, caller, "dmp_document.search", person, relation, reach.consult, hits, now)
    last = page[-1].document if len(found) > wanted.size else None
    return Seen(
        [f.document for f in page],
        relation.key,
        [f.document for f in related],
        Place(at_in(wanted.order, last), last.id) if last else None,
    )


def permitted_hits(found: Sequence[store.Found], reach: policy.Reach) -> list[tuple[Document, Decision]]:
    """Each document with the rules that show it; the query and the policy are one rule, and this says so."""
    hits = [(f.document, policy.may_read(f.document, reach, f.habilitated)) for f in found]
    if not all(decision.permitted for _, decision in hits):
        raise RuntimeError("a query showed what the policy refuses")
    return hits


async def write_search(
    tx: Tx,
    caller: Caller,
    action: str,
    person: PersonId,
    relation: Relation,
    consult: Decision,
    hits: Sequence[tuple[Document, Decision]],
    now: datetime,
) -> None:
    """One line for the record and what it showed; one line each for the documents numbered apart."""
    own = chain(caller.purpose)
    together: list[audit.Hit] = []
    for document, decision in hits:
        if chain(caller.purpose, document.id.value, document.facts.confidentiality) == own:
            together.append(audit.Hit(document.id.value, decision.rules))
        else:
            write(tx, caller, action, document, decision, now=now)
    outcome = audit.PERMITTED if consult.permitted else audit.REFUSED
    line = audit.record(
        tx,
        caller,
        action,
        person.value,
        rules=consult.rules,
        outcome=outcome,
        hits=together,
        chain=own,
        now=now,
    )
    if consult.permitted:
        await notices.tell(tx, caller, person, relation, line, now)


async def read_document(tx: Tx, caller: Caller, document_id: DocumentId, now: datetime) -> Seen:
    """The metadata of one document; DocumentNotFound when the caller may not see it."""
    seen = await _permitted(tx, caller, document_id, now)
    document = seen.document
    if seen.linked:
        reach = policy.reach(caller, document.person_id, seen.relation)
        document = replace(document, links=await store.list_links(tx, document_id, reach))
    await _write_reading(tx, caller, "dmp_document.read", seen, now)
    return Seen([document], seen.relation.key)


async def retrieve_document(
    tx: Tx, caller: Caller, document_id: DocumentId, now: datetime, action: str = "dmp_document.retrieve"
) -> Seen:
    """Says where the bytes are and what opens them, once the access is written down."""
    seen = await _permitted(tx, caller, document_id, now)
    await _write_reading(tx, caller, action, seen, now)
    return Seen([seen.document], seen.relation.key)


async def view_document(tx: Tx, caller: Caller, document_id: DocumentId, now: datetime) -> Seen:
    """The same, to be shown as a page."""
    return await retrieve_document(tx, caller, document_id, now, "dmp_document.view")


async def _permitted(tx: Tx, caller: Caller, document_id: DocumentId, now: datetime) -> Permitted:
    policy.check_purpose(caller)
    there = await store.find_document(tx, document_id, caller, now)
    if there is None:
        raise no_document(caller, document_id)
    found, relation = there.found, there.relation
    document = found.document
    reach = policy.reach(caller, document.person_id, relation)
    decision = readable(caller, document, policy.may_read(document, reach, found.habilitated))
    return Permitted(document, relation, decision, there.linked)


def readable(caller: Caller, document: Document, decision: Decision) -> Decision:
    """A permission; DocumentNotFound on a refusal, DocumentDeleted for who might have read it."""
    numbered = chain(caller.purpose, document.id.value, document.facts.confidentiality)
    require(
        decision,
        subject=document.person_id.value,
        object_id=document.id.value,
        unseen=DocumentNotFound,
        chain=numbered,
    )
    if document.status is Status.DELETED:
        rules = ("dmp.deleted",)
        raise DocumentDeleted(refusal=Refusal(document.person_id.value, document.id.value, rules, numbered))
    return decision


def no_document(caller: Caller, document_id: DocumentId) -> DocumentNotFound:
    """As a document that may not be known: the same answer, the same statements, a line in the journal."""
    numbered = chain(caller.purpose, document_id.value)
    return DocumentNotFound(refusal=Refusal("", document_id.value, (NO_DOCUMENT,), numbered))


async def _write_reading(tx: Tx, caller: Caller, action: str, seen: Permitted, now: datetime) -> None:
    line = write(tx, caller, action, seen.document, seen.decision, now=now)
    await notices.tell(tx, caller, seen.document.person_id, seen.relation, line, now)


def write(
    tx: Tx, caller: Caller, action: str, document: Document, decision: Decision, *, now: datetime
) -> str:
    """The line of the journal about one document; its id."""
    return audit.record(
        tx,
        caller,
        action,
        document.person_id.value,
        object_id=document.id.value,
        rules=decision.rules,
        chain=chain(caller.purpose, document.id.value, document.facts.confidentiality),
        now=now,
    )
