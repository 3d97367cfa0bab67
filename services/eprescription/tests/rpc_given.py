"""Calls of an in-process server, and the errors of the house they end with."""

from typing import Any
from uuid import uuid4

import grpc
import pytest
from google.protobuf.message import Message

from chassis import status
from chassis.caller import Caller
from chassis.errors import SocleError
from chassis.testing import Served


async def asked(service: Served, method: str, request: Message, caller: Caller, **metadata: str) -> Any:
    """The answer; a key is made for an RPC that changes something."""
    return await service.ask(method, request, caller, **{"idempotency_key": str(uuid4()), **metadata})


async def refusal_of(service: Served, method: str, request: Message, caller: Caller) -> SocleError:
    """The error that the call ends with."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await asked(service, method, request, caller)
    return status.from_status(caught.value)
