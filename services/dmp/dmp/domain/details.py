"""The words of documents and lots, sealed under the key of the record and opened again.

What is a column in clear (`Facts`, the identifiers of a lot) is not written a second time: opening puts both
together. Versions of the JSON differ by absent fields only, so an old seal always opens.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import orjson

from .documents import Author, Coding, Document, Entry, Reference
from .lots import Lot, LotKind, StoredLot
from .sealing import RecordKey, folded
from .search import Words

CODINGS = ("category", "type", "format", "facility", "practice_setting")
WORDS = ("title", "language", "description", "authors", "authenticator", "custodian", "events", "references")


@dataclass(frozen=True, slots=True)
class Sealed:
    """Words under the key of a record, and the hidden terms they are found by."""

    words: bytes
    tokens: tuple[bytes, ...]


def seal_entry(key: RecordKey, document_id: str, entry: Entry) -> bytes:
    """The words of the metadata; bound to the document, so that they open nowhere else."""
    # orjson writes dataclasses by itself.
    said = {name: getattr(entry, name) for name in (*CODINGS, *WORDS)}
    return key.seal(orjson.dumps(said), f"entry:{document_id}")


def open_entry(key: RecordKey, document: Document) -> Entry:
    """The whole metadata of the document as they now are; raises SealBroken."""
    said = orjson.loads(key.open(document.sealed, f"entry:{document.id}"))
    facts = document.facts
    codings: dict[str, Any] = {name: Coding(**said[name]) for name in CODINGS}
    return Entry(
        **codings,
        unique_id=facts.unique_id,
        mime_type=facts.mime_type,
        sha1=facts.sha1,
        size=facts.size,
        created_at=facts.created_at,
        service_start=facts.service_start,
        service_end=facts.service_end,
        confidentiality=facts.confidentiality,
        title=said["title"],
        language=said["language"],
        description=said["description"],
        authors=tuple(_author(a) for a in said["authors"]),
        authenticator=_author(said["authenticator"]) if said["authenticator"] else None,
        custodian=_author(said["custodian"]) if said["custodian"] else None,
        events=tuple(Coding(**e) for e in said["events"]),
        references=tuple(Reference(**r) for r in said["references"]),
        relations=document.links,
    )


def _author(value: Mapping[str, Any]) -> Author:
    codings = {name: Coding(**value[name]) if value[name] else None for name in ("role", "specialty")}
    return Author(**{**value, **codings})


def terms_of(key: RecordKey, entry: Entry) -> list[bytes]:
    """The hidden terms a document is found by: beginnings of names of authors, values of references."""
    terms: set[bytes] = set()
    for author in entry.authors:
        terms |= _names(key, author)
    terms |= {_reference(key, reference.value) for reference in entry.references}
    return sorted(terms)


def seal_lot(key: RecordKey, lot_id: str, lot: Lot) -> bytes:
    """The words of a lot or a folder."""
    said = {
        "title": lot.title,
        "comments": lot.comments,
        "author": lot.author,
        "content_type": lot.content_type,
        "intended_recipients": lot.intended_recipients,
    }
    return key.seal(orjson.dumps(said), f"lot:{lot_id}")


def open_lot(key: RecordKey, stored: StoredLot) -> Lot:
    """The lot with its words; a change has none. Raises SealBroken."""
    if stored.kind is LotKind.CHANGE:
        return Lot(
            stored.unique_id,
            stored.source_id,
            Coding(stored.content_type),
            stored.submitted_at,
            author=_known_by(stored.author_ids),
        )
    said = orjson.loads(key.open(stored.sealed, f"lot:{stored.id}"))
    return Lot(
        stored.unique_id,
        stored.source_id,
        Coding(**said["content_type"]),
        stored.submitted_at,
        title=said["title"],
        author=_author(said["author"]) if said["author"] else None,
        comments=said["comments"],
        intended_recipients=tuple(said["intended_recipients"]),
    )


def _known_by(ids: tuple[str, ...]) -> Author | None:
    """Who made a change, by number alone: 8 is the prefix of a professional (PS_IdNat)."""
    if not ids:
        return None
    professional = next((i for i in ids if i.startswith("8")), "")
    return Author(professional=professional, organisation=next((i for i in ids if i != professional), ""))


def lot_terms(key: RecordKey, lot: Lot) -> list[bytes]:
    """The hidden terms a lot is found by: beginnings of its title and of the names of its sender."""
    terms = key.terms("title", lot.title)
    if lot.author is not None:
        terms |= _names(key, lot.author)
    return sorted(terms)


def tokens_of(key: RecordKey, wanted: Words) -> tuple[bytes, ...]:
    """The hidden forms of the words looked for: what is found carries all of them."""
    beginnings = {"family": wanted.family, "given": wanted.given, "title": wanted.title}
    terms = [key.term(kind, text) for kind, text in beginnings.items() if text]
    return tuple([*terms, _reference(key, wanted.reference)] if wanted.reference else terms)


def _names(key: RecordKey, author: Author) -> set[bytes]:
    """Of the name as a whole and of each of its parts: `de La Tour` is looked for as `Tour` too."""
    terms: set[bytes] = set()
    for kind, name in (("family", author.family_name), ("given", author.given_name)):
        for part in {name, *name.split(), *name.replace("-", " ").split()}:
            terms |= key.terms(kind, part)
    return terms


def _reference(key: RecordKey, value: str) -> bytes:
    # A term keeps the beginning of a word only; references share theirs (the OID of who gave them).
    return key.term("reference", sha256(folded(value).encode()).hexdigest())
