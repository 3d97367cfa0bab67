"""A medicine prescribed in DCI alone: what all medicines of these substances and strengths share."""

from __future__ import annotations

from collections.abc import Sequence

from .actives import actives, linked, strength_of
from .conditions import numbers
from .content import Substance
from .moieties import moiety
from .products import Component, Medicine

# A rule that carries a number: where each medicine has its own, the least strict is shared.
NUMBERED = ("max_days", "fraction_days")


def matches(medicine: Medicine, wanted: Sequence[Substance], *, strengths: bool) -> bool:
    """The same substances and no other; with `strengths`, in the strengths that are told."""
    acting = {one.code for one in actives(medicine.components)}
    if len(acting) != len(wanted):
        return False
    groups = linked(medicine.components)
    held = [{group[0].code for group in groups if _holds(group, one, strengths)} for one in wanted]
    return all(held) and set().union(*held) == acting


def _holds(group: Sequence[Component], wanted: Substance, strengths: bool) -> bool:
    """By the salt or by its fraction, and in the strength of either: prescribers write both ways."""
    told = wanted.strength if strengths else ""
    named = any(_is(one, wanted) for one in group)
    return named and (not told or any(strength_of(one.strength) == strength_of(told) for one in group))


def _is(one: Component, wanted: Substance) -> bool:
    if wanted.code:
        return one.code == wanted.code
    return bool(one.name) and moiety(one.name) == moiety(wanted.name)


def united(wanted: Sequence[Substance], candidates: Sequence[Medicine], label: str) -> Medicine | None:
    """The virtual medicine of what is on the market; None when nothing holds these substances alone.

    Hospital products are left out where others exist: nobody means them in a pharmacy.
    """
    alive = [one for one in candidates if not one.withdrawn]
    marketed = [one for one in alive if one.marketed] or alive
    found = [one for one in marketed if "hospital_use" not in one.rules] or marketed
    if not found:
        return None
    first = found[0]
    return Medicine(
        cis="",
        label=label or " + ".join(f"{one.name} {one.strength}".strip() for one in wanted),
        form=first.form if all(one.form == first.form for one in found) else "",
        routes=tuple(route for route in first.routes if all(route in one.routes for one in found)),
        components=actives(first.components),
        conditions=tuple(one for one in first.conditions if all(one in other.conditions for other in found)),
        generics=tuple(dict.fromkeys(member for one in found for member in one.generics)),
        atc=tuple(code for code in first.atc if all(code in one.atc for one in found)),
        rules=_shared([one.rules for one in found]),
    )


def _shared(rules: Sequence[frozenset[str]]) -> frozenset[str]:
    shared = frozenset.intersection(*rules)
    for name in NUMBERED:
        values = [numbers(one, name) for one in rules]
        if all(values):
            most = max(number for one in values for number in one)
            shared = frozenset(one for one in shared if not one.startswith(f"{name}:")) | {f"{name}:{most}"}
    return shared
