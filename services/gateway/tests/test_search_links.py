"""The page that follows is asked for by the opaque id of the person: no INS of a form ends in an address."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from chassis.testing import callers
from gateway.fhir import names
from socle.dmp.v1 import dmp_pb2 as pb

from .conftest import INS, PERSON
from .deposits import deposit

TOKEN = f"urn:oid:{INS.oid}|{INS.matricule}"
SEARCHES = {
    "DocumentReference": ({"status": "current"}, "ListReadableDocuments", pb.ListReadableDocumentsResponse),
    "List": (
        {"status": "current", "code": "folder"},
        "ListReadableLots",
        pb.ListReadableLotsResponse,
    ),
    "AuditEvent": ({"outcome": "0"}, "ListJournal", pb.ListJournalResponse),
}
SPELLINGS = ["patient.identifier", "patient:identifier", "subject:identifier"]


async def link_of(
    here: Any, method: str, address: str, form: dict[str, str]
) -> tuple[str, dict[str, list[str]]]:
    """The address of the page that follows, and its parameters."""
    # Even an empty `params` would take the parameters of the address away.
    how = {"data" if method == "POST" else "params": form} if form else {}
    answer = await here.client.request(method, address, headers=here.as_(callers.citizen), **how)
    assert answer.status_code == 200, answer.text
    links = {one["relation"]: one["url"] for one in answer.json()["link"]}
    assert INS.matricule not in links["first"]
    url = links["next"]
    return url, parse_qs(urlsplit(url).query)


@pytest.mark.parametrize("kind", SEARCHES)
@pytest.mark.parametrize("spelled", SPELLINGS)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_next_page_is_asked_for_without_the_ins(
    before_dmp: Any, kind: str, spelled: str, method: str
) -> None:
    others, rpc, answer = SEARCHES[kind]
    before_dmp.records.answers[rpc] = answer(next_token="next-place")
    address = f"/fhir/{kind}" + ("/_search" if method == "POST" else "")
    url, parameters = await link_of(before_dmp, method, address, {spelled: TOKEN, "_count": "7", **others})
    assert INS.matricule not in url
    asked = {name: [value] for name, value in others.items()}
    assert parameters == {
        "patient.identifier": [f"{names.PERSON}|{PERSON}"],
        "_count": ["7"],
        "_page": ["next-place"],
        **asked,
    }
    await link_of(before_dmp, "GET", url, {})
    first, second = (request for _, request, _ in before_dmp.records.asked)
    assert (first.person_id, second.person_id) == (PERSON, PERSON)
    assert (first.page.token, second.page.token) == ("", "next-place")


@pytest.mark.parametrize("kind", SEARCHES)
async def test_id_that_no_person_can_have_is_told_at_its_parameter(before_dmp: Any, kind: str) -> None:
    others, _, _ = SEARCHES[kind]
    asked = {"patient.identifier": f"{names.PERSON}|not-an-id", **others}
    headers = before_dmp.as_(callers.citizen)
    answer = await before_dmp.client.get(f"/fhir/{kind}", params=asked, headers=headers)
    assert (answer.status_code, answer.json()["issue"][0]["expression"]) == (400, ["patient.identifier"])


async def test_a_deposit_still_names_its_patient_by_the_ins(here: Any) -> None:
    subject = {"identifier": {"system": names.PERSON, "value": PERSON}}
    body = deposit(lambda document, binary, lot: [one.update(subject=subject) for one in (document, lot)])
    answer = await here.client.post("/fhir", json=body, headers=here.as_(callers.doctor))
    assert answer.status_code == 400, answer.text
    places = [place for one in answer.json()["issue"] for place in one["expression"]]
    assert "Bundle.entry[0].resource.subject" in places
