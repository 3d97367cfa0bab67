"""The medicines base as Medication: read-only, `id` is the CIS."""

from __future__ import annotations

import re
from typing import Any

from socle.eprescription.v1 import eprescription_pb2 as pb
from socle.eprescription.v1 import medicines_pb2 as mb

from . import names
from .extensions import extension
from .product import write_concept
from .search import Query

Json = dict[str, Any]
PARAMETERS = {"code": "token", "name": "string"}
KNOWN = set(PARAMETERS)
CIS, CIP13 = re.compile("6[0-9]{7}"), re.compile("[0-9]{13}")
MOST = 100


def read_search(query: Query) -> mb.SearchMedicinesRequest | None:
    """By `code` (CIS or CIP13) or by `name` (of the medicine or of a substance); None when none can match."""
    text, name = query.single("code"), query.one("name")
    system, bar, code = text.rpartition("|")
    if bool(text) == bool(name):
        query.lack("code", "or name is mandatory, one of them: a CIS, a CIP13, or the beginning of a name")
    elif code and not (CIS.fullmatch(code) or CIP13.fullmatch(code)):
        query.faults.add("code", "must be a CIS (8 digits) or a CIP13 (13 digits)")
    count = query.one("_count") or "20"
    if not (count.isascii() and count.isdigit() and len(count) < 4 and int(count) > 0):
        query.faults.add("_count", f"must be a number from 1 to {MOST}")
        count = "20"
    query.close()
    if bar and system not in ("", names.CIS, names.CIP):
        return None
    return mb.SearchMedicinesRequest(text=code or name, limit=min(int(count), MOST))


def write_hit(hit: mb.MedicineHit) -> Json:
    """One medicine as a search finds it."""
    product = pb.Product(cis=hit.cis, label=hit.label)
    medication = _medication(product, list(hit.cip13), hit.form, hit.marketed, hit.substances)
    notes = [("restriction", one) for one in hit.restrictions]
    return _with(medication, notes, hit.availability)


def write_medicine(medicine: mb.Medicine) -> Json:
    """One medicine, with the conditions of its prescription and dispensing."""
    product = pb.Product(cis=medicine.cis, label=medicine.label)
    packs = [one.cip13 for one in medicine.presentations]
    medication = _medication(product, packs, medicine.form, medicine.marketed, medicine.substances)
    if medicine.holder:
        medication["manufacturer"] = {"display": medicine.holder}
    notes = [("restriction", one) for one in medicine.restrictions]
    notes += [("condition", one.text) for one in medicine.conditions]
    notes += [("generic-group", one.group_label) for one in medicine.generics]
    short = [one.availability for one in medicine.presentations if one.availability]
    return _with(medication, notes, short[0] if short else "")


def _medication(product: pb.Product, packs: list[str], form: str, marketed: bool, substances: Any) -> Json:
    concept = write_concept(product)
    concept["coding"] += [{"system": names.CIP, "code": cip13} for cip13 in packs]
    medication: Json = {
        "resourceType": "Medication",
        "id": product.cis,
        "code": concept,
        "status": "active" if marketed else "inactive",
    }
    if form:
        medication["form"] = {"text": form}
    if substances:
        medication["ingredient"] = [_ingredient(one) for one in substances]
    return medication


def _ingredient(substance: pb.Substance) -> Json:
    coding = {"system": names.SUBSTANCE, "code": substance.code, "display": substance.name}
    concept = {"coding": [{name: value for name, value in coding.items() if value}], "text": substance.name}
    written: Json = {"itemCodeableConcept": concept}
    if substance.strength:
        written["extension"] = [extension("strength", "valueString", substance.strength)]
    return written


def _with(medication: Json, notes: list[tuple[str, str]], availability: str) -> Json:
    notes = notes + ([("availability", availability)] if availability else [])
    if notes:
        medication["extension"] = [extension(name, "valueString", text) for name, text in notes]
    return medication
