"""What a person reads in a section, and where the entries find their texts: one row a text, under its id."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from eprescription.domain.content import Dose, Ingredient, Line, LineKind, NonSubstitution, Posology
from eprescription.domain.paper import words

from . import codes
from .build import Element, el, lines_of

YES, NO = "Oui", "Non"


@dataclass(frozen=True, slots=True)
class Row:
    """A label and a text; `id` is empty where no entry points to it."""

    label: str
    text: str
    id: str = ""


def table(rows: Iterable[Row]) -> Element:
    """Two columns: what, and the text."""
    return el("table", el("tbody", *(_row(row) for row in rows)), border="0")


def _row(row: Row) -> Element:
    named = {"ID": row.id} if row.id else {}
    return el("tr", el("td", row.label), el("td", lines_of(row.text, "content", **named)))


def prefix(line: Line, rank: int) -> str:
    """Of every id in the narrative of a line; `rank` begins at 1."""
    return f"{codes.PREFIXES[line.kind]}-{rank:03}"


def rows_of(line: Line, base: str) -> Iterator[Row]:
    """All that the line says, in the order of a paper prescription."""
    yield from _product(line, base)
    yield from _posology(line, base)
    yield from _amount(line, base)
    yield from _conditions(line, base)
    for field, (_, label, _, suffix) in codes.STATEMENTS.items():
        yield Row(label, YES if getattr(line, field) else NO, f"{base}-{suffix}")
    for suffix, label, text in (
        ("precondition", "Précondition", line.precondition),
        ("instrPatient", "Instruction au patient", line.patient_note),
        ("instrDisp", "Instruction au dispensateur", line.dispenser_note),
    ):
        yield Row(label, text or "-", f"{base}-{suffix}")


def _product(line: Line, base: str) -> Iterator[Row]:
    if line.kind is LineKind.PREPARATION:
        yield Row("Préparation magistrale", line.product.label, base)
        for n, ingredient in enumerate(line.ingredients, 1):
            yield from _ingredient(ingredient, f"{base}-ingredient-{n}")
        return
    label = "Dispositif médical" if line.kind is LineKind.DEVICE else "Médicament"
    yield Row(label, line.product.label or line.product.dci, base)
    if line.product.dci:
        yield Row("Dénomination commune internationale", line.product.dci, f"{base}-dci")


def _ingredient(ingredient: Ingredient, id: str) -> Iterator[Row]:
    yield Row("- Composant", ingredient.name, id)
    yield Row("- Quantité du composant", ingredient.quantity, f"{id}-quantite")


def _posology(line: Line, base: str) -> Iterator[Row]:
    posology = line.posology
    if posology.text:
        yield Row("Posologie", posology.text, f"{base}-posologie")
    for n, dose in enumerate(posology.doses, 1):
        yield Row(f"Dose {n}", sentence(dose), f"{base}-dose-{n}")
        yield Row(f"Unité de la dose {n}", dose.unit_label or "-", f"{base}-dose-{n}-unite")
    if posology.as_needed:
        yield Row("Si besoin", posology.condition or YES, f"{base}-besoin")
    elif posology.condition:
        yield Row("Condition", posology.condition, f"{base}-condition")
    if posology.route_label or posology.route_code:
        yield Row("Voie d'administration", posology.route_label or posology.route_code, f"{base}-voie")


def _amount(line: Line, base: str) -> Iterator[Row]:
    if line.duration_days:
        yield Row("Durée du traitement", days(line.duration_days))
    if line.quantity:
        label = line.quantity.unit_label
        yield Row("Quantité", f"{words.number(line.quantity.value)} {label}".strip())
        if label:
            yield Row("Unité de la quantité", label, f"{base}-unite")
        if line.quantity.in_words:
            yield Row("Quantité en toutes lettres", line.quantity.in_words, f"{base}-quantite-lettres")
    yield Row("Nombre de renouvellements", str(line.renewals))
    if line.rental_days:
        yield Row("Durée de location", days(line.rental_days))


def _conditions(line: Line, base: str) -> Iterator[Row]:
    for field, (suffix, label) in codes.REMARKS.items():
        if getattr(line, field):
            yield Row(label, YES, f"{base}-{suffix}")
    if line.kind is not LineKind.DEVICE:
        yield Row("Substitution", substitution(line), f"{base}-substitution")
    if line.non_substitution_text:
        yield Row("Motif de non-substitution", line.non_substitution_text, f"{base}-motif")
    if line.exception_indication:
        yield Row("Indication (médicament d'exception)", line.exception_indication, f"{base}-indication")
    for n, mention in enumerate(line.mentions, 1):
        yield Row("Mention", mention, f"{base}-mention-{n}")


def substitution(line: Line) -> str:
    if line.non_substitution is NonSubstitution.NONE:
        return YES
    return f"{NO} ({words.NON_SUBSTITUTIONS[line.non_substitution]})"


def sentence(dose: Dose) -> str:
    """One step of a posology, as the paper says it."""
    return " ".join(words.posology(Posology(doses=(dose,)))) or "-"


def days(number: int) -> str:
    return words.counted(Decimal(number), "jour", "jours")
