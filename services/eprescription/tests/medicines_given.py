"""The fictitious medicines in a test database, and what tests name of them."""

from __future__ import annotations

from chassis.db import Database, ReadTx
from chassis.testing import NOW
from eprescription.seed.load import load
from eprescription.usecases import products

# CIS of the seed.
DOLPARIX_1G, PARACETAMOL_SOLENNE_1G = "69996000", "69996005"
DOLPARIX_1G_PACK = "3400990000016"
IBUVANE, WARFANOR = "69996020", "69996260"


async def seeded(where: Database | ReadTx) -> None:
    """Loads the whole seed; in a transaction of a test, it goes with it."""
    if isinstance(where, Database):
        async with where.pool.acquire() as connection:
            await load(connection, NOW)
    else:
        await load(where._connection, NOW)
        # The transaction may have asked which import was the last.
        products.ASKED.pop(where, None)
