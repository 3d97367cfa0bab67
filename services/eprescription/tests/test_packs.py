"""Units of dose in a pack, by its label; what has two readings has none."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eprescription.domain.packs import UNKNOWN, held

CASES = {
    "plaquette(s) PVC aluminium de 30 comprimé(s)": (30, "comprimé"),
    "plaquettes PVC de 30 comprimés": (30, "comprimé"),
    "2 plaquette(s) PVC aluminium de 14 gélule(s)": (28, "gélule"),
    "28 plaquette(s) unidose(s) de 1 comprimé(s)": (28, "comprimé"),
    "1 flacon(s) polyéthylène de 60 comprimé(s) avec fermeture de sécurité": (60, "comprimé"),
    "10 ampoule(s) en verre de 2 ml": (10, "ampoule"),
    "20 sachet(s) papier aluminium de 10 g": (20, "sachet"),
    "28 sachet(s)-dose(s) papier": (28, "sachet"),
    "5 dispositif(s) en sachet(s) papier": (5, "dispositif"),
    "1 seringue(s) préremplie(s) en verre de 0,5 ml": (1, "seringue"),
    "plaquette(s) de 1000 comprimé(s)": (1000, "comprimé"),
}


@pytest.mark.parametrize(("label", "units"), CASES.items())
def test_a_sure_label_tells_its_units(label: str, units: tuple[int, str]) -> None:
    assert held(label) == (Decimal(units[0]), units[1])


@pytest.mark.parametrize(
    "label",
    [
        "",
        "1 flacon en verre de 100 ml",
        "1 tube(s) aluminium de 15 g",
        "5 stylo(s) prérempli(s) en verre de 3 ml",
        "1 flacon(s) pressurisé(s) de 200 dose(s)",
        "20 récipients de 2 ml suremballés par plaquette de 5 récipients",
        "plaquette(s) de 21 comprimé(s) et de 7 comprimé(s)",
        "1 flacon(s) - 1 ampoule(s) en verre de 2 ml",
        "3 boîtes avec 2 plaquettes de 14 comprimés",
        "plaquette(s) de 0 comprimé(s)",
        "plaquette(s) de 99999 comprimé(s)",
        "99999 plaquettes de 9999 comprimés",
    ],
)
def test_what_is_not_sure_is_not_counted(label: str) -> None:
    assert held(label) == UNKNOWN


@given(st.text(max_size=200))
def test_any_label_gives_a_likely_count_or_none(label: str) -> None:
    units, name = held(label)
    assert (units is None) == (name == "")
    assert units is None or 0 < units <= 10_000


@given(
    boxes=st.integers(1, 40),
    units=st.integers(1, 200),
    unit=st.sampled_from(["comprimé(s)", "gélule(s)", "capsules", "suppositoire(s)"]),
)
def test_blisters_of_units_multiply(boxes: int, units: int, unit: str) -> None:
    assert (
        held(f"{boxes} plaquette(s) thermoformée(s) PVC aluminium de {units} {unit}").units == boxes * units
    )
