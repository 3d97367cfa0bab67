"""identity-ins, asked whether a structure may deposit about a person."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import grpc

from chassis import rpc
from chassis.call import Call
from dmp.domain import PersonId
from socle.identity_ins.v1 import identity_ins_pb2 as pb
from socle.identity_ins.v1 import identity_ins_pb2_grpc as stubs


class Standing:
    """identity-ins, asked by this service on its own account: is a person qualifiée in a structure?"""

    def __init__(self, channel: grpc.aio.Channel, own_call: Callable[[Call], Awaitable[Call]]) -> None:
        self._stub = stubs.IdentityInsServiceStub(channel)
        self._own_call = own_call

    async def is_qualified(self, person: PersonId, domain: str, call: Call) -> bool:
        """Raises Unavailable when identity-ins does not answer: the deposit may be sent again."""
        request = pb.GetStandingRequest(person_id=person.value, domain=domain)
        answer = await rpc.invoke(self._stub.GetStanding, request, await self._own_call(call))
        return answer.qualified
