"""A document by the identifier that its producer gave it, for who deposits without reading."""

from __future__ import annotations

import sqlalchemy as sa

from chassis.db import ReadTx
from dmp.domain import DocumentId, PersonId

from .access import PERSON
from .documents import D

NAMED = sa.select(D.document_id).where(D.person_id == PERSON, D.unique_id == sa.bindparam("unique_id"))


async def find_named(tx: ReadTx, person: PersonId, unique_id: str) -> DocumentId | None:
    """The document of a person under this unique identifier; whoever asks may not know of it."""
    row = await tx.one(NAMED, person=person.value, unique_id=unique_id)
    return DocumentId(str(row["document_id"])) if row else None
