"""Access codes and secrets of holds: derived, apart, and still good after a rotation."""

import pytest
from hypothesis import given as generated
from hypothesis import strategies as st

from eprescription.domain.ids import ClaimId, PrescriptionId
from eprescription.domain.secrets import CROCKFORD, Secrets

OLD, NEW = bytes(range(32)), bytes(range(32, 64))
SECRETS = Secrets({1: OLD})
ONE = PrescriptionId("01900000-0000-7000-8000-00000000000a")


def test_the_same_question_gives_the_same_secret() -> None:
    """A lost answer costs nothing; the value is fixed, or every printed paper would stop opening."""
    assert SECRETS.access_code(ONE) == Secrets({1: OLD}).access_code(ONE)
    assert SECRETS.access_code(ONE) == "1Z5FX699BET3EPEXMSF9M80RXAW"


def test_a_code_holds_128_bits_and_reads_aloud() -> None:
    code = SECRETS.access_code(ONE)
    assert len(code) == 27
    assert set(code) <= set(CROCKFORD)


def test_the_code_and_the_secret_of_a_hold_are_apart() -> None:
    """Even of the same id: who may print must not be able to act as the pharmacy."""
    hold = ClaimId(ONE.value)
    assert SECRETS.access_code(ONE) != SECRETS.claim_secret(hold)
    assert not SECRETS.opens_claim(hold, SECRETS.access_code(ONE))
    assert not SECRETS.opens_prescription(ONE, SECRETS.claim_secret(hold))


@generated(st.uuids(), st.uuids())
def test_each_opens_its_own_only(one: object, other: object) -> None:
    mine, theirs = PrescriptionId(str(one)), PrescriptionId(str(other))
    assert SECRETS.opens_prescription(mine, SECRETS.access_code(mine))
    assert SECRETS.opens_prescription(mine, SECRETS.access_code(theirs)) is (one == other)


@generated(st.text(max_size=40))
def test_no_text_opens_or_breaks(text: str) -> None:
    assert not SECRETS.opens_prescription(ONE, text)


def test_it_is_read_as_people_type() -> None:
    code = SECRETS.access_code(ONE)
    typed = "-".join(code[at : at + 4] for at in range(0, 27, 4)).lower().replace("1", "l").replace("0", "o")
    assert SECRETS.opens_prescription(ONE, typed)


def test_a_paper_printed_before_a_rotation_still_opens() -> None:
    rotated = Secrets({1: OLD, 2: NEW})
    before, after = SECRETS.access_code(ONE), rotated.access_code(ONE)
    assert (before[0], after[0]) == ("1", "2")
    assert rotated.opens_prescription(ONE, before)
    assert rotated.opens_prescription(ONE, after)
    # The former version was destroyed: its papers are opened by number and birth date.
    assert not Secrets({2: NEW}).opens_prescription(ONE, before)


def test_the_version_is_part_of_the_secret() -> None:
    """Or a code of a destroyed version could be shown as one of another."""
    rotated = Secrets({1: OLD, 2: NEW})
    assert not rotated.opens_prescription(ONE, "2" + SECRETS.access_code(ONE)[1:])


@pytest.mark.parametrize("keys", [{}, {0: OLD}, {32: OLD}, {1: b"short"}])
def test_keys_of_another_form_are_refused(keys: dict[int, bytes]) -> None:
    with pytest.raises(ValueError, match="secret"):
        Secrets(keys)
