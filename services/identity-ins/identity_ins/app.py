"""Composition root of identity-ins: settings, the INSi client, the servicer."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

from pydantic import Field

import chassis

from . import clients, consumers, seed, store
from .api import ExchangeServicer, IdentityInsServicer, InsiServicer, VigilanceServicer
from .domain import Places, Platform, read_codes
from .workers.lots import LotRunner


class Settings(chassis.Settings):
    """Beside those of every service."""

    grpc_listen: str = "127.0.0.1:15051"
    # Real persons or fictitious ones: decides which OIDs are accepted.
    ins_platform: Platform = Platform.TEST
    # Fictitious persons that the registry is filled with at first start; local profile only.
    seed_persons: int = 10_000
    # CSV files of the code officiel géographique, as INSEE publishes them: with them, a place of birth that
    # is in no file is remarked upon; without, only unknown departments and countries are.
    cog_files: tuple[Path, ...] = ()
    # How slow the simulated INSi is, and how many calls apart its faults are (0: none).
    insi_latency_ms: int = Field(default=0, ge=0)
    insi_fault_every: int = Field(default=0, ge=0)
    insi_timeout_seconds: float = Field(default=5.0, gt=0)
    # Lots of verifications are personal data: after so many days they are deleted with their lines.
    lot_kept_days: int = Field(default=30, ge=1)


def read_places(files: Iterable[Path]) -> Places:
    """The codes of these files, all together; raises CogFileWrong."""
    codes: set[str] = set()
    for file in files:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            codes.update(read_codes(lines))
    return Places(frozenset(codes))


def teleservice_of(base: chassis.Base[Settings]) -> clients.Teleservice:
    """INSi simulated on a test platform."""
    settings = base.settings
    if settings.ins_platform is not Platform.TEST:
        return clients.AbsentTeleservice()
    return clients.SimulatedTeleservice(base.db, settings.insi_latency_ms, settings.insi_fault_every)


async def build(base: chassis.Base[Settings]) -> chassis.App:
    """The service, its registry filled on a newcomer's machine."""
    settings = base.settings
    if settings.profile == "local" and settings.ins_platform is Platform.TEST:
        await seed.load(base.db.pool, settings.seed_persons)
    insi = clients.Insi(base.db, teleservice_of(base), settings.insi_timeout_seconds)
    places = read_places(settings.cog_files)
    servicer = IdentityInsServicer(base.db, insi, settings.ins_platform, places)
    lots = LotRunner(base.db, insi, settings.ins_platform, timedelta(days=settings.lot_kept_days))
    return chassis.App(
        servicers=[
            servicer,
            InsiServicer(base.db, insi, settings.ins_platform, lots.wake),
            VigilanceServicer(base.db, settings.ins_platform),
            ExchangeServicer(base.db, settings.ins_platform, places),
        ],
        consumers=consumers.TABLE,
        constraints=store.CONSTRAINTS,
        tasks=[lots.run],
    )


if __name__ == "__main__":
    chassis.run("identity-ins", build, Settings)
