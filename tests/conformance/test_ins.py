"""INS numbers and INSi answers, against the vectors of the CNAM and the test persons of the CNDA."""

import unicodedata
from typing import Any

import pytest

from identity_ins.domain.ins import (
    Authority,
    InsKeyWrong,
    InsMalformed,
    InsNotPermanent,
    Platform,
    key_of,
    parse_ins,
)
from socle_local.journey import Reply
from tests.conformance.conftest import Reference
from tests.reach import Actors

VECTORS, PERSONS = "own/nir_key_vectors.csv", "own/insi_test_identities.json"
REFUSED = {
    "bad_key": (InsKeyWrong,),
    "bad_format": (InsMalformed, InsNotPermanent),
    "bad_length": (InsMalformed,),
}
SEXES = {"M": "male", "F": "female"}


def test_every_vector_of_the_key_is_judged_as_published(reference: Reference) -> None:
    vectors = reference.rows(VECTORS)
    assert {vector["expected"] for vector in vectors} == {"valid", *REFUSED}
    for vector in vectors:
        number, expected = vector["matricule15"], vector["expected"]
        if expected == "valid":
            assert parse_ins(number, Authority.NIR_TEST, Platform.TEST).matricule == number
            assert key_of(number[:13]) == number[13:]
        else:
            with pytest.raises(REFUSED[expected]):
                parse_ins(number, Authority.NIR_TEST, Platform.TEST)


@pytest.mark.parametrize("oid", [Authority.NIR, Authority.NIA])
def test_production_number_on_a_test_platform_is_refused(reference: Reference, oid: Authority) -> None:
    for vector in reference.rows(VECTORS):
        with pytest.raises(Exception, match="platform"):
            parse_ins(vector["matricule15"], oid, Platform.TEST)


def plain(text: str) -> str:
    """The published labels were noted without accents."""
    return "".join(char for char in unicodedata.normalize("NFD", text) if not unicodedata.combining(char))


async def test_insi_answers_the_persons_of_the_cnda_as_published(
    reference: Reference, actors: Actors
) -> None:
    published = reference.json(PERSONS)
    for case in published["cases"]:
        asked = case["search"]
        question = {
            "birth_name": asked["nomNaissance"],
            "first_name": asked["prenom"][0],
            "sex": SEXES[asked["sexe"]],
            "birth_date": asked["dateNaissance"],
        }
        reply = (await actors["secretary"].send("POST", "/v1/insi/search", question)).expect(200)
        assert reply.json()["code"] == case["code"], case["case"]
        assert plain(reply.json()["label"]) == published["labels"][case["code"]]
        check_person(reply, case)


def check_person(reply: Reply, case: dict[str, Any]) -> None:
    """The number and the traits, where the set gives them; the OID is the one of test here."""
    person = reply.json().get("person")
    if ins := case.get("ins"):
        assert person["ins"] == {"matricule": ins["numIdentifiant"] + ins["cle"], "oid": Authority.NIR_TEST}
    if traits := case.get("tiq"):
        assert person["traits"]["birth_name"] == traits["nomNaissance"]
        assert " ".join(person["traits"]["birth_first_names"]) == traits["listePrenom"]
        assert person["traits"]["birth_place"] == traits["lieuNaissance"].split()[0]
    former = {one["numIdentifiant"] + one["cle"] for one in case.get("insHisto", [])}
    assert person is None or {one["matricule"] for one in person["former"]} == former
