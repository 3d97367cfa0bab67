"""gRPC connections, both ends: sizes, keepalive, mutual TLS, which replica is called and which calls are sent
again. What goes over them is `rpc`'s affair.

A client knows every replica of a service, calls each in turn, and watches the health of each: one that stops
says so first, and is left before its door is shut. A call that changes nothing is sent again, elsewhere, when
no answer came; one that changes is never sent twice by a machine: whether it was done is known by the
Idempotency-Key of who asked.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, Self

import grpc
from google.protobuf.descriptor import FileDescriptor

from socle.options.v1 import options_pb2

from . import tls
from .settings import Settings

METADATA_MOST = 32 * 1024
# The name under which a server says, to those who watch it, whether it takes calls.
CALLS = "socle.calls"
# Told on a port that anyone may reach: nothing of size goes over it.
PROBED: list[tuple[str, int]] = [("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", 4096)]
# Seconds. Running calls end over the former connection of a channel, or of a server's old age.
FORMER_ENDS_WITHIN = 600.0
# Seconds a new connection is waited for before the former one is given up all the same.
READY_WITHIN = 10.0

# An answer lost once comes from another replica within a second; while most calls fail, none is sent again
# (`retryThrottling`), or a service in trouble would get several times its usual calls.
AGAIN = {
    "maxAttempts": 4,
    "initialBackoff": "0.05s",
    "maxBackoff": "0.5s",
    "backoffMultiplier": 3,
    # CANCELLED is what a server that stops says to a call that arrives just then.
    "retryableStatusCodes": ["UNAVAILABLE", "CANCELLED"],
}
THROTTLED = {"maxTokens": 50, "tokenRatio": 0.5}


def options(settings: Settings) -> list[tuple[str, int]]:
    """What both ends of a connection agree on."""
    most = settings.grpc_max_message_bytes
    return [
        ("grpc.max_receive_message_length", most),
        ("grpc.max_send_message_length", most),
        # Room for the details of an error; one that does not fit arrives as another one.
        ("grpc.max_metadata_size", METADATA_MOST),
        ("grpc.absolute_max_metadata_size", 2 * METADATA_MOST),
        ("grpc.keepalive_time_ms", 20_000),
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.initial_reconnect_backoff_ms", 100),
        # A service that is back is called again within half a second.
        ("grpc.max_reconnect_backoff_ms", 500),
    ]


def server_options(settings: Settings) -> list[tuple[str, int]]:
    """What a server adds. Two programs on one port would each get half of the calls, without a word. A
    connection has an age: a client that keeps one for ever never calls a replica added since, and stays
    believed by a certificate that expired.
    """
    return [
        *options(settings),
        ("grpc.so_reuseport", 0),
        ("grpc.max_connection_age_ms", round(settings.grpc_connection_age_seconds * 1000)),
        ("grpc.max_connection_age_grace_ms", round(FORMER_ENDS_WITHIN * 1000)),
    ]


def client_options(settings: Settings, name: str) -> list[tuple[str, Any]]:
    """What a client adds, for a service of this name."""
    return [
        *options(settings),
        ("grpc.service_config", service_config(name)),
        # After a replica has left, the name is asked again at once, not after half a minute.
        ("grpc.dns_min_time_between_resolutions_ms", 500),
    ]


@cache
def service_config(name: str) -> str:
    """How calls are spread and sent again (gRPC service config, JSON)."""
    reads = [{"service": service, "method": method} for service, method in reads_of(name)]
    config: dict[str, Any] = {
        "loadBalancingConfig": [{"round_robin": {}}],
        "healthCheckConfig": {"serviceName": CALLS},
        "retryThrottling": THROTTLED,
    }
    if reads:
        config["methodConfig"] = [{"name": reads, "retryPolicy": AGAIN}]
    return json.dumps(config)


def reads_of(name: str) -> list[tuple[str, str]]:
    """The RPCs of a service that change nothing, as (service, method); none for a name without a contract."""
    return [
        (service.full_name, method.name)
        for contract in _contracts(name)
        for service in contract.services_by_name.values()
        for method in service.methods
        if not method.GetOptions().Extensions[options_pb2.rule].changes
    ]


def _contracts(name: str) -> Iterator[FileDescriptor]:
    # One name, everywhere: the package of a contract is the service's.
    package = f"socle.{name.replace('-', '_')}.v1"
    try:
        found = import_module(package)
    except ModuleNotFoundError:
        return
    for module in iter_modules(found.__path__, f"{package}."):
        if module.name.endswith("_pb2"):
            yield import_module(module.name).DESCRIPTOR


def channel(target: str, settings: Settings, name: str = "") -> grpc.aio.Channel:
    """A channel to the service `name`, with this program's certificate when there is one.

    `target` is `host:port`, `dns:///name:port` (every address of the name) or `ipv4:a:port,b:port`. With a
    certificate, and a name, the other end must show that very name, at whatever address it is found.
    """
    arguments = client_options(settings, name)
    held = tls.Certificates.of(settings)
    if held is None:
        return grpc.aio.insecure_channel(target, options=arguments)
    if name:
        arguments.append(("grpc.ssl_target_name_override", name))
    return Following(lambda shown: _secure(target, shown, arguments), held)


def _secure(target: str, shown: tls.Identity, arguments: list[tuple[str, Any]]) -> grpc.aio.Channel:
    credentials = grpc.ssl_channel_credentials(shown.authorities, shown.key, shown.cert)
    return grpc.aio.secure_channel(target, credentials, options=arguments)


class Following(grpc.aio.Channel):
    """A channel whose certificate follows its files. gRPC's own keeps for ever what it was made with: so
    there is one behind, replaced by another once that one is connected, left when its last call has ended.
    """

    def __init__(self, make: Callable[[tls.Identity], grpc.aio.Channel], held: tls.Certificates) -> None:
        self._make, self._held = make, held
        self._shown = held.now()
        self._behind = make(self._shown)
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def behind(self) -> grpc.aio.Channel:
        """The channel of gRPC that calls go through now."""
        shown = self._held.now()
        if shown is not self._shown:
            self._shown = shown
            task = asyncio.ensure_future(self._replace(shown))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return self._behind

    async def _replace(self, shown: tls.Identity) -> None:
        fresh = self._make(shown)
        with suppress(TimeoutError):
            async with asyncio.timeout(READY_WITHIN):
                await fresh.channel_ready()
        former = fresh
        if shown is self._shown:
            former, self._behind = self._behind, fresh
        await former.close(FORMER_ENDS_WITHIN)

    def unary_unary(self, *given: Any, **named: Any) -> Any:
        return Method(self, "unary_unary", given, named)

    def unary_stream(self, *given: Any, **named: Any) -> Any:
        return Method(self, "unary_stream", given, named)

    def stream_unary(self, *given: Any, **named: Any) -> Any:
        return Method(self, "stream_unary", given, named)

    def stream_stream(self, *given: Any, **named: Any) -> Any:
        return Method(self, "stream_stream", given, named)

    async def close(self, grace: float | None = None) -> None:
        for task in list(self._tasks):
            task.cancel()
        await self._behind.close(grace)

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        return self.behind.get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        await self.behind.wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        await self.behind.channel_ready()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class Method:
    """One RPC of a following channel, as the generated stubs keep it."""

    def __init__(self, owner: Following, kind: str, given: Any, named: Any) -> None:
        self._owner, self._kind, self._given, self._named = owner, kind, given, named
        # `/package.Service/Method`, for those who time and trace the call.
        self.path: str = given[0]
        self._behind: grpc.aio.Channel | None = None
        self._method: Any = None

    def __call__(self, *given: Any, **named: Any) -> Any:
        behind = self._owner.behind
        if behind is not self._behind:
            self._behind = behind
            self._method = getattr(behind, self._kind)(*self._given, **self._named)
        return self._method(*given, **named)


def server_credentials(settings: Settings) -> grpc.ServerCredentials | None:
    """Mutual TLS when the settings give certificates; who connects is shown those of the files as they are
    then, and is judged by the authorities of then.
    """
    held = tls.Certificates.of(settings)
    if held is None:
        return None
    given = held.now()

    # None is "as before"; the stubs of the library do not know.
    def fetch() -> Any:
        nonlocal given
        shown = held.now()
        if shown is given:
            return None
        given = shown
        return _configuration(shown)

    return grpc.dynamic_ssl_server_credentials(
        _configuration(given), fetch, require_client_authentication=True
    )


def _configuration(shown: tls.Identity) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration([(shown.key, shown.cert)], shown.authorities)


def listen(
    server: grpc.aio.Server, address: str, credentials: grpc.ServerCredentials | None, setting: str
) -> None:
    """Has a server listen. Raises OSError with the setting to change when the address cannot be had."""
    try:
        if credentials:
            server.add_secure_port(address, credentials)
        else:
            server.add_insecure_port(address)
    except RuntimeError:
        raise OSError(f"{address} cannot be listened on: free it or change {setting}") from None
