"""The rows of whole records, sealed under fresh keys, as COPY reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from random import Random
from typing import Any, NamedTuple

import sqlalchemy as sa

from dmp.clients.blobs import name_of
from dmp.clients.keys import RecordKeys
from dmp.domain.details import lot_terms, seal_entry, seal_lot, terms_of
from dmp.domain.documents import Coding, Confidentiality, Facts, Link, Status, facts_of
from dmp.domain.lots import Lot, LotKind, author_ids_of
from dmp.domain.records import PersonId
from dmp.domain.sealing import RecordKey
from dmp.store.tables import (
    ANNOUNCEMENT,
    ASSOCIATION,
    AUTHORISATION,
    BLOCK,
    CARE_ROLE,
    DOCUMENT,
    DOCUMENT_VERSION,
    EMERGENCY_CONSENT,
    KNOWN_READER,
    LOT,
    LOT_MEMBER,
    QUALIFIED_IDENTITY,
    RECORD,
    RECORD_KEY,
)

from .papers import NOS, Paper, papers
from .people import Usual, relations, uuid

# In the order that foreign keys ask for.
TABLES: tuple[sa.Table, ...] = (
    RECORD,
    RECORD_KEY,
    EMERGENCY_CONSENT,
    AUTHORISATION,
    BLOCK,
    CARE_ROLE,
    KNOWN_READER,
    QUALIFIED_IDENTITY,
    LOT,
    DOCUMENT,
    DOCUMENT_VERSION,
    LOT_MEMBER,
    ASSOCIATION,
    ANNOUNCEMENT,
)
FACTS = [field.name for field in fields(Facts)]
SOURCE, TITLE = "1.2.250.1.999.1", "Dépôt"
ACTIVITY = Coding("07", f"{NOS}/TRE_R209-TypeActivite/FHIR/TRE-R209-TypeActivite", "Consultation")
WARNED_AFTER, SHOWN_AFTER = timedelta(days=14), timedelta(days=30)


class Span(NamedTuple):
    """Records number `first` and the following, one a person."""

    first: int
    persons: Sequence[str]


Row = Mapping[str, Any]
Rows = dict[str, list[dict[str, Any]]]


async def gathered(keys: RecordKeys, usual: Usual, now: datetime, span: Span) -> Rows:
    """The rows of these records by table; of each the key is new, all else is drawn from its number alone."""
    made: Rows = {table.name: [] for table in TABLES}
    for number, person in enumerate(span.persons, span.first):
        key, wrapped = await keys.make(PersonId(person))
        draw = Random(number)  # noqa: S311 (fiction is drawn so, keys are not)
        for table, row in relations(draw, person, usual, now):
            made[table.name].append(row)
        stored = {"wrapped": wrapped.wrapped, "master_version": wrapped.master_version}
        made[RECORD_KEY.name].append({"person_id": person, **stored})
        _gather_documents(made, _Holder(person, key, draw), papers(draw, usual, now))
    made[DOCUMENT.name].sort(key=lambda row: row["submitted_at"])
    made[LOT.name].sort(key=lambda row: row["received_at"])
    return made


class _Holder(NamedTuple):
    person: str
    key: RecordKey
    draw: Random


def _gather_documents(made: Rows, holder: _Holder, lots: list[list[Paper]]) -> None:
    # Terms cost more than all the rest of a row, and depend on the author alone.
    terms: dict[str, list[bytes]] = {}
    titles: dict[str, list[bytes]] = {}
    for lot in lots:
        lot_id = uuid(holder.draw, lot[0].submitted_at)
        made[LOT.name].append(_lot(holder, lot_id, lot[0], titles))
        for paper in lot:
            author = paper.author.professional
            if author not in terms:
                terms[author] = terms_of(holder.key, paper.entry)
            first, last = (uuid(holder.draw, paper.submitted_at) for _ in range(2))
            entry_id = first if paper.version == 1 else last
            row = _document(holder, lot_id, paper) | {"entry_id": entry_id, "tokens": terms[author]}
            made[DOCUMENT.name].append(row)
            made[LOT_MEMBER.name].append({"lot_id": lot_id, "document_id": paper.id, "entry_id": first})
            made[DOCUMENT_VERSION.name] += _versions(row, first)
            made[ASSOCIATION.name] += [_association(paper, link) for link in paper.entry.relations]
            if Confidentiality.HIDDEN_FROM_PATIENT in paper.entry.confidentiality:
                made[ANNOUNCEMENT.name].append(_announcement(paper))


def _lot(holder: _Holder, lot_id: str, first: Paper, titles: dict[str, list[bytes]]) -> dict[str, Any]:
    at, author = first.submitted_at, first.author
    lot = Lot(f"urn:uuid:{uuid(holder.draw, at)}", SOURCE, ACTIVITY, at, TITLE, author)
    if author.professional not in titles:
        titles[author.professional] = lot_terms(holder.key, lot)
    return {
        "lot_id": lot_id,
        "person_id": holder.person,
        "unique_id": lot.unique_id,
        "source_id": SOURCE,
        "kind": LotKind.DEPOSIT,
        "content_type": ACTIVITY.code,
        "author_ids": author_ids_of(lot),
        "tokens": titles[author.professional],
        "sealed": seal_lot(holder.key, lot_id, lot),
        "submitted_at": at,
        "received_at": at,
        "submitted_by": author.professional,
        "submitted_for": author.organisation,
    }


def _document(holder: _Holder, lot_id: str, paper: Paper) -> dict[str, Any]:
    facts = facts_of(paper.entry)
    return {name: getattr(facts, name) for name in FACTS} | {
        "document_id": paper.id,
        "person_id": holder.person,
        "lot_id": lot_id,
        "version": paper.version,
        "status": paper.status,
        "archived": paper.archived,
        "sha256": paper.sha256,
        "submitted_at": paper.submitted_at,
        "submitted_by": paper.author.professional,
        "submitted_for": paper.author.organisation,
        "changed_at": paper.submitted_at,
        "sealed": seal_entry(holder.key, paper.id, paper.entry),
        "blob": name_of(paper.submitted_at, paper.id),
        "scan": "clean",
    }


def _versions(document: Mapping[str, Any], first: str) -> list[dict[str, Any]]:
    names = ("document_id", "status", "archived", "confidentiality", "changed_at", "entry_id", "version")
    last = {name: document[name] for name in names} | {"changed_by": document["submitted_by"]}
    if document["version"] == 1:
        return [last]
    came = last | {"status": Status.CURRENT, "archived": False, "entry_id": first, "version": 1}
    return [came, last]


def _association(paper: Paper, link: Link) -> dict[str, Any]:
    return {"source_id": paper.id, "target_id": link.document_id, "kind": link.kind}


def _announcement(paper: Paper) -> dict[str, Any]:
    came = paper.submitted_at
    return {
        "document_id": paper.id,
        "warn_at": came + WARNED_AFTER,
        "show_at": came + SHOWN_AFTER,
        "warned_at": None,
        "done_at": None,
    }
