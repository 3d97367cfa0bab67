"""The number of a prescription: 18 characters that a person can read aloud, the last one checks the others.

Two characters of form, thirteen drawn at random (65 bits), two of the site that drew them, one check
character (ISO 7064, MOD 37,36). The CNAM publishes neither its rule nor its check: this one is ours, of the
same length.
The number opens nothing by itself; what opens is the access code (`secrets.py`).
"""

from __future__ import annotations

import secrets
from typing import Final

from stdnum.iso7064 import mod_37_36

from .errors import NumberWrong

# Crockford's base 32: I, L, O and U are left out, they are read as 1, 1, 0 and V.
ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
FORM: Final = "S1"
SITE: Final = "00"
DRAWN: Final = 13
LENGTH: Final = len(FORM) + DRAWN + len(SITE) + 1
READ_AS = str.maketrans("ILO", "110", " -\t\u00a0")


def new(site: str = SITE) -> str:
    """A fresh number. The check of 4 in 37 numbers is a letter that is left out: those are drawn again."""
    while True:
        body = FORM + "".join(secrets.choice(ALPHABET) for _ in range(DRAWN)) + site
        check_character = mod_37_36.calc_check_digit(body)
        if check_character in ALPHABET:
            return body + check_character


def check(text: str) -> str:
    """The number as it is stored: upper case, without spaces nor hyphens, I and L as 1, O as 0.

    Raises NumberWrong when it is none: another length, another letter, a check that fails.
    """
    number = text.upper().translate(READ_AS)
    if len(number) != LENGTH or not set(number) <= set(ALPHABET) or not mod_37_36.is_valid(number):
        raise NumberWrong
    return number
