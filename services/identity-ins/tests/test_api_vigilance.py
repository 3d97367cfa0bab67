"""Identity vigilance on a real gRPC server: candidates with reasons, the worklist, merges undone."""

import itertools
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from chassis.db import Database
from chassis.testing import LocalIssuer, Served, callers, served
from identity_ins.api import VigilanceServicer
from identity_ins.domain import Platform, Traits
from socle.common.v1 import common_pb2
from socle.identity_ins.v1 import identity_ins_pb2 as identities
from socle.identity_ins.v1 import vigilance_pb2 as pb

from .api_given import PATIENT, UNKNOWN_ID, created, linked, number, refused, sent, serving
from .vigilance_given import NOBODY_NEAR

CITIZEN = replace(callers.citizen, person_id=PATIENT.id.value)
turns = itertools.count()


@pytest.fixture(scope="module")
async def service(registry: Database, issuer: LocalIssuer) -> AsyncIterator[Served]:
    async with served(VigilanceServicer(registry, Platform.TEST), registry, issuer) as running:
        yield running


@pytest.fixture(scope="module")
async def desk(registry: Database, issuer: LocalIssuer) -> AsyncIterator[Served]:
    """Where identities are created."""
    async with serving(registry, issuer) as running:
        yield running


def someone() -> Traits:
    """A person whom nobody else of this module looks like."""
    return replace(NOBODY_NEAR, birth_date=date(1940, 1, 1) + timedelta(days=397 * next(turns)))


def described(traits: Traits, **more: Any) -> pb.MatchIdentitiesRequest:
    """The birth name in lower case and the date: enough to ask."""
    description = pb.Description(
        birth_name=traits.birth_name.lower(), birth_date=traits.birth_date.isoformat(), **more
    )
    return pb.MatchIdentitiesRequest(description=description)


async def pair(desk: Served) -> tuple[identities.Identity, identities.Identity]:
    """Two identities of one person who has no INS yet."""
    traits = someone()
    return await created(desk, traits), await created(desk, traits)


async def cases_of(service: Served, identity_id: str, **more: Any) -> pb.ListVigilanceCasesResponse:
    request = pb.ListVigilanceCasesRequest(identity_id=identity_id, **more)
    answer: pb.ListVigilanceCasesResponse = await service.ask("ListVigilanceCases", request, callers.staff)
    return answer


def merging(kept: str, absorbed: str) -> pb.MergeIdentitiesRequest:
    return pb.MergeIdentitiesRequest(kept_id=kept, absorbed_id=absorbed, reason="one patient, two files")


def settling(case_id: str, outcome: pb.CaseState.ValueType) -> pb.SettleVigilanceCaseRequest:
    return pb.SettleVigilanceCaseRequest(case_id=case_id, outcome=outcome, reason="papers compared")


async def test_create_and_correct_when_someone_is_alike_then_answered_with_the_reasons(
    service: Served, desk: Served
) -> None:
    traits = someone()
    first = await created(desk, traits)
    slipped = pb_request(traits, birth_name="ZYGLRE")
    answer = await desk.ask("CreateIdentity", slipped, callers.doctor)
    (candidate,) = answer.candidates
    assert (candidate.identity.id, candidate.grade) == (first.id, "probable")
    reasons = {one.field: (one.agreement, round(one.weight, 3)) for one in candidate.fields}
    assert reasons["birth_name"] == ("near", 0.162)
    assert candidate.score == pytest.approx(sum(one.weight for one in candidate.fields))
    (case,) = (await cases_of(service, first.id)).cases
    assert (case.first.id, case.second.id, case.score) == (first.id, answer.identity.id, candidate.score)
    correction = identities.CorrectTraitsRequest(
        identity_id=answer.identity.id, traits=sent(traits), reason="as on the card"
    )
    answer = await desk.ask("CorrectTraits", correction, callers.doctor)
    assert [(one.identity.id, one.grade) for one in answer.candidates] == [(first.id, "certain")]


def pb_request(traits: Traits, **changes: Any) -> identities.CreateIdentityRequest:
    return identities.CreateIdentityRequest(traits=sent(traits, **changes))


async def test_match_when_described_in_part_then_best_first_and_each_one_shown_is_traced(
    service: Served, desk: Served, registry: Database
) -> None:
    traits = someone()
    exact = await created(desk, traits)
    near = (
        await desk.ask("CreateIdentity", pb_request(traits, birth_name="ZYGLRE"), callers.doctor)
    ).identity
    before = await traced(registry)
    answer = await service.ask("MatchIdentities", described(traits), callers.machine)
    assert [one.identity.id for one in answer.candidates] == [exact.id, near.id]
    assert [row for row in await traced(registry) if row not in before] == [exact.id, near.id]
    limited = described(traits)
    limited.count = 1
    answer = await service.ask("MatchIdentities", limited, callers.machine)
    assert [one.identity.id for one in answer.candidates] == [exact.id]
    limited.only_certain = True
    assert not (await service.ask("MatchIdentities", limited, callers.machine)).candidates


async def traced(registry: Database) -> list[str]:
    rows = await registry.pool.fetch(
        "SELECT object_id FROM audit WHERE action = 'identity.match' AND actor = $1 ORDER BY id",
        callers.machine.subject,
    )
    return [row["object_id"] for row in rows]


async def test_match_when_the_number_is_given_then_certain_whatever_else(
    service: Served, desk: Served
) -> None:
    known = await linked(desk)
    request = described(someone(), ins=number())
    request.only_certain = True
    answer = await service.ask("MatchIdentities", request, callers.doctor)
    assert [one.identity.id for one in answer.candidates] == [known.id]


async def test_match_when_only_a_name_or_a_year_or_the_ipp_then_possible(
    service: Served, desk: Served
) -> None:
    traits = someone()
    identity = await created(desk, traits)
    for description in (
        pb.Description(birth_name="zygler", ipp=identity.ipp),
        pb.Description(birth_date=traits.birth_date.isoformat()),
        pb.Description(birth_name="zygler", birth_date=str(traits.birth_date.year)),
        pb.Description(birth_name="zygler", birth_first_names=["oswald"]),
    ):
        request = pb.MatchIdentitiesRequest(description=description, count=50)
        answer = await service.ask("MatchIdentities", request, callers.doctor)
        assert identity.id in {one.identity.id for one in answer.candidates}


THIN = pb.Description(sex=identities.SEX_MALE, ins=number())
WRONG: list[tuple[str, Any, str, str]] = [
    ("MatchIdentities", pb.MatchIdentitiesRequest(description=THIN), "description", "DESCRIPTION_TOO_THIN"),
    (
        "MatchIdentities",
        pb.MatchIdentitiesRequest(description=pb.Description(birth_date="1984-02-30")),
        "description.birth_date",
        "TRAITS_WRONG",
    ),
    (
        "MatchIdentities",
        pb.MatchIdentitiesRequest(description=pb.Description(birth_name="R2D2")),
        "description",
        "DESCRIPTION_WRONG",
    ),
    ("MatchIdentities", pb.MatchIdentitiesRequest(), "description", "MALFORMED_REQUEST"),
    ("GetVigilanceCase", pb.GetVigilanceCaseRequest(case_id="1"), "case_id", "MALFORMED_REQUEST"),
    ("GetVigilanceCase", pb.GetVigilanceCaseRequest(case_id=UNKNOWN_ID), "case_id", "CASE_NOT_FOUND"),
    ("MergeIdentities", merging(UNKNOWN_ID, UNKNOWN_ID), "absorbed_id", "MERGE_WITH_ITSELF"),
    (
        "UnmergeIdentities",
        pb.UnmergeIdentitiesRequest(merge_id=UNKNOWN_ID, reason="tried"),
        "merge_id",
        "MERGE_NOT_FOUND",
    ),
    ("ListMerges", pb.ListMergesRequest(), "identity_id", "WHOSE_MERGES"),
    (
        "ListMerges",
        pb.ListMergesRequest(identity_id=UNKNOWN_ID, person_id=UNKNOWN_ID),
        "identity_id",
        "WHOSE_MERGES",
    ),
]


@pytest.mark.parametrize(("method", "request_", "field", "reason"), WRONG)
async def test_request_when_wrong_then_the_field_the_reason_and_no_patient(
    service: Served, method: str, request_: Any, field: str, reason: str
) -> None:
    error = await refused(service, method, request_, callers.doctor)
    fields = {error.field, *(one.field for one in error.violations)}
    assert (error.reason, field in fields) == (reason, True)
    assert "R2D2" not in f"{error} {error.hint} {error.violations}"


async def test_worklist_when_paged_then_a_token_that_opens_no_other_list(
    service: Served, desk: Served
) -> None:
    traits = someone()
    first, *_ = [await created(desk, traits) for _ in range(3)]
    one = await cases_of(service, first.id, page=common_pb2.PageRequest(size=1))
    assert (len(one.cases), bool(one.next_token)) == (1, True)
    page = common_pb2.PageRequest(size=1, token=one.next_token)
    (rest,) = (await cases_of(service, first.id, page=page)).cases
    assert rest.id > one.cases[0].id
    foreign = pb.ListMergesRequest(identity_id=first.id, page=page)
    assert (await refused(service, "ListMerges", foreign, callers.staff)).reason == "UNKNOWN_PAGE_TOKEN"


async def test_case_when_settled_then_read_again_as_such_and_settled_once(
    service: Served, desk: Served
) -> None:
    first, second = await pair(desk)
    (case,) = (await cases_of(service, first.id)).cases
    done = await service.ask("SettleVigilanceCase", settling(case.id, pb.CASE_STATE_HOMONYMS), callers.staff)
    assert list(done.case.first.attributes) == list(done.case.second.attributes) == ["homonyme"]
    request = pb.GetVigilanceCaseRequest(case_id=case.id)
    again = (await service.ask("GetVigilanceCase", request, callers.doctor)).case
    assert again == done.case
    assert (again.state, again.settled_by) == (pb.CASE_STATE_HOMONYMS, callers.staff.subject)
    assert not (await cases_of(service, second.id)).cases
    error = await refused(
        service, "SettleVigilanceCase", settling(case.id, pb.CASE_STATE_DISMISSED), callers.staff
    )
    assert (error.reason, bool(error.hint)) == ("CASE_ALREADY_SETTLED", True)
    error = await refused(
        service, "SettleVigilanceCase", settling(case.id, pb.CASE_STATE_MERGED), callers.staff
    )
    assert error.reason == "OUTCOME_REFUSED"


async def test_merge_when_sent_twice_under_one_key_then_one_merge(service: Served, desk: Served) -> None:
    kept, absorbed = await pair(desk)
    request, key = merging(kept.id, absorbed.id), f"merge-{kept.id}"
    first = await service.ask("MergeIdentities", request, callers.staff, idempotency_key=key)
    assert (first.absorbed.merged_into, first.kept.version) == (kept.id, 2)
    assert await service.ask("MergeIdentities", request, callers.staff, idempotency_key=key) == first
    error = await refused(service, "MergeIdentities", request, callers.staff)
    assert (error.reason, error.field) == ("IDENTITY_MERGED", "absorbed_id")


async def test_merge_then_undone_then_the_identity_is_what_it_was(service: Served, desk: Served) -> None:
    kept, absorbed = await pair(desk)
    merge = (await service.ask("MergeIdentities", merging(kept.id, absorbed.id), callers.staff)).merge
    undoing = pb.UnmergeIdentitiesRequest(merge_id=merge.id, reason="two patients")
    undone = await service.ask("UnmergeIdentities", undoing, callers.doctor)
    restored = identities.Identity()
    restored.CopyFrom(undone.absorbed)
    for field in ("version", "updated_at"):
        restored.ClearField(field)
        absorbed.ClearField(field)
    assert restored == absorbed
    (listed,) = (
        await service.ask("ListMerges", pb.ListMergesRequest(identity_id=kept.id), callers.staff)
    ).merges
    assert listed == undone.merge
    assert (listed.unmerge_reason, listed.HasField("unmerged_at")) == ("two patients", True)
    assert (
        await refused(service, "UnmergeIdentities", undoing, callers.doctor)
    ).reason == "MERGE_ALREADY_UNDONE"


async def test_person_then_sees_the_merges_and_reads_them_in_the_journal(
    service: Served, desk: Served
) -> None:
    kept, absorbed = await linked(desk), await created(desk)
    merge = (await service.ask("MergeIdentities", merging(kept.id, absorbed.id), callers.staff)).merge
    request = pb.ListMergesRequest(person_id=PATIENT.id.value)
    assert merge in (await service.ask("ListMerges", request, CITIZEN)).merges
    guardian = replace(callers.guardian, represents=frozenset({PATIENT.id.value}))
    assert merge in (await service.ask("ListMerges", request, guardian)).merges
    journal = identities.ListPersonJournalRequest(person_id=PATIENT.id.value)
    entries = (await desk.ask("ListPersonJournal", journal, CITIZEN)).entries
    assert ("identity.merge", kept.id) in {(entry.action, entry.object_id) for entry in entries}
    assert (await refused(service, "ListMerges", request, callers.other_citizen)).kind.grpc == "NOT_FOUND"
