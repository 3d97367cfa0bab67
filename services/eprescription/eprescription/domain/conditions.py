"""Conditions of prescription and dispensing turned into machine rules.

The base states them as texts, a text a line of CIS_CPD. Each pattern below reads one way of saying; a text
that no pattern reads has no rule and is shown to professionals as it stands (finding I4), never dropped.
Rules: docs/e-prescription-rules.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache

from .folding import fold, slug
from .products import ConditionText
from .specialities import codes_of

Match = re.Match[str]
Made = Callable[[Match], Iterable[str]]
DAYS = {"JOUR": 1, "SEMAINE": 7, "MOIS": 30}
# How long an initial prescription is good for, in months; 0 where no term is said.
TERMS = {"ANNUELLE": 12, "SEMESTRIELLE": 6, "TRIMESTRIELLE": 3}
FIRST = r"(?:LES? |LA )?(?:\w+ )?(?:PREMIERES?|1 ERE?) (?:ADMINISTRATIONS?|DOSES?)"
IN_HOSPITAL = r"EN MILIEU HOSPITALIER"


def _fixed(*rules: str) -> Made:
    return lambda _: rules


def _days(found: Match) -> Iterable[str]:
    """The longest term said, so that nothing lawful is refused: the packs of one text differ in strength."""
    spans = re.findall(r"(\d+) (JOUR|SEMAINE|MOIS)", found[0])
    longest = max(int(count) * DAYS[unit] for count, unit in spans)
    # Six months are a calendar term; its days are those that no half-year exceeds.
    return (f"max_days:{184 if 'MOIS' in found[0] and longest == 180 else longest}",)


def _specialists(found: Match) -> Iterable[str]:
    return tuple(f"specialist:{code}" for code in codes_of(found["who"]))


def _renewers(found: Match) -> Iterable[str]:
    return tuple(f"specialist_renewal:{code}" for code in codes_of(found["who"]))


def _initial(rule: str) -> Made:
    """Who wrote the first one is told apart: `specialist` would bar a generalist from renewing."""

    def made(found: Match) -> Iterable[str]:
        who = found.groupdict().get("who")
        yield f"{rule}:{TERMS.get(found['term'] or '', 0)}"
        if who:
            yield f"info:initial_by_{slug(who)}"

    return made


def _named(rule: str) -> Made:
    return lambda found: (f"{rule}:{slug(found['what'])}",)


TERM = r"(?P<term>ANNUELLE|SEMESTRIELLE|TRIMESTRIELLE)?"
# In order; all patterns that read the whole of a folded text count.
PATTERNS: tuple[tuple[re.Pattern[str], Made], ...] = tuple(
    (re.compile(pattern), made)
    for pattern, made in (
        (r"LISTE I", _fixed("list_1")),
        (r"LISTE II", _fixed("list_2")),
        (r"STUPEFIANTS?", _fixed("narcotic", "secure", "in_words")),
        (r"PRESCRIPTION EN TOUTES LETTRES SUR ORDONNANCE SECURISEE", _fixed("secure", "in_words")),
        (r"PRESCRIPTION SUR ORDONNANCE SECURISEE", _fixed("secure")),
        (r"PRESCRIPTION LIMITEE A .*\d+ (?:JOURS?|SEMAINES?|MOIS)", _days),
        (r"DELIVRANCE FRACTIONNEE DE (?P<n>\d+) JOURS", lambda found: (f"fraction_days:{found['n']}",)),
        (r"CHEVAUCHEMENT INTERDIT .*", _fixed("overlap_forbidden")),
        (r"RESERVE A L'USAGE HOSPITALIER", _fixed("hospital_use")),
        (r"PRESCRIPTION HOSPITALIERE", _fixed("hospital_prescription")),
        (rf"PRESCRIPTION INITIALE HOSPITALIERE ?{TERM}", _initial("hospital_initial")),
        (
            rf"PRESCRIPTION INITIALE ?{TERM} RESERVEE A CERTAINS SPECIALISTES",
            _initial("specialist_initial"),
        ),
        (
            rf"PRESCRIPTION INITIALE ?{TERM} RESERVEE AUX SPECIALISTES ET SERVICES (?P<who>.+)",
            _initial("specialist_initial"),
        ),
        (
            rf"POUR (?:ENFANTS|ADOLESCENTS).* : PRESCRIPTION INITIALE ?{TERM} RESERVEE A CERTAINS .+",
            lambda found: (
                f"info:specialist_initial_{TERMS.get(found['term'] or '', 0)}",
                f"info:{'female' if 'FEMININ' in found[0] else 'male'}_of_child_bearing_age",
            ),
        ),
        (
            (
                r"PRESCRIPTION RESERVEE AUX (?:SPECIALISTES(?: ET SERVICES| EN)?|MEDECINS COMPETENTS(?: EN)?)"
                r" (?!AUTORISES)(?P<who>.+)"
            ),
            _specialists,
        ),
        (r"PRESCRIPTION RESERVEE AUX UNITES DE SOINS INTENSIFS EN (?P<who>.+)", _specialists),
        (
            (
                r"PRESCRIPTION RESERVEE AUX (?P<who>MEDECINS SPECIALISTES OU QUALIFIES EN MEDECINE GENERALE"
                r" TITULAIRES DE LA CAPACITE DE GERONTOLOGIE)"
            ),
            _fixed("specialist:SM18", "specialist:DSM213", "specialist:capacite_de_gerontologie"),
        ),
        (r"PRESCRIPTION RESERVEE AUX SPECIALISTES AUTORISES (?P<who>.+)", _specialists),
        (r"PRESCRIPTION RESERVEE AUX (?P<who>TITULAIRES DE .+)", _specialists),
        (r"PRESCRIPTION RESERVEE AUX (?P<who>MEDECINS EXERCANT DANS .+)", _specialists),
        (
            r"PRESCRIPTION RESERVEE AUX MEDECINS HOSPITALIERS .+",
            _fixed("hospital_prescription", "info:also_in_prison"),
        ),
        (r"PRESCRIPTION PAR UN (?P<who>MEDECIN EXERCANT DANS .+)", _specialists),
        (
            r"PRESCRIPTION INITIALE PAR UN (?P<who>MEDECIN EXERCANT DANS .+)",
            lambda found: ("specialist_initial:0", f"info:{slug(found['who'])}"),
        ),
        (
            r"HORS ETABLISSEMENT DE SANTE : PRESCRIPTION RESERVEE AUX (?P<what>MEDECINS, SAGES-FEMMES .+)",
            lambda _: ("info:l2212_2_outside_hospital", "restricted_prescription"),
        ),
        (
            r"RENOUVELLEMENT DE LA PRESCRIPTION RESERVE AUX (?:SPECIALISTES|MEDECINS \w+) EN (?P<who>.+)",
            _renewers,
        ),
        (r"RENOUVELLEMENT NON RESTREINT", _fixed("renewal_unrestricted")),
        (r"MEDICAMENT NECESSITANT UNE SURVEILLANCE PARTICULIERE .+", _fixed("surveillance")),
        (
            r"POUR LES FEMMES SUSCEPTIBLES DE PROCREER : SURVEILLANCE PARTICULIERE .+",
            _fixed("surveillance", "info:female_of_child_bearing_age"),
        ),
        (r"POUR LES FEMMES EN AGE DE PROCREER : VOIR PROGRAMME .+", _fixed("pregnancy_programme")),
        (
            (
                r"(?:PRESCRIPTION NECESSITANT PREALABLEMENT LE|DELIVRANCE APRES VERIFICATION DU) RECUEIL"
                r" DE L'ACCORD DE SOINS.*"
            ),
            _fixed("consent_form"),
        ),
        (r"DELIVRANCE NE POUVANT SE FAIRE QU'APRES VERIFICATION DE L'ATTESTATION .+", _fixed("attestation")),
        (r"PRESCRIPTION NECESSITANT LA SIGNATURE ANNUELLE .+ ATTESTATION .+", _fixed("annual_attestation")),
        (
            r"PRESCRIPTION NECESSITANT LA REMISE D'UN CARNET PATIENT|MISE A JOUR DU CARNET .+",
            _fixed("booklet"),
        ),
        (r"PRESCRIPTION NECESSITANT LA REMISE D'UNE FICHE .+", _fixed("info:information_sheet")),
        (r"LA PREMIERE DELIVRANCE DOIT ETRE ACCOMPAGNEE .+ FICHE .+", _fixed("info:sheet_to_laboratory")),
        (
            r"PRESCRIPTION ET DELIVRANCE SUBORDONNEES A L'OBTENTION DU RESULTAT DU (?P<what>.+)",
            _named("test_result"),
        ),
        (
            r"ORDONNANCE AVEC LA NUMERATION DES NEUTROPHILES .+",
            _fixed("test_result:numeration_des_neutrophiles", "mention:numeration_des_neutrophiles"),
        ),
        (
            r"DOSAGE TESTOSTERONEMIE TOUS LES 3 MOIS ET MENTION .+",
            _fixed("test_result:testosteronemie", "mention:testosteronemie"),
        ),
        (r"LA PRESCRIPTION NECESSITE LA MENTION \" ?(?P<what>[^\"]+?) ?\" .+", _named("mention")),
        (
            r"LA DELIVRANCE NE PEUT SE FAIRE QU'APRES AVOIR VERIFIE LA PRESENCE DE CETTE MENTION",
            _fixed("info:mention_checked_at_dispensing"),
        ),
        (r"CONSERVATION D'UNE COPIE DE L'ORDONNANCE PENDANT (?P<n>\d+) ANS .+", _fixed("info:copy_is_kept")),
        (
            (
                r"RESERVE A L'USAGE EN SITUATION D'URGENCE .+"
                r"|RESERVE A UNE STRUCTURE D'ASSISTANCE MEDICALE MOBILE .+"
            ),
            _fixed("emergency_only"),
        ),
        (r"RESERVE A L'USAGE PROFESSIONNEL.*", _fixed("professional_use")),
        (
            r"RESERVE A L'USAGE MILITAIRE|A NE PRENDRE QUE SUR INSTRUCTIONS DES AUTORITES .+",
            _fixed("military"),
        ),
        (
            r"(?:MEDICAMENT )?RESERVE AUX (?P<what>CENTRES DE VACCINATION .+)",
            lambda found: ("restricted_prescription", f"info:{slug(found['what'])}"),
        ),
        (
            r"DELIVRANCE RESERVEE AUX (?:PHARMACIES A USAGE INTERIEUR|ETS .+)",
            _fixed("pharmacy_hospital_only"),
        ),
        (
            r"DELIVRANCE EFFECTUEE PAR (?P<what>UNE PHARMACIE DE VILLE|UN CSAPA)",
            lambda found: (f"info:delivered_by_{slug(found['what'])}",),
        ),
        (
            (
                r"L'ADMINISTRATION DOIT ETRE EFFECTUEE DANS UN ETABLISSEMENT .+"
                r"|ADMINISTRATION PAR TOUT MEDECIN SPECIALISTE EN ANESTHESIE.+"
            ),
            _fixed("administration_hospital"),
        ),
        (
            (
                rf"{FIRST} .*{IN_HOSPITAL}|L'ADMINISTRATION DU 1 ER CYCLE .+ {IN_HOSPITAL}"
                rf"|LES ADMINISTRATIONS DE LA PHASE INITIALE .+ {IN_HOSPITAL}"
            ),
            _fixed("first_dose_hospital"),
        ),
        (r"MEDICAMENT SOUMIS A PRESCRIPTION MEDICALE RESTREINTE", _fixed("restricted_prescription")),
        (r"MEDICAMENT SOUMIS A PRESCRIPTION MEDICALE(?:, EN ATTENTE .+)?", _fixed("prescription_needed")),
    )
)


@lru_cache(maxsize=4096)
def rules_of(text: str) -> tuple[str, ...]:
    """The machine rules of a condition text, in order; none when it is not understood."""
    folded = fold(text).rstrip(" .")
    found = (match for match in ((pattern.fullmatch(folded), made) for pattern, made in PATTERNS) if match[0])
    return tuple(dict.fromkeys(rule for match, made in found if match for rule in made(match)))


def understand(text: str) -> ConditionText:
    """A condition with its rules; `understood` is false when there are none."""
    shown = " ".join(text.split())
    return ConditionText(shown, rules_of(shown))


def numbers(rules: Iterable[str], name: str) -> list[int]:
    """The values of a rule that carries a number: `max_days:28` -> [28]."""
    prefix = f"{name}:"
    return [int(rule[len(prefix) :]) for rule in rules if rule.startswith(prefix)]
