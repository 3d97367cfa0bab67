"""Texts made comparable, and the numbers of medicines."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eprescription.domain.base import searched
from eprescription.domain.codes import fault_of_cip13, fault_of_cis
from eprescription.domain.folding import fold, name_of, slug, words
from eprescription.domain.specialities import codes_of

from .dispensing_given import cip13_of


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Lévothyroxine  sodique ", "LEVOTHYROXINE SODIQUE"),
        ("œstradiol", "OESTRADIOL"),
        ("l’acide", "L'ACIDE"),
        ("AÏE\tÇA\n", "AIE CA"),
        ("", ""),
    ],
)
def test_a_text_is_folded(text: str, folded: str) -> None:
    assert fold(text) == folded


@given(st.text(max_size=60))
def test_what_is_folded_stays_so(text: str) -> None:
    assert fold(fold(text)) == fold(text)


def test_a_word_cut_at_the_end_of_a_line_is_one_word() -> None:
    assert name_of("Mixtes adrénergiques- sérotoninergiques") == "MIXTES ADRENERGIQUES-SEROTONINERGIQUES"
    assert name_of("A - B") == "A - B"


def test_words_keep_what_stands_inside_a_number() -> None:
    assert words("Amox (500 mg/62,5 mg), cp. 0.1%!") == ("AMOX", "500", "MG/62,5", "MG", "CP", "0.1")


def test_what_is_searched_has_each_word_of_a_substance_once() -> None:
    assert searched("ESSAI 5 mg", ["Essaïne sodique", "essaïne"]) == " ESSAI 5 MG | ESSAINE SODIQUE"


def test_a_slug_is_made_of_letters_digits_and_underscores() -> None:
    assert slug("Dépistage d'un déficit (DPD) !") == "depistage_d_un_deficit_dpd"


def test_a_speciality_without_a_sure_code_is_its_slug() -> None:
    assert codes_of("urologie") == ("SM12",)
    assert codes_of("Médecine des mers") == ("medecine_des_mers",)


@given(st.from_regex(r"34009[0-9]{7}", fullmatch=True), st.integers(0, 12), st.integers(1, 9))
def test_a_wrong_digit_anywhere_in_a_cip13_is_seen(body: str, place: int, by: int) -> None:
    good = cip13_of(body)
    wrong = f"{good[:place]}{(int(good[place]) + by) % 10}{good[place + 1 :]}"
    assert fault_of_cip13(good) == ""
    assert fault_of_cip13(wrong) != ""


@pytest.mark.parametrize("text", ["", "6123456", "612345678", "51234567", "6123456x", "6123456\uff17"])
def test_a_wrong_cis_is_seen(text: str) -> None:
    assert fault_of_cis(text) != ""
