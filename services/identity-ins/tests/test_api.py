"""The contract on a real gRPC server with all its doors."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2

from chassis import status
from chassis.caller import Caller
from chassis.db import Database
from chassis.errors import SocleError
from chassis.testing import LocalIssuer, Matrix, Served, callers, doors, events_of, same_as_golden, served
from identity_ins import clients, seed
from identity_ins.api import IdentityInsServicer
from identity_ins.domain import Platform, Sex, Traits
from socle.common.v1 import common_pb2
from socle.identity_ins.v1 import events_pb2
from socle.identity_ins.v1 import identity_ins_pb2 as pb

HERE = Path(__file__).parent
PATIENT, CHILD = seed.person(seed.PATIENT), seed.person(seed.OTHER_PATIENT)
SEX = {Sex.MALE: pb.SEX_MALE, Sex.FEMALE: pb.SEX_FEMALE}
TEST_OID = "1.2.250.1.213.1.4.10"
UNKNOWN_ID = "01900000-0000-7000-8000-00000000dead"


@pytest.fixture(scope="module")
async def service(registry: Database, issuer: LocalIssuer) -> AsyncIterator[Served]:
    servicer = IdentityInsServicer(registry, clients.Insi(registry), Platform.TEST)
    async with served(servicer, registry, issuer) as running:
        yield running


def sent(traits: Traits, **changes: Any) -> pb.Traits:
    message = pb.Traits(
        birth_name=traits.birth_name,
        birth_first_names=traits.birth_first_names,
        sex=SEX[traits.sex],
        birth_date=traits.birth_date.isoformat(),
        birth_place=traits.birth_place,
    )
    message.MergeFrom(pb.Traits(**changes))
    return message


def number(matricule: str = PATIENT.ins.matricule, oid: str = TEST_OID) -> pb.Ins:
    return pb.Ins(matricule=matricule, oid=oid)


def retrieval(id: str) -> pb.RetrieveInsRequest:
    return pb.RetrieveInsRequest(identity_id=id)


def check(id: str, paper: str = "CN") -> pb.CheckIdentityPaperRequest:
    return pb.CheckIdentityPaperRequest(identity_id=id, paper=paper)


def doubt(id: str, reason: str = "the photo is another's") -> pb.MarkIdentityDoubtfulRequest:
    return pb.MarkIdentityDoubtfulRequest(identity_id=id, reason=reason)


def resolution(matricule: str = PATIENT.ins.matricule, oid: str = TEST_OID) -> pb.ResolvePersonRequest:
    return pb.ResolvePersonRequest(ins=number(matricule, oid))


async def created(
    service: Served, traits: Traits = PATIENT.traits, caller: Caller = callers.doctor
) -> pb.Identity:
    answer = await service.ask("CreateIdentity", pb.CreateIdentityRequest(traits=sent(traits)), caller)
    identity: pb.Identity = answer.identity
    return identity


async def linked(
    service: Served, traits: Traits = PATIENT.traits, caller: Caller = callers.doctor
) -> pb.Identity:
    identity = await created(service, traits, caller)
    answer = await service.ask("RetrieveIns", retrieval(identity.id), caller)
    assert answer.code == "00"
    found: pb.Identity = answer.identity
    return found


async def refused(
    service: Served, method: str, request: Any, caller: Caller | None, **metadata: str
) -> SocleError:
    with pytest.raises(grpc.aio.AioRpcError) as told:
        await service.ask(method, request, caller, **metadata)
    return status.from_status(told.value)


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


def listing(token: str = "", **criteria: Any) -> pb.ListIdentitiesRequest:
    return pb.ListIdentitiesRequest(page=common_pb2.PageRequest(token=token), **criteria)


def search(sex: pb.Sex.ValueType, first_name: str = "LEO") -> pb.SearchInsRequest:
    born = CHILD.traits.birth_date.isoformat()
    return pb.SearchInsRequest(birth_name="ROUSSEL", first_name=first_name, sex=sex, birth_date=born)


BAD_KEY, CYRILLIC_A = "284058832102500", "\u0410"
# {"after": "x"}: written by hand, well encoded.
FORGED = "eyJhZnRlciI6ICJ4In0"

WRONG: list[tuple[str, Any, str, str]] = [
    ("CreateIdentity", pb.CreateIdentityRequest(), "traits", "MALFORMED_REQUEST"),
    ("CreateIdentity", creation("a b"), "ipp", "MALFORMED_REQUEST"),
    ("CreateIdentity", creation(birth_name=CYRILLIC_A), "traits.birth_name", "TRAITS_WRONG"),
    ("CreateIdentity", creation(birth_name="X" * 300), "traits.birth_name", "MALFORMED_REQUEST"),
    ("CreateIdentity", creation(birth_date="2099-01-01"), "traits.birth_date", "TRAITS_WRONG"),
    ("CreateIdentity", creation(birth_date="2023-02-29"), "traits.birth_date", "MALFORMED_REQUEST"),
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


SITUATIONS: dict[str, dict[str, Caller]] = {
    "one's structure": callers.every_kind(),
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
    new = [(await created(service, CHILD.traits)).id for _ in range(3)]
    known = await linked(service, CHILD.traits)
    return {
        "CreateIdentity": pb.CreateIdentityRequest(traits=sent(CHILD.traits)),
        "GetIdentity": pb.GetIdentityRequest(identity_id=known.id),
        "ListIdentities": pb.ListIdentitiesRequest(ins=number(CHILD.ins.matricule)),
        "SearchIns": search(pb.SEX_MALE),
        "RetrieveIns": retrieval(new[0]),
        "CheckIdentityPaper": check(new[1], "LEP"),
        "MarkIdentityDoubtful": doubt(new[2]),
        "ResolvePerson": resolution(CHILD.ins.matricule),
        "GetPerson": pb.GetPersonRequest(person_id=CHILD.id.value),
        "GetStanding": pb.GetStandingRequest(person_id=CHILD.id.value, domain="1750000018"),
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
            for method, request in (await requests_about_the_child(service)).items():
                matrix.add(method, situation, kind, await outcome(service, method, request, caller))
    same_as_golden(HERE / "access_matrix.txt", matrix.text())


def test_events_when_published_then_thin_and_as_reviewed() -> None:
    same_as_golden(HERE / "events.txt", events_of(events_pb2))
