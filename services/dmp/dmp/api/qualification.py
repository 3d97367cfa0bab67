"""Has the caller's structure qualified the identity of a person? Asked before the transaction."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from chassis.call import Call
from chassis.caller import CallerKind
from chassis.db import Database
from dmp.domain import PersonId
from dmp.store import access

# identity-ins: is this person qualifiée in this structure?
Standing = Callable[[PersonId, str, Call], Awaitable[bool]]
WITHOUT = frozenset({CallerKind.CITIZEN, CallerKind.SERVICE, CallerKind.OPERATOR, CallerKind.AUDITOR})


class Qualification:
    """Our table first, identity-ins while its event is still on the way."""

    def __init__(self, db: Database, standing: Standing) -> None:
        self.db = db
        self.standing = standing

    async def of(self, person: PersonId, call: Call) -> bool:
        """Raises Unavailable when neither can tell. A citizen needs none: they are the person, or not."""
        domain = call.caller.organisation
        if call.caller.kind in WITHOUT or not domain:
            return False
        async with self.db.read() as tx:
            if await access.is_qualified(tx, person, domain):
                return True
        return await self.standing(person, domain, call)
