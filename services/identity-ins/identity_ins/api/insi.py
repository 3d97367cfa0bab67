"""INSi served beside any local identity: by card, verification alone, the journal of calls, the registry."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from uuid import UUID

from chassis import page, rpc
from chassis.call import Call
from chassis.caller import CallerKind, require
from chassis.db import Database
from identity_ins import domain, policy
from identity_ins.clients import Insi
from identity_ins.domain import InsiUnavailable, PersonId, Platform
from identity_ins.domain.lot import check_line
from identity_ins.store.calls import Journaled
from identity_ins.usecases import insi as insi_usecases
from identity_ins.usecases import registry as registry_usecases
from socle.identity_ins.v1 import insi_pb2 as pb
from socle.options.v1 import options_pb2

from .lots import LotMethods, Wake, line_of
from .messages import to_ins, to_moment, to_person
from .requests import read_card

KIND_OUT = {kind: options_pb2.CallerKind.ValueType(number) for number, kind in rpc.KINDS.items()}


@asynccontextmanager
async def recorded(db: Database, call: Call) -> AsyncIterator[None]:
    """Around a question to INSi: journals its calls when it fails, as its use case does when it answers."""
    try:
        yield
    except InsiUnavailable as fault:
        async with db.begin(replace(call, idempotency=None)) as tx:
            insi_usecases.record_calls(tx, call.caller, fault.calls)
        raise


class InsiServicer(LotMethods):
    """`socle.identity_ins.v1.InsiService`."""

    service = pb.DESCRIPTOR.services_by_name["InsiService"]

    def __init__(self, db: Database, insi: Insi, platform: Platform, wake: Wake) -> None:
        """`wake` is called once a lot is submitted."""
        super().__init__(db, wake)
        self.insi, self.platform = insi, platform

    async def SearchInsByCard(
        self, request: pb.SearchInsByCardRequest, call: Call
    ) -> pb.SearchInsByCardResponse:
        card = read_card(request.card, call.now())
        require(policy.may_search_ins(call.caller), subject="")
        async with recorded(self.db, call):
            found = await self.insi.search_by_card(card)
        async with self.db.begin(call) as tx:
            answer = await insi_usecases.record_card_search(tx, call.caller, found, now=call.now())
            person = to_person(answer.person) if answer.person else None
            return pb.SearchInsByCardResponse(code=answer.code, label=answer.label, person=person)

    async def VerifyInsTraits(
        self, request: pb.VerifyInsTraitsRequest, call: Call
    ) -> pb.VerifyInsTraitsResponse:
        today = domain.today_in_france(call.now())
        fourni = check_line(line_of(request.line), self.platform, today, "line.")
        require(policy.may_search_ins(call.caller), subject="")
        async with recorded(self.db, call):
            verdict = await self.insi.verify_fourni(fourni)
        async with self.db.begin(call) as tx:
            verdict = await insi_usecases.record_verification(tx, call.caller, verdict, now=call.now())
            person_id = verdict.person.id.value if verdict.person else ""
            return pb.VerifyInsTraitsResponse(confirmed=verdict.confirmed, person_id=person_id)

    async def ListInsiCalls(self, request: pb.ListInsiCallsRequest, call: Call) -> pb.ListInsiCallsResponse:
        size, cursor = page.after(request.page, before=UUID)
        async with self.db.begin(call) as tx:
            found = await insi_usecases.list_insi_calls(
                tx, call.caller, cursor.get("before"), size, now=call.now()
            )
            more = page.token(before=found[-1].call.id.value) if len(found) == size else ""
            return pb.ListInsiCallsResponse(calls=map(to_call, found), next_token=more)

    async def ReplaceNumber(self, request: pb.ReplaceNumberRequest, call: Call) -> pb.ReplaceNumberResponse:
        ins = domain.parse_ins(request.ins.matricule, request.ins.oid, self.platform)
        async with self.db.begin(call) as tx:
            person = await registry_usecases.replace_number(
                tx,
                call.caller,
                PersonId(request.person_id),
                ins,
                request.reason,
                self.platform,
                now=call.now(),
            )
            return tx.answer(
                pb.ReplaceNumberResponse(
                    person_id=person.id.value, ins=to_ins(person.ins), former=map(to_ins, person.former)
                )
            )


def to_call(of: Journaled) -> pb.InsiCall:
    return pb.InsiCall(
        id=of.call.id.value,
        called_at=to_moment(of.called_at),
        actor_kind=KIND_OUT[CallerKind(of.actor_kind)],
        actor=of.actor,
        organisation=of.organisation,
        operation=of.call.operation,
        input_hash=of.call.input_hash.hex(),
        code=of.call.code,
        milliseconds=of.call.milliseconds,
        lines=of.call.lines,
    )
