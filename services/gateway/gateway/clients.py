"""The services behind, and the caller's way to them: the only file here that talks gRPC."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import grpc
from cachetools import TTLCache
from google.protobuf.message import Message
from grpc_health.v1 import health_pb2, health_pb2_grpc

from chassis import rpc, transport
from chassis.call import Call
from socle.dmp.v1 import dmp_pb2_grpc, journal_pb2_grpc, policy_pb2_grpc, records_pb2_grpc
from socle.eprescription.v1 import (
    dispensing_pb2_grpc,
    eprescription_pb2_grpc,
    medicines_pb2_grpc,
    signing_pb2_grpc,
)
from socle.identity_ins.v1 import exchange_pb2_grpc, identity_ins_pb2_grpc, insi_pb2_grpc, vigilance_pb2_grpc

from .settings import Settings

R = TypeVar("R", bound=Message)
PROBE_SECONDS = 1.0
PROBES_KEPT = 1.0
KEY = "idempotency-key"


@dataclass(frozen=True, slots=True)
class Visit:
    """One request of one caller, ready to be passed on: token, deadline, trace, purpose, idempotency key."""

    call: Call
    more: tuple[tuple[str, str], ...] = ()

    @property
    def keyed(self) -> bool:
        """The caller may send this again: an `Idempotency-Key` came with it."""
        return any(name == KEY for name, _ in self.more)

    def step(self, name: str) -> Visit:
        """The same visit for one of several calls it takes; the key of a step is made from the caller's."""
        more = tuple(
            (header, _derived(value, name) if header == KEY else value) for header, value in self.more
        )
        return replace(self, more=more)


def _derived(key: str, step: str) -> str:
    return hashlib.sha256(f"{key}\n{step}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Probe:
    """The health of a service, as it says so itself."""

    service: str
    status: str
    milliseconds: float


class Platform:
    """One channel and one stub a service."""

    def __init__(self, settings: Settings) -> None:
        self.channels = {
            name: transport.channel(target, settings, name) for name, target in settings.services.items()
        }
        # The generated stubs are typed for synchronous channels; on aio channels every method is awaitable.
        identity = self.channels["identity-ins"]
        self.identity: Any = identity_ins_pb2_grpc.IdentityInsServiceStub(identity)
        self.insi: Any = insi_pb2_grpc.InsiServiceStub(identity)
        self.vigilance: Any = vigilance_pb2_grpc.VigilanceServiceStub(identity)
        self.exchange: Any = exchange_pb2_grpc.ExchangeServiceStub(identity)
        dmp = self.channels["dmp"]
        self.dmp: Any = dmp_pb2_grpc.DmpServiceStub(dmp)
        self.records: Any = records_pb2_grpc.RecordServiceStub(dmp)
        self.policy: Any = policy_pb2_grpc.PolicyServiceStub(dmp)
        self.journal: Any = journal_pb2_grpc.JournalServiceStub(dmp)
        erx = self.channels["eprescription"]
        self.prescriptions: Any = eprescription_pb2_grpc.PrescriptionServiceStub(erx)
        self.dispensing: Any = dispensing_pb2_grpc.DispensingServiceStub(erx)
        self.medicines: Any = medicines_pb2_grpc.MedicineServiceStub(erx)
        self.safety: Any = medicines_pb2_grpc.SafetyServiceStub(erx)
        self.signing_keys: Any = signing_pb2_grpc.SigningKeyServiceStub(erx)
        # Pages and probes ask without a token: however many they are, a service is asked once a second.
        self._probes: TTLCache[str, asyncio.Future[list[Probe]]] = TTLCache(1, PROBES_KEPT)

    async def ask(self, method: Callable[..., Awaitable[R]], request: Message, visit: Visit) -> R:
        """Calls a service for the caller; its errors come back as errors of the house."""
        return await rpc.invoke(method, request, visit.call, more=visit.more)

    async def probe(self) -> list[Probe]:
        """The health of every service, asked at once; the same answer for everyone within a second."""
        asked = self._probes.get("all")
        if asked is None:
            probes = (self._probe(name, channel) for name, channel in self.channels.items())
            asked = self._probes["all"] = asyncio.ensure_future(_together(probes))
        return await asyncio.shield(asked)

    async def _probe(self, name: str, channel: grpc.aio.Channel) -> Probe:
        began = time.monotonic()
        health: Any = health_pb2_grpc.HealthStub(channel)
        try:
            answer = await health.Check(health_pb2.HealthCheckRequest(), timeout=PROBE_SECONDS)
            status = health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status).lower()
        except grpc.aio.AioRpcError as error:
            status = error.code().name.lower()
        return Probe(name, status, round((time.monotonic() - began) * 1000, 1))

    async def close(self) -> None:
        """Ends every channel."""
        await asyncio.gather(*(channel.close() for channel in self.channels.values()))


async def _together(probes: Iterable[Coroutine[Any, Any, Probe]]) -> list[Probe]:
    return await asyncio.gather(*probes)
