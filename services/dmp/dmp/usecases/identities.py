"""What identity-ins tells: which structure may feed whose record."""

from __future__ import annotations

from datetime import datetime

from chassis.db import Tx
from dmp import store
from socle.identity_ins.v1 import events_pb2 as ev


async def follow_qualified(tx: Tx, event: ev.IdentityQualified, now: datetime) -> None:
    """The structure may open and feed the record of this person from now on."""
    await _know(tx, event, qualified=True)


async def follow_downgraded(tx: Tx, event: ev.IdentityDowngraded, now: datetime) -> None:
    """The structure may feed it no longer; what it deposited stays."""
    await _know(tx, event, qualified=False)


async def _know(tx: Tx, event: ev.IdentityQualified | ev.IdentityDowngraded, *, qualified: bool) -> None:
    await store.save_identity(
        tx,
        identity_id=event.identity_id,
        domain=event.domain,
        person_id=event.person_id,
        version=event.version,
        qualified=qualified,
    )
