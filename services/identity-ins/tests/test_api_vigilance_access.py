"""Who gets what from each RPC of identity vigilance, as a table that a doctor can review."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest

from chassis.caller import Caller
from chassis.db import Database
from chassis.testing import LocalIssuer, Matrix, Served, callers, doors, same_as_golden, served
from identity_ins.api import VigilanceServicer
from identity_ins.domain import Platform
from socle.identity_ins.v1 import vigilance_pb2 as pb

from .api_given import CHILD, UNKNOWN_ID, created, linked, refused, serving

HERE = Path(__file__).parent
OTHERS = callers.other_doctor.organisation
SITUATIONS: dict[str, dict[str, Caller]] = {
    "one's structure": callers.every_kind(),
    "another structure": {
        "professional": callers.other_doctor,
        "staff": replace(callers.staff, organisation=OTHERS),
        "machine": replace(callers.machine, organisation=OTHERS),
    },
    "no structure": {"professional": replace(callers.doctor, organisation="")},
    "the person": {"citizen": replace(callers.citizen, person_id=CHILD.id.value)},
    "a representative": {"citizen": replace(callers.guardian, represents=frozenset({CHILD.id.value}))},
}


@pytest.fixture(scope="module")
async def service(registry: Database, issuer: LocalIssuer) -> AsyncIterator[Served]:
    async with served(VigilanceServicer(registry, Platform.TEST), registry, issuer) as running:
        yield running


@pytest.fixture(scope="module")
async def desk(registry: Database, issuer: LocalIssuer) -> AsyncIterator[Served]:
    async with serving(registry, issuer) as running:
        yield running


async def requests_about_the_child(service: Served, desk: Served) -> dict[str, Any]:
    """A request for each RPC; each change has fresh identities of the doctor's structure."""
    kept, absorbed, other = [(await linked(desk, CHILD.traits)).id for _ in range(3)]
    merging = pb.MergeIdentitiesRequest(kept_id=kept, absorbed_id=other, reason="one child")
    merge = (await service.ask("MergeIdentities", merging, callers.doctor)).merge
    fresh = (await created(desk, CHILD.traits)).id
    cases = pb.ListVigilanceCasesRequest(identity_id=fresh)
    case = (await service.ask("ListVigilanceCases", cases, callers.doctor)).cases[-1].id
    seen = pb.Description(birth_name=CHILD.traits.birth_name, birth_date=CHILD.traits.birth_date.isoformat())
    return {
        "MatchIdentities": pb.MatchIdentitiesRequest(description=seen),
        "ListVigilanceCases": pb.ListVigilanceCasesRequest(),
        "GetVigilanceCase": pb.GetVigilanceCaseRequest(case_id=case),
        "SettleVigilanceCase": pb.SettleVigilanceCaseRequest(
            case_id=case, outcome=pb.CASE_STATE_DISMISSED, reason="seen"
        ),
        "MergeIdentities": pb.MergeIdentitiesRequest(kept_id=kept, absorbed_id=absorbed, reason="one child"),
        "UnmergeIdentities": pb.UnmergeIdentitiesRequest(merge_id=merge.id, reason="two children"),
        "ListMerges of an identity": pb.ListMergesRequest(identity_id=kept),
        "ListMerges of a person": pb.ListMergesRequest(person_id=CHILD.id.value),
    }


def is_empty(answer: Any) -> bool:
    lists = [field for field in ("candidates", "cases") if field in answer.DESCRIPTOR.fields_by_name]
    return bool(lists) and not any(getattr(answer, field) for field in lists)


async def outcome(service: Served, method: str, request: Any, caller: Caller) -> str:
    try:
        answer = await service.ask(method, request, caller)
    except grpc.aio.AioRpcError as error:
        return error.code().name.lower().replace("_", " ")
    return "empty" if is_empty(answer) else "permitted"


async def test_access_when_every_kind_asks_in_every_situation_then_as_reviewed(
    service: Served, desk: Served
) -> None:
    matrix = Matrix("identity-ins, vigilance: who may do what (the person is a minor known to the structure)")
    doors(matrix, service.servicer)
    for situation, who in SITUATIONS.items():
        for kind, caller in who.items():
            for asked, request in (await requests_about_the_child(service, desk)).items():
                matrix.add(asked, situation, kind, await outcome(service, asked.split()[0], request, caller))
    same_as_golden(HERE / "access_matrix_vigilance.txt", matrix.text())


async def test_answer_about_anothers_case_or_merge_is_the_one_about_what_is_absent(
    service: Served, desk: Served
) -> None:
    """One field more in one of the two, and whoever tries ids learns which of them exist."""
    for asked, there in (await requests_about_the_child(service, desk)).items():
        given = [name for name in ("case_id", "merge_id", "kept_id") if getattr(there, name, "")]
        for field in given:
            absent = type(there)()
            absent.CopyFrom(there)
            setattr(absent, field, UNKNOWN_ID)
            both = [await refused(service, asked, one, callers.other_doctor) for one in (there, absent)]
            assert vars(both[0]) == vars(both[1]), asked
