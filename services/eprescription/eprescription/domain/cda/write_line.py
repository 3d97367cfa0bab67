"""A prescribed line as an entry: FR-Traitement-prescrit, or FR-Dispositif-medical."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from eprescription.domain.content import CountUnit, Dose, Line, LineKind, NonSubstitution, Product, Substance

from . import codes, timing
from .build import Child, Element, code, completed, day, el, part_id, reference, stamp, templates

# A strength that is a number and a unit is written as one; any other as its text.
STRENGTH = re.compile(r"(\d+(?:[.,]\d+)?) (\S+)", re.ASCII)
NO_SUBSTITUTION = "Aucune substitution permise"
GENERIC = "Substitution autorisée par un produit générique"


@dataclass(frozen=True, slots=True)
class Place:
    """Where an entry stands: the document, the prefix of its narrative, and the day of the prescription."""

    document: str
    base: str
    written_on: date
    at: datetime


def administration(line: Line, place: Place) -> Element:
    """A medicine or a preparation."""
    doses = line.posology.doses
    plain = timing.is_plain(doses)
    first = line.starts_on or place.written_on
    mode = "1.3.6.1.4.1.19376.1.5.3.1.4.7.1" if plain or not doses else "1.3.6.1.4.1.19376.1.5.3.1.4.8"
    parts: list[Child] = [
        *templates(
            "2.16.840.1.113883.10.20.1.24",
            "1.3.6.1.4.1.19376.1.5.3.1.4.7",
            "1.3.6.1.4.1.19376.1.9.1.3.2",
            "1.2.250.1.213.1.1.3.83",
            *(["1.3.6.1.4.1.19376.1.9.1.3.6"] if doses else []),
            mode,
        ),
        el("id", root=line.line_id.upper()),
        code(codes.ACTS, "DRUG", "Médicament"),
        reference(place.base),
        completed(),
        treatment(line),
        timing.when(doses[0], first) if plain else None,
        el("repeatNumber", value=str(line.renewals)),
        _route(line, place.base),
        timing.quantity(doses[0]) if plain else None,
        _most(line.posology.max_per_day),
        el("consumable", product(line, place.base)),
    ]
    steps = () if plain else _steps(doses, place, first)
    notes = _notes(line, place.base)
    rest = (*steps, *notes, _supply(line), _substitution(line, place.base), *_statements(line, place))
    return el(
        "substanceAdministration",
        *parts,
        *rest,
        _precondition(line, place.base),
        classCode="SBADM",
        moodCode="INT",
    )


def treatment(line: Line) -> Element | None:
    """From the first to the last day, both included; its length alone where no first day is told."""
    if line.starts_on is None:
        width = el("width", value=str(line.duration_days), unit="d")
        return el("effectiveTime", width, type_="IVL_TS") if line.duration_days else None
    last = line.starts_on + timedelta(days=line.duration_days - 1)
    high = el("high", value=day(last)) if line.duration_days else None
    return el("effectiveTime", el("low", value=day(line.starts_on)), high, type_="IVL_TS")


def _route(line: Line, base: str) -> Element | None:
    posology = line.posology
    told = el("originalText", el("reference", value=f"#{base}-voie"))
    if posology.route_code:
        return code(codes.EDQM, posology.route_code, posology.route_label, told, tag="routeCode")
    return el("routeCode", told, nullFlavor="OTH") if posology.route_label else None


def _most(per_day: Decimal | None) -> Element | None:
    if per_day is None:
        return None
    value = f"{per_day.normalize():f}"
    return el("maxDoseQuantity", el("numerator", value=value), el("denominator", value="1", unit="d"))


def product(line: Line, base: str) -> Element:
    """FR-Produit-de-sante."""
    what = line.product
    unnamed = line.kind is LineKind.PREPARATION
    label = what.label or what.dci
    material = el(
        "manufacturedMaterial",
        *templates("1.3.6.1.4.1.19376.1.9.1.3.1"),
        _coded(what, label, base, unnamed=unnamed),
        el("name", nullFlavor="NA") if unnamed else el("name", label),
        code(codes.EDQM, what.form_code, tag="pharm:formCode") if what.form_code else None,
        _general(what),
        *(_substance(one) for one in what.substances),
        classCode="MMAT",
        determinerCode="KIND",
    )
    known = templates(
        "2.16.840.1.113883.10.20.1.53", "1.3.6.1.4.1.19376.1.5.3.1.4.7.2", "1.2.250.1.213.1.1.3.43"
    )
    return el("manufacturedProduct", *known, material, classCode="MANU")


def _coded(what: Product, label: str, base: str, *, unnamed: bool) -> Element:
    """The most exact code first: speciality, virtual medicine, pack; the others are its translations."""
    told = el("originalText", el("reference", value=f"#{base}"))
    known = [
        (codes.CIS, what.cis, label),
        (codes.MEDICABASE, what.mv, what.dci),
        (codes.CIP, what.cip13, label),
    ]
    given = [(system, value, name) for system, value, name in known if value]
    if not given:
        return el("code", told, nullFlavor="NA" if unnamed else "UNK")
    others = [code(system, value, name, tag="translation") for system, value, name in given[1:]]
    return code(*given[0], told, *others)


def _general(what: Product) -> Element | None:
    if not what.atc and not what.dci:
        return None
    known = code(codes.ATC, what.atc, what.dci, tag="pharm:code") if what.atc else None
    named = el("pharm:name", what.dci) if what.dci else None
    kind = el("pharm:generalizedMedicineClass", known, named, classCode="MMAT")
    return el("pharm:asSpecializedKind", kind, classCode="GRIC")


def _substance(one: Substance) -> Element:
    named = {"code": one.code, "codeSystemName": codes.ANSM_SUBSTANCES} if one.code else {"nullFlavor": "UNK"}
    inner = el(
        "pharm:ingredient",
        el("pharm:code", displayName=one.name, **named),
        el("pharm:name", one.name),
        classCode="MMAT",
        determinerCode="KIND",
    )
    return el("pharm:ingredient", _strength(one.strength), inner, classCode="ACTI")


def _strength(text: str) -> Element | None:
    if not text:
        return None
    number = STRENGTH.fullmatch(text)
    if number and "," not in number[1]:
        numerator = el("numerator", type_="PQ", value=number[1], unit=number[2])
    else:
        numerator = el("numerator", el("translation", el("originalText", text)), type_="PQ", nullFlavor="OTH")
    return el("pharm:quantity", numerator, el("denominator", type_="PQ", value="1"))


def _steps(doses: tuple[Dose, ...], place: Place, first: date) -> Iterator[Element]:
    """FR-Traitement-prescrit-subordonnee: tapered, split and conditional doses."""
    for n, (dose, begins) in enumerate(zip(doses, timing.begins(doses, first), strict=True), 1):
        step = el(
            "substanceAdministration",
            *templates("1.2.250.1.213.1.1.3.83.1"),
            el("id", root=part_id(place.document, f"{place.base}-dose-{n}")),
            reference(f"{place.base}-dose-{n}"),
            completed(),
            timing.when(dose, begins),
            timing.quantity(dose),
            el("consumable", _unnamed()),
            classCode="SBADM",
            moodCode="INT",
        )
        yield el("entryRelationship", el("sequenceNumber", value=str(dose.sequence)), step, typeCode="COMP")


def _unnamed() -> Element:
    material = el(
        "manufacturedMaterial",
        *templates("1.3.6.1.4.1.19376.1.9.1.3.1"),
        el("code", nullFlavor="NA"),
        el("name", nullFlavor="NA"),
        classCode="MMAT",
        determinerCode="KIND",
    )
    known = templates(
        "2.16.840.1.113883.10.20.1.53", "1.3.6.1.4.1.19376.1.5.3.1.4.7.2", "1.2.250.1.213.1.1.3.43"
    )
    return el("manufacturedProduct", *known, material, classCode="MANU")


def _notes(line: Line, base: str) -> Iterator[Element]:
    if line.patient_note:
        yield note("PINSTRUCT", f"{base}-instrPatient")
    if line.dispenser_note:
        yield note("FINSTRUCT", f"{base}-instrDisp")


NOTES = {
    "PINSTRUCT": (
        "2.16.840.1.113883.10.20.1.49",
        "1.3.6.1.4.1.19376.1.5.3.1.4.3",
        "1.2.250.1.213.1.1.3.33",
    ),
    "FINSTRUCT": (
        "2.16.840.1.113883.10.20.1.43",
        "1.3.6.1.4.1.19376.1.5.3.1.4.3.1",
        "1.2.250.1.213.1.1.3.34",
    ),
}


def note(kind: str, id: str, template: str = "") -> Element:
    """An instruction to the patient (PINSTRUCT) or to the dispenser (FINSTRUCT)."""
    roots = (*NOTES[kind][:-1], template or NOTES[kind][-1])
    known = el("code", code=kind, codeSystem=codes.IHE_ACTS, codeSystemName="IHEActCode")
    act = el("act", *templates(*roots), known, reference(id), completed(), classCode="ACT", moodCode="INT")
    return el("entryRelationship", act, typeCode="SUBJ", inversionInd="true")


def _supply(line: Line) -> Element | None:
    quantity = line.quantity
    if quantity is None:
        return None
    amount = el(
        "quantity", value=f"{quantity.value.normalize():f}", unit=unit_of(quantity.unit, quantity.unit_label)
    )
    known = templates("1.3.6.1.4.1.19376.1.9.1.3.8", "1.2.250.1.213.1.1.3.86")
    supply = el(
        "supply", *known, el("independentInd", value="false"), amount, classCode="SPLY", moodCode="RQO"
    )
    return el("entryRelationship", supply, typeCode="COMP")


def unit_of(unit: CountUnit, label: str) -> str:
    """EDQM packaging of a pack, an annotation of UCUM for units of dose, days."""
    if unit is CountUnit.BOX:
        return next((c for c, name in codes.PACKAGINGS.items() if name == label), codes.BOX)
    return "d" if unit is CountUnit.DAY else "{dose}"


def _substitution(line: Line, base: str) -> Element:
    allowed = line.non_substitution is NonSubstitution.NONE
    told = el("originalText", el("reference", value=f"#{base}-substitution"))
    value, label = ("G", GENERIC) if allowed else ("N", NO_SUBSTITUTION)
    act = el(
        "act",
        *templates("1.3.6.1.4.1.19376.1.9.1.3.9.1", "1.2.250.1.213.1.1.3.87"),
        code(codes.SUBSTITUTION, value, label, told),
        completed(),
        classCode="ACT",
        moodCode="DEF",
    )
    return el("entryRelationship", act, typeCode="COMP")


def _statements(line: Line, place: Place) -> Iterator[Element]:
    """Yes or no, each said: a reader must not have to guess what is absent."""
    for field, (value, label, last, suffix) in codes.STATEMENTS.items():
        if line.kind is LineKind.DEVICE and field == "off_label":
            continue
        observation = el(
            "observation",
            *templates(*codes.STATEMENT, f"{codes.STATEMENT[1]}.{last}"),
            el("id", root=part_id(place.document, f"{place.base}-{suffix}")),
            code(codes.TA_ASIP, value, label),
            reference(f"{place.base}-{suffix}"),
            completed(),
            el("effectiveTime", value=stamp(place.at)),
            el("value", type_="BL", value=str(getattr(line, field)).lower()),
            classCode="OBS",
            moodCode="EVN",
        )
        yield el("entryRelationship", observation, typeCode="COMP")


def _precondition(line: Line, base: str) -> Element | None:
    if not line.precondition:
        return None
    return el("precondition", el("criterion", reference(f"{base}-precondition")))


def device(line: Line, place: Place) -> Element:
    """FR-Dispositif-medical; its texts that have no element stay in the narrative."""
    quantity = line.quantity
    amount = el("quantity", value=f"{quantity.value.normalize():f}") if quantity else None
    hired = (
        el("expectedUseTime", el("width", value=str(line.rental_days), unit="d"))
        if line.rental_days
        else None
    )
    return el(
        "supply",
        *templates("2.16.840.1.113883.10.20.1.34", "1.2.250.1.213.1.1.3.20"),
        el("id", root=line.line_id.upper()),
        reference(place.base),
        treatment(line),
        el("repeatNumber", value=str(line.renewals)),
        amount,
        hired,
        _equipment(line.product, place.base),
        *_notes(line, place.base),
        *_statements(line, place),
        classCode="SPLY",
        moodCode="INT",
    )


def _equipment(what: Product, base: str) -> Element:
    lpp = None
    if what.lpp:
        told = el("originalText", el("reference", value=f"#{base}"))
        lpp = code(codes.LPP, what.lpp, what.label, told, tag="translation")
    known = code(codes.EMDN, what.emdn, what.label, lpp) if what.emdn else el("code", lpp, nullFlavor="UNK")
    playing = el("playingDevice", known, classCode="DEV", determinerCode="INSTANCE")
    return el("participant", el("participantRole", playing, classCode="MANU"), typeCode="DEV")
