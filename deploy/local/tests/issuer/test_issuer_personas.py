"""The personas, their claims, and the tokens given without a browser."""

import re
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import httpx
import pytest

from identity_ins import seed
from socle_local.issuer.tokens import NoToken, fetch
from socle_local.personas import (
    CITIZENS,
    HOSPITAL,
    PERSONAS,
    PROFESSIONALS,
    Structure,
    UnknownPersona,
    find,
    realm_of,
)

Reader = Callable[[str, str], Awaitable[dict[str, Any]]]
STRUCTURES = {person.structure for person in PROFESSIONALS}
ORDERED = (
    "doctor other-doctor family-doctor emergency-doctor nurse pharmacist other-pharmacist third-pharmacist"
    " secretary patient other-patient guardian caregiver integrator ops auditor"
).split()


async def claims_of(http: httpx.AsyncClient, read_token: Reader, name: str) -> dict[str, Any]:
    answer = await http.post("/local/token", json={"persona": name})
    return await read_token(answer.json()["access_token"], realm_of(find(name)))


def luhn(number: str) -> bool:
    doubled = (int(digit) * (1 + rank % 2) for rank, digit in enumerate(reversed(number)))
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def test_there_are_sixteen_personas() -> None:
    assert list(PERSONAS) == ORDERED


@pytest.mark.parametrize("person", [p for p in PROFESSIONALS if p.profession], ids=lambda p: p.name)
def test_rpps_has_a_valid_key_in_a_range_never_allotted(person: Any) -> None:
    assert re.fullmatch(r"8999\d{8}", person.id_nat)
    assert luhn(person.id_nat[1:])


@pytest.mark.parametrize("structure", STRUCTURES, ids=lambda s: s.name)
def test_structure_number_has_a_valid_key(structure: Structure) -> None:
    assert re.fullmatch(r"1990\d{6}|3999\d{11}", structure.id_nat)
    assert luhn(structure.id_nat[1:])
    assert structure.id_nat.startswith("1") or luhn(structure.id_nat[1:10])


def test_numbers_are_not_shared() -> None:
    assert len({person.id_nat for person in PROFESSIONALS}) == len(PROFESSIONALS)
    assert len({structure.id_nat for structure in STRUCTURES}) == len(STRUCTURES)


async def test_every_persona_gets_a_token_with_the_common_claims(
    http: httpx.AsyncClient, read_token: Reader
) -> None:
    common = {"iss", "aud", "azp", "sub", "scope", "iat", "exp", "jti", "typ", "preferred_username"}
    for name in PERSONAS:
        claims = await claims_of(http, read_token, name)
        assert common <= claims.keys()
        assert claims["aud"] == "socle"


async def test_doctor_has_the_claims_of_pro_sante_connect(
    http: httpx.AsyncClient, read_token: Reader
) -> None:
    claims = await claims_of(http, read_token, "doctor")
    assert re.fullmatch(r"f:[0-9a-f-]{36}:899900000011", claims["sub"])
    assert claims["SubjectNameID"] == claims["preferred_username"] == "899900000011"
    assert claims["SubjectRole"] == ["10^1.2.250.1.213.1.1.5.5"]
    assert claims["Secteur_Activite"] == "SA01^1.2.250.1.71.4.2.4"
    assert (claims["SubjectOrganizationID"], claims["acr"]) == (HOSPITAL.id_nat, "eidas1")


@pytest.mark.parametrize(("name", "regulates"), [("emergency-doctor", "VRAI"), ("doctor", "FAUX")])
async def test_only_the_emergency_doctor_regulates(
    http: httpx.AsyncClient, read_token: Reader, name: str, regulates: str
) -> None:
    assert (await claims_of(http, read_token, name))["Acces_Regulation_Medicale"] == regulates


async def test_secretary_has_no_profession(http: httpx.AsyncClient, read_token: Reader) -> None:
    claims = await claims_of(http, read_token, "secretary")
    assert claims["SubjectNameID"] == "3990000010/SEC-0042"
    assert claims["SubjectRole"] == claims["SubjectRefPro"]["exercices"] == []
    assert claims["SubjectOrganizationID"] == HOSPITAL.id_nat


@pytest.mark.parametrize("citizen", CITIZENS, ids=lambda c: c.name)
async def test_citizen_is_the_seeded_person(
    http: httpx.AsyncClient, read_token: Reader, citizen: Any
) -> None:
    claims, traits = await claims_of(http, read_token, citizen.name), seed.person(citizen.number).traits
    assert claims["person_id"] == seed.person_id_of(citizen.number)
    assert re.fullmatch(r"[0-9a-f]{64}v1", claims["sub"])
    assert claims["person_id"] not in claims["sub"]
    assert claims["family_name"] == traits.birth_name
    assert claims["given_name"].split() == " ".join(traits.birth_first_names).split()
    assert claims["birthdate"] == traits.birth_date.isoformat()
    assert (claims["gender"] == "female") == (traits.sex == "F")
    assert (claims["birthplace"], claims["birthcountry"], claims["acr"]) == (
        traits.birth_place,
        "99100",
        "eidas2",
    )


async def test_guardian_alone_represents_the_other_patient(
    http: httpx.AsyncClient, read_token: Reader
) -> None:
    represented = {c.name: (await claims_of(http, read_token, c.name))["represents"] for c in CITIZENS}
    assert {name: persons for name, persons in represented.items() if persons} == {
        "guardian": [seed.person_id_of(2)]
    }


async def test_caregiver_alone_assists_the_patient(http: httpx.AsyncClient, read_token: Reader) -> None:
    assisted = {c.name: (await claims_of(http, read_token, c.name))["assists"] for c in CITIZENS}
    assert {name: persons for name, persons in assisted.items() if persons} == {
        "caregiver": [seed.person_id_of(1)]
    }


@pytest.mark.parametrize(("ttl", "lasts"), [("30", 30), ("-60", -60), ("0", 0)])
async def test_ttl_is_obeyed_even_for_an_expired_token(
    http: httpx.AsyncClient, read_token: Reader, ttl: str, lasts: int
) -> None:
    token = (await http.post("/local/token", data={"persona": "nurse", "ttl": ttl})).json()["access_token"]
    claims = await read_token(token, "pro")
    assert claims["exp"] == 1_800_000_000 + lasts
    assert claims["iat"] < claims["exp"]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"persona": "nobody"}', "Use one of: doctor, other-doctor"),
        (b"{}", "persona is missing"),
        (b"not json", "not JSON"),
        (b"[]", "must be an object"),
        (b'{"persona": ["doctor"]}', "must be text"),
        (b'{"persona": "doctor", "ttl": "long"}', "ttl is a number of seconds"),
        (b'{"persona": "doctor", "ttl": 86400}', "ttl is a number of seconds"),
    ],
)
async def test_wrong_body_is_told(http: httpx.AsyncClient, body: bytes, told: str) -> None:
    answer = await http.post("/local/token", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert told in answer.json()["error_description"]


async def test_personas_are_listed_for_the_landing_page(http: httpx.AsyncClient) -> None:
    cards = (await http.get("/local/personas")).json()
    assert [card["name"] for card in cards] == ORDERED
    assert all(card["title_fr"] and card["summary_en"] for card in cards)


@pytest.fixture
def issuer(settings: Any) -> Iterator[str]:
    """The issuer served on a port of its own, by the server that runs it in earnest."""
    import threading
    import time

    import uvicorn

    from socle_local.issuer.app import create_app

    server = uvicorn.Server(uvicorn.Config(create_app(settings), port=0, log_level="error", access_log=False))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(timeout=10)


def test_fetch_gives_a_token_over_the_network(issuer: str) -> None:
    token = fetch(issuer + "/", "doctor")
    path = "/realms/pro/protocol/openid-connect/userinfo"
    told = httpx.get(issuer + path, headers={"authorization": f"Bearer {token}"})
    assert told.json()["SubjectNameID"] == "899900000011"
    expired = fetch(issuer, "doctor", ttl=-60)
    assert httpx.get(issuer + path, headers={"authorization": f"Bearer {expired}"}).status_code == 401


def test_fetch_names_the_personas_without_a_platform() -> None:
    with pytest.raises(UnknownPersona, match="Use one of: doctor"):
        fetch("http://127.0.0.1:9", "dcotor")


def test_fetch_says_what_to_do_when_nothing_answers() -> None:
    with pytest.raises(NoToken, match="make up"):
        fetch("http://127.0.0.1:9", "doctor")


def test_fetch_tells_the_issuer_refusal(issuer: str) -> None:
    with pytest.raises(NoToken, match="ttl is a number of seconds"):
        fetch(issuer, "doctor", ttl=1_000_000)
