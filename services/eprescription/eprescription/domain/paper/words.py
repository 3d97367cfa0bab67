"""What a line and a prescription say, in the French that is handed over (R.5132-3)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from itertools import groupby
from typing import Final

from eprescription.domain.content import (
    Content,
    CountUnit,
    Dose,
    Line,
    LineKind,
    NonSubstitution,
    Posology,
    Quantity,
)

UNITS: Final[Mapping[CountUnit, tuple[str, str]]] = {
    CountUnit.BOX: ("boîte", "boîtes"),
    CountUnit.DOSE: ("unité de prise", "unités de prise"),
    CountUnit.DAY: ("jour de traitement", "jours de traitement"),
}
PERIODS: Final = {
    "h": ("heure", "heures"),
    "d": ("jour", "jours"),
    "wk": ("semaine", "semaines"),
    "mo": ("mois", "mois"),
}
# FHIR EventTiming.
MOMENTS: Final = {
    "MORN": "le matin",
    "NOON": "le midi",
    "AFT": "l'après-midi",
    "EVE": "le soir",
    "NIGHT": "la nuit",
    "HS": "au coucher",
    "WAKE": "au réveil",
    "C": "au repas",
    "CM": "au petit-déjeuner",
    "CD": "au déjeuner",
    "CV": "au dîner",
    "AC": "avant le repas",
    "ACM": "avant le petit-déjeuner",
    "ACD": "avant le déjeuner",
    "ACV": "avant le dîner",
    "PC": "après le repas",
    "PCM": "après le petit-déjeuner",
    "PCD": "après le déjeuner",
    "PCV": "après le dîner",
}
DAYS: Final = {
    "mon": "lundi",
    "tue": "mardi",
    "wed": "mercredi",
    "thu": "jeudi",
    "fri": "vendredi",
    "sat": "samedi",
    "sun": "dimanche",
}
NON_SUBSTITUTIONS: Final = {
    NonSubstitution.MTE: "marge thérapeutique étroite",
    NonSubstitution.EFG: "enfant de moins de six ans sans forme galénique adaptée",
    NonSubstitution.CIF: "contre-indication formelle à un excipient à effet notoire",
}


def day(of: date) -> str:
    return of.strftime("%d/%m/%Y")


def number(value: Decimal) -> str:
    """`0,5` for 0.50; `2` for 2.000."""
    return format(value.normalize(), "f").replace(".", ",")


def counted(value: Decimal, one: str, many: str) -> str:
    return f"{number(value)} {many if value >= 2 else one}"


def name(line: Line) -> tuple[str, str]:
    """What is prescribed: the DCI, which is compulsory (L.5121-1-2), and the brand when one was chosen."""
    product = line.product
    if line.kind is LineKind.PREPARATION:
        return product.label or "Préparation magistrale", ""
    first = product.dci or product.label
    return first, product.label if product.label != first else ""


def posology(of: Posology) -> list[str]:
    """The steps one after the other, then the free text, then what limits them."""
    steps = [
        " et ".join(_dose(dose) for dose in together)
        for _, together in groupby(sorted(of.doses, key=lambda dose: dose.sequence), key=lambda d: d.sequence)
    ]
    told = ["puis ".join([f"{step} ; " for step in steps[:-1]] + steps[-1:])] if steps else []
    told += [of.text] if of.text else []
    limits = [*_limits(of)]
    return told + ([", ".join(limits)] if limits else [])


def _limits(of: Posology) -> Iterator[str]:
    if of.as_needed:
        yield f"si besoin : {of.condition}" if of.condition else "si besoin"
    elif of.condition:
        yield f"à condition : {of.condition}"
    if of.max_per_day is not None:
        yield f"au plus {number(of.max_per_day)} par 24 heures"
    if of.route_label:
        yield of.route_label if of.route_label.lower().startswith("voie") else f"voie : {of.route_label}"


def _dose(dose: Dose) -> str:
    """`1 à 2 comprimés 3 fois par jour, le matin, pendant 5 jours`."""
    parts = [" ".join(part for part in (_amount(dose), _frequency(dose)) if part)]
    parts += [MOMENTS.get(when, when) for when in dose.when]
    if dose.days_of_week:
        parts.append("le " + ", ".join(DAYS.get(one, one) for one in dose.days_of_week))
    if dose.days:
        parts.append(f"pendant {counted(Decimal(dose.days), 'jour', 'jours')}")
    return ", ".join(part for part in parts if part)


def _amount(dose: Dose) -> str:
    if dose.quantity is None:
        return ""
    high = f" à {number(dose.quantity_high)}" if dose.quantity_high is not None else ""
    return f"{number(dose.quantity)}{high} {dose.unit_label}".strip()


def _frequency(dose: Dose) -> str:
    one, many = PERIODS.get(dose.period_unit, (dose.period_unit, dose.period_unit))
    if not dose.frequency:
        return ""
    if dose.period == 1:
        return f"{dose.frequency} fois par {one}"
    if dose.frequency == 1:
        each = "toutes" if dose.period_unit in ("h", "wk") else "tous"
        return f"{each} les {number(dose.period)} {many}"
    return f"{dose.frequency} fois en {number(dose.period)} {many}"


def amount(line: Line) -> list[str]:
    """Duration, quantity of one delivery, renewals."""
    told = []
    if line.starts_on:
        told.append(f"À partir du {day(line.starts_on)}.")
    if line.duration_days:
        told.append(f"Durée : {counted(Decimal(line.duration_days), 'jour', 'jours')}.")
    if line.rental_days:
        told.append(f"Location : {counted(Decimal(line.rental_days), 'jour', 'jours')}.")
    if line.quantity:
        told.append(f"Quantité : {_quantity(line.quantity)}.")
    told.append(_renewals(line))
    return [one for one in told if one]


def _quantity(of: Quantity) -> str:
    """In full letters first where the prescriber wrote them, as for narcotics (R.5132-29)."""
    one, many = (of.unit_label, of.unit_label) if of.unit_label else UNITS[of.unit]
    digits = counted(of.value, one, many)
    return f"{of.in_words} ({digits})" if of.in_words else digits


def _renewals(line: Line) -> str:
    if line.renewal_forbidden:
        return "À ne pas renouveler."
    if line.renewals:
        return f"À renouveler {line.renewals} fois."
    return ""


def mentions(line: Line) -> list[str]:
    """What the law wants written beside a line."""
    return [*_about_substitution(line), *(words for holds, words in _flags(line) if holds)]


def _about_substitution(line: Line) -> Iterator[str]:
    if line.non_substitution is not NonSubstitution.NONE:
        reason = line.non_substitution_text or NON_SUBSTITUTIONS[line.non_substitution]
        yield f"Non substituable ({line.non_substitution.value}) : {reason}"


def _flags(line: Line) -> list[tuple[bool, str]]:
    return [
        (line.off_label, "Prescription hors autorisation de mise sur le marché"),
        (line.non_reimbursable, "NR (non remboursable)"),
        (line.single_delivery, "Délivrance en une seule fois"),
        (line.overlap_allowed, "Chevauchement avec une prescription en cours autorisé"),
        (line.early_renewal_allowed, "Renouvellement avant terme autorisé"),
        (line.work_accident, "Accident du travail ou maladie professionnelle"),
        (line.prevention, "Prévention"),
        *((True, _mention(mention)) for mention in line.mentions),
    ]


def _mention(slug: str) -> str:
    """`mention:traitement_bref` answers a condition of the product (`domain/conditions.py`)."""
    return slug.removeprefix("mention:").replace("_", " ").capitalize()


def notes(line: Line) -> list[str]:
    """Texts for the patient and the pharmacist."""
    titled = [
        ("Condition", line.precondition),
        ("Indication (médicament d'exception)", line.exception_indication),
        ("Pour le patient", line.patient_note),
        ("Pour le pharmacien", line.dispenser_note),
    ]
    return [f"{title} : {text}" for title, text in titled if text]


def titles(content: Content, *, bizone: bool) -> list[str]:
    """What form this is."""
    named = [
        (bizone, "Ordonnance bizone"),
        (content.secure, "Ordonnance sécurisée"),
        (content.exception_medicines, "Ordonnance de médicaments d'exception"),
        (content.large_equipment, "Ordonnance de grand appareillage"),
    ]
    return [title for holds, title in named if holds] or ["Ordonnance"]


def about(content: Content) -> list[str]:
    """What concerns the whole prescription."""
    told = [
        (content.urgent, "URGENT"),
        (content.hospital, "Établie à l'hôpital, exécutée en ville"),
        (content.at_home, "Exécution à domicile"),
        (
            content.military,
            "Affection militaire (article L.212-1 du code des pensions militaires d'invalidité)",
        ),
        (content.pregnant, "Grossesse en cours"),
    ]
    return [words for holds, words in told if holds] + [*_named(content)]


def _named(content: Content) -> Iterator[str]:
    if content.replaced_prescriber:
        yield f"Le prescripteur remplace : {content.replaced_prescriber}"
    if content.named_pharmacy:
        yield f"Pharmacie désignée : {content.named_pharmacy}"
    if content.planned_discharge_on:
        yield f"Sortie prévue après chirurgie : {day(content.planned_discharge_on)}"
    if content.initial_reference or content.initial_written_on:
        by = " (hôpital ou spécialiste)" if content.initial_by_hospital else ""
        on = f" du {day(content.initial_written_on)}" if content.initial_written_on else ""
        yield f"Prescription initiale{by}{on} : {content.initial_reference or 'présentée'}"
