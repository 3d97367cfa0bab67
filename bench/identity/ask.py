"""The load generator of gRPC: one channel, so many calls in flight, each answer read to its code.

`python -m bench.identity.ask` reads one job as JSON on its input and writes one outcome on its output.
"""

from __future__ import annotations

import base64
import itertools
import json
import sys
from dataclasses import asdict
from typing import Any, TypedDict

import grpc
import uvloop

from bench.identity.closed import closed_loop
from bench.load import Outcome
from socle.identity_ins.v1 import identity_ins_pb2, insi_pb2

SEARCH = "/socle.identity_ins.v1.IdentityInsService/SearchIns"
VERIFY = "/socle.identity_ins.v1.InsiService/VerifyInsTraits"


class Job(TypedDict):
    """`requests` are messages in base64; `method` is SEARCH or VERIFY."""

    address: str
    token: str
    method: str
    requests: list[str]
    seconds: float
    clients: int


def code_of_search(answer: bytes) -> str:
    return str(identity_ins_pb2.SearchInsResponse.FromString(answer).code)


def code_of_verification(answer: bytes) -> str:
    return "OK" if insi_pb2.VerifyInsTraitsResponse.FromString(answer).confirmed else "KO"


async def run(job: Job) -> Outcome:
    """The job, in this process."""
    turn = itertools.cycle([base64.b64decode(request) for request in job["requests"]])
    metadata = [("authorization", f"Bearer {job['token']}")]
    code_of = code_of_search if job["method"] == SEARCH else code_of_verification
    async with grpc.aio.insecure_channel(job["address"]) as channel:
        call: Any = channel.unary_unary(job["method"])

        async def ask() -> str:
            return code_of(await call(next(turn), metadata=metadata, timeout=10))

        return await closed_loop(job["seconds"], job["clients"], ask)


if __name__ == "__main__":
    json.dump(asdict(uvloop.run(run(json.load(sys.stdin)))), sys.stdout)
