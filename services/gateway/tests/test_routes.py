"""Every RPC of identity-ins has an address, and what is sent there arrives in the words of the contract."""

from dataclasses import dataclass
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict
from google.protobuf.message_factory import GetMessageClass

from chassis.caller import Caller
from chassis.testing import callers
from gateway import wire
from socle.identity_ins.v1 import exchange_pb2, identity_ins_pb2, insi_pb2, vigilance_pb2
from socle.identity_ins.v1.identity_ins_pb2 import DESCRIPTOR as CONTRACT
from socle.options.v1 import options_pb2

ID = "01900000-0000-7000-8000-0000000000aa"
OTHER = "01900000-0000-7000-8000-0000000000bb"
CONTRACTS = (CONTRACT, insi_pb2.DESCRIPTOR, vigilance_pb2.DESCRIPTOR, exchange_pb2.DESCRIPTOR)
METHODS = {
    name: method
    for contract in CONTRACTS
    for service in contract.services_by_name.values()
    for name, method in service.methods_by_name.items()
}
INS = {"matricule": "279035121518989", "oid": "1.2.250.1.213.1.4.10"}
TRAITS = {
    "birth_name": "PAT-TROIS",
    "birth_first_names": ["DOMINIQUE"],
    "sex": "female",
    "birth_date": "1979-03",
    "birth_place_name": "DOMPREMY",
}
SENT_TRAITS = {**TRAITS, "sex": "SEX_FEMALE"}
REASON = {"reason": "Deux patients, une pièce."}
CARD = {
    "num_assure": "279035121518989",
    "date_naissance": "1979-03-28",
    "rang_gemellaire": 2,
    "nom": "PAT-TROIS",
}
READ_AT = "2026-06-12T10:00:00Z"
LINE = {
    "num_identifiant": "2790351215189",
    "cle": "89",
    "oid": INS["oid"],
    "nom_naissance": "PAT-TROIS",
    "liste_prenom": "DOMINIQUE MARIE-LOUISE",
    "sexe": "F",
    "date_naissance": "1979-03-28",
    "lieu_naissance": "51215",
    "reference": "IPP-1",
}
PAGE = {"size": 7, "token": "t-1"}
PAGED = "size=7&token=t-1"


@dataclass(frozen=True)
class Route:
    """An address, what is sent there, and the request that must arrive (as protobuf JSON)."""

    rpc: str
    method: str
    path: str
    body: Any = None
    arrives: Any = None
    caller: Caller = callers.staff
    status: int = 200


def about(**fields: Any) -> dict[str, Any]:
    return {"identity_id": ID, **fields}


ONE = f"/v1/identities/{ID}"
ROUTES = (
    Route(
        "CreateIdentity",
        "POST",
        "/v1/identities",
        {
            "traits": TRAITS,
            "ins": INS,
            "paper": "CN",
            "paper_checked_on": "2026-06-01",
            "collection_method": "bar_code",
            "billing_number": "279035121518989",
            "ipp_authority": "1.2.250.1.999.9",
            "fictitious": True,
        },
        {
            "traits": SENT_TRAITS,
            "ins": INS,
            "paper": "CN",
            "paper_checked_on": "2026-06-01",
            "collection_method": "COLLECTION_METHOD_BAR_CODE",
            "billing_number": "279035121518989",
            "ipp_authority": "1.2.250.1.999.9",
            "fictitious": True,
        },
        status=201,
    ),
    Route("GetIdentity", "GET", ONE, None, about()),
    Route(
        "ListIdentities",
        "POST",
        "/v1/identities/search",
        {"family": "PAT", "born_from": "1979-01-01", "born_to": "1979-12-31", "sort": "birth_date"}
        | {"descending": True, "with_merged": True, "identity_id": ID, "page": PAGE},
        {
            "family": "PAT",
            "born_from": "1979-01-01",
            "born_to": "1979-12-31",
            "descending": True,
            "page": PAGE,
        }
        | {"sort": "IDENTITY_SORT_BIRTH_DATE", "with_merged": True, "identity_id": ID},
    ),
    Route(
        "CorrectTraits",
        "PUT",
        f"{ONE}/traits",
        {"traits": TRAITS, "collection_method": "typed", **REASON},
        about(traits=SENT_TRAITS, collection_method="COLLECTION_METHOD_TYPED", **REASON),
    ),
    Route("RetrieveIns", "POST", f"{ONE}/ins-retrieval", None, about()),
    Route(
        "RetrieveIns",
        "POST",
        f"{ONE}/ins-retrieval",
        {"card": {**CARD, "read_at": "2026-06-12T12:00:00+02:00"}},
        about(card={**CARD, "read_at": READ_AT}),
    ),
    Route("VerifyIns", "POST", f"{ONE}/ins-verification", None, about()),
    Route("VerifyIns", "POST", f"{ONE}/ins-verification", {"ins": INS}, about(ins=INS)),
    Route("RemoveIns", "POST", f"{ONE}/ins-removal", REASON, about(**REASON)),
    Route("CheckIdentityPaper", "POST", f"{ONE}/paper-check", {"paper": "CN"}, about(paper="CN")),
    Route("CancelPaperCheck", "POST", f"{ONE}/paper-check/cancellation", REASON, about(**REASON)),
    Route("MarkIdentityDoubtful", "POST", f"{ONE}/doubt", REASON, about(**REASON)),
    Route("MarkIdentityFictitious", "POST", f"{ONE}/fictitious-mark", REASON, about(**REASON)),
    Route("MarkIdentityHomonym", "POST", f"{ONE}/homonym-mark", REASON, about(**REASON)),
    Route(
        "ClearIdentityMark",
        "POST",
        f"{ONE}/mark-clearance",
        {"mark": "homonyme", **REASON},
        about(mark="IDENTITY_MARK_HOMONYME", **REASON),
    ),
    Route(
        "ListIdentityChanges", "GET", f"{ONE}/history?version=3&{PAGED}", None, about(version=3, page=PAGE)
    ),
    Route("ResolvePerson", "POST", "/v1/persons/resolve", {"ins": INS}, {"ins": INS}),
    Route("GetPerson", "GET", f"/v1/persons/{ID}", None, {"person_id": ID}),
    Route(
        "GetStanding",
        "GET",
        f"/v1/persons/{ID}/standing?domain=1990000010",
        None,
        {"person_id": ID, "domain": "1990000010"},
        callers.service,
    ),
    Route(
        "ListPersonJournal",
        "GET",
        f"/v1/persons/{ID}/journal?{PAGED}",
        None,
        {"person_id": ID, "page": PAGE},
        callers.citizen,
    ),
    Route(
        "SearchIns",
        "POST",
        "/v1/insi/search",
        {"birth_name": "PAT-TROIS", "first_name": "DOMINIQUE", "sex": "male", "birth_date": "1979-03-28"},
        {"birth_name": "PAT-TROIS", "first_name": "DOMINIQUE", "sex": "SEX_MALE", "birth_date": "1979-03-28"},
    ),
    Route(
        "SearchInsByCard",
        "POST",
        "/v1/insi/card-search",
        {"card": {**CARD, "read_at": READ_AT}},
        {"card": {**CARD, "read_at": READ_AT}},
    ),
    Route("VerifyInsTraits", "POST", "/v1/insi/verification", {"line": LINE}, {"line": LINE}),
    Route("ListInsiCalls", "GET", f"/v1/insi/calls?{PAGED}", None, {"page": PAGE}),
    Route("ListVerificationLots", "GET", f"/v1/insi/verification-lots?{PAGED}", None, {"page": PAGE}),
    Route("GetVerificationLot", "GET", f"/v1/insi/verification-lots/{ID}", None, {"lot_id": ID}),
    Route(
        "ListVerificationResults",
        "GET",
        f"/v1/insi/verification-lots/{ID}/results",
        None,
        {"lot_id": ID, "size": 5000},
    ),
    Route(
        "AbandonVerificationLot", "POST", f"/v1/insi/verification-lots/{ID}/abandonment", None, {"lot_id": ID}
    ),
    Route(
        "ReplaceNumber",
        "PUT",
        f"/v1/persons/{ID}/number",
        {"ins": INS, **REASON},
        {"person_id": ID, "ins": INS, **REASON},
        callers.operator,
    ),
    Route(
        "MatchIdentities",
        "POST",
        "/v1/identities/match",
        {"description": {"birth_name": "PAT", "sex": "female", "ins": INS}, "count": 5, "only_certain": True},
        {"description": {"birth_name": "PAT", "sex": "SEX_FEMALE", "ins": INS}, "count": 5}
        | {"only_certain": True},
    ),
    Route(
        "ListVigilanceCases",
        "GET",
        f"/v1/vigilance-cases?state=homonyms&identity_id={ID}&{PAGED}",
        None,
        about(state="CASE_STATE_HOMONYMS", page=PAGE),
    ),
    Route("GetVigilanceCase", "GET", f"/v1/vigilance-cases/{ID}", None, {"case_id": ID}),
    Route(
        "SettleVigilanceCase",
        "POST",
        f"/v1/vigilance-cases/{ID}/settlement",
        {"outcome": "dismissed", **REASON},
        {"case_id": ID, "outcome": "CASE_STATE_DISMISSED", **REASON},
    ),
    Route(
        "MergeIdentities",
        "POST",
        "/v1/merges",
        {"kept_id": ID, "absorbed_id": OTHER, **REASON},
        {"kept_id": ID, "absorbed_id": OTHER, **REASON},
        status=201,
    ),
    Route("UnmergeIdentities", "POST", f"/v1/merges/{ID}/undo", REASON, {"merge_id": ID, **REASON}),
    Route("ListMerges", "GET", f"{ONE}/merges?{PAGED}", None, about(page=PAGE)),
    Route(
        "ListMerges",
        "GET",
        f"/v1/persons/{ID}/merges",
        None,
        {"person_id": ID, "page": {}},
        callers.citizen,
    ),
    Route("GetDatamatrix", "GET", f"{ONE}/datamatrix", None, about()),
    Route("ReadDatamatrix", "POST", "/v1/datamatrix/read", {"text": "IS01\x1d"}, {"text": "IS01\x1d"}),
    Route("ListPamMessages", "GET", f"/v1/pam-messages?identity_id={ID}&{PAGED}", None, about(page=PAGE)),
    Route("GetPamMessage", "GET", f"/v1/pam-messages/{ID}", None, {"message_id": ID}),
    Route("ReadPamMessage", "POST", "/v1/pam-messages/read", {"content": "MSH|"}, {"content": "MSH|"}),
)
# The upload of a lot takes three calls: test_lots.py.
BY_UPLOAD = {"OpenVerificationLot", "AddVerificationLines", "SubmitVerificationLot"}


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.rpc} {route.method} {route.path[:60]}")
async def test_what_is_sent_arrives_in_the_words_of_the_contract(recording: Any, route: Route) -> None:
    answer = await recording.client.request(
        route.method, route.path, json=route.body, headers=recording.as_(route.caller)
    )
    assert answer.status_code == route.status, answer.text
    asked = [
        one
        for service in (recording.identities, recording.insi, recording.vigilance, recording.exchange)
        for one in service.asked
    ]
    ((name, request, _),) = asked
    expected = GetMessageClass(METHODS[route.rpc].input_type)()
    assert (name, request) == (route.rpc, ParseDict(route.arrives, expected))


ELSEWHERE = (
    *("/v1/dmp/", "/v1/journal/", "/.well-known/", "/hl7/", "/v1/prescription", "/v1/dispensing"),
    *("/v1/medicines", "/v1/safety/", "/v1/allergies", "/v1/signing-keys"),
)


def test_every_rpc_has_an_address() -> None:
    for_people = {
        name
        for name, method in METHODS.items()
        if list(method.GetOptions().Extensions[options_pb2.rule].allow) != [options_pb2.CALLER_KIND_SERVICE]
    }
    assert for_people <= {route.rpc for route in ROUTES} | BY_UPLOAD <= METHODS.keys()


async def test_document_tells_every_address_and_resolves(here: Any) -> None:
    answer = await here.client.get("/openapi.json")
    document = answer.json()
    assert document["openapi"].startswith("3.1")
    told = {(method.upper(), path) for path, one in document["paths"].items() for method in one}
    mine = {(method, path) for method, path in told if not path.startswith(ELSEWHERE)}
    # Two pairs of the table share an address: with a body, and without one.
    assert len(mine) == len(ROUTES) - 2 + 1
    for name in {part.split('"')[0] for part in answer.text.split("#/components/schemas/")[1:]}:
        assert name in document["components"]["schemas"]


async def test_new_identity_comes_with_what_is_odd_and_who_may_be_the_same(recording: Any) -> None:
    other = identity_ins_pb2.Identity(id=OTHER, version=4)
    agreement = identity_ins_pb2.FieldAgreement(field="birth_name", agreement="near", weight=-1.5)
    recording.identities.answers["CreateIdentity"] = identity_ins_pb2.CreateIdentityResponse(
        identity=identity_ins_pb2.Identity(id=ID, version=1),
        warnings=[identity_ins_pb2.Warning(field="traits.birth_place", code="PLACE_UNKNOWN", text="...")],
        candidates=[
            identity_ins_pb2.Candidate(identity=other, score=0.97, grade="certain", fields=[agreement])
        ],
    )
    answer = await recording.client.post(
        "/v1/identities", json={"traits": TRAITS}, headers=recording.as_(callers.staff)
    )
    body = answer.json()
    assert (body["id"], answer.headers["etag"]) == (ID, 'W/"1"')
    assert answer.headers["location"] == f"/v1/identities/{ID}"
    assert body["warnings"] == [{"field": "traits.birth_place", "code": "PLACE_UNKNOWN", "text": "..."}]
    (candidate,) = body["candidates"]
    assert (candidate["identity"]["id"], candidate["score"]) == (OTHER, 0.97)
    assert candidate["fields"] == [
        {"field": "birth_name", "agreement": "near", "similarity": 0.0, "weight": -1.5}
    ]


def test_schema_of_a_spread_answer_holds_both_halves() -> None:
    schema = wire.schema(identity_ins_pb2.CreateIdentityResponse.DESCRIPTOR, "identity")
    assert schema["allOf"] == [{"$ref": "#/components/schemas/Identity"}]
    assert schema["properties"].keys() == {"warnings", "candidates"}
    assert wire.schema(identity_ins_pb2.Candidate.DESCRIPTOR)["properties"]["score"] == {"type": "number"}
