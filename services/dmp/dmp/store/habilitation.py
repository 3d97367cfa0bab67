"""The matrix of habilitation: read as it is in force, and written as a new version."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on

from chassis.db import ReadTx, Tx
from dmp.domain.habilitation import Cell

from .tables import HABILITATION

H = HABILITATION.c
PROFESSION = sa.bindparam("profession", type_=sa.Text)
IN_FORCE = (
    sa.select(H.profession, H.type_code, H.allowed, H.version, H.source)
    .ext(distinct_on(H.profession, H.type_code))
    .where(sa.or_(sa.literal_column("''") == PROFESSION, H.profession == PROFESSION))
    .order_by(H.profession, H.type_code, H.version.desc())
)
LATEST = sa.select(sa.func.coalesce(sa.func.max(H.version), sa.literal_column("0")).label("latest"))
# Two loadings at once would mix their cells; readers are not held up.
ONE_AT_A_TIME = sa.select(
    sa.func.pg_advisory_xact_lock(sa.func.hashtext(sa.literal_column("'habilitation'")))
)


async def list_cells(tx: ReadTx, profession: str = "") -> list[Cell]:
    """The cells in force, of one profession or of all."""
    return [Cell(**row) for row in await tx.all(IN_FORCE, profession=profession)]


async def take_matrix(tx: Tx) -> int:
    """The latest version, while nobody else writes one."""
    await tx.lock(ONE_AT_A_TIME)
    row = await tx.one(LATEST)
    return int(row["latest"]) if row else 0


def insert_cells(tx: Tx, cells: Sequence[Cell]) -> None:
    for cell in cells:
        tx.insert(
            HABILITATION,
            profession=cell.profession,
            type_code=cell.type_code,
            version=cell.version,
            allowed=cell.allowed,
            source=cell.source,
        )
