"""What the law lets be given of a line, on one day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from eprescription.domain.content import CountUnit
from eprescription.domain.findings import Finding


@dataclass(frozen=True, slots=True)
class Entitled:
    """Quantities in `unit`, that of the line."""

    # At most, today; 0 with the findings that say why.
    quantity: Decimal
    unit: CountUnit
    # Days that it covers; 0 when the dose is not known.
    days: int
    # Lost for good by the three-day rule, to be recorded with what is delivered (R.5132-33).
    forfeited: Decimal
    # First day on which something may be given: in the past when it may be today. None: nothing remains.
    next_on: date | None
    # Last day of any delivery.
    until: date
    findings: tuple[Finding, ...] = ()
    # The rule that bounds `quantity`; V5 where what was prescribed is the bound.
    bound: str = "V5"
    # Struct_IdNat of the pharmacy that the prescriber named; empty: any.
    named_pharmacy: str = ""
