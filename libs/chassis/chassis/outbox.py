"""Events are rows, written with what they tell of; the relay carries them to JetStream afterwards."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache

import orjson
from google.protobuf.descriptor import Descriptor
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from socle.options.v1 import options_pb2

from .db import Tx
from .ids import Id
from .schema import OUTBOX


class EventId(Id):
    """An event; also its CloudEvents id and its JetStream message id."""


def emit(tx: Tx, event: Message, *, now: datetime) -> str:
    """Adds an event to the transaction; its id. Subject and aggregate come from the contract."""
    option = declared(event.DESCRIPTOR)
    event_id = EventId.new().value
    aggregate = f"{option.subject.rsplit('.', 3)[1]}/{getattr(event, option.aggregate)}"
    tx.insert(
        OUTBOX,
        id=event_id,
        subject=option.subject,
        aggregate=aggregate,
        data=orjson.dumps(MessageToDict(event, preserving_proto_field_name=True)),
        traceparent=tx.call.traceparent,
        actor=tx.call.caller.public_subject,
        occurred_at=now,
    )
    tx.has_events = True
    return event_id


@lru_cache
def declared(descriptor: Descriptor) -> options_pb2.Event:
    """What the contract says of an event; a message without the option is not an event."""
    options = descriptor.GetOptions()
    if not options.HasExtension(options_pb2.event):
        raise TypeError(f"{descriptor.full_name} has no (socle.options.v1.event) option in its contract")
    option: options_pb2.Event = options.Extensions[options_pb2.event]
    return option
