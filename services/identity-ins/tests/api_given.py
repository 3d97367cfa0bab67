"""Requests of the local identities, sent to a real gRPC server with all its doors."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest

from chassis import status
from chassis.caller import Caller
from chassis.db import Database
from chassis.errors import SocleError
from chassis.testing import LocalIssuer, Served, callers, served
from identity_ins import clients, seed
from identity_ins.api import IdentityInsServicer
from identity_ins.domain import Platform, Sex, Traits
from socle.identity_ins.v1 import identity_ins_pb2 as pb

PATIENT, CHILD = seed.person(seed.PATIENT), seed.person(seed.OTHER_PATIENT)
SEX = {Sex.MALE: pb.SEX_MALE, Sex.FEMALE: pb.SEX_FEMALE}
TEST_OID = "1.2.250.1.213.1.4.10"
UNKNOWN_ID = "01900000-0000-7000-8000-00000000dead"


@asynccontextmanager
async def serving(database: Database, issuer: LocalIssuer, *, fault_every: int = 0) -> AsyncIterator[Served]:
    """The contract served, with an INSi that fails as often as said (0: never)."""
    insi = clients.Insi(database, clients.SimulatedTeleservice(database, fault_every=fault_every))
    async with served(IdentityInsServicer(database, insi, Platform.TEST), database, issuer) as running:
        yield running


def sent(traits: Traits, **changes: Any) -> pb.Traits:
    message = pb.Traits(
        birth_name=traits.birth_name,
        birth_first_names=traits.birth_first_names,
        sex=SEX[traits.sex],
        birth_date=traits.birth_date.isoformat(),
        birth_place=traits.birth_place,
    )
    message.MergeFrom(pb.Traits(**changes))
    return message


def number(matricule: str = PATIENT.ins.matricule, oid: str = TEST_OID) -> pb.Ins:
    return pb.Ins(matricule=matricule, oid=oid)


def retrieval(id: str) -> pb.RetrieveInsRequest:
    return pb.RetrieveInsRequest(identity_id=id)


def check(id: str, paper: str = "CN") -> pb.CheckIdentityPaperRequest:
    return pb.CheckIdentityPaperRequest(identity_id=id, paper=paper)


def doubt(id: str, reason: str = "the photo is another's") -> pb.MarkIdentityDoubtfulRequest:
    return pb.MarkIdentityDoubtfulRequest(identity_id=id, reason=reason)


def resolution(matricule: str = PATIENT.ins.matricule, oid: str = TEST_OID) -> pb.ResolvePersonRequest:
    return pb.ResolvePersonRequest(ins=number(matricule, oid))


async def created(
    service: Served, traits: Traits = PATIENT.traits, caller: Caller = callers.doctor
) -> pb.Identity:
    answer = await service.ask("CreateIdentity", pb.CreateIdentityRequest(traits=sent(traits)), caller)
    identity: pb.Identity = answer.identity
    return identity


async def linked(
    service: Served, traits: Traits = PATIENT.traits, caller: Caller = callers.doctor
) -> pb.Identity:
    identity = await created(service, traits, caller)
    answer = await service.ask("RetrieveIns", retrieval(identity.id), caller)
    assert answer.code == "00"
    found: pb.Identity = answer.identity
    return found


async def refused(
    service: Served, method: str, request: Any, caller: Caller | None, **metadata: str
) -> SocleError:
    with pytest.raises(grpc.aio.AioRpcError) as told:
        await service.ask(method, request, caller, **metadata)
    return status.from_status(told.value)


def search(sex: pb.Sex.ValueType, first_name: str = "LEO") -> pb.SearchInsRequest:
    """An INSi search of the child."""
    born = CHILD.traits.birth_date.isoformat()
    return pb.SearchInsRequest(birth_name="ROUSSEL", first_name=first_name, sex=sex, birth_date=born)


def about(request: type[Any], id: str, **more: Any) -> Any:
    """A request on one identity, with a reason where one is wanted."""
    if "reason" in request.DESCRIPTOR.fields_by_name:
        more.setdefault("reason", "seen by the vigilance unit")
    return request(identity_id=id, **more)
