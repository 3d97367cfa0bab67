"""What the treatments and allergies of a person say of the products of a prescription (I1 to I4). Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from .actives import actives
from .content import Substance
from .findings import Finding, Severity
from .interactions import SEVERITIES, Thesaurus, finding
from .moieties import moiety
from .products import Component, Medicine

# A treatment that ends so soon is taken over, not doubled.
TAKEN_OVER = timedelta(days=7)
ASK = "Demander à la personne ses traitements en cours."


@dataclass(frozen=True, slots=True)
class SafetyItem:
    """A product to be checked: with its medicine where it is known, else by its substances."""

    line_id: str
    label: str
    medicine: Medicine | None = None
    substances: tuple[Substance, ...] = ()


@dataclass(frozen=True, slots=True)
class Running:
    """A treatment under way; `secret`: of a prescription that only its prescriber may read (then nothing of
    it is named)."""

    label: str
    about: str
    components: tuple[Component, ...]
    until: date
    secret: bool = False


@dataclass(frozen=True, slots=True)
class KnownAllergy:
    """`name` is folded; it may be that of a class of the thesaurus."""

    code: str
    name: str
    label: str


@dataclass(frozen=True, slots=True)
class Patient:
    """What is known of a person; `opposed`: their treatments are not looked at (history refused)."""

    running: Sequence[Running] = ()
    allergies: Sequence[KnownAllergy] = ()
    opposed: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """A product by all the names it answers to."""

    line_id: str
    label: str
    about: str
    codes: frozenset[str]
    names: frozenset[str]
    keys: frozenset[str]
    conditions: tuple[str, ...] = ()
    until: date | None = None
    secret: bool = False
    shown: dict[str, str] = field(default_factory=dict)


def check(items: Sequence[SafetyItem], patient: Patient, thesaurus: Thesaurus, today: date) -> list[Finding]:
    """All findings on these products, against each other and against what is known of the person."""
    known = [_of_item(item, thesaurus) for item in items]
    running = [_of_running(one, thesaurus) for one in patient.running]
    found: list[Finding] = []
    for rank, one in enumerate(known):
        for other in (*known[:rank], *running):
            found += _together(one, other, thesaurus, today)
        found += _allergies(one, patient.allergies)
        found += _unknown(one)
    if patient.opposed and known:
        found.append(_opposed())
    return _once(found)


def _once(found: Sequence[Finding]) -> list[Finding]:
    """One finding a code, the gravest: two treatments that may not be named have the same."""
    gravity = list(Severity)
    kept: dict[str, Finding] = {}
    for one in found:
        before = kept.setdefault(one.code, one)
        if gravity.index(one.severity) < gravity.index(before.severity):
            kept[one.code] = one
    return list(kept.values())


def components_of(item: SafetyItem) -> tuple[Component, ...]:
    """From the base; else what the prescriber wrote."""
    if item.medicine is not None and item.medicine.components:
        return item.medicine.components
    return tuple(Component(one.code, one.name, one.strength) for one in item.substances)


def _of_item(item: SafetyItem, thesaurus: Thesaurus) -> Known:
    unknown = item.medicine.conditions if item.medicine else ()
    texts = tuple(one.text for one in unknown if not one.understood)
    about = f"line:{item.line_id}" if item.line_id else item.label
    return _known(thesaurus, components_of(item), item.line_id, item.label, about, texts)


def _of_running(one: Running, thesaurus: Thesaurus) -> Known:
    label = "un traitement en cours que vous ne pouvez pas lire" if one.secret else f"{one.label} (en cours)"
    known = _known(thesaurus, one.components, "", label, one.about, ())
    return replace(known, until=one.until, secret=one.secret)


def _known(
    thesaurus: Thesaurus,
    components: Sequence[Component],
    line_id: str,
    label: str,
    about: str,
    conditions: tuple[str, ...],
) -> Known:
    acting = actives(components)
    names = thesaurus.names_of(components)
    return Known(
        line_id=line_id,
        label=label,
        about=about,
        codes=frozenset(one.code for one in acting if one.code),
        names=names | {moiety(one.name) for one in acting if one.name},
        keys=thesaurus.keys(names),
        conditions=conditions,
        shown={one.code: one.name.lower() for one in acting},
    )


def _together(one: Known, other: Known, thesaurus: Thesaurus, today: date) -> Iterator[Finding]:
    hit = thesaurus.between(one.keys, other.keys)
    same = bool(one.codes & other.codes or one.names & other.names)
    if other.secret:
        yield from _unnamed(one, other, SEVERITIES[hit.level] if hit else None, same)
        return
    if hit is not None:
        yield finding(hit, one.line_id, one.label, other.label, other.about)
    if same:
        yield _duplicate(one, other, today)


def _unnamed(one: Known, other: Known, severity: Severity | None, same: bool) -> Iterator[Finding]:
    """Neither what it is nor why: a level, a class or a shared substance would say what is kept secret."""
    if same or severity is not None:
        yield Finding(
            "I1",
            Severity.WARNING if same else severity or Severity.WARNING,
            f"Risque possible entre {one.label} et {other.label}.",
            hint=ASK,
            line_id=one.line_id,
            about=other.about,
        )


def _duplicate(one: Known, other: Known, today: date) -> Finding:
    """I2."""
    ends_soon = other.until is not None and other.until <= today + TAKEN_OVER
    shared = sorted(one.shown[code] for code in one.codes & other.codes if code in one.shown)
    named = ", ".join(shared) or ", ".join(sorted(one.names & other.names)).lower()
    until = f", prévu jusqu'au {other.until:%d/%m/%Y}" if other.until else ""
    return Finding(
        "I2",
        Severity.INFORMATION if ends_soon else Severity.WARNING,
        f"Même substance deux fois ({named}) : {one.label} et {other.label}{until}.",
        hint="Vérifier la dose totale par jour, ou arrêter l'un des deux.",
        line_id=one.line_id,
        about=other.about,
    )


def _allergies(one: Known, allergies: Sequence[KnownAllergy]) -> Iterator[Finding]:
    """I3."""
    for allergy in allergies:
        named = {allergy.name, moiety(allergy.name)}
        if allergy.code in one.codes or named & one.names or named & one.keys:
            yield Finding(
                "I3",
                Severity.WARNING,
                f"Allergie connue à {allergy.label.lower()} : {one.label} en contient.",
                hint="Choisir un autre produit, ou vérifier l'allergie avec la personne.",
                line_id=one.line_id,
                about=allergy.name,
            )


def _unknown(one: Known) -> Iterator[Finding]:
    """I4: a machine that does not understand says so, and the professional reads."""
    for text in one.conditions:
        yield Finding(
            "I4",
            Severity.DUTY,
            f"Condition de prescription ou de délivrance à lire : « {text} » ({one.label}).",
            hint="Aucune règle automatique ne la vérifie : vérifiez-la vous-même.",
            line_id=one.line_id,
            about=text,
        )


def _opposed() -> Finding:
    return Finding(
        "I1",
        Severity.DUTY,
        "La personne s'oppose à la consultation de ses dispensations : rien n'a été comparé à ses traitements"
        " en cours.",
        hint=ASK,
        about="opposition",
    )
