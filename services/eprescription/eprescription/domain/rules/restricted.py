"""V13: medicines whose prescription is restricted: hospital, specialists, initial prescription in date."""

from __future__ import annotations

import re
from datetime import date

from eprescription.domain.content import Line, Prescriber, Signed
from eprescription.domain.findings import Finding
from eprescription.domain.products import Medicine

from .book import duty, refusal, warning
from .calendar import add_months, shown
from .kinds import values
from .parameters import Parameters

# TRE_R38: SM54, SCD01, DSM235...
CODE = re.compile(r"[A-Z]{1,4}[0-9]{1,4}")


def check(signed: Signed, line: Line, medicine: Medicine | None, parameters: Parameters) -> list[Finding]:
    """V13 for the prescriber; a line without a medicine of the base is not judged."""
    if medicine is None:
        return []
    rules, who = medicine.rules, signed.prescriber
    hospital = who.sector in parameters.hospital_sectors
    if "hospital_use" in rules:
        sentence = "Médicament réservé à l'usage hospitalier : il ne se prescrit pas pour la ville."
        return [refusal("V13", sentence, "Choisissez un autre médicament.", line.line_id, "hospital_use")]
    said = _kept_aside(rules, line)
    if "hospital_prescription" in rules and not hospital:
        sentence = "Prescription hospitalière : réservée aux prescripteurs des établissements de santé."
        hint = "Adressez le patient à l'établissement, ou choisissez un autre médicament."
        said.append(refusal("V13", sentence, hint, line.line_id, "hospital_prescription"))
    return said + _initial(signed, line, rules, hospital) + _specialists(signed, line, rules, hospital)


def _kept_aside(rules: frozenset[str], line: Line) -> list[Finding]:
    """Not for a patient who comes with a prescription: the prescriber says why this one is."""
    return [
        warning("V13", sentence, "Motivez, ou choisissez un autre médicament.", line.line_id, rule)
        for rule, sentence in KEPT_ASIDE.items()
        if rule in rules
    ]


KEPT_ASIDE = {
    "professional_use": "Médicament réservé à l'usage professionnel.",
    "emergency_only": "Médicament réservé aux situations d'urgence (R.5121-96).",
    "military": "Médicament réservé à l'usage militaire.",
}


def _terms(rules: frozenset[str], name: str) -> list[int]:
    return [int(text) for text in values(rules, name) if text.isdecimal()]


def _has_initial(rules: frozenset[str]) -> bool:
    return bool(_terms(rules, "hospital_initial") or _terms(rules, "specialist_initial"))


def _initial(signed: Signed, line: Line, rules: frozenset[str], hospital: bool) -> list[Finding]:
    """The first prescription is of a hospital or a specialist; others renew it while it is in date."""
    by_hospital, by_specialist = _terms(rules, "hospital_initial"), _terms(rules, "specialist_initial")
    known, unsure = matches(values(rules, "specialist"), signed.prescriber)
    if (by_hospital and hospital) or (by_specialist and (known or hospital)):
        return []
    terms = by_hospital or by_specialist
    if not terms:
        return []
    content = signed.content
    if content.initial_written_on is None or not content.initial_reference.strip():
        if by_specialist and not by_hospital and (unsure or not values(rules, "specialist")):
            return [_unsure(line, "initial")]
        sentence = "Prescription initiale réservée (hôpital ou spécialiste) : elle n'est pas citée."
        hint = "Citez l'ordonnance initiale : référence et date."
        return [refusal("V13", sentence, hint, line.line_id, "initial")]
    return _in_date(signed, line, by_hospital, terms, content.initial_written_on)


def _in_date(
    signed: Signed, line: Line, by_hospital: list[int], terms: list[int], initial: date
) -> list[Finding]:
    said: list[Finding] = []
    if by_hospital and not signed.content.initial_by_hospital:
        sentence = "L'ordonnance initiale doit être hospitalière."
        said.append(
            refusal("V13", sentence, "Indiquez qu'elle l'était.", line.line_id, "initial_by_hospital")
        )
    stated = [term for term in terms if term]
    if stated and signed.written_on >= add_months(initial, min(stated)):
        sentence = (
            f"L'ordonnance initiale n'est plus valable depuis le {shown(add_months(initial, min(stated)))}."
        )
        hint = "Le patient revoit le service ou le spécialiste qui l'a établie."
        said.append(refusal("V13", sentence, hint, line.line_id, "initial_date"))
    return said


def _specialists(signed: Signed, line: Line, rules: frozenset[str], hospital: bool) -> list[Finding]:
    """Reserved to specialists: to all of them, or only for the first prescription and its renewal."""
    renewing = _has_initial(rules) and bool(signed.content.initial_reference.strip())
    if renewing:
        wanted = [] if "renewal_unrestricted" in rules else values(rules, "specialist_renewal")
    else:
        wanted = [] if _has_initial(rules) else values(rules, "specialist")
    known, unsure = matches(wanted, signed.prescriber)
    if not wanted or known:
        return []
    if unsure or hospital:
        # `Spécialistes et services`: a service is not told by a token.
        return [_unsure(line, "specialist")]
    sentence = "Prescription réservée à certains spécialistes."
    hint = "Adressez le patient à l'un d'eux : " + ", ".join(wanted[:6]) + "."
    return [refusal("V13", sentence, hint, line.line_id, "specialist")]


def matches(wanted: list[str], prescriber: Prescriber) -> tuple[bool, bool]:
    """Whether the prescriber has one of the specialities, and whether one of them has no known code."""
    has = not set(wanted).isdisjoint(prescriber.know_how)
    return has, any(CODE.fullmatch(one) is None for one in wanted)


def _unsure(line: Line, about: str) -> Finding:
    sentence = "Prescription réservée à certains spécialistes ou services : vérifiez que vous en êtes."
    return duty(
        "V13", sentence, "Le savoir-faire de votre carte ne permet pas de le dire.", line.line_id, about
    )
