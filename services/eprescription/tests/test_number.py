"""The number of a prescription: what is made checks, what is mistyped is told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eprescription.domain import number
from eprescription.domain.errors import NumberWrong

MADE = "S1ABCDEFGHJKMNP00"


def test_a_number_has_18_characters_of_the_alphabet_and_checks() -> None:
    drawn = {number.new() for _ in range(200)}
    assert len(drawn) == 200
    for one in drawn:
        assert len(one) == 18
        assert one.startswith(number.FORM)
        assert one[15:17] == number.SITE
        assert set(one) <= set(number.ALPHABET)
        assert number.check(one) == one


def test_a_number_read_aloud_is_the_same() -> None:
    one = number.new()
    spoken = " ".join(one[at : at + 6] for at in range(0, 18, 6)).lower().replace("1", "l").replace("0", "o")
    assert number.check(spoken) == one
    assert number.check("-".join([one[:9], one[9:]])) == one


@pytest.mark.parametrize(
    "typed", ["", "S1", MADE, "S1ABCDEFGHJKMNPU00", "S1ABCDEFGHJKMNP00\u00e9", "x" * 18, "S" * 10_000]
)
def test_what_is_no_number_is_refused(typed: str) -> None:
    with pytest.raises(NumberWrong) as caught:
        number.check(typed)
    assert caught.value.field == "number"


@given(st.integers(0, 17), st.sampled_from(number.ALPHABET))
def test_one_wrong_character_is_always_found(at: int, wrong: str) -> None:
    one = number.new()
    mistyped = one[:at] + wrong + one[at + 1 :]
    if mistyped != one:
        with pytest.raises(NumberWrong):
            number.check(mistyped)


@given(st.integers(0, 16))
def test_two_neighbours_exchanged_are_always_found(at: int) -> None:
    one = number.new()
    exchanged = one[:at] + one[at + 1] + one[at] + one[at + 2 :]
    if exchanged != one:
        with pytest.raises(NumberWrong):
            number.check(exchanged)


@given(st.text(max_size=40))
def test_any_text_is_a_number_or_refused(typed: str) -> None:
    try:
        kept = number.check(typed)
    except NumberWrong:
        return
    assert number.check(kept) == kept
