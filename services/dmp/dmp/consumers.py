"""Events in. One durable for both facts: a downgrade must never overtake the qualification it undoes."""

from __future__ import annotations

from chassis.consume import on
from socle.identity_ins.v1 import events_pb2 as identity

from . import usecases

DURABLE = "dmp-follow-identities"
TABLE = [
    on(identity.IdentityQualified, usecases.follow_qualified, durable=DURABLE),
    on(identity.IdentityDowngraded, usecases.follow_downgraded, durable=DURABLE),
]
