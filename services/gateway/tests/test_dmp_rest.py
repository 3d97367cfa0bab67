"""REST of dmp: which RPC each address asks, with which message, and how its answer is dressed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict

from chassis.caller import Caller, CallerKind
from chassis.errors import Forbidden, RuleViolated
from chassis.testing import callers
from socle.dmp.v1 import dmp_pb2, journal_pb2, policy_pb2, records_pb2
from socle.options.v1 import options_pb2

from .conftest import PERSON
from .dmp_given import DOCUMENT, entry

HOLDER = Caller(CallerKind.CITIZEN, "sub", person_id=PERSON)
OTHER = "899900000029"
ROLE = "01900000-0000-7000-8000-00000000a0e1"
HERE = f"/v1/dmp/{PERSON}"
BY_ID = f"/v1/dmp/documents/{DOCUMENT}"
# A deposit has tests of its own (test_rest.py); metadata are generated for MDM messages (test_hl7_mdm.py).
ELSEWHERE = {"SubmitDocuments", "GenerateMetadata"}
WHOLE: dict[str, tuple[str, str, Any, str, str, dict[str, Any]]] = {
    "close": (
        "POST",
        f"{HERE}/closure",
        {"reason": "patient_request", "comment": "à ma demande"},
        "lives",
        "CloseRecord",
        {"personId": PERSON, "reason": "CLOSE_REASON_PATIENT_REQUEST", "comment": "à ma demande"},
    ),
    "reopen": ("DELETE", f"{HERE}/closure", None, "lives", "ReopenRecord", {"personId": PERSON}),
    "destroy": (
        "POST",
        f"{HERE}/destruction",
        {"confirmed": True},
        "lives",
        "RequestDestruction",
        {"personId": PERSON, "confirmed": True},
    ),
    "receipt": ("GET", f"{HERE}/erasure-receipt", None, "lives", "GetErasureReceipt", {"personId": PERSON}),
    "consents": (
        "PATCH",
        f"{HERE}/consents",
        {"btg": False, "masked": True},
        "lives",
        "ChangeConsents",
        {"personId": PERSON, "btg": False, "masked": True},
    ),
    "masking": (
        "PUT",
        f"{HERE}/default-masking",
        {"masked": True},
        "lives",
        "SetDefaultMasking",
        {"personId": PERSON, "masked": True},
    ),
    "role": (
        "POST",
        f"{HERE}/care-roles",
        {"professional": OTHER, "role": "medecin_traitant"},
        "lives",
        "DeclareCareRole",
        {"personId": PERSON, "professional": OTHER, "role": "CARE_ROLE_MEDECIN_TRAITANT"},
    ),
    "end role": (
        "DELETE",
        f"{HERE}/care-roles/{ROLE}",
        None,
        "lives",
        "EndCareRole",
        {"personId": PERSON, "careRoleId": ROLE},
    ),
    "changes": (
        "POST",
        f"/v1/dmp/documents/{DOCUMENT}/changes",
        {"changes": ["show_to_patient", "mask"], "expected_version": 2, "confirmed": True},
        "records",
        "ChangeDocument",
        {
            "documentId": DOCUMENT,
            "changes": ["DOCUMENT_CHANGE_SHOW_TO_PATIENT", "DOCUMENT_CHANGE_MASK"],
            "expectedVersion": 2,
            "confirmed": True,
        },
    ),
    "documents": (
        "GET",
        f"{HERE}/documents?facility=SA01&archived=false&service_from=2026-01-01T00:00:00Z&order=latest_changed",
        None,
        "records",
        "ListReadableDocuments",
        {
            "personId": PERSON,
            "page": {},
            "facilities": ["SA01"],
            "archived": False,
            "serviceStart": {"from": "2026-01-01T00:00:00Z"},
            "order": "DOCUMENT_ORDER_LATEST_CHANGED",
        },
    ),
    "lots": (
        "GET",
        f"{HERE}/lots?kind=change&received_from=2026-01-01T00:00:00Z&oldest_first=true",
        None,
        "records",
        "ListReadableLots",
        {
            "personId": PERSON,
            "page": {},
            "kinds": ["LOT_KIND_CHANGE"],
            "received": {"from": "2026-01-01T00:00:00Z"},
            "oldestFirst": True,
        },
    ),
    "lot": ("GET", f"/v1/dmp/lots/{ROLE}", None, "records", "ReadLot", {"lotId": ROLE}),
    "journal": (
        "GET",
        f"{HERE}/journal?actor={OTHER}&action=dmp_document&outcome=refused&size=7",
        None,
        "records",
        "ListJournal",
        {
            "personId": PERSON,
            "page": {"size": 7},
            "actors": [OTHER],
            "actions": ["dmp_document"],
            "outcome": "refused",
        },
    ),
    "explain oneself": (
        "GET",
        f"{HERE}/explanation?document_id={DOCUMENT}",
        None,
        "policy",
        "ExplainAccess",
        {"personId": PERSON, "documentId": DOCUMENT, "page": {}},
    ),
    "explain another": (
        "POST",
        f"{HERE}/explanation",
        {"reader": {"professional": OTHER, "profession": "10", "purpose": "bris_de_glace"}},
        "policy",
        "ExplainAccess",
        {
            "personId": PERSON,
            "page": {},
            "reader": {"professional": OTHER, "profession": "10", "purpose": "bris_de_glace"},
        },
    ),
    "matrix": (
        "GET",
        "/v1/dmp/policy/habilitations?profession=60",
        None,
        "policy",
        "ListHabilitations",
        {"profession": "60"},
    ),
    "open": ("POST", HERE, None, "records", "OpenRecord", {"personId": PERSON}),
    "record": ("GET", HERE, None, "records", "GetRecord", {"personId": PERSON}),
    "entry": ("GET", BY_ID, None, "records", "ReadDocument", {"documentId": DOCUMENT}),
    "bytes": ("GET", f"{BY_ID}/content", None, "records", "RetrieveDocument", {"documentId": DOCUMENT}),
    "view": ("GET", f"{BY_ID}/view", None, "records", "ViewDocument", {"documentId": DOCUMENT}),
    "mask": ("PUT", f"{BY_ID}/mask", None, "records", "MaskDocument", {"documentId": DOCUMENT}),
    "unmask": ("DELETE", f"{BY_ID}/mask", None, "records", "UnmaskDocument", {"documentId": DOCUMENT}),
    "accesses": ("GET", f"{HERE}/accesses", None, "records", "ListAccesses", {"personId": PERSON}),
    "grant": (
        "POST",
        f"{HERE}/accesses",
        {"grantee": OTHER},
        "records",
        "GrantAccess",
        {"personId": PERSON, "grantee": OTHER, "kind": "ACCESS_KIND_PROFESSIONAL"},
    ),
    "revoke": (
        "DELETE",
        f"{HERE}/accesses/{ROLE}",
        None,
        "records",
        "RevokeAccess",
        {"personId": PERSON, "accessId": ROLE},
    ),
    "block": (
        "PUT",
        f"{HERE}/blocks/{OTHER}",
        None,
        "records",
        "BlockProfessional",
        {"personId": PERSON, "professional": OTHER},
    ),
    "unblock": (
        "DELETE",
        f"{HERE}/blocks/{OTHER}",
        None,
        "records",
        "UnblockProfessional",
        {"personId": PERSON, "professional": OTHER},
    ),
    "export": (
        "GET",
        f"{HERE}/journal/export?since=5",
        None,
        "journal",
        "ExportJournal",
        {"personId": PERSON, "sinceTreeSize": "5", "page": {"size": 200}},
    ),
    "proof": (
        "GET",
        "/v1/journal/consistency?first=1&second=2",
        None,
        "journal",
        "ProveConsistency",
        {"first": "1", "second": "2"},
    ),
    "parameters": ("GET", "/v1/dmp/policy/parameters", None, "policy", "GetParameters", {}),
    "keys": ("GET", "/.well-known/socle-journal-keys", None, "journal", "GetTreeHead", {}),
}


async def sent(here: Any, method: str, path: str, body: Any = None, **headers: str) -> Any:
    return await here.client.request(method, path, json=body, headers=here.as_(HOLDER, **headers))


@pytest.mark.parametrize("case", WHOLE)
async def test_address_asks_its_rpc_with_what_was_sent(before_dmp: Any, case: str) -> None:
    method, path, body, service, rpc, expected = WHOLE[case]
    answer = await sent(before_dmp, method, path, body)
    assert answer.status_code in (200, 201, 202, 204), answer.text
    ((name, request, _),) = getattr(before_dmp, service).asked
    assert (name, MessageToDict(request)) == (rpc, expected)


def test_every_rpc_for_people_has_an_address() -> None:
    methods = [
        method
        for contract in (dmp_pb2, records_pb2, policy_pb2, journal_pb2)
        for service in contract.DESCRIPTOR.services_by_name.values()
        for method in service.methods
    ]
    for_people = {
        method.name
        for method in methods
        if list(method.GetOptions().Extensions[options_pb2.rule].allow) != [options_pb2.CALLER_KIND_SERVICE]
    }
    assert {case[4] for case in WHOLE.values()} | ELSEWHERE == for_people


WRONG = [
    ("POST", f"{HERE}/closure", {"reason": "boredom"}, "reason"),
    ("POST", f"{HERE}/destruction", {}, "confirmed"),
    ("PATCH", f"{HERE}/consents", {"btg": "yes"}, "btg"),
    ("POST", f"{HERE}/care-roles", {"professional": "x", "role": "administrator"}, "professional"),
    ("POST", f"/v1/dmp/documents/{DOCUMENT}/changes", {"changes": []}, "changes"),
    ("POST", f"/v1/dmp/documents/{DOCUMENT}/changes", {"changes": ["rewrite"]}, "changes[0]"),
    ("POST", f"{HERE}/explanation", {"reader": {"professional": OTHER}}, "reader.profession"),
    ("GET", f"{HERE}/lots?kind=everything", None, "kind[0]"),
    ("GET", f"{HERE}/journal?document_id=1", None, "document_id"),
    ("GET", "/v1/journal/consistency", None, "first"),
]


@pytest.mark.parametrize(("method", "path", "body", "place"), WRONG)
async def test_wrong_field_is_told_and_nobody_is_asked(
    before_dmp: Any, method: str, path: str, body: Any, place: str
) -> None:
    answer = await sent(before_dmp, method, path, body)
    assert answer.status_code == 400, answer.text
    assert place in [one["field"] for one in answer.json()["violations"]]
    asked = [
        before_dmp.records.asked,
        before_dmp.lives.asked,
        before_dmp.policy.asked,
        before_dmp.journal.asked,
    ]
    assert asked == [[], [], [], []]


async def test_refusal_says_the_rules_and_what_would_change_it(before_dmp: Any) -> None:
    before_dmp.policy.answers["ExplainAccess"] = Forbidden(rules=["dmp.holder_only"], hint="Ask the holder.")
    answer = await sent(before_dmp, "GET", f"{HERE}/explanation")
    body = answer.json()
    assert (answer.status_code, body["rules"], body["hint"]) == (403, ["dmp.holder_only"], "Ask the holder.")


async def test_state_of_the_record_is_422(before_dmp: Any) -> None:
    before_dmp.lives.answers["CloseRecord"] = RuleViolated("The record is closed.")
    answer = await sent(before_dmp, "POST", f"{HERE}/closure", {"reason": "death"})
    assert answer.status_code == 422


async def test_changed_document_carries_its_new_version(before_dmp: Any) -> None:
    before_dmp.records.answers["ChangeDocument"] = dmp_pb2.ChangeDocumentResponse(entry=entry(version=9))
    answer = await sent(before_dmp, "POST", f"/v1/dmp/documents/{DOCUMENT}/changes", {"changes": ["archive"]})
    assert (answer.headers["etag"], answer.json()["version"]) == ('W/"9"', 9)


async def test_secret_connection_is_passed_on(before_dmp: Any) -> None:
    answer = await before_dmp.client.get(
        f"/v1/dmp/documents/{DOCUMENT}/view", headers=before_dmp.as_(callers.doctor, Socle_Purpose="secret")
    )
    assert answer.status_code == 200, answer.text
    assert before_dmp.records.asked[0][2].caller.purpose == "secret"


async def test_view_runs_nothing_and_loads_nothing(before_dmp: Any) -> None:
    page = dmp_pb2.ViewDocumentResponse(mime_type="text/html; charset=utf-8", content=b"<p>Lettre</p>")
    before_dmp.records.answers["ViewDocument"] = page
    answer = await sent(before_dmp, "GET", f"/v1/dmp/documents/{DOCUMENT}/view")
    policies = answer.headers.get_list("content-security-policy")
    assert len(policies) == 1
    assert "default-src 'none'" in policies[0]
    assert policies[0].endswith("; sandbox allow-downloads")
    assert "script-src" not in policies[0]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "content-disposition" not in answer.headers


async def test_enclosed_file_is_saved_never_shown(before_dmp: Any) -> None:
    file = dmp_pb2.ViewDocumentResponse(mime_type="application/pdf", content=b"%PDF-1.4")
    before_dmp.records.answers["ViewDocument"] = file
    answer = await sent(before_dmp, "GET", f"/v1/dmp/documents/{DOCUMENT}/view/enclosed")
    assert answer.headers["content-disposition"] == "attachment"
    assert (answer.content, answer.headers["content-type"]) == (b"%PDF-1.4", "application/pdf")
    assert before_dmp.records.asked[0][1].enclosed


def tree_head() -> journal_pb2.TreeHead:
    head = journal_pb2.TreeHead(tree_size=2, root_hash=b"\x0a" * 32, signature="a.b.c")
    head.signed_at.FromJsonString("2026-06-12T10:00:00Z")
    return head


def page(number: int, more: str = "") -> journal_pb2.ExportJournalResponse:
    line = journal_pb2.ProvenLine(
        line=f'{{"number":{number}}}'.encode(),
        leaf_index=number - 1,
        leaf_hash=bytes([number]) * 32,
        chain=PERSON,
        number=number,
    )
    return journal_pb2.ExportJournalResponse(
        lines=[line], next_token=more, head=tree_head(), keys='{"keys":[]}'
    )


async def test_export_is_one_file_of_every_page(before_dmp: Any) -> None:
    pages = iter([page(1, "more"), page(2)])
    before_dmp.journal.answers["ExportJournal"] = lambda request: next(pages)
    answer = await sent(before_dmp, "GET", f"{HERE}/journal/export?since=1")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-disposition"] == 'attachment; filename="journal-dmp.json"'
    file = json.loads(answer.content)
    assert (file["format"], file["person_id"], file["head"]["tree_size"]) == ("socle-journal-1", PERSON, 2)
    assert [one["line"]["number"] for one in file["lines"]] == [1, 2]
    assert file["since"]["tree_size"] == 1
    requests = [request for _, request, _ in before_dmp.journal.asked]
    assert [one.page.token for one in requests] == ["", "more"]


async def test_export_that_is_refused_is_no_file(before_dmp: Any) -> None:
    before_dmp.journal.answers["ExportJournal"] = Forbidden(rules=["dmp.holder_only"])
    answer = await sent(before_dmp, "GET", f"{HERE}/journal/export")
    assert answer.status_code == 403
    assert answer.headers["content-type"] == "application/problem+json"


async def test_head_and_proof_are_hexadecimal(before_dmp: Any) -> None:
    before_dmp.journal.answers |= {
        "GetTreeHead": journal_pb2.GetTreeHeadResponse(head=tree_head(), keys='{"keys":[]}'),
        "ProveConsistency": journal_pb2.ProveConsistencyResponse(path=[b"\x0b" * 32], head=tree_head()),
    }
    head = (await sent(before_dmp, "GET", "/v1/journal/head")).json()
    assert (head["root_hash"], head["tree_size"]) == ("0a" * 32, 2)
    proof = (await sent(before_dmp, "GET", "/v1/journal/consistency?first=1&second=2")).json()
    assert proof == {"first": 1, "path": ["0b" * 32], "head": head}
    keys = await sent(before_dmp, "GET", "/.well-known/socle-journal-keys")
    assert (keys.headers["content-type"], keys.json()) == ("application/jwk-set+json", {"keys": []})


async def test_explanation_is_told_whole(before_dmp: Any) -> None:
    decision = policy_pb2.Decision(permitted=False, rules=["R1111-46"], hint="Ask the holder.")
    before_dmp.policy.answers["ExplainAccess"] = policy_pb2.ExplainAccessResponse(
        record=decision, documents=[policy_pb2.DocumentDecision(document_id=DOCUMENT, decision=decision)]
    )
    body = (await sent(before_dmp, "GET", f"{HERE}/explanation")).json()
    told = {"permitted": False, "rules": ["R1111-46"], "hint": "Ask the holder."}
    assert body["record"] == body["documents"][0]["decision"] == told
