"""Composition root of identity-ins: settings, the INSi client, the servicer."""

from __future__ import annotations

import chassis

from . import clients, seed, store
from .api import IdentityInsServicer
from .domain import Platform


class Settings(chassis.Settings):
    """Beside those of every service."""

    grpc_listen: str = "127.0.0.1:15051"
    # Real persons or fictitious ones: decides which OIDs are accepted.
    ins_platform: Platform = Platform.TEST
    # Fictitious persons that the registry is filled with at first start; local profile only.
    seed_persons: int = 10_000


async def build(base: chassis.Base[Settings]) -> chassis.App:
    """The service, its registry filled on a newcomer's machine."""
    settings = base.settings
    if settings.profile == "local" and settings.ins_platform is Platform.TEST:
        await seed.load(base.db.pool, settings.seed_persons)
    servicer = IdentityInsServicer(base.db, clients.Insi(base.db), settings.ins_platform)
    return chassis.App(servicers=[servicer], constraints=store.CONSTRAINTS)


if __name__ == "__main__":
    chassis.run("identity-ins", build, Settings)
