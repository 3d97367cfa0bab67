"""identity-ins, asked who a person is: for a paper, a document, or a number typed by hand."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import date

import grpc

from chassis import rpc
from chassis.call import Call
from chassis.ids import Id
from eprescription.domain.cda.patient import Patient
from eprescription.domain.ids import PersonId
from socle.identity_ins.v1 import identity_ins_pb2 as pb
from socle.identity_ins.v1 import identity_ins_pb2_grpc as stubs

# Persons remembered as known: some 10 MB.
KNOWN_MOST = 65_536
SEX = {pb.SEX_MALE: "M", pb.SEX_FEMALE: "F"}


class Identities:
    """Asked by this service on its own account; identity-ins writes each question in the person's journal."""

    def __init__(self, channel: grpc.aio.Channel, own_call: Callable[[Call], Awaitable[Call]]) -> None:
        self._stub = stubs.IdentityInsServiceStub(channel)
        self._own_call = own_call
        self.known_most = KNOWN_MOST
        # Oldest use first.
        self._known: OrderedDict[str, None] = OrderedDict()

    async def describe(
        self, person: PersonId, paper: str, object_id: Id | str, on_behalf_of: str, call: Call
    ) -> Patient:
        """The traits, and the INS when there is one.

        `paper`: `prescription` or `dispensing`; `on_behalf_of`: PS_IdNat, empty when the person asked.
        Raises NotFound for a person that the registry does not know, Unavailable when it does not answer.
        """
        request = pb.DescribePersonRequest(
            person_id=person.value, paper=paper, object_id=str(object_id), on_behalf_of=on_behalf_of
        )
        answer = await rpc.invoke(self._stub.DescribePerson, request, await self._own_call(call))
        return _patient(answer)

    async def require_known(self, person: PersonId, call: Call) -> None:
        """Raises NotFound for a person that the registry does not know, Unavailable when it does not answer.

        A person is asked about once: nobody ever leaves the registry, and one gets many prescriptions.
        """
        if person.value in self._known:
            self._known.move_to_end(person.value)
            return
        request = pb.CompareWithPersonRequest(person_id=person.value)
        await rpc.invoke(self._stub.CompareWithPerson, request, await self._own_call(call))
        self._known[person.value] = None
        if len(self._known) > self.known_most:
            self._known.popitem(last=False)

    async def born_on(self, person: PersonId, day: date, call: Call) -> bool:
        """Whether that is the birth date of the person; no trait is given. Raises NotFound, Unavailable."""
        request = pb.CompareWithPersonRequest(person_id=person.value, birth_date=day.isoformat())
        answer = await rpc.invoke(self._stub.CompareWithPerson, request, await self._own_call(call))
        return "birth_date" not in answer.differing


def _patient(answer: pb.DescribePersonResponse) -> Patient:
    traits = answer.traits
    return Patient(
        birth_name=traits.birth_name,
        first_names=tuple(traits.birth_first_names),
        sex=SEX.get(traits.sex, ""),
        birth_date=traits.birth_date,
        birth_place=traits.birth_place,
        used_name=traits.used_name,
        used_first_name=traits.used_first_name,
        ins=answer.ins.matricule,
        ins_oid=answer.ins.oid,
    )
