"""The local identities served: one transaction around each use case."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any, Protocol, TypeVar
from uuid import UUID

from chassis import journal, page
from chassis.call import Call
from chassis.caller import require
from chassis.db import Database, Tx
from identity_ins import clients, domain, policy, usecases
from identity_ins.domain import (
    Answer,
    AnswerCode,
    Creation,
    Identity,
    IdentityId,
    Person,
    PersonId,
    Places,
    Platform,
    Step,
    Verdict,
)
from identity_ins.domain.described import Purpose
from identity_ins.domain.match import Candidate
from identity_ins.usecases import insi as insi_usecases
from identity_ins.usecases import vigilance
from socle.identity_ins.v1 import identity_ins_pb2 as pb

from . import messages as m
from . import requests as r
from .insi import recorded

Told = TypeVar("Told", Answer, Verdict)


class Marking(Protocol):
    """What the three requests that mark an identity have in common."""

    identity_id: str
    reason: str


class IdentityInsServicer:
    """`socle.identity_ins.v1.IdentityInsService`."""

    service = pb.DESCRIPTOR.services_by_name["IdentityInsService"]

    def __init__(
        self, db: Database, insi: clients.Insi, platform: Platform, places: Places | None = None
    ) -> None:
        self.db, self.insi, self.platform = db, insi, platform
        self.places = places or Places()

    async def CreateIdentity(
        self, request: pb.CreateIdentityRequest, call: Call
    ) -> pb.CreateIdentityResponse:
        wanted = r.creation_of(request, self.platform)
        person = await self._claimed(wanted, call)
        async with self.db.begin(call) as tx:
            identity, candidates = await usecases.create_identity(
                tx, call.caller, IdentityId.new(), wanted, person, now=call.now()
            )
            return tx.answer(pb.CreateIdentityResponse(**self._written(identity, candidates)))

    async def GetIdentity(self, request: pb.GetIdentityRequest, call: Call) -> pb.GetIdentityResponse:
        async with self.db.begin(call) as tx:
            identity = await usecases.get_identity(
                tx, call.caller, IdentityId(request.identity_id), now=call.now()
            )
            return pb.GetIdentityResponse(identity=m.to_identity(identity))

    async def ListIdentities(
        self, request: pb.ListIdentitiesRequest, call: Call
    ) -> pb.ListIdentitiesResponse:
        size, cursor = page.after(request.page, after=UUID)
        criteria, window = r.criteria_of(request, self.platform), r.window_of(request, size, cursor)
        async with self.db.begin(call) as tx:
            found = await usecases.list_identities(tx, call.caller, criteria, window, now=call.now())
            more = page.token(after=found[-1].id.value) if len(found) == size else ""
            return pb.ListIdentitiesResponse(identities=map(m.to_identity, found), next_token=more)

    async def CorrectTraits(self, request: pb.CorrectTraitsRequest, call: Call) -> pb.CorrectTraitsResponse:
        id, wanted = IdentityId(request.identity_id), r.correction_of(request)
        async with self.db.begin(call) as tx:
            identity = await usecases.correct_traits(tx, call.caller, id, wanted, now=call.now())
            candidates = await vigilance.list_candidates(tx, call.caller, identity, now=call.now())
            return tx.answer(pb.CorrectTraitsResponse(**self._written(identity, candidates)))

    async def ListIdentityChanges(
        self, request: pb.ListIdentityChangesRequest, call: Call
    ) -> pb.ListIdentityChangesResponse:
        last, size = r.versions_of(request)
        async with self.db.begin(call) as tx:
            found = await usecases.list_identity_changes(
                tx, call.caller, IdentityId(request.identity_id), last, size, now=call.now()
            )
            return pb.ListIdentityChangesResponse(
                changes=map(m.to_change, found), next_token=r.versions_left(request, found)
            )

    async def SearchIns(self, request: pb.SearchInsRequest, call: Call) -> pb.SearchInsResponse:
        search = r.search_of(request)
        require(policy.may_search_ins(call.caller), subject="")
        async with recorded(self.db, call):
            found = await self.insi.search(search)
        async with self.db.begin(call) as tx:
            answer = await usecases.record_ins_search(tx, call.caller, found, now=call.now())
            person = m.to_person(answer.person) if answer.person else None
            return pb.SearchInsResponse(code=answer.code, label=answer.label, person=person)

    async def RetrieveIns(self, request: pb.RetrieveInsRequest, call: Call) -> pb.RetrieveInsResponse:
        id, card = IdentityId(request.identity_id), r.card_of(request, call.now())
        async with self._intent(call) as tx:
            question = await usecases.ask_insi(tx, call.caller, id, by_card=card is not None, now=call.now())
        asked = self.insi.search_by_card(card) if card else self.insi.search_each(question.searches)
        answer = await self._asked(asked, call)
        async with self.db.begin(call) as tx:
            identity = await usecases.retrieve_ins(tx, call.caller, id, question, answer, now=call.now())
            return tx.answer(
                pb.RetrieveInsResponse(code=answer.code, label=answer.label, identity=m.to_identity(identity))
            )

    async def VerifyIns(self, request: pb.VerifyInsRequest, call: Call) -> pb.VerifyInsResponse:
        id = IdentityId(request.identity_id)
        given = r.given_ins(request, self.platform)
        async with self._intent(call) as tx:
            question = await usecases.ask_verification(tx, call.caller, id, given, now=call.now())
        verdict = await self._asked(self.insi.verify(question.ins, question.traits), call)
        other = Answer(AnswerCode.NOBODY)
        # Only then: has the person another number by now?
        if question.held and not verdict.confirmed:
            other = await self._asked(self.insi.search_each(question.searches), call)
        async with self.db.begin(call) as tx:
            step, identity = await usecases.verify_ins(
                tx, call.caller, id, question, verdict, other, now=call.now()
            )
            return tx.answer(pb.VerifyInsResponse(result=m.RESULT[step], identity=m.to_identity(identity)))

    async def RemoveIns(self, request: pb.RemoveInsRequest, call: Call) -> pb.RemoveInsResponse:
        async with self.db.begin(call) as tx:
            identity = await usecases.remove_ins(
                tx, call.caller, IdentityId(request.identity_id), request.reason, now=call.now()
            )
            return tx.answer(pb.RemoveInsResponse(identity=m.to_identity(identity)))

    async def CheckIdentityPaper(
        self, request: pb.CheckIdentityPaperRequest, call: Call
    ) -> pb.CheckIdentityPaperResponse:
        id, paper = IdentityId(request.identity_id), domain.parse_paper(request.paper)
        async with self.db.begin(call) as tx:
            identity = await usecases.check_identity_paper(tx, call.caller, id, paper, now=call.now())
            return tx.answer(pb.CheckIdentityPaperResponse(identity=m.to_identity(identity)))

    async def CancelPaperCheck(
        self, request: pb.CancelPaperCheckRequest, call: Call
    ) -> pb.CancelPaperCheckResponse:
        async with self.db.begin(call) as tx:
            identity = await usecases.cancel_paper_check(
                tx, call.caller, IdentityId(request.identity_id), request.reason, now=call.now()
            )
            return tx.answer(pb.CancelPaperCheckResponse(identity=m.to_identity(identity)))

    async def MarkIdentityDoubtful(
        self, request: pb.MarkIdentityDoubtfulRequest, call: Call
    ) -> pb.MarkIdentityDoubtfulResponse:
        async with self.db.begin(call) as tx:
            identity = await self._marked(tx, request, Step.MARK_DOUBTFUL)
            return tx.answer(pb.MarkIdentityDoubtfulResponse(identity=m.to_identity(identity)))

    async def MarkIdentityFictitious(
        self, request: pb.MarkIdentityFictitiousRequest, call: Call
    ) -> pb.MarkIdentityFictitiousResponse:
        async with self.db.begin(call) as tx:
            identity = await self._marked(tx, request, Step.MARK_FICTITIOUS)
            return tx.answer(pb.MarkIdentityFictitiousResponse(identity=m.to_identity(identity)))

    async def MarkIdentityHomonym(
        self, request: pb.MarkIdentityHomonymRequest, call: Call
    ) -> pb.MarkIdentityHomonymResponse:
        async with self.db.begin(call) as tx:
            identity = await self._marked(tx, request, Step.MARK_HOMONYM)
            return tx.answer(pb.MarkIdentityHomonymResponse(identity=m.to_identity(identity)))

    async def ClearIdentityMark(
        self, request: pb.ClearIdentityMarkRequest, call: Call
    ) -> pb.ClearIdentityMarkResponse:
        id, mark = IdentityId(request.identity_id), r.MARK[request.mark]
        async with self.db.begin(call) as tx:
            identity = await usecases.clear_identity_mark(
                tx, call.caller, id, mark, request.reason, now=call.now()
            )
            return tx.answer(pb.ClearIdentityMarkResponse(identity=m.to_identity(identity)))

    async def ResolvePerson(self, request: pb.ResolvePersonRequest, call: Call) -> pb.ResolvePersonResponse:
        ins = r.ins_of(request.ins, self.platform)
        async with self.db.begin(call) as tx:
            person_id, current = await usecases.resolve_person(tx, call.caller, ins, now=call.now())
            return pb.ResolvePersonResponse(person_id=person_id.value, former=not current)

    async def GetPerson(self, request: pb.GetPersonRequest, call: Call) -> pb.GetPersonResponse:
        async with self.db.begin(call) as tx:
            person = await usecases.get_person(tx, call.caller, PersonId(request.person_id), now=call.now())
            return pb.GetPersonResponse(person=m.to_person(person))

    async def GetStanding(self, request: pb.GetStandingRequest, call: Call) -> pb.GetStandingResponse:
        async with self.db.begin(call) as tx:
            qualified = await usecases.get_standing(
                tx, call.caller, PersonId(request.person_id), request.domain, now=call.now()
            )
            return pb.GetStandingResponse(qualified=qualified)

    async def DescribePerson(
        self, request: pb.DescribePersonRequest, call: Call
    ) -> pb.DescribePersonResponse:
        purpose = Purpose(request.paper, request.object_id, request.on_behalf_of)
        async with self.db.begin(call) as tx:
            person = await usecases.describe_person(
                tx, call.caller, PersonId(request.person_id), purpose, now=call.now()
            )
            return pb.DescribePersonResponse(
                person_id=person.id.value, traits=m.to_traits(person.traits), ins=m.to_ins(person.ins)
            )

    async def CompareWithPerson(
        self, request: pb.CompareWithPersonRequest, call: Call
    ) -> pb.CompareWithPersonResponse:
        id, said = PersonId(request.person_id), r.described_of(request, self.platform)
        async with self.db.begin(call) as tx:
            likeness = await usecases.compare_with_person(tx, call.caller, id, said, now=call.now())
            return pb.CompareWithPersonResponse(
                ins_matches=likeness.ins_matches, differing=likeness.differing
            )

    async def ListPersonJournal(
        self, request: pb.ListPersonJournalRequest, call: Call
    ) -> pb.ListPersonJournalResponse:
        id = PersonId(request.person_id)
        async with self.db.begin(call) as tx:
            entries, more = await usecases.list_person_journal(
                tx, call.caller, id, request.page, now=call.now()
            )
            lines = (journal.entry(entry, id.value) for entry in entries)
            return pb.ListPersonJournalResponse(entries=lines, next_token=more)

    async def _marked(self, tx: Tx, request: Marking, step: Step) -> Identity:
        call = tx.call
        id = IdentityId(request.identity_id)
        return await usecases.mark_identity(tx, call.caller, id, step, request.reason, now=call.now())

    def _written(self, identity: Identity, candidates: Iterable[Candidate]) -> dict[str, Any]:
        """What is told of an identity whose traits were just written."""
        return {
            "identity": m.to_identity(identity),
            "warnings": map(m.to_warning, domain.remarks(identity, self.places)),
            "candidates": map(m.to_candidate, candidates),
        }

    async def _claimed(self, wanted: Creation, call: Call) -> Person | None:
        """Whom INSi knows under the number claimed for a newcomer; raises InsNotConfirmed."""
        if wanted.ins is None:
            return None
        async with self._intent(call) as tx:
            question = await usecases.ask_creation(tx, call.caller, wanted, now=call.now())
        verdict = await self._asked(self.insi.verify(wanted.ins, question.traits), call)
        return domain.confirmed_person(verdict)

    def _intent(self, call: Call) -> AbstractAsyncContextManager[Tx]:
        """The trace that comes before a question: it has no answer for an Idempotency-Key to keep."""
        return self.db.begin(replace(call, idempotency=None))

    async def _asked(self, question: Awaitable[Told], call: Call) -> Told:
        """What INSi says; its calls are journaled at once: a refusal afterwards must not undo that."""
        async with recorded(self.db, call):
            told = await question
        async with self._intent(call) as tx:
            insi_usecases.record_calls(tx, call.caller, told.calls)
        return told
