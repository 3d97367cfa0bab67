"""Where duplicates are looked for: which mistakes leave a block in common, and which strangers share none."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity_ins.domain import Precision, Sex
from identity_ins.domain.match import Description, block_keys, lock_of, sound, wanted_keys

STRUCTURE = "1750000018"
ONE = Description("MARTIN-DELORME", ("CAMILLE", "JEANNE"), Sex.FEMALE, date(1984, 3, 12), used_name="ROUSSEL")
SAID_ALIKE = [
    ("LEFEBVRE", "LEFEVRE"), ("PHILIPPE", "FILIP"), ("HAMON", "AMON"), ("DUPONT", "DUPOND"),
    ("GAUTHIER", "GAUTIER"), ("CATHERINE", "KATERINE"), ("LAURENT", "LORENT"), ("MARTIN", "MARTAIN"),
    ("D'ALMEIDA", "ALMEIDA"), ("DE LA FONTAINE", "FONTAINE"), ("THOMAS", "TOMA"), ("SCHMITT", "SHMIT"),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), SAID_ALIKE)
def test_sound_when_said_alike_then_the_same(one: str, other: str) -> None:
    assert sound(one) == sound(other) != ""


SAID_OTHERWISE = [("MARTIN", "BERNARD"), ("LEROY", "LECLERC"), ("ANNE", "LEA")]


@pytest.mark.parametrize(("one", "other"), SAID_OTHERWISE)
def test_sound_when_said_otherwise_then_another(one: str, other: str) -> None:
    assert sound(one) != sound(other)


SLIPS: dict[str, dict[str, Any]] = {
    "swapped names": {"birth_name": "CAMILLE", "first_names": ("MARTIN-DELORME",), "used_name": ""},
    "the used name as birth name": {"birth_name": "ROUSSEL", "used_name": ""},
    "a slip in the name": {"birth_name": "NARTIN-DELORME"},
    "a slip in both names": {"birth_name": "MARTYN", "first_names": ("CAMYLE",)},
    "a wrong day": {"birth_date": date(1984, 3, 29)},
    "a wrong month": {"birth_date": date(1984, 8, 12)},
    "a wrong year": {"birth_date": date(1948, 3, 12)},
    "another date altogether": {"birth_date": date(1971, 10, 30)},
    "a wrong year and another birth name": {"birth_date": date(1948, 3, 12), "birth_name": "PETIT"},
    "the month only": {"birth_date": date(1984, 3, 31), "precision": Precision.MONTH},
    "the year only": {"birth_date": date(1984, 12, 31), "precision": Precision.YEAR},
    "no date": {"birth_date": None},
}


@pytest.mark.parametrize("slip", SLIPS.values(), ids=SLIPS.keys())
def test_blocks_when_one_person_is_written_twice_then_one_in_common(slip: dict[str, Any]) -> None:
    assert block_keys(STRUCTURE, ONE) & block_keys(STRUCTURE, replace(ONE, **slip))


def test_blocks_when_day_and_month_are_turned_with_another_slip_then_wanted_all_the_same() -> None:
    turned = replace(ONE, birth_date=date(1984, 12, 3), birth_name="MIRANDE", first_names=("CLEMENCE",))
    turned = replace(turned, used_name="")
    assert not block_keys(STRUCTURE, ONE) & block_keys(STRUCTURE, turned)
    assert wanted_keys(STRUCTURE, turned) & block_keys(STRUCTURE, ONE)
    assert wanted_keys(STRUCTURE, ONE) & block_keys(STRUCTURE, turned)


def test_blocks_when_strangers_or_another_structure_then_none_in_common() -> None:
    stranger = Description("ZYGLER", ("OSWALD",), Sex.MALE, date(1931, 8, 9))
    assert not block_keys(STRUCTURE, ONE) & block_keys(STRUCTURE, stranger)
    assert not block_keys(STRUCTURE, ONE) & block_keys("1750000026", ONE)


def test_blocks_then_pseudonyms_that_are_locks_as_well() -> None:
    keys = block_keys(STRUCTURE, ONE)
    assert all(len(key) == 16 and int(key, 16) >= 0 for key in keys)
    assert len({lock_of(key) for key in keys}) == len(keys)
    assert all(-(2**63) <= lock_of(key) < 2**63 for key in keys)


def test_blocks_when_only_a_name_or_only_a_date_then_none() -> None:
    assert not block_keys(STRUCTURE, Description(birth_name="MARTIN"))
    assert not block_keys(STRUCTURE, Description(birth_date=date(1984, 3, 12)))


@given(
    st.from_regex(r"[A-Z]{1,12}(?:[ '-][A-Z]{1,12}){0,2}", fullmatch=True),
    st.from_regex(r"[A-Z]{1,12}", fullmatch=True),
    st.dates(date(1925, 1, 1), date(2025, 12, 31)),
)
def test_blocks_when_names_are_swapped_then_the_same(name: str, first: str, born: date) -> None:
    one = Description(name, (first,), birth_date=born)
    assert block_keys(STRUCTURE, one) == block_keys(STRUCTURE, Description(first, (name,), birth_date=born))
