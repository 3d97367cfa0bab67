"""The product of a prescribed line: its codes, its substances, what a preparation is made of."""

from __future__ import annotations

import re
from collections.abc import Iterator

from eprescription.domain.content import Ingredient, Product, Substance

from . import codes
from .build import PHARM, V3, Element
from .reader import Reader
from .values import inner, text_at

N = {"v": V3, "p": PHARM}
# An ingredient as the official examples write it: "- 30g de diprosone".
INGREDIENT = re.compile(r"-\s*(\d[\d.,]*\s*[^\s\d]+)\s+(?:de\s+|d['’]\s*)(.+)")


def product(reader: Reader, material: Element | None, *, named: bool) -> Product:
    if material is None:
        return Product()
    known = dict(coded(material))
    general = material.find("p:asSpecializedKind/p:generalizedMedicineClass", N)
    name = inner(material.find("v:name", N)) or text_at(material, "v:code", "displayName")
    virtual = next((label for system, label in _labels(material) if system == codes.MEDICABASE), "")
    label = name or reader.narrative.get(reader.base) if named else ""
    return Product(
        cis=known.get(codes.CIS, ""),
        cip13=known.get(codes.CIP, ""),
        mv=known.get(codes.MEDICABASE, ""),
        label=label if named else _prepared(reader),
        dci=reader.said("dci")
        or virtual
        or inner(general.find("p:name", N) if general is not None else None),
        substances=tuple(_substances(reader, material)),
        atc=_at(general, "p:code", "code"),
        form_code=_at(material, "p:formCode", "code"),
    )


def coded(material: Element | None) -> Iterator[tuple[str, str]]:
    """Each code of a product with its system: the first one and its translations."""
    if material is None:
        return
    for one in (*material.findall("v:code", N), *material.findall("v:code/v:translation", N)):
        if one.get("code"):
            yield one.get("codeSystem", ""), one.get("code", "").strip()


def _labels(material: Element) -> Iterator[tuple[str, str]]:
    for one in (*material.findall("v:code", N), *material.findall("v:code/v:translation", N)):
        yield one.get("codeSystem", ""), one.get("displayName", "").strip()


def _substances(reader: Reader, material: Element) -> Iterator[Substance]:
    for one in material.findall("p:ingredient", N):
        inside = one.find("p:ingredient", N)
        known = inside.find("p:code", N) if inside is not None else None
        name = inner(inside.find("p:name", N)) if inside is not None else ""
        ansm = known is not None and known.get("codeSystemName") == codes.ANSM_SUBSTANCES
        if known is not None and known.get("code") and not ansm:
            reader.leave("code de substance d'un autre référentiel que l'ANSM")
        code = known.get("code", "") if known is not None and ansm else ""
        if name:
            yield Substance(code, name, _strength(one.find("p:quantity", N)))


def _strength(quantity: Element | None) -> str:
    numerator = quantity.find("v:numerator", N) if quantity is not None else None
    if numerator is None:
        return ""
    if numerator.get("value"):
        return f"{numerator.get('value')} {numerator.get('unit', '')}".strip()
    return inner(numerator.find("v:translation/v:originalText", N))


def ingredients(reader: Reader) -> Iterator[Ingredient]:
    """Under our own ids, else line by line as the official examples write them."""
    n = 1
    while name := reader.said(f"ingredient-{n}"):
        yield Ingredient(name, reader.said(f"ingredient-{n}-quantite"))
        n += 1
    if n > 1:
        return
    for line in reader.narrative.get(reader.base).splitlines():
        found = INGREDIENT.fullmatch(line)
        if found:
            yield Ingredient(found[2], found[1])
        elif line.startswith("-"):
            reader.fault("an ingredient has no quantity that can be read")


def _prepared(reader: Reader) -> str:
    """The name of a preparation: what its narrative says before its ingredients."""
    first = [line for line in reader.narrative.get(reader.base).splitlines() if not line.startswith("-")]
    return " ".join(first).rstrip(" :")


def _at(one: Element | None, path: str, name: str) -> str:
    """As `text_at`, among the elements of IHE Pharmacy."""
    found = one.find(path, N) if one is not None else None
    return found.get(name, "").strip() if found is not None else ""
