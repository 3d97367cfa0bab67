"""Condition texts turned into machine rules: our own words for the ways of saying of the public base."""

import pytest

from eprescription.domain.conditions import numbers, rules_of, understand

CASES = {
    "liste I": ("list_1",),
    "LISTE II": ("list_2",),
    "stupéfiant": ("narcotic", "secure", "in_words"),
    "prescription sur ordonnance sécurisée": ("secure",),
    "prescription limitée à 3 semaines": ("max_days:21",),
    "prescription limitée à 5 jours": ("max_days:5",),
    "prescription limitée à 7 jours ou 14 jours": ("max_days:14",),
    "prescription limitée à 6 mois": ("max_days:184",),
    "prescription limitée à 2 mois": ("max_days:60",),
    "délivrance fractionnée de 10 jours": ("fraction_days:10",),
    "réservé à l'usage HOSPITALIER": ("hospital_use",),
    "Réservé à l’usage hospitalier.": ("hospital_use",),
    "prescription initiale hospitalière": ("hospital_initial:0",),
    "prescription initiale hospitalière semestrielle": ("hospital_initial:6",),
    "prescription initiale annuelle réservée à certains spécialistes": ("specialist_initial:12",),
    "prescription initiale annuelle réservée aux spécialistes et services UROLOGIE": (
        "specialist_initial:12",
        "info:initial_by_urologie",
    ),
    "prescription réservée aux spécialistes et services UROLOGIE": ("specialist:SM12",),
    "prescription réservée aux spécialistes en MEDECINE DES MERS": ("specialist:medecine_des_mers",),
    "prescription réservée aux médecins compétents en NUTRITION": ("specialist:SM62", "specialist:DSM226"),
    "renouvellement de la prescription réservé aux spécialistes en UROLOGIE": ("specialist_renewal:SM12",),
    "renouvellement non restreint": ("renewal_unrestricted",),
    "chevauchement interdit sauf avis écrit": ("overlap_forbidden",),
    'la prescription nécessite la mention " cure courte " sur la feuille': ("mention:cure_courte",),
    "les quatre premières administrations doivent être faites en milieu hospitalier": (
        "first_dose_hospital",
    ),
}


@pytest.mark.parametrize(("text", "rules"), CASES.items())
def test_a_known_way_of_saying_is_its_rules(text: str, rules: tuple[str, ...]) -> None:
    assert rules_of(text) == rules
    assert understand(text).understood


@pytest.mark.parametrize(
    "text",
    [
        "",
        "liste III",
        "liste I ou II selon le dosage",
        "prescription limitée à la saison",
        "renouvellement",
        "à conserver à l'abri de la lumière",
        "pour tous les patients :",
    ],
)
def test_what_no_pattern_reads_whole_has_no_rule_and_stays_as_it_is(text: str) -> None:
    assert understand(text).text == text
    assert not understand(text).understood


def test_the_number_of_a_rule_is_read_by_its_name() -> None:
    rules = ("max_days:28", "max_days:7", "fraction_days:7", "list_1")
    assert numbers(rules, "max_days") == [28, 7]
    assert numbers(rules, "hospital_initial") == []
