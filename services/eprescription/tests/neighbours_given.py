"""The services around this one, as it meets them: real gRPC servers with their doors, answers as told."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.descriptor import ServiceDescriptor

from chassis.call import Call
from chassis.caller import service
from chassis.db import Database
from chassis.errors import SocleError
from chassis.testing import LocalIssuer, served
from eprescription.clients.identities import Identities
from eprescription.clients.record import Record
from socle.dmp.v1 import dmp_pb2
from socle.identity_ins.v1 import identity_ins_pb2 as pb

PRESCRIPTIONS = service("eprescription")
TRAITS = pb.Traits(
    birth_name="PAT-TROIS",
    birth_first_names=["DOMINIQUE", "MARIE-LOUISE"],
    sex=pb.SEX_FEMALE,
    birth_date="1979-03-28",
    birth_place="51215",
)
INS = pb.Ins(matricule="279035121518989", oid="1.2.250.1.213.1.4.10")


@dataclass(slots=True)
class Neighbour:
    """A servicer of any contract: what it was asked, what it answers or raises."""

    service: ServiceDescriptor
    answers: dict[str, Callable[[Any], Any]]
    asked: list[tuple[str, Any, Call]] = field(default_factory=list)
    # Raised in place of an answer, one a call, in this order.
    faults: list[SocleError] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        async def answer(request: Any, call: Call) -> Any:
            self.asked.append((name, request, call))
            if self.faults:
                raise self.faults.pop(0)
            return self.answers[name](request)

        return answer

    def requests(self, name: str) -> list[Any]:
        return [request for asked, request, _ in self.asked if asked == name]


def described(request: pb.DescribePersonRequest) -> pb.DescribePersonResponse:
    return pb.DescribePersonResponse(person_id=request.person_id, traits=TRAITS, ins=INS)


def compared(request: pb.CompareWithPersonRequest) -> pb.CompareWithPersonResponse:
    differs = request.birth_date not in ("", TRAITS.birth_date)
    return pb.CompareWithPersonResponse(differing=["birth_date"] if differs else [])


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """identity-ins and the DMP, and the clients that reach them with this service's own token."""

    registry: Neighbour
    dmp: Neighbour
    identities: Identities
    record: Record


@asynccontextmanager
async def neighbourhood(database: Database, issuer: LocalIssuer) -> AsyncIterator[Neighbourhood]:
    registry = Neighbour(
        pb.DESCRIPTOR.services_by_name["IdentityInsService"],
        {"DescribePerson": described, "CompareWithPerson": compared},
    )
    dmp = Neighbour(
        dmp_pb2.DESCRIPTOR.services_by_name["DmpService"],
        {"SubmitDocuments": lambda _: dmp_pb2.SubmitDocumentsResponse()},
    )

    async def own_call(call: Call) -> Call:
        token = f"Bearer {issuer.token(PRESCRIPTIONS)}"
        return Call(PRESCRIPTIONS, token=token, deadline=call.deadline, traceparent=call.traceparent)

    async with AsyncExitStack() as stack:
        known = await stack.enter_async_context(served(registry, database, issuer))
        held = await stack.enter_async_context(served(dmp, database, issuer))
        yield Neighbourhood(
            registry, dmp, Identities(known.channel, own_call), Record(held.channel, own_call)
        )
