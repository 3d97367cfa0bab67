"""The law as its rows tell it, read at start and again each minute: a change of law needs no release.

Rows that cannot be applied are refused whole and said in the log; the law in force until then stays. At start
there is no such law, so the service does not start: it could neither refuse nor allow anything.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Self

from chassis import telemetry
from chassis.db import Database
from chassis.errors import SocleError
from chassis.stopping import asked_to_stop
from eprescription.domain.rules.parameters import Law, LawRefused
from eprescription.store import parameters

log = telemetry.logger("law")
REFUSED = telemetry.METER.create_counter(
    "socle.eprescription.law.refused", description="Readings of the law whose rows could not be applied"
)


@dataclass(slots=True)
class LawBook:
    """`law` is the law in force now, for every day past and to come; `run` keeps it so."""

    db: Database
    law: Law
    # Seconds between two readings: how late a new row may take effect.
    every: float = 60.0

    @classmethod
    async def load(cls, db: Database) -> Self:
        """Raises LawRefused, with every fault of the rows, and Unavailable."""
        return cls(db, await _read(db))

    async def run(self) -> None:
        """Until cancelled."""
        while not asked_to_stop():
            await asyncio.sleep(self.every)
            await self.refresh()

    async def refresh(self) -> bool:
        """One reading; whether the rows were taken. Never raises: who answers goes on with the law it has."""
        try:
            self.law = await _read(self.db)
        except LawRefused as refused:
            REFUSED.add(1)
            log.error("law.refused", problem=str(refused), count=len(refused.faults))
            return False
        except SocleError as error:
            log.warning("law.later", error_type=type(error).__name__)
            return False
        except Exception as error:
            # Our own fault must not stop a service that answers.
            log.error("law.failed", exc_info=error)
            return False
        return True


async def _read(db: Database) -> Law:
    async with db.read() as tx:
        return Law.of(await parameters.list_rows(tx))
