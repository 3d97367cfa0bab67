"""Is a component ready? Asked the way its clients will ask."""

from collections.abc import Callable

import grpc
import httpx
from grpc_health.v1 import health_pb2

from socle_local.credentials import Certificate
from socle_local.ports import listens

SECONDS = 1.0


def http_ready(port: int, path: str) -> Callable[[], bool]:
    """A probe that holds when `GET path` answers 200."""

    def ready() -> bool:
        if not listens(port):
            return False
        try:
            # Proxies of the environment are for the outside: they must not be asked about loopback.
            return (
                httpx.get(f"http://127.0.0.1:{port}{path}", timeout=SECONDS, trust_env=False).status_code
                == 200
            )
        except httpx.HTTPError:
            return False

    return ready


def grpc_ready(port: int, certificate: Certificate | None) -> Callable[[], bool]:
    """A probe that holds when the service says SERVING for itself as a whole."""

    def ready() -> bool:
        if not listens(port):
            return False
        with channel(f"127.0.0.1:{port}", certificate) as open_channel:
            try:
                answer = asking(open_channel)(health_pb2.HealthCheckRequest(), timeout=SECONDS)
            except grpc.RpcError:
                return False
            return answer.status == health_pb2.HealthCheckResponse.SERVING

    return ready


def asking(
    open_channel: grpc.Channel,
) -> "grpc.UnaryUnaryMultiCallable[health_pb2.HealthCheckRequest, health_pb2.HealthCheckResponse]":
    """The health call of a channel, with the types its generated stub does not carry."""
    return open_channel.unary_unary(
        "/grpc.health.v1.Health/Check",
        request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
        response_deserializer=health_pb2.HealthCheckResponse.FromString,
    )


def channel(address: str, certificate: Certificate | None) -> grpc.Channel:
    """A channel to a service, with mutual TLS when there is a certificate."""
    if certificate is None:
        return grpc.insecure_channel(address)
    files = (certificate.ca, certificate.key, certificate.cert)
    return grpc.secure_channel(address, grpc.ssl_channel_credentials(*(path.read_bytes() for path in files)))
