"""What a provider of master keys must offer.

A record's key is stored next to the record, wrapped by a version of the master key that only the provider
holds. Wrapping is bound to the person: the key of one record cannot be put in the place of another's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from chassis.errors import RuleViolated, SocleError
from dmp.domain.sealing import Wrapped


class KeyDestroyed(RuleViolated):
    """The key of this record was destroyed: nothing that was sealed with it can be read by anybody."""

    remedy = "Only a restored backup can be in this state: see the how-to on rotating keys and erasing."


class KeyRefused(SocleError):
    """The key provider does not recognise the stored key of this record: it was altered, or is another's."""


class KeyProvider(Protocol):
    """Holds the versions of the master key; no other part of the platform ever sees one.

    `about` names whose key it is and must be the same when it is opened. Every method raises Unavailable when
    the provider does not answer.
    """

    async def wrap(self, secret: bytes, about: str) -> Wrapped:
        """Under the current version."""
        ...

    async def unwrap(self, wrapped: Wrapped, about: str) -> bytes:
        """What was wrapped; raises KeyDestroyed, or KeyRefused when it was altered or is about another."""
        ...

    async def rewrap(self, wrapped: Sequence[tuple[Wrapped, str]]) -> list[Wrapped]:
        """The same secrets under the current version, in order, each given with its `about`."""
        ...

    async def versions(self) -> list[int]:
        """The versions that exist, oldest first; the last is the current one."""
        ...

    async def rotate(self) -> int:
        """Makes a new version and the current one of it; its number."""
        ...

    async def destroy(self, version: int) -> None:
        """Destroys this version and every older one, for ever; raises ValueError for the current one."""
        ...
