"""Every operation of INSi on the test persons of the CNDA.

The set gives their numbers under the OID of production. The persons are fictitious, and a test platform
refuses that OID: here they stand under the OID of test.
"""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest

from identity_ins.domain import Authority
from socle.identity_ins.v1 import identity_ins_pb2, insi_pb2
from socle_local.platform import Platform
from tests.conformance.conftest import Reference
from tests.insi import Insi

PERSONS = "own/insi_test_identities.json"
SEXES = {"M": identity_ins_pb2.SEX_MALE, "F": identity_ins_pb2.SEX_FEMALE}
Case = dict[str, Any]


@pytest.fixture
async def insi(platform: Platform) -> AsyncIterator[Insi]:
    async with Insi.on(platform) as ready:
        yield ready


@pytest.fixture
def cases(reference: Reference) -> list[Case]:
    found: list[Case] = reference.json(PERSONS)["cases"]
    assert {case["code"] for case in found} == {"00", "01", "02"}
    return found


def numbered(cases: list[Case]) -> list[Case]:
    """Those whose number the set gives."""
    found = [case for case in cases if "ins" in case]
    assert len(found) >= 4
    assert {case["ins"]["oid"] for case in found} == {Authority.NIR.value}
    return found


def search_of(asked: Case, first_name: str) -> identity_ins_pb2.SearchInsRequest:
    return identity_ins_pb2.SearchInsRequest(
        birth_name=asked["nomNaissance"],
        first_name=first_name,
        sex=SEXES[asked["sexe"]],
        birth_date=asked["dateNaissance"],
    )


def line_of(case: Case, **changes: str) -> insi_pb2.VerificationLine:
    """The verification of a case; some places are noted in the set with a doubt behind them."""
    ins, tiq = case["ins"], case["tiq"]
    values = {
        "num_identifiant": (ins["numIdentifiant"] + ins["cle"])[:13],
        "cle": (ins["numIdentifiant"] + ins["cle"])[13:],
        "oid": Authority.NIR_TEST.value,
        "nom_naissance": tiq["nomNaissance"],
        "liste_prenom": tiq["listePrenom"],
        "sexe": tiq["sexe"],
        "date_naissance": tiq["dateNaissance"],
        "lieu_naissance": tiq["lieuNaissance"].split()[0],
    }
    return insi_pb2.VerificationLine(**{**values, **changes})


async def confirmed(insi: Insi, line: insi_pb2.VerificationLine) -> bool:
    answer = await insi.ask("VerifyInsTraits", insi_pb2.VerifyInsTraitsRequest(line=line))
    return bool(answer.confirmed)


async def test_search_by_any_first_name_gives_the_code_and_the_traits(insi: Insi, cases: list[Case]) -> None:
    for case in cases:
        names = case.get("tiq", {}).get("listePrenom", case["search"]["prenom"][0]).split()
        for name in names:
            answer = await insi.ask("SearchIns", search_of(case["search"], name))
            assert answer.code == case["code"], case["case"]
            if "tiq" in case:
                check_traits(answer.person.traits, case["tiq"])


def check_traits(traits: identity_ins_pb2.Traits, tiq: dict[str, str]) -> None:
    assert traits.birth_name == tiq["nomNaissance"]
    assert " ".join(traits.birth_first_names) == tiq["listePrenom"]
    assert (traits.sex, traits.birth_date) == (SEXES[tiq["sexe"]], tiq["dateNaissance"])
    assert traits.birth_place == tiq["lieuNaissance"].split()[0]


async def test_search_by_card_finds_whoever_holds_the_number(insi: Insi, cases: list[Case]) -> None:
    for case in numbered(cases):
        ins = case["ins"]
        card = identity_ins_pb2.CarteVitale(
            num_assure=ins["numIdentifiant"] + ins["cle"],
            date_naissance=case["tiq"]["dateNaissance"],
            rang_gemellaire=1,
        )
        card.read_at.FromDatetime(datetime.now(UTC))
        answer = await insi.ask("SearchInsByCard", insi_pb2.SearchInsByCardRequest(card=card))
        assert answer.code == "00", case["case"]
        check_traits(answer.person.traits, case["tiq"])


async def test_verification_confirms_the_traits_and_refuses_any_other(insi: Insi, cases: list[Case]) -> None:
    for case in numbered(cases):
        assert await confirmed(insi, line_of(case)), case["case"]
        for changes in ({"nom_naissance": "AUTRE"}, {"lieu_naissance": "99999"}, {"liste_prenom": "ZZ"}):
            assert not await confirmed(insi, line_of(case, **changes)), case["case"]


async def test_former_number_verifies_no_more(insi: Insi, cases: list[Case]) -> None:
    [changed] = [case for case in cases if case.get("insHisto")]
    for former in changed["insHisto"]:
        line = line_of(changed, num_identifiant=former["numIdentifiant"], cle=former["cle"])
        assert not await confirmed(insi, line)


async def test_number_under_the_oid_of_production_is_refused(insi: Insi, cases: list[Case]) -> None:
    line = line_of(numbered(cases)[0], oid=Authority.NIR.value)
    with pytest.raises(grpc.aio.AioRpcError) as told:
        await confirmed(insi, line)
    assert told.value.code() is grpc.StatusCode.INVALID_ARGUMENT
