"""The contract served: messages to values, values to messages, one transaction around each use case."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp

from chassis import page
from chassis.call import Call
from chassis.caller import require
from chassis.db import Database
from socle.identity_ins.v1 import identity_ins_pb2 as pb

from . import clients, domain, policy, usecases
from .domain import (
    Criteria,
    Identity,
    IdentityId,
    Ins,
    Person,
    PersonId,
    Platform,
    Search,
    Sex,
    Status,
    Traits,
)

SEX: dict[int, Sex] = {pb.SEX_MALE: Sex.MALE, pb.SEX_FEMALE: Sex.FEMALE, pb.SEX_UNKNOWN: Sex.UNKNOWN}
SEX_OUT = {Sex.MALE: pb.SEX_MALE, Sex.FEMALE: pb.SEX_FEMALE, Sex.UNKNOWN: pb.SEX_UNKNOWN}
STATUS_OUT = {
    Status.PROVISOIRE: pb.IDENTITY_STATUS_PROVISOIRE,
    Status.RECUPEREE: pb.IDENTITY_STATUS_RECUPEREE,
    Status.VALIDEE: pb.IDENTITY_STATUS_VALIDEE,
    Status.QUALIFIEE: pb.IDENTITY_STATUS_QUALIFIEE,
}


class IdentityInsServicer:
    """`socle.identity_ins.v1.IdentityInsService`."""

    service = pb.DESCRIPTOR.services_by_name["IdentityInsService"]

    def __init__(self, db: Database, insi: clients.Insi, platform: Platform) -> None:
        self.db, self.insi, self.platform = db, insi, platform

    async def CreateIdentity(
        self, request: pb.CreateIdentityRequest, call: Call
    ) -> pb.CreateIdentityResponse:
        traits = traits_of(request.traits)
        async with self.db.begin(call) as tx:
            identity = await usecases.create_identity(
                tx, call.caller, IdentityId.new(), traits, request.ipp, now=call.now()
            )
            return tx.answer(pb.CreateIdentityResponse(identity=to_identity(identity)))

    async def GetIdentity(self, request: pb.GetIdentityRequest, call: Call) -> pb.GetIdentityResponse:
        async with self.db.begin(call) as tx:
            identity = await usecases.get_identity(
                tx, call.caller, IdentityId(request.identity_id), now=call.now()
            )
            return pb.GetIdentityResponse(identity=to_identity(identity))

    async def ListIdentities(
        self, request: pb.ListIdentitiesRequest, call: Call
    ) -> pb.ListIdentitiesResponse:
        size, cursor = page.after(request.page)
        criteria, after = self._criteria(request), after_of(cursor)
        async with self.db.begin(call) as tx:
            found = await usecases.list_identities(tx, call.caller, criteria, after, size, now=call.now())
            more = page.token(after=found[-1].id.value) if len(found) == size else ""
            return pb.ListIdentitiesResponse(identities=map(to_identity, found), next_token=more)

    async def SearchIns(self, request: pb.SearchInsRequest, call: Call) -> pb.SearchInsResponse:
        search = search_of(request)
        require(policy.may_search_ins(call.caller), subject="")
        found = await self.insi.search(search)
        async with self.db.begin(call) as tx:
            answer = await usecases.record_ins_search(tx, call.caller, found, now=call.now())
            person = to_person(answer.person) if answer.person else None
            return pb.SearchInsResponse(code=answer.code, label=answer.label, person=person)

    async def RetrieveIns(self, request: pb.RetrieveInsRequest, call: Call) -> pb.RetrieveInsResponse:
        id = IdentityId(request.identity_id)
        # The intent has no answer to keep: only the change below is what an Idempotency-Key protects.
        async with self.db.begin(replace(call, idempotency=None)) as tx:
            searches = await usecases.ask_insi(tx, call.caller, id, now=call.now())
        answer = await self.insi.search_each(searches)
        async with self.db.begin(call) as tx:
            identity = await usecases.retrieve_ins(tx, call.caller, id, answer, now=call.now())
            return tx.answer(
                pb.RetrieveInsResponse(code=answer.code, label=answer.label, identity=to_identity(identity))
            )

    async def CheckIdentityPaper(
        self, request: pb.CheckIdentityPaperRequest, call: Call
    ) -> pb.CheckIdentityPaperResponse:
        id, paper = IdentityId(request.identity_id), domain.parse_paper(request.paper)
        async with self.db.begin(call) as tx:
            identity = await usecases.check_identity_paper(tx, call.caller, id, paper, now=call.now())
            return tx.answer(pb.CheckIdentityPaperResponse(identity=to_identity(identity)))

    async def MarkIdentityDoubtful(
        self, request: pb.MarkIdentityDoubtfulRequest, call: Call
    ) -> pb.MarkIdentityDoubtfulResponse:
        async with self.db.begin(call) as tx:
            identity = await usecases.mark_identity_doubtful(
                tx, call.caller, IdentityId(request.identity_id), request.reason, now=call.now()
            )
            return tx.answer(pb.MarkIdentityDoubtfulResponse(identity=to_identity(identity)))

    async def ResolvePerson(self, request: pb.ResolvePersonRequest, call: Call) -> pb.ResolvePersonResponse:
        ins = self._ins(request.ins)
        async with self.db.begin(call) as tx:
            person_id = await usecases.resolve_person(tx, call.caller, ins, now=call.now())
            return pb.ResolvePersonResponse(person_id=person_id.value)

    async def GetPerson(self, request: pb.GetPersonRequest, call: Call) -> pb.GetPersonResponse:
        async with self.db.begin(call) as tx:
            person = await usecases.get_person(tx, call.caller, PersonId(request.person_id), now=call.now())
            return pb.GetPersonResponse(person=to_person(person))

    async def GetStanding(self, request: pb.GetStandingRequest, call: Call) -> pb.GetStandingResponse:
        async with self.db.begin(call) as tx:
            qualified = await usecases.get_standing(
                tx, call.caller, PersonId(request.person_id), request.domain, now=call.now()
            )
            return pb.GetStandingResponse(qualified=qualified)

    def _ins(self, ins: pb.Ins) -> Ins:
        return domain.parse_ins(ins.matricule, ins.oid, self.platform)

    def _criteria(self, request: pb.ListIdentitiesRequest) -> Criteria:
        return Criteria(
            ins=self._ins(request.ins) if request.HasField("ins") else None,
            ipp=request.ipp,
            family=request.family,
            given=request.given,
            birth_date=date.fromisoformat(request.birth_date) if request.birth_date else None,
            sex=SEX.get(request.sex),
            id=IdentityId(request.identity_id) if request.identity_id else None,
        )


def traits_of(message: pb.Traits) -> Traits:
    """The traits as sent; the contract has checked that the date exists and the sex is known."""
    return Traits(
        message.birth_name,
        tuple(message.birth_first_names),
        SEX[message.sex],
        date.fromisoformat(message.birth_date),
        message.birth_place,
        message.used_name,
        message.used_first_name,
    )


def search_of(request: pb.SearchInsRequest) -> Search:
    """The question as sent; raises SexNotInCivilStatus for a sex that INSi does not know."""
    return domain.check_search(
        Search(
            request.birth_name,
            request.first_name,
            SEX[request.sex],
            date.fromisoformat(request.birth_date),
            request.birth_place,
        )
    )


def after_of(cursor: dict[str, object]) -> str | None:
    """The id that a page comes after; raises UnknownPageToken for a token made by hand."""
    if not cursor:
        return None
    try:
        return str(UUID(str(cursor["after"])))
    except (KeyError, ValueError):
        raise page.UnknownPageToken(field="page.token", hint="Start again without a token.") from None


def to_traits(traits: Traits) -> pb.Traits:
    return pb.Traits(
        birth_name=traits.birth_name,
        birth_first_names=traits.birth_first_names,
        sex=SEX_OUT[traits.sex],
        birth_date=traits.birth_date.isoformat(),
        birth_place=traits.birth_place,
        used_name=traits.used_name,
        used_first_name=traits.used_first_name,
    )


def to_moment(at: datetime) -> Timestamp:
    moment = Timestamp()
    moment.FromDatetime(at)
    return moment


def to_ins(ins: Ins) -> pb.Ins:
    return pb.Ins(matricule=ins.matricule, oid=ins.oid.value)


def to_person(person: Person) -> pb.Person:
    return pb.Person(
        person_id=person.id.value,
        traits=to_traits(person.traits),
        ins=to_ins(person.ins),
        former=map(to_ins, person.former),
    )


def to_identity(identity: Identity) -> pb.Identity:
    retrieval, check = identity.retrieval, identity.paper_check
    return pb.Identity(
        id=identity.id.value,
        domain=identity.domain,
        ipp=identity.ipp,
        status=STATUS_OUT[identity.status],
        traits=to_traits(identity.traits),
        ins=to_ins(retrieval.ins) if retrieval else None,
        person_id=retrieval.person_id.value if retrieval else "",
        attributes=sorted(identity.attributes),
        paper=check.paper.value if check else "",
        retrieved_at=to_moment(retrieval.at) if retrieval else None,
        paper_checked_at=to_moment(check.at) if check else None,
        created_at=to_moment(identity.created_at),
        version=identity.version,
    )
