"""Quantities, durations and decimals of a prescription, both ways.

A unit has a code of UCUM or of EDQM, or no code at all: the invariants fr-med-smpl-quant-1 and -2 of the
guide. The contract keeps the code alone; eight digits are EDQM, anything else is UCUM.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from . import names
from .faults import Reading

Json = dict[str, Any]
EDQM_CODE = re.compile(r"[0-9]{8}")
UCUM_CODE = re.compile(r"[!-~]{1,20}")
PARTS = {"value", "unit", "system", "code"}
# UCUM -> days, for lengths of time that are whole days. A month has no fixed number of them.
DAYS = {"d": Decimal(1), "wk": Decimal(7), "h": 1 / Decimal(24)}
LARGEST = Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class Amount:
    """A number above 0 and its unit; `code` is of UCUM or EDQM, or empty."""

    value: str
    unit: str = ""
    code: str = ""


def read_amount(
    quantity: Json, at: str, reading: Reading, *, decimals: int = 4, extensions: bool = False
) -> Amount | None:
    """A Quantity above 0; None, with its faults, when it is none."""
    before = len(reading.found)
    reading.only(quantity, PARTS | ({"extension"} if extensions else set()), at)
    value = read_number(quantity.get("value"), f"{at}.value", reading, decimals)
    system, code = str(quantity.get("system", "")), str(quantity.get("code", ""))
    if system and system not in (names.EDQM, names.UCUM):
        reading.add(f"{at}.system", f"must be {names.UCUM} or {names.EDQM}: otherwise give the unit as text")
    elif code and not system:
        reading.add(f"{at}.system", f"is missing: a code is of {names.UCUM} or of {names.EDQM}")
    elif system and not (EDQM_CODE if system == names.EDQM else UCUM_CODE).fullmatch(code):
        reading.add(f"{at}.code", f"is missing, or is no code of {system}")
    if len(reading.found) > before:
        return None
    return Amount(value, str(quantity.get("unit", "")), code)


def read_number(value: Any, at: str, reading: Reading, decimals: int = 4) -> str:
    """A number above 0 as the contracts have it: decimal text, six digits before the point."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        reading.add(at, "is missing: give a number" if value is None else "must be a JSON number")
        return ""
    number = Decimal(str(value))
    if not 0 < number < LARGEST:
        reading.add(at, f"must be above 0 and below {LARGEST}")
        return ""
    if number != round(number, decimals):
        reading.add(at, f"has more than {decimals} decimals")
    return f"{number.normalize():f}"


def read_days(duration: Json, at: str, reading: Reading) -> int:
    """A Duration in whole days; 0, with its faults, when it is none."""
    found = read_amount(duration, at, reading)
    if found is None:
        return 0
    code = found.code or found.unit
    days = Decimal(found.value) * DAYS.get(code, Decimal(0))
    if days == 0 or days != days.to_integral_value():
        reading.add(at, "must be whole days: give it in days (d), weeks (wk) or multiples of 24 hours (h)")
        return 0
    return int(days)


def write_number(text: str) -> int | float:
    """Decimal text as a JSON number."""
    number = Decimal(text)
    return int(number) if number == number.to_integral_value() else float(number)


def write_amount(value: str, unit: str = "", code: str = "") -> Json:
    """A Quantity, without the parts that are not known."""
    written: Json = {"value": write_number(value)}
    if unit:
        written["unit"] = unit
    if code:
        system = names.EDQM if EDQM_CODE.fullmatch(code) else names.UCUM
        written |= {"system": system, "code": code}
    return written


def write_days(days: int) -> Json:
    """A Duration in days."""
    return {"value": days, "unit": "d", "system": names.UCUM, "code": "d"}
