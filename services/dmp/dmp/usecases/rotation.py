"""Keys of records under a new version of the master key, and the end of an old version."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from chassis import audit
from chassis.caller import Caller
from chassis.db import Tx
from chassis.errors import RuleViolated
from dmp.domain.sealing import Wrapped
from dmp.store import erasure, keys
from dmp.store.keys import Stored

# Whom these lines of the journal are about: no person.
SUBJECT = "dmp.master_key"


class VersionInUse(RuleViolated):
    """Keys of records are still wrapped by this version of the master key, or by an older one."""


async def keep_rewrapped(tx: Tx, olds: Sequence[Stored], news: Sequence[Wrapped]) -> int:
    """Each new wrapping in the place of the old one, but for keys that changed meanwhile; how many."""
    return await keys.replace_keys(tx, olds, news)


def tell(tx: Tx, caller: Caller, act: str, version: int, now: datetime) -> None:
    """What an operator does to the master key is in the journal before it is done."""
    audit.record(tx, caller, f"dmp_master_key.{act}", SUBJECT, object_id=f"v{version}", now=now)


async def require_unused(tx: Tx, version: int) -> None:
    """Raises VersionInUse: what is wrapped by this version or an older one would be lost with it."""
    used = {number: n for number, n in (await keys.count_by_version(tx)).items() if number <= version}
    if used:
        raise VersionInUse(hint=f"Run `python -m dmp.keys rewrap` first: {sum(used.values())} keys are left.")


async def say_destroyed(tx: Tx, version: int, now: datetime) -> int:
    """The receipts of records whose key it had wrapped say since when backups are unreadable; how many."""
    return await erasure.say_unreadable(tx, version, now)
