"""Pairs of substances and classes, the strongest level, and what the professional reads."""

import pytest

from eprescription.domain.findings import Severity
from eprescription.domain.imports import FileReport, LineRejected
from eprescription.domain.interactions import Level, Thesaurus, finding, sentence
from eprescription.domain.products import Component
from eprescription.domain.thesaurus import read_classes, read_pairs, row_of

PAIRS = [
    row_of("ANTICOAGULANTS", "ANTI-INFLAMMATOIRES", 3, "Surveiller.", "Saignement."),
    row_of("WARFARINE", "IBUPROFENE", 2, "Contrôler l'INR.", "Saignement."),
    row_of("WARFARINE", "ASPIRINE", 4, "À forte dose.", "Saignement."),
    row_of("WARFARINE", "ASPIRINE", 1, "À faible dose.", "Saignement.")._replace(rank=2),
    row_of("GRAZOPREVIR + ELBASVIR", "WARFARINE", 2, "", ""),
]
CLASSES = [
    ("WARFARINE", "ANTICOAGULANTS"),
    ("IBUPROFENE", "ANTI-INFLAMMATOIRES"),
    ("MORPHINE", "OPIOIDES"),
    ("ZOLPIDEM", "SEDATIFS"),
]
THESAURUS = Thesaurus.of(PAIRS, CLASSES)


def keys(*names: str, nature: str = "SA") -> frozenset[str]:
    components = [
        Component(f"{rank:05}", name, nature=nature, link=rank) for rank, name in enumerate(names, 1)
    ]
    return THESAURUS.keys(THESAURUS.names_of(components))


def test_a_substance_answers_to_its_name_and_to_its_classes() -> None:
    assert keys("Warfarine") == {"WARFARINE", "ANTICOAGULANTS"}
    assert keys("PARACÉTAMOL") == frozenset()


@pytest.mark.parametrize(
    "name",
    ["MORPHINE", "morphine", "MORPHINE (SULFATE DE)", "MORPHINE ANHYDRE", "CHLORHYDRATE DE MORPHINE"],
)
def test_a_salt_answers_for_its_substance(name: str) -> None:
    assert keys(name) == {"MORPHINE", "OPIOIDES"}


@pytest.mark.parametrize("name", ["APOMORPHINE", "MORPHINEX", "DIHYDRO MORPHINE"])
def test_a_name_that_only_resembles_is_another_substance(name: str) -> None:
    assert keys(name) == frozenset()


def test_the_fraction_is_asked_before_the_salt() -> None:
    salt = Component("00001", "IBUPROFENE LYSINE", nature="SA", link=1)
    fraction = Component("00002", "WARFARINE", nature="FT", link=1)
    assert THESAURUS.names_of([salt, fraction]) == {"WARFARINE"}


def test_a_combination_needs_both_of_its_substances() -> None:
    # Known by themselves or not, two substances make the pair that is named after both.
    named = Thesaurus.of(PAIRS, [*CLASSES, ("GRAZOPREVIR", "C"), ("ELBASVIR", "C")])
    both = [Component("1", "GRAZOPREVIR", link=1), Component("2", "ELBASVIR", link=2)]
    assert "GRAZOPREVIR + ELBASVIR" in named.names_of(both)
    assert "GRAZOPREVIR + ELBASVIR" not in named.names_of(both[:1])


def test_the_strongest_level_is_kept_in_either_order() -> None:
    one, other = keys("WARFARINE"), keys("IBUPROFENE")
    for hit in (THESAURUS.between(one, other), THESAURUS.between(other, one)):
        assert hit is not None
        assert (hit.level, hit.one) == (Level.DISCOURAGED, "ANTICOAGULANTS")


def test_what_is_in_no_pair_has_no_interaction() -> None:
    assert THESAURUS.between(keys("ZOLPIDEM"), keys("IBUPROFENE")) is None
    assert THESAURUS.between(frozenset(), keys("IBUPROFENE")) is None


def test_several_levels_of_a_pair_are_all_told() -> None:
    hit = THESAURUS.pairs[("ASPIRINE", "WARFARINE")]
    told = sentence(hit, "ASPI 1 g", "WARFA 5 mg (en cours)")
    assert hit.level is Level.CONTRAINDICATED
    assert told == (
        "Contre-indication : ASPI 1 g avec WARFA 5 mg (en cours). Warfarine et aspirine : Saignement."
        " Conduite à tenir : À forte dose."
        " Selon la dose, la voie ou l'indication : À prendre en compte À faible dose."
    )


@pytest.mark.parametrize(
    ("level", "severity"),
    [(4, Severity.WARNING), (3, Severity.WARNING), (2, Severity.INFORMATION), (1, Severity.INFORMATION)],
)
def test_the_level_says_how_pressing_it_is_and_never_refuses(level: int, severity: Severity) -> None:
    pair = Thesaurus.of([row_of("A", "B", level, "", "")], []).between(["A"], frozenset("B"))
    assert pair is not None
    found = finding(pair, "l1", "a", "b", "line:l2")
    assert (found.rule, found.severity, found.code) == ("I1", severity, "I1/l1/line:l2")


def entry(**changed: object) -> dict[str, object]:
    whole = {
        "main_drug": "Bêta- bloquants",
        "plus_drug": "glinides",
        "severity_levels": [{"level": "Précaution d'emploi", "info": "Prévenir\nla personne."}],
        "interaction_mechanism": "Masque\n l'hypoglycémie.",
    }
    return {**whole, **changed}


def test_an_entry_of_the_thesaurus_is_read_with_its_names_folded() -> None:
    report = FileReport("pairs")
    (row,) = read_pairs([entry(), entry(main_drug="GLINIDES", plus_drug="BETA-BLOQUANTS")], report)
    assert (row.pair, row.level) == ("BETA-BLOQUANTS+GLINIDES", 2)
    assert (row.advice, row.mechanism) == ("Prévenir la personne.", "Masque l'hypoglycémie.")
    assert report.taken == 2


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (entry(main_drug=""), "A pair has two names."),
        (entry(severity_levels=[]), "A pair has a level at least."),
        (entry(severity_levels="CONTRE-INDICATION"), "A pair has a level at least."),
        (entry(severity_levels=[{"level": "très grave"}]), "This level is none of the four."),
        (entry(severity_levels=["A"]), "This level is none of the four."),
        ("pas une entrée", "A pair has two names."),
    ],
)
def test_an_entry_that_is_wrong_is_rejected_with_its_number(wrong: object, reason: str) -> None:
    report = FileReport("pairs")
    assert len(read_pairs([entry(), wrong], report)) == 1
    assert report.problems == [f"line 2 rejected: {reason}"]


def test_a_file_that_is_no_list_is_refused_whole() -> None:
    with pytest.raises(LineRejected):
        read_pairs({"main_drug": "A"}, FileReport("pairs"))


def test_an_index_gives_each_substance_its_classes() -> None:
    report = FileReport("index")
    index = [
        {"substance": "Abémaciclib", "drug_classes": ["substrats à risque", ""]},
        {"substance": "", "drug_classes": []},
        {"substance": "Abatacept", "drug_classes": []},
    ]
    assert read_classes(index, report) == [("ABEMACICLIB", "SUBSTRATS A RISQUE")]
    assert (report.taken, report.rejected) == (2, 1)
