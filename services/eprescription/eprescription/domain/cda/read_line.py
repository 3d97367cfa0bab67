"""An entry of a CDA prescription as a line of a draft."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from eprescription.domain.content import (
    CountUnit,
    Dose,
    Line,
    LineKind,
    NonSubstitution,
    Posology,
    Product,
    Quantity,
)

from . import codes, read_product, timing
from .build import V3, Element
from .narrative import YES
from .reader import Reader
from .values import day_of, decimal_of, text_at, whole_of

N = {"v": V3}
MATERIAL = "v:consumable/v:manufacturedProduct/v:manufacturedMaterial"
# Units that need no label.
PLAIN = frozenset({codes.BOX, "d", "{dose}"})
STEP = "1.2.250.1.213.1.1.3.83.1"
ORIGINAL = "v:translation/v:originalText"
NUMBER = re.compile(r"\d+(?:[.,]\d+)?", re.ASCII)
WORDS_OF_REASON = {
    NonSubstitution.MTE: ("marge", "mte"),
    NonSubstitution.EFG: ("enfant", "efg"),
    NonSubstitution.CIF: ("excipient", "cif"),
}


def medicine(reader: Reader) -> Line:
    """FR-Traitement-prescrit."""
    entry = reader.entry
    material = entry.find(MATERIAL, N)
    preparation = text_at(material, "v:code", "nullFlavor") == "NA"
    kind = LineKind.PREPARATION if preparation else LineKind.MEDICINE
    ingredients = tuple(read_product.ingredients(reader)) if preparation else ()
    starts_on, duration = _treatment(reader)
    reason, text = _non_substitution(reader)
    _leave_out(reader)
    _contradicted(reader)
    return Line(
        line_id="",
        kind=kind,
        product=read_product.product(reader, material, named=not preparation),
        ingredients=ingredients,
        posology=_posology(reader),
        starts_on=starts_on,
        duration_days=duration,
        quantity=_quantity(reader, entry.find("v:entryRelationship/v:supply/v:quantity", N)),
        renewals=whole_of(entry, "v:repeatNumber"),
        non_substitution=reason,
        non_substitution_text=text,
        exception_indication=reader.said("indication"),
        **notes(reader),
        **remarks(reader),
        **statements(entry),
    )


def device(reader: Reader) -> Line:
    """FR-Dispositif-medical."""
    entry = reader.entry
    starts_on, duration = _treatment(reader)
    _contradicted(reader)
    playing = entry.find("v:participant/v:participantRole/v:playingDevice", N)
    known = dict(read_product.coded(playing))
    label = reader.narrative.get(reader.base) or text_at(playing, "v:code/v:translation", "displayName")
    return Line(
        line_id="",
        kind=LineKind.DEVICE,
        product=Product(
            label=label or text_at(playing, "v:code", "displayName"),
            emdn=known.get(codes.EMDN, ""),
            lpp=known.get(codes.LPP, ""),
        ),
        posology=Posology(text=reader.said("posologie")),
        starts_on=starts_on,
        duration_days=duration,
        quantity=_quantity(reader, entry.find("v:quantity", N)),
        renewals=whole_of(entry, "v:repeatNumber"),
        rental_days=whole_of(entry, "v:expectedUseTime/v:width", "d"),
        **notes(reader),
        **remarks(reader),
        **statements(entry),
    )


def _treatment(reader: Reader) -> tuple[date | None, int]:
    """First day, and length in days: both ends are included."""
    for time in reader.entry.findall("v:effectiveTime", N):
        if time.get(timing.TYPE) != "IVL_TS":
            continue
        low = day_of(text_at(time, "v:low", "value"))
        high = day_of(text_at(time, "v:high", "value"))
        if low and high and high < low:
            reader.fault("it ends before it begins")
        if low and high:
            return low, max(0, (high - low).days + 1)
        return low, whole_of(time, "v:width", "d")
    return None, 0


def _posology(reader: Reader) -> Posology:
    entry = reader.entry
    doses = tuple(_doses(reader))
    as_needed = reader.said("besoin")
    return Posology(
        text=reader.said("posologie") or ("" if _ours(reader) else _words(reader)),
        doses=doses,
        as_needed=bool(as_needed),
        condition=(as_needed if as_needed != YES else "") or reader.said("condition"),
        max_per_day=_most(reader),
        route_code=text_at(entry, "v:routeCode", "code"),
        route_label=text_at(entry, "v:routeCode", "displayName") or reader.said("voie"),
    )


def _doses(reader: Reader) -> Iterator[Dose]:
    """The steps; a single dose stands in the entry itself."""
    steps = list(_steps(reader.entry))
    for n, (sequence, step) in enumerate(steps, 1):
        yield _labelled(reader, timing.dose_of(step, sequence or n), n)
        _compare(reader, step)
    if steps:
        return
    dose = timing.dose_of(reader.entry, 1)
    if dose.quantity is not None or _ours(reader):
        yield _labelled(reader, dose, 1)
        _compare(reader, reader.entry)
    elif dose.frequency or dose.when or dose.days_of_week:
        # "2 applications a day" beside a period of one day: without a dose the text alone says how much.
        reader.leave("fréquence structurée sans dose (le texte est gardé)")


def _steps(entry: Element) -> Iterator[tuple[int, Element]]:
    """FR-Traitement-prescrit-subordonnee, with the place of each."""
    for one in entry.findall("v:entryRelationship", N):
        inside = one.find("v:substanceAdministration", N)
        known = inside.findall("v:templateId", N) if inside is not None else ()
        if inside is not None and any(t.get("root") == STEP for t in known):
            yield whole_of(one, "v:sequenceNumber"), inside


def _ours(reader: Reader) -> bool:
    """Written by this platform: its rows say all that was prescribed, a rhythm without a dose as well."""
    return f"{reader.base}-dose-1" in reader.narrative.texts


def _labelled(reader: Reader, dose: Dose, n: int) -> Dose:
    id = f"dose-{n}-unite"
    ours = f"{reader.base}-{id}" in reader.narrative.texts
    return replace(dose, unit_label=reader.said(id) if ours else dose.unit_code.strip("{}"))


def _compare(reader: Reader, at: Element) -> None:
    """A text that gives another dose than the code: the prescriber saw the text, software the code."""
    if at.find("v:rateQuantity", N) is not None:
        reader.leave("rythme d'administration (rateQuantity)")
    for end in ("low", "high"):
        coded = decimal_of(at, f"v:doseQuantity/v:{end}")
        told = NUMBER.match(reader.narrative.at(at, f"v:doseQuantity/v:{end}/{ORIGINAL}"))
        if told and coded is not None and Decimal(told[0].replace(",", ".")) != coded:
            reader.leave("une dose dont le texte et la valeur codée diffèrent : à vérifier avant de signer")


def _words(reader: Reader) -> str:
    """What the narrative says of each step: the words that the prescriber saw, beside the codes."""
    steps = [step for _, step in _steps(reader.entry)] or [reader.entry]
    told = []
    for n, step in enumerate(steps, 1):
        ends = (reader.narrative.at(step, f"v:doseQuantity/v:{end}/{ORIGINAL}") for end in ("low", "high"))
        dose = " à ".join(dict.fromkeys(filter(None, ends)))
        told.append(", ".join(filter(None, (dose, reader.said(f"frequence-{n}")))))
    return "\n".join(filter(None, told))


def _most(reader: Reader) -> Decimal | None:
    most = reader.entry.find("v:maxDoseQuantity", N)
    if most is None:
        return None
    a_day = decimal_of(most, "v:denominator", "d") == 1
    if not a_day:
        reader.leave("dose maximale sur une autre durée qu'un jour (maxDoseQuantity)")
    return decimal_of(most, "v:numerator") if a_day else None


def _quantity(reader: Reader, at: Element | None) -> Quantity | None:
    value = decimal_of(at, ".")
    if at is None or not value:
        return None
    unit = at.get("unit", "")
    counted = CountUnit.DAY if unit == "d" else CountUnit.DOSE if unit.startswith("{") else CountUnit.BOX
    label = reader.said("unite") or ("" if unit in PLAIN else codes.PACKAGINGS.get(unit, unit.strip("{}")))
    return Quantity(value, counted, label, reader.said("quantite-lettres"))


def _non_substitution(reader: Reader) -> tuple[NonSubstitution, str]:
    path = "v:entryRelationship/v:act[v:code]"
    for act in reader.entry.findall(path, N):
        known = act.find("v:code", N)
        if known is None or known.get("codeSystem") != codes.SUBSTITUTION or known.get("code") != "N":
            continue
        told = reader.narrative.at(known, "v:originalText") or reader.said("substitution")
        for reason, words in WORDS_OF_REASON.items():
            if any(word in told.lower() for word in words):
                return reason, reader.said("motif")
        # Without one of the three reasons of the arrêté the mention has no effect; its words are kept.
        reader.leave("non-substitution sans motif prévu par la loi (le texte est gardé)")
        return NonSubstitution.NONE, reader.said("motif") or told
    return NonSubstitution.NONE, reader.said("motif")


def notes(reader: Reader) -> dict[str, Any]:
    """What is said to the patient and to the dispenser, and the precondition."""
    found = {"PINSTRUCT": "", "FINSTRUCT": ""}
    for act in reader.entry.findall("v:entryRelationship/v:act", N):
        kind = text_at(act, "v:code", "code")
        if kind in found:
            found[kind] = reader.narrative.at(act, "v:text")
    condition = reader.narrative.at(reader.entry, "v:precondition/v:criterion/v:text")
    return {
        "patient_note": found["PINSTRUCT"],
        "dispenser_note": found["FINSTRUCT"],
        "precondition": condition or reader.said("precondition"),
    }


def remarks(reader: Reader) -> dict[str, Any]:
    """What this platform writes in the narrative alone."""
    found = {name: bool(reader.said(id)) for name, (id, _) in codes.REMARKS.items()}
    mentions, n = [], 1
    while mention := reader.said(f"mention-{n}"):
        mentions.append(mention)
        n += 1
    return {**found, "mentions": tuple(mentions)}


def statements(entry: Element) -> dict[str, Any]:
    """Yes or no by the code: the value says whether what the code names is so."""
    said = {
        text_at(one, "v:code", "code"): text_at(one, "v:value", "value") == "true"
        for one in entry.findall("v:entryRelationship/v:observation", N)
    }
    return {name: said.get(known[0], False) for name, known in codes.STATEMENTS.items()}


def _leave_out(reader: Reader) -> None:
    if reader.entry.find("v:approachSiteCode", N) is not None:
        reader.leave("région anatomique (approachSiteCode)")


def _contradicted(reader: Reader) -> None:
    """What says that the line is none, or is none any more."""
    if reader.entry.get("negationInd") == "true":
        reader.fault("it says not to take the product (negationInd)")
    if text_at(reader.entry, "v:statusCode", "code") not in ("", "active", "completed"):
        reader.fault("its status is not that of a line in force")
