"""identity-ins, asked whether the patient of a document is the person of the record."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import grpc

from chassis import rpc
from chassis.call import Call
from chassis.errors import InvalidInput
from dmp.domain import PersonId
from dmp.domain.content import HeaderPatient
from socle.identity_ins.v1 import identity_ins_pb2 as pb
from socle.identity_ins.v1 import identity_ins_pb2_grpc as stubs

SEX = {"M": pb.SEX_MALE, "F": pb.SEX_FEMALE}


@dataclass(frozen=True, slots=True)
class Comparison:
    """What identity-ins says: never a trait, only which of them differ."""

    ins_matches: bool
    differing: tuple[str, ...]

    @property
    def agrees(self) -> bool:
        """The document speaks of this person, and describes them as the registry does."""
        return self.ins_matches and not self.differing


class Identities:
    """identity-ins, asked by this service on its own account."""

    def __init__(self, channel: grpc.aio.Channel, own_call: Callable[[Call], Awaitable[Call]]) -> None:
        self._stub = stubs.IdentityInsServiceStub(channel)
        self._own_call = own_call

    async def compare(self, person: PersonId, patient: HeaderPatient, call: Call) -> Comparison:
        """Raises NotFound for a person unknown to the registry, Unavailable when it does not answer."""
        request = pb.CompareWithPersonRequest(
            person_id=person.value,
            ins=pb.Ins(matricule=patient.ins.matricule, oid=patient.ins.oid) if patient.ins else None,
            birth_name=patient.birth_name,
            birth_first_names=patient.first_names,
            birth_date=patient.birth_date,
            sex=SEX.get(patient.sex, pb.SEX_UNSPECIFIED),
            birth_place=patient.birth_place,
        )
        try:
            answer = await rpc.invoke(self._stub.CompareWithPerson, request, await self._own_call(call))
        except InvalidInput:
            # A number that is no INS here (its key, its authority), or traits of no civil status: nobody's.
            return Comparison(False, ())
        return Comparison(answer.ins_matches, tuple(answer.differing))
