"""V18 and V19: what may be given in place of what was prescribed."""

from __future__ import annotations

import re
from decimal import Decimal

from eprescription.domain import folding
from eprescription.domain.content import Line, LineKind, NonSubstitution
from eprescription.domain.findings import Finding
from eprescription.domain.products import Component, GenericType, Medicine

from .book import refusal, warning

DECLARE = (
    "Déclarez une substitution (dans le groupe générique) ou une modification avec accord du prescripteur."
)
FIGURE = re.compile(r"([0-9]+(?:[.,][0-9]+)?) *([A-Zµ%]*)")


def is_by_brand(line: Line) -> bool:
    """Prescribed by speciality or pack; in DCI alone, every medicine of that DCI is what was prescribed."""
    return bool(line.product.cis or line.product.cip13)


def same_product(line: Line, prescribed: Medicine | None, given: Medicine | None) -> list[Finding]:
    """V18: what is given as prescribed is what was prescribed."""
    if line.kind is not LineKind.MEDICINE or prescribed is None:
        return []
    if given is None:
        sentence = "Produit délivré inconnu de la base : vérifiez que c'est celui qui est prescrit."
        return [warning("V18", sentence, "Comparez la boîte et la ligne.", line.line_id, "unknown")]
    if is_by_brand(line):
        if given.cis == prescribed.cis:
            return []
        sentence = "Le produit délivré n'est pas celui qui est prescrit."
        return [refusal("V18", sentence, DECLARE, line.line_id, "other")]
    return _same_dci(line, prescribed, given)


def _same_dci(line: Line, prescribed: Medicine, given: Medicine) -> list[Finding]:
    wanted, found = _substances(prescribed), _substances(given)
    if not wanted.keys() & found.keys() or len(wanted) != len(found):
        sentence = "Le produit délivré n'a pas la substance prescrite en DCI."
        return [refusal("V18", sentence, DECLARE, line.line_id, "other")]
    if any(_differ(wanted[code], found[code]) for code in wanted.keys() & found.keys()):
        sentence = "Le dosage du produit délivré n'est pas celui qui est prescrit."
        return [refusal("V18", sentence, DECLARE, line.line_id, "strength")]
    return []


def _substances(medicine: Medicine) -> dict[str, Component]:
    """By code; the therapeutic fraction where there is one: two salts of it are the same DCI."""
    fractions = [one for one in medicine.components if one.nature == "FT"]
    linked = {one.link for one in fractions}
    alone = [one for one in medicine.components if one.nature != "FT" and one.link not in linked]
    return {one.code or folding.name_of(one.name): one for one in (*fractions, *alone)}


def _differ(one: Component, other: Component) -> bool:
    """Only strengths of one unit are compared: `1 g` and `1000 mg` are left to the pharmacist."""
    first, second = _strength(one.strength), _strength(other.strength)
    return first is not None and second is not None and first[1] == second[1] and first[0] != second[0]


def _strength(text: str) -> tuple[Decimal, str] | None:
    found = FIGURE.match(folding.fold(text).replace(" ", ""))
    return (Decimal(found[1].replace(",", ".")), found[2]) if found else None


def substitution(line: Line, prescribed: Medicine | None, given: Medicine | None) -> list[Finding]:
    """V19 first: what the prescriber excluded is not looked at further."""
    if line.non_substitution is not NonSubstitution.NONE:
        return [
            refusal(
                "V19",
                f"Le prescripteur a exclu la substitution ({line.non_substitution.value}).",
                "Délivrez le produit prescrit, ou joignez le prescripteur.",
                line.line_id,
            )
        ]
    if prescribed is None or given is None:
        sentence = "Substitution impossible à vérifier : un des deux produits est inconnu de la base."
        return [refusal("V18", sentence, DECLARE, line.line_id, "unknown")]
    return _inside_group(line, prescribed, given)


def _inside_group(line: Line, prescribed: Medicine, given: Medicine) -> list[Finding]:
    """V18: the same generic group; a generic by complementarity (type 2) needs its dose computed again."""
    mine = {one.group_id: one.type for one in prescribed.generics}
    theirs = {one.group_id: one.type for one in given.generics}
    shared = mine.keys() & theirs.keys()
    if not shared:
        sentence = "Substitution hors du groupe générique."
        hint = "Délivrez un médicament du même groupe, ou obtenez l'accord du prescripteur (modification)."
        return [refusal("V18", sentence, hint, line.line_id, "group")]
    other_dose = GenericType.COMPLEMENTARY
    if all(other_dose in {mine[group], theirs[group]} and mine[group] != theirs[group] for group in shared):
        sentence = "Générique par complémentarité posologique : la dose se recalcule."
        hint = "Recalculez le nombre d'unités par prise et expliquez-le au patient."
        return [warning("V18", sentence, hint, line.line_id, "dose")]
    return []
