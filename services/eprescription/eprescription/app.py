"""Composition root of eprescription: keys, law, servicers, and what runs beside them."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

import chassis
from chassis.call import utc_now

from . import store
from .api.desk import Desk
from .api.dispensing import DispensingServicer
from .api.keys import SigningKeyServicer
from .api.medicines import MedicineServicer, SafetyServicer
from .api.prescriptions import PrescriptionServicer
from .clients.identities import Identities
from .clients.record import Record
from .clients.settings import KeySettings, key_service_of, platform_keys_of, secrets_of
from .seed import load
from .workers.expiry import Expiry
from .workers.law import LawBook
from .workers.retention import Retention
from .workers.sending import Sender


class Settings(KeySettings):
    """Beside the key files, which have no default."""

    grpc_listen: str = "127.0.0.1:15053"
    # How long a pharmacy holds a prescription without a sign of life, in seconds.
    hold_seconds: int = Field(default=1800, ge=1, le=24 * 3600)
    # Longest rest after each document sent to the DMP.
    sending_pause_seconds: float = Field(default=0.25, ge=0, le=60)


def desk_of(base: chassis.Base[Settings], law: LawBook) -> Desk:
    """Keys first: a service that lacks one says so at start, not in front of a patient."""
    settings = base.settings
    return Desk(
        db=base.db,
        law=law,
        secrets=secrets_of(settings),
        signing=key_service_of(settings),
        platform=platform_keys_of(settings),
        identities=Identities(base.channel("identity-ins"), base.own_call),
        claim_ttl=timedelta(seconds=settings.hold_seconds),
    )


async def build(base: chassis.Base[Settings]) -> chassis.App:
    """The service, wired by hand; its medicines filled in on a newcomer's machine."""
    if base.settings.profile == "local":
        async with base.db.pool.acquire() as connection:
            await load.fill(connection, utc_now())
    law = await LawBook.load(base.db)
    desk = desk_of(base, law)
    record = Record(base.channel("dmp"), base.own_call)
    return chassis.App(
        servicers=[
            PrescriptionServicer(desk),
            DispensingServicer(desk),
            SigningKeyServicer(desk),
            MedicineServicer(base.db),
            SafetyServicer(desk),
        ],
        constraints=store.CONSTRAINTS,
        tasks=[
            law.run,
            Expiry(base.db).run,
            Retention(base.db, law).run,
            Sender(base.db, desk.identities, record, base.settings.sending_pause_seconds).run,
        ],
    )


if __name__ == "__main__":
    chassis.run("eprescription", build, Settings)
