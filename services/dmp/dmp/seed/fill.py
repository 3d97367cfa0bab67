"""Puts the bytes of fictitious documents in the object store, sealed as a deposit seals them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any

import asyncpg

from dmp.clients.blobs import Blobs
from dmp.clients.keys import RecordKeys
from dmp.domain.records import PersonId
from dmp.domain.sealing import Wrapped

from .contents import content_of

WANTED = """
SELECT document_id, person_id, mime_type, sha256, blob, wrapped, master_version
FROM document JOIN record_key USING (person_id) WHERE document_id = ANY($1::uuid[]) ORDER BY document_id
"""


async def put_contents(
    pool: asyncpg.Pool[Any],
    keys: RecordKeys,
    blobs: Blobs,
    documents: Sequence[str],
    progress: Callable[[int], None] = lambda done: None,
) -> int:
    """How many were not there; those that this seed did not make are left alone."""
    names = {name async for page in blobs.list("") for name in (blob.name for blob in page)}
    added = 0
    for done, row in enumerate(await pool.fetch(WANTED, documents), 1):
        id = str(row["document_id"])
        content = content_of(id, row["mime_type"])
        if row["blob"] not in names and sha256(content).digest() == row["sha256"]:
            key = await keys.open(
                PersonId(str(row["person_id"])), Wrapped(bytes(row["wrapped"]), row["master_version"])
            )
            await blobs.put(row["blob"], key.seal(content, f"document:{id}"))
            added += 1
        progress(done)
    return added
