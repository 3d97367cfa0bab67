"""Places of birth: what is known of a code, and what is remarked upon, never refused."""

from dataclasses import replace
from datetime import date

import pytest

from identity_ins import domain
from identity_ins.domain import CogFileWrong, Places, Precision, Status

from .given import TRAITS, identity_in

# As INSEE heads its files: communes, countries, and a list where the name comes first.
COMMUNES = ["TYPECOM,COM,REG", "COM,51215,44", "ARM,75101,11"]
COUNTRIES = ["COG,ACTUAL,LIBCOG", "99352,1,ALGERIE"]
OF_A_PACKAGE = ["code,nom", "2A004,Ajaccio"]


def codes_of(place: str, status: Status = Status.PROVISOIRE, places: Places | None = None) -> list[str]:
    identity = identity_in(status, traits=replace(TRAITS, birth_place=place))
    return [remark.code for remark in domain.remarks(identity, places or Places())]


@pytest.mark.parametrize(
    "place",
    ["", "51215", "75056", "2A004", "2B033", "97105", "97611", "98735", "98801", "99352", "99517", "99999"],
)
def test_place_when_its_department_or_country_exists_then_nothing_is_said(place: str) -> None:
    assert codes_of(place) == []


@pytest.mark.parametrize("place", ["00001", "96001", "97901", "98301", "99000", "99143", "99600"])
def test_place_when_of_no_department_nor_country_then_remarked_upon(place: str) -> None:
    assert codes_of(place) == ["PLACE_UNKNOWN"]


def test_place_when_files_are_given_then_each_unknown_commune_is_remarked_upon() -> None:
    known = Places(frozenset([*domain.read_codes(COMMUNES), *domain.read_codes(OF_A_PACKAGE)]))
    said = {
        place: codes_of(place, places=known) for place in ("51215", "2A004", "75101", "99352", "99999", "")
    }
    assert set(map(tuple, said.values())) == {()}
    for place in ("51999", "97105"):
        assert codes_of(place, places=known) == ["PLACE_UNKNOWN"]


def test_files_when_headed_as_insee_does_then_read_and_else_refused() -> None:
    assert list(domain.read_codes(COMMUNES)) == ["51215", "75101"]
    assert list(domain.read_codes(COUNTRIES)) == ["99352"]
    for lines in (["nom,departement", "Ajaccio,2A"], []):
        with pytest.raises(CogFileWrong):
            domain.read_codes(lines)


@pytest.mark.parametrize("status", Status)
def test_unknown_place_when_the_paper_was_checked_then_remarked_upon(status: Status) -> None:
    checked = status in (Status.VALIDEE, Status.QUALIFIEE)
    assert codes_of("99999", status) == (["PLACE_NOT_STATED"] if checked else [])


@pytest.mark.parametrize(
    ("precision", "said"), [(Precision.MONTH, "last day of the month"), (Precision.YEAR, "31 December")]
)
def test_birth_date_when_incomplete_then_told_how_it_is_held(precision: Precision, said: str) -> None:
    traits = replace(TRAITS, birth_date=date(1979, 12, 31), birth_date_precision=precision)
    (remark,) = domain.remarks(identity_in(traits=traits), Places())
    assert (remark.field, remark.code) == ("traits.birth_date", "BIRTH_DATE_INCOMPLETE")
    assert said in remark.text
