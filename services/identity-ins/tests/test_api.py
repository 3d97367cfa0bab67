"""The local identities on a real gRPC server: the journey, what is refused, replays, pages."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2

from chassis import page
from chassis.db import Database
from chassis.testing import LocalIssuer, Served, callers, events_of, same_as_golden
from identity_ins import seed
from identity_ins.domain import Traits
from socle.common.v1 import common_pb2
from socle.identity_ins.v1 import events_pb2
from socle.identity_ins.v1 import identity_ins_pb2 as pb

from .api_given import (
    PATIENT,
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


async def test_journey_when_retrieved_then_checked_then_qualified(service: Served) -> None:
    local = replace(PATIENT.traits, birth_first_names=("Lucie",), birth_place="")
    identity = await created(service, local, callers.staff)
    assert (identity.status, identity.version, identity.domain) == (
        pb.IDENTITY_STATUS_PROVISOIRE,
        1,
        "1750000018",
    )
    assert not identity.HasField("ins")
    answer = await service.ask("RetrieveIns", retrieval(identity.id), callers.staff)
    assert (answer.code, answer.label) == ("00", "OK")
    assert answer.identity.status == pb.IDENTITY_STATUS_RECUPEREE
    assert answer.identity.person_id == PATIENT.id.value
    assert list(answer.identity.traits.birth_first_names) == list(PATIENT.traits.birth_first_names)
    qualified = (await service.ask("CheckIdentityPaper", check(identity.id), callers.staff)).identity
    assert (qualified.status, qualified.version, qualified.paper) == (pb.IDENTITY_STATUS_QUALIFIEE, 3, "CN")
    read = await service.ask("GetIdentity", pb.GetIdentityRequest(identity_id=identity.id), callers.doctor)
    assert read.identity == qualified
    downgraded = (await service.ask("MarkIdentityDoubtful", doubt(identity.id), callers.doctor)).identity
    assert (downgraded.status, list(downgraded.attributes)) == (pb.IDENTITY_STATUS_PROVISOIRE, ["douteuse"])
    assert not downgraded.HasField("ins")
    again = await refused(service, "RetrieveIns", retrieval(identity.id), callers.doctor)
    assert (again.kind.grpc, again.reason) == ("FAILED_PRECONDITION", "IDENTITY_DOUBTFUL")


@pytest.mark.parametrize(
    ("n", "changes", "code"),
    [(9, {"birth_first_names": ["PIERRE"]}, "02"), (1, {"birth_date": "1984-03-13"}, "01")],
)
async def test_retrieve_when_insi_does_not_choose_then_stays_provisional(
    service: Served, n: int, changes: dict[str, Any], code: str
) -> None:
    traits = sent(seed.person(n).traits)
    for name in changes:
        traits.ClearField(name)  # type: ignore[arg-type]
    traits.MergeFrom(pb.Traits(**changes))
    traits.birth_place = ""
    identity = (
        await service.ask("CreateIdentity", pb.CreateIdentityRequest(traits=traits), callers.doctor)
    ).identity
    answer = await service.ask("RetrieveIns", retrieval(identity.id), callers.doctor)
    assert answer.code == code
    assert answer.identity == identity


async def test_search_ins_when_found_then_the_person_with_former_numbers(service: Served) -> None:
    request = pb.SearchInsRequest(
        birth_name="Ecetinsi",
        first_name="muriel",
        sex=pb.SEX_MALE,
        birth_date="2009-07-14",
        birth_place="63220",
    )
    answer = await service.ask("SearchIns", request, callers.machine)
    assert (answer.code, answer.person.ins.matricule) == ("00", "109076322083489")
    assert [ins.matricule for ins in answer.person.former] == ["209066322012355", "209076322083439"]
    request.birth_place = "75101"
    answer = await service.ask("SearchIns", request, callers.machine)
    assert (answer.code, answer.label, answer.HasField("person")) == ("01", "Aucune identité trouvée", False)


def creation(ipp: str = "", **changes: Any) -> pb.CreateIdentityRequest:
    return pb.CreateIdentityRequest(traits=sent(PATIENT.traits, **changes), ipp=ipp)


def asked(**more: Any) -> pb.CreateIdentityRequest:
    return pb.CreateIdentityRequest(traits=sent(PATIENT.traits), **more)


def correction(id: str = UNKNOWN_ID, reason: str = "misread", **changes: Any) -> pb.CorrectTraitsRequest:
    return pb.CorrectTraitsRequest(identity_id=id, traits=sent(PATIENT.traits, **changes), reason=reason)


def versions(token: str = "", id: str = UNKNOWN_ID, **more: Any) -> pb.ListIdentityChangesRequest:
    return pb.ListIdentityChangesRequest(
        identity_id=id, page=common_pb2.PageRequest(size=2, token=token), **more
    )


def listing(token: str = "", **criteria: Any) -> pb.ListIdentitiesRequest:
    return pb.ListIdentitiesRequest(page=common_pb2.PageRequest(token=token), **criteria)


BAD_KEY, CYRILLIC_A = "284058832102500", "\u0410"
# {"after": "x"}: written by hand, well encoded.
FORGED = "eyJhZnRlciI6ICJ4In0"

WRONG: list[tuple[str, Any, str, str]] = [
    ("CreateIdentity", pb.CreateIdentityRequest(), "traits", "MALFORMED_REQUEST"),
    ("CreateIdentity", creation("a b"), "ipp", "MALFORMED_REQUEST"),
    ("CreateIdentity", creation(birth_name=CYRILLIC_A), "traits.birth_name", "TRAITS_WRONG"),
    ("CreateIdentity", creation(birth_name="X" * 300), "traits.birth_name", "MALFORMED_REQUEST"),
    ("CreateIdentity", creation(birth_date="2099-01-01"), "traits.birth_date", "TRAITS_WRONG"),
    ("CreateIdentity", creation(birth_date="2023-02-29"), "traits.birth_date", "TRAITS_WRONG"),
    ("CreateIdentity", creation(birth_date="28/03/1979"), "traits.birth_date", "MALFORMED_REQUEST"),
    ("CreateIdentity", creation(birth_name="A\x00B"), "traits.birth_name", "MALFORMED_REQUEST"),
    ("CreateIdentity", asked(paper="PC"), "paper", "PAPER_REFUSED"),
    (
        "CreateIdentity",
        asked(paper="CN", paper_checked_on="2099-01-01"),
        "paper_checked_on",
        "PAPER_DATE_WRONG",
    ),
    ("CreateIdentity", asked(paper_checked_on="2026-01-01"), "paper_checked_on", "PAPER_DATE_WRONG"),
    ("CreateIdentity", asked(billing_number=BAD_KEY), "billing_number", "BILLING_NUMBER_WRONG"),
    ("CreateIdentity", asked(ins=number(BAD_KEY)), "ins.matricule", "INS_KEY_WRONG"),
    ("CreateIdentity", asked(ipp_authority="here"), "ipp_authority", "MALFORMED_REQUEST"),
    ("CorrectTraits", correction(birth_date="2023-02-29"), "traits.birth_date", "TRAITS_WRONG"),
    ("CorrectTraits", correction(reason=""), "reason", "MALFORMED_REQUEST"),
    (
        "VerifyIns",
        about(pb.VerifyInsRequest, UNKNOWN_ID, ins=number(BAD_KEY)),
        "ins.matricule",
        "INS_KEY_WRONG",
    ),
    ("ClearIdentityMark", about(pb.ClearIdentityMarkRequest, UNKNOWN_ID), "mark", "MALFORMED_REQUEST"),
    ("RemoveIns", about(pb.RemoveInsRequest, UNKNOWN_ID, reason=""), "reason", "MALFORMED_REQUEST"),
    ("ListIdentities", listing(born_from="2000-01-02", born_to="2000-01-01"), "born_to", "CRITERIA_WRONG"),
    ("ListIdentities", listing(family="A", sort=9), "sort", "MALFORMED_REQUEST"),
    ("ListIdentityChanges", versions("{"), "", "UNKNOWN_PAGE_TOKEN"),
    ("ListIdentityChanges", versions(page.token(last=0)), "", "UNKNOWN_PAGE_TOKEN"),
    ("CheckIdentityPaper", check(UNKNOWN_ID, "PC"), "paper", "PAPER_REFUSED"),
    ("GetIdentity", pb.GetIdentityRequest(identity_id="1"), "identity_id", "MALFORMED_REQUEST"),
    ("ResolvePerson", resolution(BAD_KEY), "ins.matricule", "INS_KEY_WRONG"),
    ("ResolvePerson", resolution(oid="1.2.250.1.213.1.4.8"), "ins.oid", "INS_OF_ANOTHER_PLATFORM"),
    ("ListIdentities", listing(), "", "CRITERION_NEEDED"),
    ("ListIdentities", listing(ins=number(BAD_KEY)), "ins.matricule", "INS_KEY_WRONG"),
    ("ListIdentities", listing(family="%"), "family", "CRITERIA_WRONG"),
    ("ListIdentities", listing("!", family="A"), "", "UNKNOWN_PAGE_TOKEN"),
    ("ListIdentities", listing(FORGED, family="A"), "", "UNKNOWN_PAGE_TOKEN"),
    ("SearchIns", search(pb.SEX_UNKNOWN), "sex", "SEX_NOT_IN_CIVIL_STATUS"),
    ("MarkIdentityDoubtful", doubt(UNKNOWN_ID, ""), "reason", "MALFORMED_REQUEST"),
]


@pytest.mark.parametrize(("method", "request_", "field", "reason"), WRONG)
async def test_request_when_wrong_then_refused_with_field_and_reason(
    service: Served, method: str, request_: Any, field: str, reason: str
) -> None:
    error = await refused(service, method, request_, callers.doctor)
    assert (error.kind.grpc, error.reason) == ("INVALID_ARGUMENT", reason)
    assert not field or field in [violation.field for violation in error.violations]


async def test_error_when_it_speaks_of_a_number_then_never_shows_it(service: Served) -> None:
    for matricule, oid in (
        ("284058832102500", "1.2.250.1.213.1.4.10"),
        ("284058832102532", "1.2.250.1.213.1.4.8"),
    ):
        request = pb.ResolvePersonRequest(ins=number(matricule, oid))
        with pytest.raises(grpc.aio.AioRpcError) as told:
            await service.ask("ResolvePerson", request, callers.doctor)
        details = b"".join(value for _, value in told.value.trailing_metadata() if isinstance(value, bytes))
        assert b"2840588" not in details + str(told.value).encode()
        assert error_details_pb2.BadRequest.DESCRIPTOR.full_name.encode() in details


@pytest.mark.parametrize(
    ("method", "request_"),
    [
        ("GetIdentity", pb.GetIdentityRequest(identity_id=UNKNOWN_ID)),
        ("RetrieveIns", retrieval(UNKNOWN_ID)),
        ("CheckIdentityPaper", check(UNKNOWN_ID)),
        ("MarkIdentityDoubtful", doubt(UNKNOWN_ID)),
        ("MarkIdentityFictitious", about(pb.MarkIdentityFictitiousRequest, UNKNOWN_ID)),
        ("MarkIdentityHomonym", about(pb.MarkIdentityHomonymRequest, UNKNOWN_ID)),
        ("ClearIdentityMark", about(pb.ClearIdentityMarkRequest, UNKNOWN_ID, mark=pb.IDENTITY_MARK_DOUTEUSE)),
        ("CorrectTraits", correction()),
        ("VerifyIns", about(pb.VerifyInsRequest, UNKNOWN_ID)),
        ("RemoveIns", about(pb.RemoveInsRequest, UNKNOWN_ID)),
        ("CancelPaperCheck", about(pb.CancelPaperCheckRequest, UNKNOWN_ID)),
        ("ListIdentityChanges", versions()),
        ("GetPerson", pb.GetPersonRequest(person_id=UNKNOWN_ID)),
        ("ResolvePerson", resolution("199017510199823")),
    ],
)
async def test_thing_when_absent_then_not_found(service: Served, method: str, request_: Any) -> None:
    assert (await refused(service, method, request_, callers.doctor)).kind.grpc == "NOT_FOUND"


async def test_token_when_missing_then_unauthenticated(service: Served) -> None:
    request = pb.GetIdentityRequest(identity_id=UNKNOWN_ID)
    assert (await refused(service, "GetIdentity", request, None)).kind.grpc == "UNAUTHENTICATED"


async def test_refusal_when_of_another_structure_then_in_the_journal_of_the_person(
    service: Served, registry: Database
) -> None:
    identity = await linked(service)
    await refused(
        service, "GetIdentity", pb.GetIdentityRequest(identity_id=identity.id), callers.other_doctor
    )
    row = await registry.pool.fetchrow(
        "SELECT * FROM audit WHERE outcome = 'refused' AND object_id = $1", identity.id
    )
    assert row is not None
    assert (row["subject"], row["actor"], row["action"]) == (
        PATIENT.id.value,
        callers.other_doctor.subject,
        "identity.read",
    )


async def test_create_when_replayed_with_its_key_then_the_same_identity_once(
    service: Served, registry: Database
) -> None:
    request = pb.CreateIdentityRequest(traits=sent(PATIENT.traits), ipp="ONCE")
    first = await service.ask("CreateIdentity", request, callers.doctor, idempotency_key="key-1")
    second = await service.ask("CreateIdentity", request, callers.doctor, idempotency_key="key-1")
    assert first == second
    assert await registry.pool.fetchval("SELECT count(*) FROM local_identity WHERE ipp = 'ONCE'") == 1
    request.ipp = "TWICE"
    error = await refused(service, "CreateIdentity", request, callers.doctor, idempotency_key="key-1")
    assert error.reason == "IDEMPOTENCY_KEY_REUSED"


async def test_retrieve_when_replayed_with_its_key_then_the_same_answer(service: Served) -> None:
    request = retrieval((await created(service)).id)
    first = await service.ask("RetrieveIns", request, callers.doctor, idempotency_key="key-2")
    assert await service.ask("RetrieveIns", request, callers.doctor, idempotency_key="key-2") == first
    assert (await refused(service, "RetrieveIns", request, callers.doctor)).reason == "INS_ALREADY_RETRIEVED"


async def test_ipp_when_taken_then_already_exists(service: Served) -> None:
    request = pb.CreateIdentityRequest(traits=sent(PATIENT.traits), ipp="TAKEN")
    await service.ask("CreateIdentity", request, callers.doctor)
    error = await refused(service, "CreateIdentity", request, callers.doctor)
    assert (error.kind.grpc, error.reason) == ("ALREADY_EXISTS", "IPP_ALREADY_USED")


async def test_list_when_paged_then_each_once_and_only_of_the_structure(
    service: Served, make_traits: Callable[..., Traits]
) -> None:
    traits = make_traits(birth_name="PAGINATION")
    mine = [(await created(service, traits, callers.pharmacist)).id for _ in range(5)]
    await created(service, traits, callers.nurse)
    seen: list[str] = []
    token = "-"
    while token:
        request = pb.ListIdentitiesRequest(
            family="pagin", page=common_pb2.PageRequest(size=2, token=token.strip("-"))
        )
        answer = await service.ask("ListIdentities", request, callers.pharmacist)
        assert len(answer.identities) <= 2
        seen += [identity.id for identity in answer.identities]
        token = answer.next_token
    assert seen == mine


def test_events_when_published_then_thin_and_as_reviewed() -> None:
    same_as_golden(HERE / "events.txt", events_of(events_pb2))


async def test_journey_when_corrected_marked_and_cleared_then_each_change_is_in_the_history(
    service: Served,
) -> None:
    identity = await created(service)
    id = identity.id
    named = await service.ask("CorrectTraits", correction(id, "married", used_name="Leroy"), callers.doctor)
    assert named.identity.traits.used_name == "LEROY"
    await service.ask("MarkIdentityHomonym", about(pb.MarkIdentityHomonymRequest, id), callers.doctor)
    clear = about(pb.ClearIdentityMarkRequest, id, mark=pb.IDENTITY_MARK_HOMONYME)
    await service.ask("ClearIdentityMark", clear, callers.doctor)
    await service.ask("CheckIdentityPaper", check(id), callers.staff)
    await service.ask("CancelPaperCheck", about(pb.CancelPaperCheckRequest, id), callers.doctor)
    fiction = about(pb.MarkIdentityFictitiousRequest, id)
    last = (await service.ask("MarkIdentityFictitious", fiction, callers.doctor)).identity
    assert (last.version, list(last.attributes)) == (7, ["fictive"])
    seen: list[pb.IdentityChange] = []
    token = "-"
    while token:
        answer = await service.ask("ListIdentityChanges", versions(token.strip("-"), id), callers.doctor)
        seen += answer.changes
        token = answer.next_token
    assert [(change.version, change.step) for change in seen] == [
        (7, "mark_fictitious"),
        (6, "cancel_paper_check"),
        (5, "check_paper"),
        (4, "clear_mark"),
        (3, "mark_homonym"),
        (2, "change_used_names"),
        (1, "create"),
    ]
    assert (seen[0].identity, seen[-1].identity) == (last, identity)
    assert (seen[2].author, seen[2].status_after) == (callers.staff.subject, pb.IDENTITY_STATUS_VALIDEE)
    one = await service.ask("ListIdentityChanges", versions("", id, version=2), callers.doctor)
    assert ([change.version for change in one.changes], one.next_token) == ([2], "")
    beyond = await refused(service, "ListIdentityChanges", versions("", id, version=8), callers.doctor)
    assert beyond.kind.grpc == "NOT_FOUND"


async def test_create_when_something_is_odd_then_accepted_with_warnings(service: Served) -> None:
    odd = sent(PATIENT.traits, birth_date="1984", birth_place="96001")
    answer = await service.ask("CreateIdentity", pb.CreateIdentityRequest(traits=odd), callers.doctor)
    assert [(warning.field, warning.code) for warning in answer.warnings] == [
        ("traits.birth_place", "PLACE_UNKNOWN"),
        ("traits.birth_date", "BIRTH_DATE_INCOMPLETE"),
    ]
    born = answer.identity.traits
    assert (born.birth_date, born.birth_date_precision) == ("1984", pb.BIRTH_DATE_PRECISION_YEAR)


async def test_list_when_sorted_backwards_then_the_token_holds_no_trait(
    service: Served, make_traits: Callable[..., Traits]
) -> None:
    traits = [make_traits(birth_name=f"SORTED {letter}") for letter in "ABC"]
    made = [(await created(service, one, callers.nurse)).id for one in traits]
    seen: list[str] = []
    token = "-"
    while token:
        request = listing(token.strip("-"), family="sorted", sort=pb.IDENTITY_SORT_FAMILY, descending=True)
        request.page.size = 2
        answer = await service.ask("ListIdentities", request, callers.nurse)
        seen += [identity.id for identity in answer.identities]
        token = answer.next_token
        if token:
            assert page.after(common_pb2.PageRequest(token=token))[1] == {"after": seen[-1]}
    assert seen == made[::-1]


async def test_journal_when_read_by_the_person_then_their_own_reading_is_called_self(service: Served) -> None:
    await linked(service)
    owner = replace(callers.citizen, person_id=PATIENT.id.value)
    request = pb.ListPersonJournalRequest(person_id=PATIENT.id.value)
    await service.ask("ListPersonJournal", request, owner)
    first, *rest = (await service.ask("ListPersonJournal", request, owner)).entries
    assert (first.action, first.actor, first.outcome) == ("person.read_journal", "self", "permitted")
    assert "identity.retrieve_ins" in [entry.action for entry in rest]
