"""Medicines searched: numbers, beginnings of words, slips of the pen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.db import Database, Tx
from eprescription.domain.search import Query, SearchTextWrong, correct, query
from eprescription.usecases import medicines
from eprescription.usecases.medicines import MedicineNotFound, NoMedicineNamed

from .medicines_given import DOLPARIX_1G, DOLPARIX_1G_PACK, seeded


@pytest.fixture(scope="module")
async def base(database: Database) -> Database:
    await seeded(database)
    return database


async def found(tx: Tx, text: str, *, marketed_only: bool = False, limit: int = 0) -> list[str]:
    return [hit.medicine.label for hit in await medicines.search_medicines(tx, text, marketed_only, limit)]


@pytest.mark.usefixtures("base")
@pytest.mark.parametrize(
    ("text", "first"),
    [
        (DOLPARIX_1G, "DOLPARIX 1000 mg, comprimé"),
        (DOLPARIX_1G_PACK, "DOLPARIX 1000 mg, comprimé"),
        ("340 0990 000 016", "DOLPARIX 1000 mg, comprimé"),
        ("dolp", "DOLPARIX 1000 mg, comprimé"),
        ("Lévothyroxine 100", "LÉVOTHYROXINE SODIQUE SOLENNE 100 microgrammes, comprimé"),
        ("levothiroxine 100", "LÉVOTHYROXINE SODIQUE SOLENNE 100 microgrammes, comprimé"),
        ("dolparx", "DOLPARIX 1000 mg, comprimé"),
        ("dolpraix 500", "DOLPARIX 500 mg, gélule"),
        ("varfarine", "WARFANOR 5 mg, comprimé quadrisécable"),
        ("isotretionine 20", "ISOPEAUX 20 mg, capsule molle"),
    ],
)
async def test_the_best_medicine_comes_first(tx: Tx, text: str, first: str) -> None:
    assert (await found(tx, text))[0] == first


@pytest.mark.usefixtures("base")
async def test_a_name_that_begins_so_comes_before_a_substance(tx: Tx) -> None:
    labels = await found(tx, "morph")
    assert labels[0].startswith("MORPHALIS")
    assert any(label.startswith("MORPHINE SOLENNE") for label in labels)


@pytest.mark.usefixtures("base")
async def test_what_is_not_on_the_market_comes_last_or_not_at_all(tx: Tx) -> None:
    assert await found(tx, "diclofenac") == ["DICLORANE 50 mg, comprimé"]
    assert await found(tx, "diclofenac", marketed_only=True) == []
    assert await found(tx, "69996040", marketed_only=True) == []


@pytest.mark.usefixtures("base")
@pytest.mark.parametrize(
    "text", ["%%%abc", "___abc", "zzzzzzzz", "abc' OR 1=1 --xyz", "\\abc\\", "69996999", "🙂🙂🙂abc"]
)
async def test_what_is_nowhere_finds_nothing(tx: Tx, text: str) -> None:
    assert await found(tx, text) == []


@pytest.mark.usefixtures("base")
async def test_no_more_is_found_than_was_asked(tx: Tx) -> None:
    assert len(await found(tx, "comprimé", limit=3)) == 3
    assert len(await found(tx, "comprimé")) == 20
    assert len(await found(tx, "comprimé", limit=100_000)) <= 100


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "too few letters"),
        ("  a ", "too few letters"),
        ("5 mg", "too few letters"),
        ("%%%", "too few letters"),
        ("\x00", "too few letters"),
        ("3400990000017", "it ends with 7, 6 is expected"),
        ("34009900000161", "A CIP13 has 13 digits"),
        ("123", "A CIS has 8 digits"),
        ("12345678", "A CIS has 8 digits, the first is 6"),
        ("a" * 101, "longer than 100"),
    ],
)
def test_a_text_that_cannot_be_searched_says_why(text: str, why: str) -> None:
    with pytest.raises(SearchTextWrong, match=why) as refused:
        query(text)
    assert refused.value.field == "text"
    assert refused.value.hint


def test_wildcards_of_sql_are_letters_like_any_other() -> None:
    assert Query(words=("0.1%A", "B_C")).patterns == [r"% 0.1\%A%", r"% B\_C%"]


@given(st.text(max_size=120))
def test_any_text_is_a_query_or_refused(text: str) -> None:
    try:
        made = query(text)
    except SearchTextWrong:
        return
    assert made.cis or made.cip13 or made.words


def test_a_word_is_put_right_by_the_nearest_that_is_known() -> None:
    near = {"DOLPRAIX": {"DOLPARIX": 2, "DOLORES": 9}, "GELU": {"GELULE": 5}}
    meant = correct(("DOLPRAIX", "500", "GELU"), near)
    assert meant is not None
    assert meant.words == ("DOLPARIX", "500", "GELU")
    assert 0.7 <= meant.likeness < 1


@pytest.mark.parametrize("given_words", [("ZZZZ",), ("GELULE",), ("12", "MG")])
def test_nothing_is_put_right_where_nothing_is_near_or_all_is_known(given_words: tuple[str, ...]) -> None:
    assert correct(given_words, {"GELULE": {"GELULE": 5}, "ZZZZ": {"AZUR": 1}}) is None


@pytest.mark.usefixtures("base")
async def test_a_medicine_is_opened_by_its_cis_or_by_a_pack(tx: Tx) -> None:
    by_cis = await medicines.get_medicine(tx, DOLPARIX_1G, "")
    assert await medicines.get_medicine(tx, "", DOLPARIX_1G_PACK) == by_cis
    assert by_cis.packs[0].price_cents == 220


@pytest.mark.usefixtures("base")
@pytest.mark.parametrize(
    ("cis", "cip13", "error"),
    [
        ("61234567", "", MedicineNotFound),
        ("", "3400999999991", MedicineNotFound),
        ("", "3400990000017", NoMedicineNamed),
        ("", "", NoMedicineNamed),
        (DOLPARIX_1G, DOLPARIX_1G_PACK, NoMedicineNamed),
    ],
)
async def test_a_medicine_that_is_not_named_is_not_opened(
    tx: Tx, cis: str, cip13: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        await medicines.get_medicine(tx, cis, cip13)


@pytest.mark.usefixtures("base")
async def test_what_is_not_understood_and_what_is_missing_are_told(tx: Tx) -> None:
    assert await medicines.list_unknown_conditions(tx) == [("à conserver à l'abri des regards indiscrets", 1)]
    short = await medicines.get_medicine(tx, "69996070", "")
    assert short.availability == "Tension d'approvisionnement"
    back = await medicines.get_medicine(tx, "69996520", "")
    assert back.availability == ""
