"""The dated parameters of the law, as rows."""

from __future__ import annotations

import sqlalchemy as sa

from chassis.db import ReadTx
from eprescription.domain.rules.parameters import Row

from .tables import PARAMETER

P = PARAMETER.c
ALL = sa.select(P.name, P.valid_from, P.value, P.source).order_by(P.valid_from, P.name)


async def list_rows(tx: ReadTx) -> list[Row]:
    """Every row, past and to come, in the order of its day."""
    return [Row(**row) for row in await tx.all(ALL)]
