"""A line of the access journal as its reader sees it, in the message that every contract shares."""

from __future__ import annotations

from google.protobuf.timestamp_pb2 import Timestamp

from socle.common.v1 import common_pb2

from .audit import Entry
from .rpc import KINDS

ACTORS = {kind.value: number for number, kind in KINDS.items()}


def entry(of: Entry, person: str) -> common_pb2.AuditEntry:
    """A line of the journal of `person` (an opaque id), who reads "self" where they acted.

    A representative stays an opaque person: a name would have to come from identity-ins.
    """
    occurred_at = Timestamp()
    occurred_at.FromDatetime(of.occurred_at)
    return common_pb2.AuditEntry(
        id=of.id,
        occurred_at=occurred_at,
        actor_kind=ACTORS[of.actor_kind],  # type: ignore[arg-type]
        actor="self" if of.actor == f"person:{person}" else of.actor,
        actor_name=of.actor_name,
        organisation=of.organisation,
        action=of.action,
        outcome=of.outcome,
        object_id=of.object_id,
        purpose=of.purpose,
        reason=of.reason,
        rules=of.rules,
        hits=[common_pb2.AuditHit(object_id=hit.object_id, rules=hit.rules) for hit in of.hits],
    )
