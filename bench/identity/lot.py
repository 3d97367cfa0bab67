"""A lot of verifications from the first line to the last result, through gRPC."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import grpc

from bench.identity.draw import lot_lines
from socle.identity_ins.v1 import insi_pb2 as pb

SERVICE = "/socle.identity_ins.v1.InsiService/"
LINES, AT_ONCE = 100_000, 5_000
PATIENCE = 600.0


@dataclass(frozen=True, slots=True)
class LotOutcome:
    """Seconds of the filling and of the work, and what became of the lines."""

    lines: int
    filling: float
    working: float
    confirmed: int
    not_confirmed: int
    broken: int

    @property
    def rate(self) -> float:
        """Lines per second, from the submission to the last result."""
        return self.lines / self.working


def run_lot(address: str, token: str, size: int, lines: int = LINES) -> LotOutcome:
    """Fills, submits and awaits a lot; raises RuntimeError when it does not end."""
    messages = list(lot_lines(size, lines, size))
    with grpc.insecure_channel(address) as channel:
        ask = Asking(channel, token)
        lot = ask("OpenVerificationLot", pb.OpenVerificationLotRequest(label="bench")).lot
        began = time.perf_counter()
        for first in range(0, lines, AT_ONCE):
            part = messages[first : first + AT_ONCE]
            ask(
                "AddVerificationLines", pb.AddVerificationLinesRequest(lot_id=lot.id, first=first, lines=part)
            )
        filled = time.perf_counter()
        ask("SubmitVerificationLot", pb.SubmitVerificationLotRequest(lot_id=lot.id))
        done = awaited(ask, lot.id)
        ended = time.perf_counter()
    counts = done.confirmed, done.not_confirmed, done.broken
    return LotOutcome(lines, filled - began, ended - filled, *counts)


class Asking:
    """The calls of one client, by name."""

    def __init__(self, channel: grpc.Channel, token: str) -> None:
        self._channel = channel
        self._metadata = [("authorization", f"Bearer {token}")]

    def __call__(self, method: str, request: Any) -> Any:
        descriptor = pb.DESCRIPTOR.services_by_name["InsiService"].methods_by_name[method]
        call: Any = self._channel.unary_unary(
            SERVICE + method,
            request_serializer=type(request).SerializeToString,
            response_deserializer=getattr(pb, descriptor.output_type.name).FromString,
        )
        return call(request, metadata=self._metadata, timeout=60)


def awaited(ask: Asking, id: str) -> pb.VerificationLot:
    """The lot once it is done."""
    limit = time.monotonic() + PATIENCE
    while time.monotonic() < limit:
        lot: pb.VerificationLot = ask("GetVerificationLot", pb.GetVerificationLotRequest(lot_id=id)).lot
        if lot.state == pb.LOT_STATE_DONE:
            return lot
        time.sleep(0.1)
    raise RuntimeError(f"The lot was not done after {PATIENCE:.0f} s.")
