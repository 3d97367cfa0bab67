"""Who gets what from each RPC of the local identities, as a table that a doctor can review."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest

from chassis.caller import Caller
from chassis.db import Database
from chassis.testing import LocalIssuer, Matrix, Served, callers, doors, same_as_golden
from socle.identity_ins.v1 import identity_ins_pb2 as pb

from .api_given import (
    CHILD,
    UNKNOWN_ID,
    about,
    check,
    created,
    doubt,
    linked,
    number,
    refused,
    resolution,
    retrieval,
    search,
    sent,
    serving,
)

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
async def service(registry: Database, issuer: LocalIssuer) -> AsyncIterator[Served]:
    async with serving(registry, issuer) as running:
        yield running


SITUATIONS: dict[str, dict[str, Caller]] = {
    "one's structure": callers.every_kind(),
    "writes prescriptions": {
        "service": replace(callers.service, subject="eprescription", client="eprescription")
    },
    "another structure": {
        "professional": callers.other_doctor,
        "machine": replace(callers.machine, organisation="1750000026"),
    },
    "no structure": {"professional": replace(callers.doctor, organisation="")},
    "the person": {"citizen": replace(callers.citizen, person_id=CHILD.id.value)},
    "a representative": {"citizen": replace(callers.guardian, represents=frozenset({CHILD.id.value}))},
}


async def requests_about_the_child(service: Served) -> dict[str, Any]:
    """A request for each RPC; each change has a fresh identity of the doctor's structure."""
    known = await linked(service, CHILD.traits)
    return {
        "CreateIdentity": pb.CreateIdentityRequest(traits=sent(CHILD.traits)),
        "CreateIdentity with a paper": pb.CreateIdentityRequest(traits=sent(CHILD.traits), paper="LEP"),
        "GetIdentity": pb.GetIdentityRequest(identity_id=known.id),
        "ListIdentities": pb.ListIdentitiesRequest(ins=number(CHILD.ins.matricule)),
        "ListIdentityChanges": pb.ListIdentityChangesRequest(identity_id=known.id),
        "SearchIns": search(pb.SEX_MALE),
        **await changes_of_the_child(service),
        "ResolvePerson": resolution(CHILD.ins.matricule),
        "GetPerson": pb.GetPersonRequest(person_id=CHILD.id.value),
        "GetStanding": pb.GetStandingRequest(person_id=CHILD.id.value, domain="1750000018"),
        "CompareWithPerson": pb.CompareWithPersonRequest(
            person_id=CHILD.id.value, ins=number(CHILD.ins.matricule), birth_name=CHILD.traits.birth_name
        ),
        "DescribePerson": pb.DescribePersonRequest(person_id=CHILD.id.value, paper="prescription"),
        "ListPersonJournal": pb.ListPersonJournalRequest(person_id=CHILD.id.value),
    }


async def changes_of_the_child(service: Served) -> dict[str, Any]:
    """A request for each RPC that changes an identity, which is in a state where it may."""
    new = [(await created(service, CHILD.traits)).id for _ in range(6)]
    known = [(await linked(service, CHILD.traits)).id for _ in range(2)]
    seen, marked = [(await created(service, CHILD.traits)).id for _ in range(2)]
    await service.ask("CheckIdentityPaper", check(seen, "LEP"), callers.doctor)
    await service.ask("MarkIdentityDoubtful", doubt(marked), callers.doctor)
    return {
        "CorrectTraits": about(pb.CorrectTraitsRequest, new[0], traits=sent(CHILD.traits, used_name="LEROY")),
        "RetrieveIns": retrieval(new[1]),
        "VerifyIns": about(pb.VerifyInsRequest, known[0]),
        "RemoveIns": about(pb.RemoveInsRequest, known[1]),
        "CheckIdentityPaper": check(new[2], "LEP"),
        "CancelPaperCheck": about(pb.CancelPaperCheckRequest, seen),
        "MarkIdentityDoubtful": doubt(new[3]),
        "MarkIdentityFictitious": about(pb.MarkIdentityFictitiousRequest, new[4]),
        "MarkIdentityHomonym": about(pb.MarkIdentityHomonymRequest, new[5]),
        "ClearIdentityMark": about(pb.ClearIdentityMarkRequest, marked, mark=pb.IDENTITY_MARK_DOUTEUSE),
    }


async def outcome(service: Served, method: str, request: Any, caller: Caller) -> str:
    try:
        answer = await service.ask(method, request, caller)
    except grpc.aio.AioRpcError as error:
        return error.code().name.lower().replace("_", " ")
    return "empty" if method == "ListIdentities" and not answer.identities else "permitted"


async def test_access_when_every_kind_asks_in_every_situation_then_as_reviewed(service: Served) -> None:
    matrix = Matrix("identity-ins: who may do what (the person is a minor known to the doctor's structure)")
    doors(matrix, service.servicer)
    for situation, who in SITUATIONS.items():
        for kind, caller in who.items():
            for asked, request in (await requests_about_the_child(service)).items():
                got = await outcome(service, asked.split()[0], request, caller)
                matrix.add(asked, situation, kind, got)
    same_as_golden(HERE / "access_matrix.txt", matrix.text())


async def test_answer_about_anothers_thing_is_the_one_about_what_is_absent(service: Served) -> None:
    """One field more in one of the two, and whoever tries ids learns which of them exist."""
    asked = (await requests_about_the_child(service)).items()
    for field in ("identity_id", "person_id"):
        about_one = {
            method: one
            for method, one in asked
            if getattr(one, field, "")
            and method not in ("GetStanding", "CompareWithPerson", "DescribePerson")
        }
        assert {"identity_id": "GetIdentity", "person_id": "GetPerson"}[field] in about_one
        for method, there in about_one.items():
            if method == "ListPersonJournal":
                continue
            absent = type(there)()
            absent.CopyFrom(there)
            setattr(absent, field, UNKNOWN_ID)
            told = [
                vars(await refused(service, method, one, callers.other_doctor)) for one in (there, absent)
            ]
            assert told[0] == told[1], method
            assert told[0]["field"] == field
            assert told[0]["hint"]
