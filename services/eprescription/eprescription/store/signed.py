"""Every signed prescription with its lines, in the order of their ids, for whoever verifies them all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from chassis.db import ReadTx, Record
from eprescription.domain.dispensing import LineStatus
from eprescription.domain.ids import PrescriptionId

from .lines import L, to_line
from .prescriptions import P
from .tables import LINE, PRESCRIPTION

SIGNED = P.signed_at.is_not(None)
COUNT = sa.select(sa.func.count()).select_from(PRESCRIPTION).where(SIGNED)
NEXT = (
    sa.select(*P)
    .where(SIGNED, P.prescription_id > sa.bindparam("after", type_=sa.Uuid))
    .order_by(P.prescription_id)
    .limit(sa.bindparam("size", type_=sa.Integer))
)
THEIR_LINES = (
    sa.select(*LINE.c)
    .where(L.prescription_id == sa.any_(sa.bindparam("ids", type_=ARRAY(sa.Uuid))))
    .order_by(L.prescription_id, L.rank)
)
FIRST = PrescriptionId("00000000-0000-0000-0000-000000000000")


async def count_signed(tx: ReadTx) -> int:
    row = await tx.one(COUNT)
    return int(row[0]) if row else 0


async def list_signed(tx: ReadTx, after: PrescriptionId, size: int) -> list[Record]:
    """The next rows as they are: one whose body cannot be read must not hide the others."""
    return await tx.all(NEXT, after=after.value, size=size)


async def lines_of(tx: ReadTx, ids: Sequence[PrescriptionId]) -> Mapping[PrescriptionId, list[LineStatus]]:
    """The lines of each, in their order."""
    found: dict[PrescriptionId, list[LineStatus]] = defaultdict(list)
    for row in await tx.all(THEIR_LINES, ids=[one.value for one in ids]):
        line = to_line(row)
        found[line.prescription_id].append(line)
    return found
