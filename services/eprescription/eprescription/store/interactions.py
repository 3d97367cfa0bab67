"""The thesaurus of interactions, read whole: three thousand pairs are kept in memory."""

from __future__ import annotations

import sqlalchemy as sa

from chassis.db import ReadTx
from eprescription.domain.interactions import InteractionRow, Thesaurus

from .medicine_tables import INTERACTION, SUBSTANCE_CLASS

PAIRS = sa.select(INTERACTION).order_by(INTERACTION.c.pair, INTERACTION.c.rank)
CLASSES = sa.select(SUBSTANCE_CLASS)


async def read_thesaurus(tx: ReadTx) -> Thesaurus:
    rows = [InteractionRow(**row) for row in await tx.all(PAIRS)]
    return Thesaurus.of(rows, [(row["substance"], row["class"]) for row in await tx.all(CLASSES)])
