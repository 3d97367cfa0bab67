"""The third yardstick: FastAPI, one gRPC call to another Python process, and nothing behind it.

It is the floor of any public request that costs one hop: what is above it is what the platform itself adds.
`python -m bench.hop` is the process behind; `uvicorn bench.hop:app` the one in front.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import uvloop
from fastapi import FastAPI, Request
from fastapi.responses import Response

from bench.ports import HOP

METHOD = "/socle.bench.v1.Hop/Echo"
# About what an identity takes on the wire.
BODY = b"x" * 300


async def echo(body: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
    return body


async def serve() -> None:
    """The service behind: it answers what it was sent."""
    server = grpc.aio.server()
    handler: Any = grpc.unary_unary_rpc_method_handler(echo)
    service, _, method = METHOD[1:].partition("/")
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {method: handler}),))
    server.add_insecure_port(f"127.0.0.1:{HOP}")
    await server.start()
    await server.wait_for_termination()


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{HOP}") as channel:
        app.state.call = channel.unary_unary(METHOD)
        yield


app = FastAPI(openapi_url=None, lifespan=lifespan)


@app.get("/hop")
async def hop(request: Request) -> Response:
    return Response(await request.app.state.call(BODY), media_type="application/json")


if __name__ == "__main__":
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    asyncio.run(serve())
