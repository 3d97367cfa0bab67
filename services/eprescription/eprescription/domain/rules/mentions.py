"""V23: what a prescription must say (R.5132-3), and figures within reason."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from eprescription.domain.content import CountUnit, Dose, Line, LineKind, Signed
from eprescription.domain.findings import Finding

from .book import refusal
from .calendar import add_days
from .parameters import Parameters


def of_prescription(signed: Signed, parameters: Parameters) -> list[Finding]:
    """V23: who prescribes, and the dates that the form carries."""
    said: list[Finding] = []
    who, content = signed.prescriber, signed.content
    if not (who.id and who.profession):
        said.append(
            _wrong(
                "Le prescripteur et sa profession ne sont pas identifiés.",
                "Signez avec votre carte.",
                "",
                "prescriber",
            )
        )
    if not content.lines:
        said.append(_wrong("L'ordonnance n'a pas de ligne.", "Ajoutez un médicament.", "", "lines"))
    planned, initial = content.planned_discharge_on, content.initial_written_on
    latest = add_days(signed.written_on, parameters.latest_start_days)
    if planned is not None and not signed.written_on <= planned <= latest:
        said.append(
            _wrong("La sortie prévue est passée, ou au-delà d'un an.", "Corrigez-la.", "", "discharge")
        )
    if initial is not None and initial > signed.written_on:
        said.append(_wrong("L'ordonnance initiale est dans le futur.", "Corrigez sa date.", "", "initial"))
    return said


def of_line(line: Line, written_on: date, parameters: Parameters) -> list[Finding]:
    """V23 on one line: the product, the dose, how much or how long, and each figure within reason."""
    said = [*_missing(line), *_dates(line, written_on, parameters), *_quantities(line, parameters)]
    doses = line.posology.doses
    if any(_is_absurd(dose, parameters) for dose in doses):
        said.append(
            _wrong("Une posologie est nulle ou hors de raison.", "Corrigez la dose.", line.line_id, "dose")
        )
    return said


def _missing(line: Line) -> list[Finding]:
    said: list[Finding] = []
    product = line.product
    named = (
        product.cis
        or product.cip13
        or product.mv
        or product.label
        or product.dci
        or product.lpp
        or product.emdn
    )
    if line.kind is LineKind.PREPARATION:
        if not line.ingredients:
            sentence = "Une préparation magistrale détaille sa composition."
            said.append(_wrong(sentence, "Ajoutez ses composants.", line.line_id, "ingredients"))
    elif not (named or product.substances):
        said.append(
            _wrong("La ligne ne nomme aucun produit.", "Indiquez la DCI ou le code.", line.line_id, "product")
        )
    posology = line.posology
    if line.kind is not LineKind.DEVICE and not (posology.text.strip() or posology.doses):
        said.append(_wrong("La posologie manque.", "Indiquez-la.", line.line_id, "posology"))
    lasts = (
        line.duration_days
        or line.rental_days
        or (posology.doses and all(dose.days for dose in posology.doses))
    )
    if line.quantity is None and not lasts:
        sentence = "Ni quantité ni durée : rien ne pourrait être délivré."
        hint = "Indiquez une quantité, ou une posologie structurée et une durée."
        said.append(_wrong(sentence, hint, line.line_id, "quantity"))
    return said


def _dates(line: Line, written_on: date, parameters: Parameters) -> list[Finding]:
    """A treatment does not begin before it is prescribed, nor later than the prescription is good for."""
    if line.starts_on is None:
        return []
    if line.starts_on < written_on:
        return [_wrong("Le début du traitement est passé.", "Corrigez la date.", line.line_id, "starts_on")]
    if line.starts_on > add_days(written_on, parameters.latest_start_days):
        return [
            _wrong(
                "Le début du traitement est au-delà d'un an.", "Corrigez la date.", line.line_id, "starts_on"
            )
        ]
    return []


def most_of(unit: CountUnit, parameters: Parameters) -> int:
    """The most that one delivery cycle may count, in a unit."""
    return {
        CountUnit.BOX: parameters.most_boxes,
        CountUnit.DOSE: parameters.most_doses,
        CountUnit.DAY: parameters.most_days,
    }[unit]


def _quantities(line: Line, parameters: Parameters) -> list[Finding]:
    said: list[Finding] = []
    quantity = line.quantity
    if quantity is not None and not 0 < quantity.value <= most_of(quantity.unit, parameters):
        most = most_of(quantity.unit, parameters)
        sentence = f"Quantité nulle ou hors de raison (plus de {most})."
        said.append(_wrong(sentence, "Corrigez la quantité.", line.line_id, "amount"))
    if quantity is not None and quantity.unit is not CountUnit.DOSE and quantity.value % 1:
        sentence = "Des boîtes et des jours se comptent en nombres entiers."
        said.append(_wrong(sentence, "Corrigez la quantité.", line.line_id, "amount_whole"))
    if max(line.duration_days, line.rental_days) > parameters.most_days:
        sentence = f"Durée hors de raison (plus de {parameters.most_days} jours)."
        said.append(_wrong(sentence, "Corrigez la durée.", line.line_id, "duration"))
    if line.renewals > parameters.most_renewals:
        sentence = f"Trop de renouvellements (plus de {parameters.most_renewals})."
        said.append(_wrong(sentence, "Corrigez leur nombre.", line.line_id, "renewals"))
    return said


def _is_absurd(dose: Dose, parameters: Parameters) -> bool:
    amounts = [one for one in (dose.quantity, dose.quantity_high) if one is not None]
    wrong_order = len(amounts) == 2 and amounts[0] > amounts[1]
    return (
        wrong_order
        or any(not Decimal(0) < one <= parameters.most_per_intake for one in amounts[-1:])
        or dose.period <= 0
        or dose.days > parameters.most_days
    )


def _wrong(sentence: str, hint: str, line_id: str, about: str) -> Finding:
    return refusal("V23", sentence, hint, line_id, about)
