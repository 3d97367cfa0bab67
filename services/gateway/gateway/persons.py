"""INS <-> person, for a while: so that a public request still costs one hop.

Outside callers speak INS, the services speak person. What identity-ins answered is kept for some minutes, and
dropped as soon as an identity event speaks of the person. While the events do not come (NATS away), nothing
is kept nor believed: slower, never wrong.
"""

from __future__ import annotations

from cachetools import TTLCache

from socle.identity_ins.v1 import identity_ins_pb2

from .clients import Platform, Visit
from .settings import Settings

Key = tuple[str, str]


class Persons:
    """The two directions of one small cache. INS live in memory only, never in a log."""

    def __init__(self, settings: Settings) -> None:
        size, seconds = settings.person_cache_size, settings.person_cache_seconds
        self._person: TTLCache[Key, str] = TTLCache(size, seconds)
        self._ins: TTLCache[str, Key] = TTLCache(size, seconds)
        self.trusted = False
        self._changes = 0

    def trust(self, heard: bool) -> None:
        """Whether identity events are being heard; a gap in hearing them empties everything."""
        if not heard or not self.trusted:
            self._person.clear()
            self._ins.clear()
        self.trusted = heard

    def forget(self, person_id: str) -> None:
        """Something changed about this person."""
        self._changes += 1
        key = self._ins.pop(person_id, None)
        if key is not None:
            self._person.pop(key, None)

    def learn(self, person_id: str, ins: identity_ins_pb2.Ins) -> None:
        """Keeps a pair that identity-ins gave."""
        if self.trusted:
            key = (ins.matricule, ins.oid)
            self._person[key], self._ins[person_id] = person_id, key

    def ins_of(self, person_id: str) -> identity_ins_pb2.Ins | None:
        """The INS of a person, when it is at hand.

        Only for rendering a document whose reader was already allowed by dmp: the bytes of that document name
        the patient by the same INS. Never asked over the network, so that reading stays one hop.
        """
        key = self._ins.get(person_id)
        return identity_ins_pb2.Ins(matricule=key[0], oid=key[1]) if key else None

    async def resolve(self, ins: identity_ins_pb2.Ins, platform: Platform, visit: Visit) -> str:
        """The person of an INS; raises what identity-ins raises when it knows none, or the key is wrong."""
        key = (ins.matricule, ins.oid)
        known = self._person.get(key)
        # `forget` knows one number of a person; another one (a former number, or a pair whose other half was
        # pushed out) is not believed, since no event would have dropped it.
        if known is not None and self._ins.get(known) == key:
            return known
        before = self._changes
        request = identity_ins_pb2.ResolvePersonRequest(ins=ins)
        answer: identity_ins_pb2.ResolvePersonResponse
        answer = await platform.ask(platform.identity.ResolvePerson, request, visit)
        # An event heard while the answer was under way may speak of this person: then the answer is used, not
        # kept. Nor is a former number, which `ins_of` must not hand on.
        if before == self._changes and not answer.former:
            self.learn(answer.person_id, ins)
        return answer.person_id
