"""What leaves for other software: one transaction around each use case."""

from __future__ import annotations

from chassis import page
from chassis.call import Call
from chassis.caller import require
from chassis.db import Database
from identity_ins import domain, policy
from identity_ins.domain import IdentityId, Platform, Status, Traits, datamatrix, pam
from identity_ins.domain.places import Places, Remark, remarks_on
from identity_ins.store.pam import Outgoing
from identity_ins.usecases import exchange
from socle.identity_ins.v1 import exchange_pb2 as pb

from . import symbol
from .messages import to_ins, to_moment, to_traits, to_warning


class ExchangeServicer:
    """`socle.identity_ins.v1.ExchangeService`."""

    service = pb.DESCRIPTOR.services_by_name["ExchangeService"]

    def __init__(self, db: Database, platform: Platform, places: Places) -> None:
        self.db, self.platform, self.places = db, platform, places

    async def GetDatamatrix(self, request: pb.GetDatamatrixRequest, call: Call) -> pb.GetDatamatrixResponse:
        async with self.db.begin(call) as tx:
            id = IdentityId(request.identity_id)
            text = await exchange.get_datamatrix(tx, call.caller, id, now=call.now())
        png, svg = symbol.draw(text)
        return pb.GetDatamatrixResponse(text=text, png=png, svg=svg)

    async def ReadDatamatrix(
        self, request: pb.ReadDatamatrixRequest, call: Call
    ) -> pb.ReadDatamatrixResponse:
        require(policy.may_keep_identities(call.caller), subject="")
        now = call.now()
        ins, traits = datamatrix.read(request.text, self.platform, domain.today_in_france(now))
        async with self.db.begin(call) as tx:
            await exchange.record_reading(tx, call.caller, "datamatrix.parse", now=now)
        warnings = map(to_warning, self._odd(traits, qualified=True))
        return pb.ReadDatamatrixResponse(ins=to_ins(ins), traits=to_traits(traits), warnings=warnings)

    async def ListPamMessages(
        self, request: pb.ListPamMessagesRequest, call: Call
    ) -> pb.ListPamMessagesResponse:
        size, cursor = page.after(request.page, position=_position)
        after = cursor.get("position", 0)
        identity_id = IdentityId(request.identity_id) if request.identity_id else None
        async with self.db.begin(call) as tx:
            found = await exchange.list_pam_messages(
                tx, call.caller, identity_id, after, size, now=call.now()
            )
        token = page.token(position=found[-1].position if found else after)
        return pb.ListPamMessagesResponse(messages=map(to_message, found), next_token=token)

    async def GetPamMessage(self, request: pb.GetPamMessageRequest, call: Call) -> pb.GetPamMessageResponse:
        async with self.db.begin(call) as tx:
            found = await exchange.get_pam_message(tx, call.caller, request.message_id, now=call.now())
        return pb.GetPamMessageResponse(message=to_message(found))

    async def ReadPamMessage(
        self, request: pb.ReadPamMessageRequest, call: Call
    ) -> pb.ReadPamMessageResponse:
        require(policy.may_keep_identities(call.caller), subject="")
        now = call.now()
        read = pam.read(request.content, self.platform, domain.today_in_france(now))
        async with self.db.begin(call) as tx:
            await exchange.record_reading(tx, call.caller, "pam_message.parse", now=now)
        return pb.ReadPamMessageResponse(
            trigger=read.trigger,
            traits=to_traits(read.traits) if read.traits else None,
            ins=to_ins(read.ins) if read.ins else None,
            ipp=read.ipp,
            qualified=read.qualified,
            comments=read.comments,
            removed=map(to_ins, read.removed),
            warnings=map(to_warning, (*read.remarks, *self._odd(read.traits, qualified=read.qualified))),
        )

    def _odd(self, traits: Traits | None, *, qualified: bool) -> tuple[Remark, ...]:
        status = Status.QUALIFIEE if qualified else Status.PROVISOIRE
        return tuple(remarks_on(traits, status, self.places)) if traits else ()


def to_message(message: Outgoing) -> pb.PamMessage:
    return pb.PamMessage(
        id=message.id,
        identity_id=message.identity_id,
        trigger=message.trigger,
        version=message.version,
        made_at=to_moment(message.made_at),
        content=message.content,
        position=message.position,
    )


def _position(value: object) -> int:
    if not isinstance(value, int) or not 0 <= value < 2**63:
        raise ValueError
    return value
