"""The documents of a record as an imagined reader would stand to them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from chassis.db import ReadTx
from dmp.domain.documents import Confidentiality, DocumentId
from dmp.domain.records import PersonId
from dmp.domain.search import Place

from .access import PERSON
from .documents import COLUMNS, HABILITATED, NO_LINKS, D, Found, to_found
from .reach import TEXTS
from .tables import MOMENT

AT, LAST = sa.bindparam("at", type_=MOMENT), sa.bindparam("last", type_=sa.Uuid)
DOCUMENT_ID = sa.bindparam("document", type_=sa.Uuid)
IMAGINED = (
    sa.select(*COLUMNS, NO_LINKS, HABILITATED)
    .where(
        D.person_id == PERSON,
        D.status != sa.literal_column("'deleted'"),
        sa.not_(D.confidentiality.bool_op("&&")(sa.bindparam("unknown", type_=TEXTS))),
        sa.or_(DOCUMENT_ID.is_(None), D.document_id == DOCUMENT_ID),
        sa.or_(AT.is_(None), sa.tuple_(D.created_at, D.document_id) < sa.tuple_(AT, LAST)),
    )
    .order_by(D.created_at.desc(), D.document_id.desc())
    .limit(sa.bindparam("size", type_=sa.Integer))
)


@dataclass(frozen=True, slots=True)
class Imagined:
    """Which documents are explained: those that whoever asks may know of, newest first."""

    # Code of the imagined reader, for the cell of the matrix.
    profession: str
    # Documents with one of these codes do not exist for whoever asks.
    unknown: Collection[Confidentiality]
    document: DocumentId | None
    size: int
    after: Place | None


async def list_imagined(tx: ReadTx, person: PersonId, wanted: Imagined) -> list[Found]:
    """Each document with the cell of the matrix for the imagined reader."""
    after: datetime | None = wanted.after.at if wanted.after else None
    found = await tx.all(
        IMAGINED,
        person=person.value,
        profession=wanted.profession,
        unknown=[code.value for code in wanted.unknown],
        document=wanted.document.value if wanted.document else None,
        at=after,
        last=wanted.after.id.value if wanted.after else None,
        size=wanted.size,
    )
    return [to_found(row) for row in found]
