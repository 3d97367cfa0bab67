"""Products of lines turned into medicines of the base, and kept in memory as long as no import is done.

Every signature and every delivery goes through here: in the steady state it costs one small statement, which
says whether an import came meanwhile.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar
from weakref import WeakKeyDictionary

from chassis.db import ReadTx
from chassis.errors import InvalidInput, Violation
from eprescription.domain.actives import actives
from eprescription.domain.codes import SUBSTANCE, fault_of_cip13, fault_of_cis
from eprescription.domain.content import CountUnit, Line, LineKind, Product, Substance
from eprescription.domain.findings import Finding, Severity
from eprescription.domain.interactions import Thesaurus
from eprescription.domain.moieties import moiety
from eprescription.domain.products import Component, Medicine, Pack
from eprescription.domain.quantities import reference_pack
from eprescription.domain.rules.kinds import class_of
from eprescription.domain.virtual import matches, united
from eprescription.store import interactions
from eprescription.store import medicines as store

K = TypeVar("K")
V = TypeVar("V")
# About 5 KB each; the medicines of a day's prescriptions are fewer.
MEDICINES_MOST = 6000
BOOKS_MOST = 4
# `Fer` is a substance.
SHORTEST_NAME = 3
# Of a product in a message; `{}` is the place of its line.
PLACE = "content.lines[{}].product"


class UnknownProduct(InvalidInput):
    """A product is not in the medicines base, or its codes are mistyped."""

    remedy = "Search the product again (SearchMedicines), and send its CIS or CIP13 as found."


@dataclass(slots=True)
class Book:
    """What was read of the base since one import; another import, another book."""

    medicines: OrderedDict[str, Medicine] = field(default_factory=OrderedDict)
    packs: OrderedDict[str, str] = field(default_factory=OrderedDict)
    virtual: OrderedDict[object, tuple[Medicine | None, bool]] = field(default_factory=OrderedDict)
    names: OrderedDict[str, Component] = field(default_factory=OrderedDict)
    thesaurus: Thesaurus | None = None


BOOKS: OrderedDict[str, Book] = OrderedDict()
# One transaction asks once which import is the last.
ASKED: WeakKeyDictionary[ReadTx, Book] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class Resolved:
    # By line id; a line without one is a preparation, a device or a product that the base does not know.
    medicines: Mapping[str, Medicine]
    # Label, DCI, substances and ATC filled from the base.
    lines: tuple[Line, ...]
    # P1: products that nothing can be checked of.
    findings: tuple[Finding, ...] = ()


async def book(tx: ReadTx) -> Book:
    """The book of the last import."""
    known = ASKED.get(tx)
    return told(tx, await store.last_import(tx)) if known is None else known


def told(tx: ReadTx, version: str) -> Book:
    """The same, of the last import as a statement of the caller read it: one round trip fewer."""
    known = BOOKS.setdefault(version, Book())
    BOOKS.move_to_end(version)
    while len(BOOKS) > BOOKS_MOST:
        BOOKS.popitem(last=False)
    ASKED[tx] = known
    return known


async def thesaurus(tx: ReadTx) -> Thesaurus:
    """The thesaurus of interactions of the last import."""
    known = await book(tx)
    if known.thesaurus is None:
        known.thesaurus = await interactions.read_thesaurus(tx)
    return known.thesaurus


async def medicines(tx: ReadTx, cis: Iterable[str]) -> dict[str, Medicine]:
    """By CIS; those that are unknown are left out."""
    known, wanted = (await book(tx)).medicines, set(cis)
    missing = sorted(one for one in wanted if one not in known)
    if missing:
        found = {one.cis: one for one in await store.list_medicines(tx, missing)}
        _keep(known, found)
        return {**{one: known[one] for one in wanted if one in known}, **found}
    return {one: known[one] for one in wanted}


async def of_packs(tx: ReadTx, cip13s: Iterable[str]) -> dict[str, tuple[Medicine, Pack]]:
    """Medicine and pack by CIP13; those that are unknown are left out."""
    known, wanted = (await book(tx)).packs, {one for one in cip13s if one}
    missing = sorted(one for one in wanted if one not in known)
    places = {one: known[one] for one in wanted if one in known}
    if missing:
        found = await store.cis_of_packs(tx, missing)
        _keep(known, found)
        places.update(found)
    by_cis = await medicines(tx, places.values())
    pairs = ((cip13, by_cis.get(cis)) for cip13, cis in places.items())
    return {
        cip13: (medicine, pack)
        for cip13, medicine in pairs
        if medicine is not None and (pack := medicine.pack(cip13)) is not None
    }


async def given(tx: ReadTx, cip13s: Sequence[str]) -> dict[str, tuple[Medicine, Pack]]:
    """What is handed over, by CIP13; empty ones are passed over.

    Raises UnknownProduct, a violation `acts[i].cip13` for each wrong one, i its place in `cip13s`.
    """
    faults = {one: fault_of_cip13(one) for one in cip13s if one}
    found = await of_packs(tx, (one for one, fault in faults.items() if not fault))
    violations = [
        Violation(f"acts[{at}].cip13", faults[one] or "No pack of the medicines base has this CIP13.")
        for at, one in enumerate(cip13s)
        if one and one not in found
    ]
    if violations:
        raise UnknownProduct(violations=violations)
    return found


async def resolve(tx: ReadTx, lines: Sequence[Line], where: str = PLACE) -> Resolved:
    """The medicines of lines, and the lines as they are to be signed.

    Raises UnknownProduct with a violation at `content.lines[i].product.<field>` (`where`) for each fault: a
    wrong check digit, an unknown CIS or CIP13, two that disagree, a medicine that is withdrawn.
    """
    wanted = [line.product for line in lines if line.kind is LineKind.MEDICINE]
    by_pack = await of_packs(tx, (one.cip13 for one in wanted if not fault_of_cip13(one.cip13)))
    by_cis = await medicines(tx, (one.cis for one in wanted if one.cis))
    violations: list[Violation] = []
    found: dict[str, Medicine] = {}
    findings: list[Finding] = []
    filled: list[Line] = []
    for at, line in enumerate(lines):
        medicine = None
        if line.kind is LineKind.MEDICINE:
            faults, medicine = _named(line.product, by_pack, by_cis)
            if not (line.product.cis or line.product.cip13):
                medicine, findings_of = await _in_dci(tx, line, faults)
                findings += findings_of
            violations += [Violation(f"{where.format(at)}.{name}", text) for name, text in faults]
        if medicine is not None:
            found[line.line_id] = medicine
        filled.append(_filled_line(line, medicine) if medicine else line)
    if violations:
        raise UnknownProduct(violations=violations)
    return Resolved(found, tuple(filled), tuple(findings))


async def of_lines(tx: ReadTx, lines: Sequence[Line]) -> dict[str, Medicine]:
    """The medicines of lines that were signed, by line id, as far as the base knows them still.

    Never raises: a product that is withdrawn since, or gone from the base, undoes no signature.
    """
    wanted = [line for line in lines if line.kind is LineKind.MEDICINE]
    by_cis = await medicines(tx, (line.product.cis for line in wanted if line.product.cis))
    by_pack = await of_packs(tx, (line.product.cip13 for line in wanted))
    found: dict[str, Medicine] = {}
    for line in wanted:
        product = line.product
        pair = by_pack.get(product.cip13)
        medicine = by_cis.get(product.cis) or (pair[0] if pair else None)
        if medicine is None and not (product.cis or product.cip13):
            named = product.substances or _substances_of(product.dci)
            medicine = (await virtual(tx, named, product.dci))[0] if named else None
        if medicine is not None:
            found[line.line_id] = medicine
    return found


Fault = tuple[str, str]


def _named(
    product: Product, by_pack: Mapping[str, tuple[Medicine, Pack]], by_cis: Mapping[str, Medicine]
) -> tuple[list[Fault], Medicine | None]:
    """The medicine of a CIS or CIP13, or what is wrong with them."""
    faults: list[Fault] = []
    medicine = None
    if product.cip13:
        fault = fault_of_cip13(product.cip13)
        pair = by_pack.get(product.cip13)
        medicine = pair[0] if pair else None
        if fault or medicine is None:
            faults.append(("cip13", fault or "No pack of the medicines base has this CIP13."))
    if product.cis:
        fault = fault_of_cis(product.cis)
        own = by_cis.get(product.cis)
        if fault or own is None:
            faults.append(("cis", fault or "No medicine of the base has this CIS."))
        elif medicine is not None and medicine.cis != own.cis:
            faults.append(("cip13", f"This pack is of the CIS {medicine.cis}, not of {own.cis}."))
        medicine = own or medicine
    if medicine is not None and medicine.withdrawn:
        where = "cis" if product.cis else "cip13"
        faults.append((where, f"This medicine is withdrawn ({medicine.status.lower()}): prescribe another."))
    return faults, medicine


async def _in_dci(tx: ReadTx, line: Line, faults: list[Fault]) -> tuple[Medicine | None, list[Finding]]:
    """The virtual medicine of a product in DCI; what is only a label gives a warning."""
    product = line.product
    wanted = product.substances or _substances_of(product.dci)
    for rank, one in enumerate(wanted):
        if one.code and not SUBSTANCE.fullmatch(one.code):
            faults.append((f"substances[{rank}].code", "A substance has a code of 5 digits."))
    if faults or not wanted:
        return None, [] if faults else [_unchecked(line, "aucun code ni substance n'est donné")]
    medicine, exact = await virtual(tx, wanted, product.dci)
    if medicine is None:
        return None, [_unchecked(line, "aucun médicament de la base ne contient ces substances seules")]
    wrong = [] if exact else [_unchecked(line, "aucun médicament de la base n'a ce dosage")]
    return medicine, wrong


async def virtual(tx: ReadTx, wanted: Sequence[Substance], label: str) -> tuple[Medicine | None, bool]:
    """What medicines of these substances share; false where none has these strengths, which are then left
    aside."""
    known = (await book(tx)).virtual
    key = (tuple(wanted), label)
    if key not in known:
        codes = [one.code for one in wanted if one.code]
        names = [name for one in wanted if not one.code for name in await _salts(tx, one.name)]
        cis = await store.list_holding(tx, codes, names)
        candidates = list((await medicines(tx, cis)).values())
        same = [one for one in candidates if matches(one, wanted, strengths=True)]
        others = same or [one for one in candidates if matches(one, wanted, strengths=False)]
        others.sort(key=lambda one: one.cis)
        made: dict[object, tuple[Medicine | None, bool]] = {}
        made[key] = united(wanted, others, label), bool(same)
        _keep(known, made)
    return known[key]


async def _salts(tx: ReadTx, name: str) -> list[str]:
    """The names that the base has for a substance: prescribers leave the salt out."""
    bare = moiety(name)
    if len(bare) < SHORTEST_NAME:
        return []
    return [one for one in await store.list_names_with(tx, bare) if moiety(one) == bare]


async def components(tx: ReadTx, codes: Iterable[str]) -> dict[str, Component]:
    """Substances by code."""
    known, wanted = (await book(tx)).names, set(codes)
    missing = sorted(one for one in wanted if one not in known)
    if missing:
        rows = await store.list_named(tx, missing, [])
        _keep(known, {row["code"]: Component(row["code"], row["name"]) for row in rows})
    return {one: known[one] for one in wanted if one in known}


def _substances_of(dci: str) -> tuple[Substance, ...]:
    """`Amoxicilline 500 mg + acide clavulanique 62,5 mg, comprimé` -> two substances with their strengths."""
    named = re.split(r",\s", dci, maxsplit=1)[0]
    return tuple(found for part in re.split(r" [+/] ", named) if (found := _substance(part.strip())))


def _substance(text: str) -> Substance | None:
    found = re.fullmatch(r"(.+?) +(\d[\d ]*(?:[.,]\d+)? *\D.{0,30})", text)
    if found:
        return Substance(name=found[1], strength=found[2].strip())
    return Substance(name=text) if text else None


def _filled_line(line: Line, medicine: Medicine) -> Line:
    """A narcotic is dispensed to the unit (R.5132-33): the box counted in is signed with what it holds, so
    that an import can never make another quantity of it."""
    filled = replace(line, product=replace(_filled(line.product, medicine), pack_units=None))
    boxed = line.quantity is not None and line.quantity.unit is CountUnit.BOX
    pack = reference_pack(filled, medicine) if boxed and class_of(medicine).narcotic else None
    return replace(filled, product=replace(filled.product, pack_units=pack.units)) if pack else filled


def _filled(product: Product, medicine: Medicine) -> Product:
    """What is missing in what the prescriber wrote; what is written stays, but codes of the base win."""
    acting = actives(medicine.components)
    strengths = {one.code: one.strength for one in product.substances if one.code}
    named = {moiety(one.name): one.strength for one in product.substances}
    return replace(
        product,
        cis=product.cis or medicine.cis,
        label=product.label or medicine.label,
        dci=product.dci or " + ".join(f"{one.name.lower()} {one.strength}".strip() for one in acting),
        substances=tuple(
            Substance(one.code, one.name, _strength(one, strengths, named, medicine)) for one in acting
        ),
        atc=product.atc or next(iter(medicine.atc), ""),
    )


def _strength(one: Component, codes: Mapping[str, str], names: Mapping[str, str], medicine: Medicine) -> str:
    """Of a virtual medicine, what was prescribed: its first product may be in another strength."""
    wanted = codes.get(one.code) or names.get(moiety(one.name)) or ""
    return one.strength if medicine.cis else wanted


def _unchecked(line: Line, why: str) -> Finding:
    label = line.product.label or line.product.dci or "produit"
    return Finding(
        "P1",
        Severity.WARNING,
        f"Produit non reconnu ({label}) : {why}. Ni règle ni interaction n'a pu être vérifiée.",
        hint="Choisir le produit dans la base, ou poursuivre en connaissance de cause.",
        line_id=line.line_id,
        about="unchecked",
    )


def _keep(cache: OrderedDict[K, V], found: Mapping[K, V]) -> None:
    cache.update(found)
    while len(cache) > MEDICINES_MOST:
        cache.popitem(last=False)
