"""Records with sealed contents, made row by row: for the tests of keys, sweep and erasure. All fictitious."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha1, sha256
from typing import Any
from uuid import uuid4

from chassis.call import Call
from chassis.caller import service
from chassis.db import Database, Tx
from chassis.testing import NOW
from dmp.clients.blobs import Blobs, name_of
from dmp.clients.keys import RecordKeys
from dmp.domain.records import PersonId
from dmp.domain.sealing import RecordKey, Wrapped
from dmp.store import keys as key_rows
from dmp.store import tables as t

CONTENT = b"what only the holder may read"
TITLE = b'{"title": "a title in words"}'
DOCTOR = "810100000011"


@dataclass(frozen=True)
class Held:
    """A record with documents, and what opens it."""

    person: PersonId
    key: RecordKey
    wrapped: Wrapped
    documents: tuple[str, ...]
    blobs: tuple[str, ...]


def own_call() -> Call:
    return Call(service("dmp"), clock=lambda: NOW)


async def hold(
    database: Database,
    keys: RecordKeys,
    blobs: Blobs,
    *,
    documents: int = 2,
    closed: bool = False,
    due: datetime | None = None,
    person: PersonId | None = None,
) -> Held:
    """A record of this many documents; closed, it is to be destroyed when it is `due`."""
    person = person or PersonId.new()
    key, wrapped = await keys.make(person)
    ids = tuple(str(uuid4()) for _ in range(documents))
    names = tuple(name_of(NOW, id) for id in ids)
    for id, name in zip(ids, names, strict=True):
        await blobs.put(name, key.seal(CONTENT, f"document:{id}"))
    async with database.begin(own_call()) as tx:
        _record(tx, person, closed, due)
        key_rows.insert_key(tx, person, wrapped)
        _lot(tx, person, key, ids, names)
        _around(tx, person, ids)
    return Held(person, key, wrapped, ids, names)


def _record(tx: Tx, person: PersonId, closed: bool, due: datetime | None) -> None:
    life: dict[str, Any] = {"state": "open"}
    if closed:
        life = {"state": "closed", "closed_at": NOW, "close_reason": "patient_request", "destroy_at": due}
    tx.insert(t.RECORD, person_id=person.value, opened_at=NOW, **life)


def _lot(tx: Tx, person: PersonId, key: RecordKey, ids: tuple[str, ...], names: tuple[str, ...]) -> None:
    lot = str(uuid4())
    common = {"person_id": person.value, "submitted_at": NOW, "submitted_by": DOCTOR, "submitted_for": "1"}
    tx.insert(
        t.LOT,
        lot_id=lot,
        unique_id=f"urn:uuid:{lot}",
        source_id="1.2",
        kind="deposit",
        content_type="07",
        author_ids=[],
        tokens=[key.term("title", "words")],
        sealed=key.seal(TITLE, f"lot:{lot}"),
        received_at=NOW,
        **common,
    )
    for id, name in zip(ids, names, strict=True):
        tx.insert(t.DOCUMENT, **_document(key, id, name), lot_id=lot, **common)
        tx.insert(t.LOT_MEMBER, lot_id=lot, document_id=id, entry_id=str(uuid4()))


def _document(key: RecordKey, id: str, name: str) -> dict[str, Any]:
    codes = dict.fromkeys(("class_code", "type_code", "format_code", "facility_code", "practice_code"), "10")
    lists: dict[str, list[str]] = {"author_ids": [], "structure_ids": [], "event_codes": []}
    moments = {"created_at": NOW, "service_start": NOW, "changed_at": NOW}
    return {
        "document_id": id,
        "unique_id": f"urn:uuid:{id}",
        "entry_id": str(uuid4()),
        "version": 1,
        "status": "current",
        "archived": False,
        "confidentiality": ["N"],
        "mime_type": "text/plain",
        "sha1": sha1(CONTENT, usedforsecurity=False).digest(),
        "sha256": sha256(CONTENT).digest(),
        "size": len(CONTENT),
        "tokens": [key.term("author", "words")],
        "sealed": key.seal(TITLE, f"entry:{id}"),
        "blob": name,
        "scan": "clean",
        **codes,
        **lists,
        **moments,
    }


def _around(tx: Tx, person: PersonId, ids: tuple[str, ...]) -> None:
    """One row of every other table that a record may have rows in."""
    given = {"person_id": person.value, "since": NOW}
    for id in ids:
        version = {"version": 1, "status": "current", "archived": False, "confidentiality": ["N"]}
        tx.insert(
            t.DOCUMENT_VERSION,
            document_id=id,
            changed_at=NOW,
            changed_by=DOCTOR,
            entry_id=str(uuid4()),
            **version,
        )
        tx.insert(t.ANNOUNCEMENT, document_id=id, warn_at=NOW, show_at=NOW + timedelta(days=30))
    if len(ids) > 1:
        tx.insert(t.ASSOCIATION, source_id=ids[0], target_id=ids[1], kind="appends")
    authorisation = {"grantee": DOCTOR, "kind": "professional", "granted_by": "holder"}
    tx.insert(t.AUTHORISATION, authorisation_id=str(uuid4()), **authorisation, **given)
    tx.insert(t.BLOCK, block_id=str(uuid4()), professional=DOCTOR, **given)
    tx.insert(t.CARE_ROLE, care_role_id=str(uuid4()), professional=DOCTOR, role="administrator", **given)
    tx.insert(t.KNOWN_READER, person_id=person.value, professional=DOCTOR, first_read_at=NOW)
    tx.insert(t.EMERGENCY_CONSENT, person_id=person.value, purpose="BTG", permitted=True)
