"""The numbers that name a medicine and its packs."""

from __future__ import annotations

import re

from stdnum import ean

CIS = re.compile(r"6[0-9]{7}")
CIP13 = re.compile(r"[0-9]{13}")
SUBSTANCE = re.compile(r"[0-9]{5}")
# Free in the public base: the products that this platform invents for its tests and its demo.
FICTITIOUS = re.compile(r"69996[0-8][0-9]{2}")
FICTITIOUS_PACK = re.compile(r"340099[0-9]{7}")


def fault_of_cis(text: str) -> str:
    """What is wrong with a CIS; empty when nothing is."""
    return "" if CIS.fullmatch(text) else "A CIS has 8 digits, the first is 6."


def fault_of_cip13(text: str) -> str:
    """What is wrong with a CIP13, its check digit (EAN-13) included; empty when nothing is."""
    if not CIP13.fullmatch(text):
        return "A CIP13 has 13 digits."
    expected = ean.calc_check_digit(text[:-1])
    if expected != text[-1]:
        return f"The check digit of this CIP13 is wrong: it ends with {text[-1]}, {expected} is expected."
    return ""
