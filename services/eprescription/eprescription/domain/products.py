"""What the rules must know of a medicine: facts of the medicines base, ready for pure functions."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import IntEnum


class GenericType(IntEnum):
    """Column `type` of CIS_GENER (BDPM)."""

    PRINCEPS = 0
    GENERIC = 1
    # Generic by posological complementarity: another dose must be computed.
    COMPLEMENTARY = 2
    SUBSTITUTABLE = 4


@dataclass(frozen=True, slots=True)
class Component:
    """A substance of a medicine (CIS_COMPO)."""

    # 5 digits.
    code: str
    name: str
    strength: str = ""
    # SA active substance, FT therapeutic fraction.
    nature: str = "SA"
    link: int = 0


@dataclass(frozen=True, slots=True)
class Membership:
    """A place in a generic group (CIS_GENER)."""

    group_id: str
    type: GenericType
    group_label: str = ""


@dataclass(frozen=True, slots=True)
class Pack:
    """A presentation (CIS_CIP)."""

    cip13: str
    cis: str
    label: str = ""
    marketed: bool = True
    # Units of dose; None when the label does not say it.
    units: Decimal | None = None
    unit_label: str = ""
    price_cents: int | None = None
    reimbursement_percent: int | None = None
    availability: str = ""


@dataclass(frozen=True, slots=True)
class ConditionText:
    """A condition of prescription or dispensing (CIS_CPD) and the machine rules it was turned into."""

    text: str
    # `list_1`, `max_days:28`, `specialist:SM26`...: see `domain/conditions.py`.
    rules: tuple[str, ...] = ()

    @property
    def understood(self) -> bool:
        return bool(self.rules)


@dataclass(frozen=True, slots=True)
class Medicine:
    """A medicine of the base."""

    cis: str
    label: str
    form: str = ""
    routes: tuple[str, ...] = ()
    status: str = ""
    marketed: bool = True
    # The authorisation is withdrawn, repealed or archived.
    withdrawn: bool = False
    holder: str = ""
    reinforced_surveillance: bool = False
    components: tuple[Component, ...] = ()
    packs: tuple[Pack, ...] = ()
    conditions: tuple[ConditionText, ...] = ()
    generics: tuple[Membership, ...] = ()
    atc: tuple[str, ...] = ()
    availability: str = ""
    # All machine rules of its conditions.
    rules: frozenset[str] = field(default_factory=frozenset)

    def pack(self, cip13: str) -> Pack | None:
        return next((pack for pack in self.packs if pack.cip13 == cip13), None)
