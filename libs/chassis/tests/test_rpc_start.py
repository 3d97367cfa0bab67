"""A contract that lets anyone or anything in, or that nobody serves, stops the server at start."""

from types import ModuleType
from typing import Any

import pytest
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import Message

from chassis import rpc
from chassis.call import Call
from chassis.testing import LocalIssuer


class Silent:
    """Has a method of every name."""

    def __init__(self, probe: ModuleType, name: str) -> None:
        self.service: ServiceDescriptor = probe.DESCRIPTOR.services_by_name[name]

    async def Anything(self, request: Any, call: Call) -> Message:
        raise AssertionError("no test calls this method")

    SendMap = Anything


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("NoRuleService", r"NoRuleService\.Anything has no \(socle\.options\.v1\.rule\)"),
        ("NobodyService", r"NobodyService\.Anything has no \(socle\.options\.v1\.rule\)"),
        ("MapService", r"Mapped\.labels is a map"),
    ],
)
def test_a_contract_that_lets_anyone_or_anything_in_stops_the_server(
    probe: ModuleType, issuer: LocalIssuer, name: str, told: str
) -> None:
    with pytest.raises(rpc.ContractFault, match=told):
        rpc.handlers(Silent(probe, name), rpc.Runtime(issuer.verifier(), None))


def test_a_servicer_without_a_method_stops_the_server(probe: ModuleType, issuer: LocalIssuer) -> None:
    class Half:
        service = probe.DESCRIPTOR.services_by_name["ProbeService"]

        async def WriteNote(self, request: Any, call: Call) -> Any:
            raise AssertionError("no test calls this method")

    with pytest.raises(
        rpc.ContractFault, match=r"Half does not implement socle\.probe\.v1\.ProbeService\.ReadNote"
    ):
        rpc.handlers(Half(), rpc.Runtime(issuer.verifier(), None))
