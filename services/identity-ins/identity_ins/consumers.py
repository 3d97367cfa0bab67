"""Events in: our own, told to hospital software as HL7 v2 messages.

One durable for all of them: a number that is dropped must never be overtaken by the message that gave it.
"""

from __future__ import annotations

from chassis.consume import on
from socle.identity_ins.v1 import events_pb2 as identity

from .usecases import exchange

DURABLE = "identity-ins-write-pam"
TABLE = [
    on(identity.IdentityCreated, exchange.announce_created, durable=DURABLE),
    on(identity.IdentityRetrieved, exchange.update_changed, durable=DURABLE),
    on(identity.IdentityValidated, exchange.update_changed, durable=DURABLE),
    on(identity.IdentityQualified, exchange.update_changed, durable=DURABLE),
    on(identity.IdentityChanged, exchange.update_changed, durable=DURABLE),
    on(identity.IdentityDowngraded, exchange.drop_downgraded, durable=DURABLE),
    on(identity.IdentityInsReplaced, exchange.change_replaced, durable=DURABLE),
    on(identity.IdentitiesMerged, exchange.update_merged, durable=DURABLE),
    on(identity.IdentitiesUnmerged, exchange.update_unmerged, durable=DURABLE),
]
