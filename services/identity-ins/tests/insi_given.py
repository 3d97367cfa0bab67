"""The service of INSi on a real gRPC server, and what the tests ask it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import grpc
import pytest

from chassis import status
from chassis.caller import Caller
from chassis.db import Database
from chassis.errors import SocleError
from chassis.testing import NOW, LocalIssuer, Served, callers, served
from identity_ins import clients, seed
from identity_ins.api import InsiServicer
from identity_ins.domain import Person, Platform
from identity_ins.workers.lots import LotRunner
from socle.identity_ins.v1 import identity_ins_pb2
from socle.identity_ins.v1 import insi_pb2 as pb

from .lots_given import line_of, message_of

other_staff = replace(callers.staff, subject="3750000026/0001", organisation="1750000026")


@asynccontextmanager
async def insi_served(
    registry: Database, issuer: LocalIssuer, *, fault_every: int = 0, platform: Platform = Platform.TEST
) -> AsyncIterator[tuple[Served, LotRunner]]:
    """The service, and the worker of its lots, that nothing runs."""
    insi = clients.Insi(registry, clients.SimulatedTeleservice(registry, fault_every=fault_every))
    runner = LotRunner(registry, insi, platform, clock=lambda: NOW)
    async with served(InsiServicer(registry, insi, platform, runner.wake), registry, issuer) as running:
        yield running, runner


async def refused(
    service: Served, method: str, request: Any, caller: Caller | None, **metadata: str
) -> SocleError:
    """The error that a call ends in."""
    with pytest.raises(grpc.aio.AioRpcError) as told:
        await service.ask(method, request, caller, **metadata)
    return status.from_status(told.value)


def card_of(insured: int, person: int, rank: int = 1, age_seconds: int = 60) -> pb.SearchInsByCardRequest:
    """The card of an insured person, read for a beneficiary so many seconds ago."""
    card = identity_ins_pb2.CarteVitale(
        num_assure=seed.person(insured).ins.matricule,
        date_naissance=seed.person(person).traits.birth_date.isoformat(),
        rang_gemellaire=rank,
    )
    card.read_at.FromSeconds(int(NOW.timestamp()) - age_seconds)
    return pb.SearchInsByCardRequest(card=card)


def verification(person: Person, **changes: str) -> pb.VerifyInsTraitsRequest:
    """The verification of a person's number with that person's traits."""
    return pb.VerifyInsTraitsRequest(line=message_of(replace(line_of(person), **changes)))


async def opened(service: Served, caller: Caller = callers.staff, label: str = "June") -> str:
    """The id of a new lot."""
    answer = await service.ask("OpenVerificationLot", pb.OpenVerificationLotRequest(label=label), caller)
    return str(answer.lot.id)


def lines_from(lot_id: str, first: int, *persons: int, **changes: str) -> pb.AddVerificationLinesRequest:
    """Lines about these persons, from a position on."""
    made = [replace(line_of(seed.person(n), f"IPP-{n}"), **changes) for n in persons]
    return pb.AddVerificationLinesRequest(lot_id=lot_id, first=first, lines=map(message_of, made))


async def submitted(service: Served, *persons: int, caller: Caller = callers.staff) -> str:
    """The id of a lot about these persons, ready to be worked on."""
    lot_id = await opened(service, caller)
    await service.ask("AddVerificationLines", lines_from(lot_id, 0, *persons), caller)
    await service.ask("SubmitVerificationLot", pb.SubmitVerificationLotRequest(lot_id=lot_id), caller)
    return lot_id
