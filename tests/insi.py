"""INSi of a running platform by gRPC, as the software of a hospital calls it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self

import grpc

from identity_ins import seed
from identity_ins.domain.insi import fourni_of
from socle.identity_ins.v1 import identity_ins_pb2_grpc, insi_pb2, insi_pb2_grpc
from socle_local.issuer.tokens import fetch
from socle_local.platform import Platform

AT_ONCE = 5_000
Result = tuple[int, str, int, str]


@dataclass(frozen=True, slots=True)
class Insi:
    """Both contracts that ask INSi, in the name of the hospital's secretary."""

    insi: insi_pb2_grpc.InsiServiceAsyncStub
    identities: identity_ins_pb2_grpc.IdentityInsServiceAsyncStub
    token: str

    @classmethod
    @asynccontextmanager
    async def on(cls, platform: Platform) -> AsyncIterator[Self]:
        token = fetch(platform.issuer_url, "secretary")
        async with grpc.aio.insecure_channel(platform.ports.address("identity-ins")) as channel:
            insi: Any = insi_pb2_grpc.InsiServiceStub(channel)
            identities: Any = identity_ins_pb2_grpc.IdentityInsServiceStub(channel)
            yield cls(insi, identities, token)

    async def ask(self, method: str, request: Any) -> Any:
        """One call; it waits for a service that is on its way back."""
        stub = self.insi if hasattr(self.insi, method) else self.identities
        metadata = [("authorization", f"Bearer {self.token}")]
        return await getattr(stub, method)(request, metadata=metadata, timeout=20, wait_for_ready=True)

    async def submit(self, lines: Sequence[insi_pb2.VerificationLine]) -> str:
        """The id of a lot of these lines, submitted."""
        lot = (await self.ask("OpenVerificationLot", insi_pb2.OpenVerificationLotRequest())).lot
        for first in range(0, len(lines), AT_ONCE):
            request = insi_pb2.AddVerificationLinesRequest(
                lot_id=lot.id, first=first, lines=lines[first : first + AT_ONCE]
            )
            await self.ask("AddVerificationLines", request)
        await self.ask("SubmitVerificationLot", insi_pb2.SubmitVerificationLotRequest(lot_id=lot.id))
        return str(lot.id)

    async def lot(self, id: str) -> insi_pb2.VerificationLot:
        answer = await self.ask("GetVerificationLot", insi_pb2.GetVerificationLotRequest(lot_id=id))
        lot: insi_pb2.VerificationLot = answer.lot
        return lot

    async def results(self, id: str) -> list[Result]:
        """The result file: position, reference, outcome and problem of each line."""
        found: list[Result] = []
        while True:
            request = insi_pb2.ListVerificationResultsRequest(lot_id=id, first=len(found), size=AT_ONCE)
            part = (await self.ask("ListVerificationResults", request)).results
            if not part:
                return found
            found += [(one.position, one.reference, one.outcome, one.problem) for one in part]


def line_of(n: int, **changes: str) -> insi_pb2.VerificationLine:
    """The line that INSi confirms for fictitious person number n, or that with changes; n is its mark."""
    person = seed.person(n)
    fourni = fourni_of(person.ins, person.traits)
    names = [name for name in fourni.__slots__ if name != "type_matricule"]
    values = {name: getattr(fourni, name) for name in names}
    return insi_pb2.VerificationLine(**{**values, "reference": str(n), **changes})
