"""Which names of the object store a document knows of."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from chassis.db import ReadTx

from .tables import DOCUMENT

KNOWN = sa.select(DOCUMENT.c.blob).where(
    DOCUMENT.c.blob == sa.any_(sa.bindparam("names", type_=ARRAY(sa.Text)))
)


async def list_known(tx: ReadTx, names: Sequence[str]) -> set[str]:
    """Those of these names that belong to a document, deleted ones included."""
    return {row["blob"] for row in await tx.all(KNOWN, names=list(names))}
