"""What is prescribed or given: a CodeableConcept or a contained Medication to a Product, and back.

The draft guide binds to UCD, SMS, ANSM substances, CIP and CIS, while its own examples use Médicabase: the
binding is taken as extensible, and Médicabase has the OID that the CDA gives it.
"""

from __future__ import annotations

import re
from typing import Any

from socle.eprescription.v1 import eprescription_pb2 as pb

from . import names
from .amounts import write_number
from .extensions import Held, extension
from .faults import Reading

Json = dict[str, Any]
DCI, STRENGTH, QUANTITY = "dci", "strength", "quantity"
# System -> field of the product, and what its codes look like.
CODES = {
    names.CIS: ("cis", re.compile("6[0-9]{7}")),
    names.CIP: ("cip13", re.compile("[0-9]{13}")),
    names.MEDICABASE: ("mv", re.compile("MV[0-9]{8}")),
    names.ATC: ("atc", re.compile("[A-Z][0-9]{2}[A-Z]{2}[0-9]{2}")),
    names.EDQM: ("form_code", re.compile("[0-9]{8}")),
    names.EMDN: ("emdn", re.compile("[A-Z][0-9]{0,12}")),
    names.LPP: ("lpp", re.compile("[0-9]{7}")),
}
ORDER = ("cis", "cip13", "mv", "atc", "form_code", "emdn", "lpp")
SYSTEMS = {field: system for system, (field, _) in CODES.items()}
CODING = {"system", "code", "display", "version", "userSelected"}
ANSM_CODE = re.compile("[0-9]{1,5}")
# "2.5 g" goes as a number and its unit; "q.s.p. 100 g" as text.
MEASURED = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,4})?) (\S{1,20})")


def read_concept(concept: Json, at: str, reading: Reading) -> pb.Product:
    """The product of a CodeableConcept; a fault when it names none."""
    product = pb.Product(label=str(concept.get("text", "")))
    reading.only(concept, {"id", "coding", "text", "extension"}, at)
    product.dci = Held(concept, {DCI: "valueString"}, at, reading).one(DCI)
    for index, coding in enumerate(concept.get("coding", [])):
        _read_coding(coding, f"{at}.coding[{index}]", product, reading)
    displays = (str(one.get("display", "")) for one in concept.get("coding", []))
    product.label = product.label or next((one for one in displays if one), "")
    if product == pb.Product():
        reading.add(at, f"must have a text or a code of {', '.join(CODES)} or {names.SUBSTANCE}")
    return product


def _read_coding(coding: Json, at: str, product: pb.Product, reading: Reading) -> None:
    system, code = coding.get("system", ""), str(coding.get("code", ""))
    if system == names.SUBSTANCE:
        product.substances.append(_read_substance(coding, at, reading))
    elif system not in CODES:
        reading.leave(f"{at}.system", "is of no system that is kept by this server")
    else:
        reading.only(coding, CODING, at)
        field, shape = CODES[system]
        if not shape.fullmatch(code):
            reading.add(f"{at}.code", f"is no code of {system} ({shape.pattern})")
        elif getattr(product, field):
            reading.add(at, f"is a second code of {system}")
        else:
            setattr(product, field, code)


def _read_substance(coding: Json, at: str, reading: Reading) -> pb.Substance:
    reading.only(coding, {*CODING, "extension"}, at)
    code, name = str(coding.get("code", "")), str(coding.get("display", ""))
    if code and not ANSM_CODE.fullmatch(code):
        reading.add(f"{at}.code", "is no ANSM code of a substance (five digits)")
    if not name:
        reading.add(f"{at}.display", "is missing: give the name (DCI) of the substance")
    strength = Held(coding, {STRENGTH: "valueString"}, at, reading).one(STRENGTH)
    return pb.Substance(code=code, name=name, strength=strength)


def read_medication(medication: Json, at: str, line: pb.PrescribedLine, reading: Reading) -> None:
    """A contained Medication: a medicine when its code has a coding, a preparation when it has ingredients
    and a name only.
    """
    reading.only(medication, {"resourceType", "id", "meta", "text", "code", "form", "ingredient"}, at)
    code = medication.get("code", {})
    if code.get("coding") or not medication.get("ingredient"):
        line.kind = pb.LINE_KIND_MEDICINE
        line.product.CopyFrom(read_concept(code, f"{at}.code", reading))
        _read_form(medication.get("form", {}), f"{at}.form", line.product, reading)
        for index, one in enumerate(medication.get("ingredient", [])):
            line.product.substances.append(_read_active(one, f"{at}.ingredient[{index}]", reading))
        return
    line.kind = pb.LINE_KIND_PREPARATION
    line.product.label = str(code.get("text", ""))
    if "form" in medication:
        reading.leave(f"{at}.form", "is not kept of a preparation: say it in code.text")
    for index, one in enumerate(medication["ingredient"]):
        line.ingredients.append(_read_ingredient(one, f"{at}.ingredient[{index}]", reading))


def _read_form(concept: Json, at: str, product: pb.Product, reading: Reading) -> None:
    for index, coding in enumerate(concept.get("coding", [])):
        if coding.get("system") != names.EDQM:
            reading.leave(f"{at}.coding[{index}]", f"is not of {names.EDQM}")
        else:
            _read_coding(coding, f"{at}.coding[{index}]", product, reading)
    if concept and not concept.get("coding"):
        reading.leave(at, f"has no code of {names.EDQM}")


def _read_active(ingredient: Json, at: str, reading: Reading) -> pb.Substance:
    """An ingredient of a medicine: its substance and strength."""
    reading.only(ingredient, {"id", "itemCodeableConcept", "strength", "isActive"}, at)
    concept = ingredient.get("itemCodeableConcept", {})
    codings = [one for one in concept.get("coding", []) if one.get("system") == names.SUBSTANCE]
    name = str(concept.get("text") or (codings[0].get("display", "") if codings else ""))
    if not name:
        reading.add(f"{at}.itemCodeableConcept", "must name the substance (DCI)")
    strength = _read_strength(ingredient.get("strength"), f"{at}.strength", reading)
    return pb.Substance(code=str(codings[0].get("code", "")) if codings else "", name=name, strength=strength)


def _read_ingredient(ingredient: Json, at: str, reading: Reading) -> pb.Ingredient:
    reading.only(ingredient, {"id", "itemCodeableConcept", "strength", "isActive", "extension"}, at)
    concept = ingredient.get("itemCodeableConcept", {})
    displays = [str(one.get("display", "")) for one in concept.get("coding", [])]
    name = str(concept.get("text") or next((one for one in displays if one), ""))
    if not name:
        reading.add(f"{at}.itemCodeableConcept", "must name the ingredient in its text")
    quantity = Held(ingredient, {QUANTITY: "valueString"}, at, reading).one(QUANTITY)
    quantity = quantity or _read_strength(ingredient.get("strength"), f"{at}.strength", reading)
    if not quantity:
        reading.add(f"{at}.strength", "is missing: give how much of it")
    return pb.Ingredient(name=name, quantity=quantity)


def _read_strength(ratio: Json | None, at: str, reading: Reading) -> str:
    """`{numerator: 500 mg, denominator: 1}` as "500 mg"; a denominator of another sort is written out."""
    if not ratio:
        return ""
    top, bottom = ratio.get("numerator", {}), ratio.get("denominator", {})
    value = top.get("value")
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        reading.add(f"{at}.numerator.value", "must be a number above 0")
        return ""
    text = f"{value:g} {top.get('unit') or top.get('code') or ''}".strip()
    if bottom.get("value", 1) == 1 and not bottom.get("unit"):
        return text
    return f"{text} / {bottom.get('value', 1):g} {bottom.get('unit', '')}".strip()


def write_concept(product: pb.Product) -> Json:
    """Every code of a product, its substances, its label."""
    codings: list[Json] = [
        {"system": SYSTEMS[field], "code": getattr(product, field)}
        for field in ORDER
        if getattr(product, field)
    ]
    codings += [_write_substance(one) for one in product.substances]
    concept: Json = {"coding": codings} if codings else {}
    if product.dci:
        concept["extension"] = [extension(DCI, "valueString", product.dci)]
    if product.label or not concept:
        concept["text"] = product.label or "Produit sans libellé"
    return concept


def _write_substance(substance: pb.Substance) -> Json:
    coding: Json = {"system": names.SUBSTANCE, "display": substance.name}
    if substance.code:
        coding["code"] = substance.code
    if substance.strength:
        coding["extension"] = [extension(STRENGTH, "valueString", substance.strength)]
    return coding


def write_preparation(line: pb.PrescribedLine, id: str) -> Json:
    """A compounded preparation as a contained Medication."""
    medication: Json = {"resourceType": "Medication", "id": id}
    if line.product.label:
        medication["code"] = {"text": line.product.label}
    medication["ingredient"] = [_write_ingredient(one) for one in line.ingredients]
    return medication


def _write_ingredient(ingredient: pb.Ingredient) -> Json:
    written: Json = {"itemCodeableConcept": {"text": ingredient.name}}
    if measured := MEASURED.fullmatch(ingredient.quantity):
        numerator = {"value": write_number(measured[1]), "unit": measured[2]}
        return {**written, "strength": {"numerator": numerator, "denominator": {"value": 1}}}
    return {"extension": [extension(QUANTITY, "valueString", ingredient.quantity)], **written}
