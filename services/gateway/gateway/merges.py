"""Which identities were merged into one: asked once for each version of it.

A merge and its undoing both make a new version of the identity that stays, so what was answered for a version
holds for good; whether the caller may see the identity is asked each time, by the read itself.
"""

from __future__ import annotations

from cachetools import LRUCache

from socle.common.v1 import common_pb2
from socle.identity_ins.v1 import identity_ins_pb2 as pb
from socle.identity_ins.v1 import vigilance_pb2 as vigilance

from .clients import Platform, Visit

KEPT = 50_000


class Merges:
    """Ids of absorbed identities, by identity and version."""

    def __init__(self) -> None:
        self._known: LRUCache[tuple[str, int], tuple[str, ...]] = LRUCache(KEPT)

    async def absorbed(self, platform: Platform, visit: Visit, identity: pb.Identity) -> tuple[str, ...]:
        """The identities merged into this one, which the caller has just read; a first version has none."""
        key = identity.id, identity.version
        if identity.version > 1 and key not in self._known:
            self._known[key] = await _ask(platform, visit, identity.id)
        return self._known.get(key, ())


async def _ask(platform: Platform, visit: Visit, identity_id: str) -> tuple[str, ...]:
    asked = vigilance.ListMergesRequest(identity_id=identity_id, page=common_pb2.PageRequest(size=200))
    found = await platform.ask(platform.vigilance.ListMerges, asked, visit)
    standing = (one for one in found.merges if one.kept_id == identity_id and not one.HasField("unmerged_at"))
    return tuple(merge.absorbed_id for merge in standing)
