"""One replica of a service: answers any call of any method after a moment; `replica_app.py port`."""

import asyncio
import sys
from typing import Any

import grpc
from grpc_health.v1 import health_pb2_grpc

from chassis import health, transport
from chassis.settings import Settings


async def answer(request: bytes, context: Any) -> bytes:
    """The request itself."""
    await asyncio.sleep(0.003)
    return request


class EveryMethod(grpc.GenericRpcHandler):
    """Every method is known."""

    def service(self, details: grpc.HandlerCallDetails) -> Any:
        return None if "grpc.health" in str(details.method) else grpc.unary_unary_rpc_method_handler(answer)


async def replica(port: int, settings: Settings) -> tuple[grpc.aio.Server, health.Health, int]:
    """A server that takes calls; its health, its port."""
    server = grpc.aio.server(options=transport.server_options(settings))
    told = health.Health()
    health_pb2_grpc.add_HealthServicer_to_server(told, server)
    server.add_generic_rpc_handlers((EveryMethod(),))
    await told.set(health.CALLS, health.SERVING)
    bound = server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    return server, told, bound


async def main() -> None:
    server, _, _ = await replica(int(sys.argv[1]), Settings())
    sys.stdout.write("listening\n")
    sys.stdout.flush()
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(main())
