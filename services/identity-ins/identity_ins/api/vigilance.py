"""Identity vigilance served: one transaction around each use case."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from chassis import page
from chassis.call import Call
from chassis.db import Database
from identity_ins import domain
from identity_ins.domain import IdentityId, Platform
from identity_ins.domain.match import Description, Grade, Kind
from identity_ins.domain.vigilance import CaseId, CaseState, Merge, MergeId, check_wanted
from identity_ins.usecases import merges, vigilance
from identity_ins.usecases.merges import Merged, Wish
from identity_ins.usecases.vigilance import Shown, Worklist
from socle.identity_ins.v1 import vigilance_pb2 as pb

from .messages import to_agreement, to_candidate, to_identity, to_moment
from .requests import SEX, given_ins

USUAL, MOST = 10, 50
STATE: dict[int, CaseState] = {
    pb.CASE_STATE_OPEN: CaseState.OPEN,
    pb.CASE_STATE_MERGED: CaseState.MERGED,
    pb.CASE_STATE_HOMONYMS: CaseState.HOMONYMS,
    pb.CASE_STATE_DISMISSED: CaseState.DISMISSED,
}
STATE_OUT = {
    CaseState.OPEN: pb.CASE_STATE_OPEN,
    CaseState.MERGED: pb.CASE_STATE_MERGED,
    CaseState.HOMONYMS: pb.CASE_STATE_HOMONYMS,
    CaseState.DISMISSED: pb.CASE_STATE_DISMISSED,
}
KIND_OUT = {Kind.DUPLICATE: pb.CASE_KIND_DUPLICATE, Kind.HOMONYM: pb.CASE_KIND_HOMONYM}


class VigilanceServicer:
    """`socle.identity_ins.v1.VigilanceService`."""

    service = pb.DESCRIPTOR.services_by_name["VigilanceService"]

    def __init__(self, db: Database, platform: Platform) -> None:
        self.db, self.platform = db, platform

    async def MatchIdentities(
        self, request: pb.MatchIdentitiesRequest, call: Call
    ) -> pb.MatchIdentitiesResponse:
        wanted = description_of(request.description, self.platform)
        least = Grade.CERTAIN if request.only_certain else Grade.POSSIBLE
        count = min(request.count or USUAL, MOST)
        async with self.db.begin(call) as tx:
            found = await vigilance.match_identities(tx, call.caller, wanted, least, count, now=call.now())
            return pb.MatchIdentitiesResponse(candidates=map(to_candidate, found))

    async def ListVigilanceCases(
        self, request: pb.ListVigilanceCasesRequest, call: Call
    ) -> pb.ListVigilanceCasesResponse:
        size, cursor = page.after(request.page, after=UUID)
        identity = IdentityId(request.identity_id) if request.identity_id else None
        wanted = Worklist(STATE.get(request.state, CaseState.OPEN), identity, cursor.get("after"))
        async with self.db.begin(call) as tx:
            found = await vigilance.list_vigilance_cases(tx, call.caller, wanted, size, now=call.now())
            more = page.token(after=found[-1].case.id.value) if len(found) == size else ""
            return pb.ListVigilanceCasesResponse(cases=map(to_case, found), next_token=more)

    async def GetVigilanceCase(
        self, request: pb.GetVigilanceCaseRequest, call: Call
    ) -> pb.GetVigilanceCaseResponse:
        async with self.db.begin(call) as tx:
            shown = await vigilance.get_vigilance_case(
                tx, call.caller, CaseId(request.case_id), now=call.now()
            )
            return pb.GetVigilanceCaseResponse(case=to_case(shown))

    async def SettleVigilanceCase(
        self, request: pb.SettleVigilanceCaseRequest, call: Call
    ) -> pb.SettleVigilanceCaseResponse:
        id, outcome = CaseId(request.case_id), STATE.get(request.outcome)
        async with self.db.begin(call) as tx:
            shown = await vigilance.settle_vigilance_case(
                tx, call.caller, id, outcome, request.reason, now=call.now()
            )
            return tx.answer(pb.SettleVigilanceCaseResponse(case=to_case(shown)))

    async def MergeIdentities(
        self, request: pb.MergeIdentitiesRequest, call: Call
    ) -> pb.MergeIdentitiesResponse:
        wanted = Wish(IdentityId(request.kept_id), IdentityId(request.absorbed_id), request.reason)
        async with self.db.begin(call) as tx:
            done = await merges.merge_identities(tx, call.caller, wanted, now=call.now())
            return tx.answer(pb.MergeIdentitiesResponse(**to_merged(done)))

    async def UnmergeIdentities(
        self, request: pb.UnmergeIdentitiesRequest, call: Call
    ) -> pb.UnmergeIdentitiesResponse:
        async with self.db.begin(call) as tx:
            done = await merges.unmerge_identities(
                tx, call.caller, MergeId(request.merge_id), request.reason, now=call.now()
            )
            return tx.answer(pb.UnmergeIdentitiesResponse(**to_merged(done)))

    async def ListMerges(self, request: pb.ListMergesRequest, call: Call) -> pb.ListMergesResponse:
        size, cursor = page.after(request.page, before=UUID)
        wanted = check_wanted(request.identity_id, request.person_id)
        async with self.db.begin(call) as tx:
            found = await merges.list_merges(
                tx, call.caller, wanted, cursor.get("before"), size, now=call.now()
            )
            more = page.token(before=found[-1].id.value) if len(found) == size else ""
            return pb.ListMergesResponse(merges=map(to_merge, found), next_token=more)


def description_of(message: pb.Description, platform: Platform) -> Description:
    """The person as described; raises what its number or its date of birth is refused for."""
    born, precision = None, domain.Precision.DAY
    if message.birth_date:
        born, precision = domain.parse_birth_date(message.birth_date, "description.birth_date")
    return Description(
        message.birth_name,
        tuple(message.birth_first_names),
        SEX.get(message.sex, domain.Sex.UNKNOWN),
        born,
        precision,
        message.birth_place,
        message.used_name,
        message.used_first_name,
        given_ins(message, platform),
        message.ipp,
    )


def to_case(shown: Shown) -> pb.VigilanceCase:
    case = shown.case
    return pb.VigilanceCase(
        id=case.id.value,
        kind=KIND_OUT[case.kind],
        state=STATE_OUT[case.state],
        score=case.score,
        fields=map(to_agreement, case.fields),
        first=to_identity(shown.first),
        second=to_identity(shown.second),
        opened_at=to_moment(case.opened_at),
        settled_at=to_moment(case.settled_at) if case.settled_at else None,
        settled_by=case.settled_by,
        reason=case.reason,
    )


def to_merge(merge: Merge) -> pb.Merge:
    return pb.Merge(
        id=merge.id.value,
        domain=merge.domain,
        kept_id=merge.kept.value,
        absorbed_id=merge.absorbed.value,
        reason=merge.reason,
        merged_by=merge.merged_by,
        merged_at=to_moment(merge.merged_at),
        unmerge_reason=merge.unmerge_reason,
        unmerged_by=merge.unmerged_by,
        unmerged_at=to_moment(merge.unmerged_at) if merge.unmerged_at else None,
    )


def to_merged(done: Merged) -> dict[str, Any]:
    return {
        "merge": to_merge(done.merge),
        "kept": to_identity(done.kept),
        "absorbed": to_identity(done.absorbed),
    }
