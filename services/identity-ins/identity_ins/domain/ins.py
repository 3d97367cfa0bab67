"""The INS number: thirteen characters, a key of two digits, and the authority that gave it.

Sources: decree 82-103 (layout of the NIR), the nir-validation library of the CNAM (key, format of the parts),
the HL7 France data types (OIDs).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from chassis.errors import InvalidInput, Violation

# Sex, year, month (20 to 99 when the month of birth is not known), department, commune, order, key.
NIR = re.compile(r"[12]\d{2}(0[1-9]|1[0-2]|[2-9]\d)(\d{2}|2[AB])\d{3}\d{3}\d{2}", re.ASCII)
# The waiting number has no published layout: the first digit and the key are all that can be told.
NIA = re.compile(r"[123478]\d{4}(\d{2}|2[AB])\d{8}", re.ASCII)
# Numbers that identify nobody for good: NNP (7, 8; abolished in 2022), "migrant de passage" (5, 6).
OTHER = re.compile(r"[5-8]\d{12}(\d{2})?", re.ASCII)
# What care may be billed under: any of them.
BILLED = re.compile(r"[1-8]\d{4}(\d{2}|2[AB])\d{8}", re.ASCII)
# Corsica is written with a letter, and counts as 19 or 18 in the key.
CORSICA = {"2A": "19", "2B": "18"}


class Platform(StrEnum):
    """What the platform holds: real persons, or fictitious ones."""

    TEST = "test"
    PRODUCTION = "production"


class Authority(StrEnum):
    """OID of the authority that gave a number, and so its nature."""

    NIR = "1.2.250.1.213.1.4.8"
    NIA = "1.2.250.1.213.1.4.9"
    NIR_TEST = "1.2.250.1.213.1.4.10"
    NIR_DEMO = "1.2.250.1.213.1.4.11"


ACCEPTED: dict[Platform, frozenset[Authority]] = {
    Platform.TEST: frozenset({Authority.NIR_TEST, Authority.NIR_DEMO}),
    Platform.PRODUCTION: frozenset({Authority.NIR, Authority.NIA}),
}


class InsMalformed(InvalidInput):
    """The INS is not written as a matricule of 13 characters followed by its key of 2 digits."""


class InsKeyWrong(InvalidInput):
    """The key of the INS does not match its 13 first characters."""


class InsNotPermanent(InvalidInput):
    """This number is a provisional or a passing insurance number (first digit 5 to 8), not an INS."""


class InsOfAnotherPlatform(InvalidInput):
    """The OID of the INS belongs to another kind of platform."""


class InsAuthorityUnknown(InvalidInput):
    """The OID is not that of an authority that gives INS numbers."""


class BillingNumberWrong(InvalidInput):
    """The number that care is billed under is not a social security number with its key."""


@dataclass(frozen=True, slots=True, repr=False)
class BillingNumber:
    """The number that care is billed under, 15 characters: often that of a parent, and so never an INS.

    It has a type of its own so that no function that wants an INS can be given one by mistake.
    """

    number: str

    def __repr__(self) -> str:
        return "BillingNumber(hidden)"


@dataclass(frozen=True, slots=True, repr=False)
class Ins:
    """A checked INS. Printing it shows its authority only: the number must never reach a log."""

    matricule: str
    oid: Authority

    def __repr__(self) -> str:
        return f"Ins(hidden, oid={self.oid.value})"

    @property
    def body(self) -> str:
        """The 13 first characters."""
        return self.matricule[:13]

    @property
    def key(self) -> str:
        """The 2 last digits."""
        return self.matricule[13:]


def key_of(body: str) -> str:
    """The key of a 13-character number: 97 less the rest of its division by 97, on two digits (01 to 97)."""
    department = body[5:7]
    digits = body[:5] + CORSICA.get(department, department) + body[7:]
    return f"{97 - int(digits) % 97:02d}"


def parse_ins(matricule: str, oid: str, platform: Platform, field: str = "ins") -> Ins:
    """The INS written as 15 characters (spaces and case do not count) under an OID that `platform` accepts.

    Raises InsAuthorityUnknown, InsOfAnotherPlatform, InsNotPermanent, InsMalformed or InsKeyWrong.
    """
    authority = _authority(oid, platform, f"{field}.oid")
    compact = "".join(matricule.split()).upper()
    _check_layout(compact, authority, f"{field}.matricule")
    if key_of(compact[:13]) != compact[13:]:
        raise _wrong(InsKeyWrong, f"{field}.matricule", "read the number again from its source")
    return Ins(compact, authority)


def parse_billing_number(text: str, field: str = "billing_number") -> BillingNumber:
    """The number written as 15 characters (spaces and case do not count); raises BillingNumberWrong.

    Numbers that identify nobody for good are accepted here: care is billed under them all the same.
    """
    compact = "".join(text.split()).upper()
    if not BILLED.fullmatch(compact):
        raise _wrong(BillingNumberWrong, field, "15 characters are needed: 13 of the number, then its key")
    if key_of(compact[:13]) != compact[13:]:
        raise _wrong(
            BillingNumberWrong, field, "the key does not match: read the number again from its source"
        )
    return BillingNumber(compact)


def _authority(oid: str, platform: Platform, field: str) -> Authority:
    try:
        authority = Authority(oid)
    except ValueError:
        raise _wrong(InsAuthorityUnknown, field, "use an OID from 1.2.250.1.213.1.4.8 to .11") from None
    if authority not in ACCEPTED[platform]:
        wanted = " or ".join(sorted(ACCEPTED[platform]))
        raise _wrong(InsOfAnotherPlatform, field, f"this is a {platform} platform: it accepts {wanted}")
    return authority


def _check_layout(compact: str, authority: Authority, field: str) -> None:
    if (NIA if authority is Authority.NIA else NIR).fullmatch(compact):
        return
    if OTHER.fullmatch(compact):
        raise _wrong(InsNotPermanent, field, "ask INSi for the INS of the person")
    raise _wrong(InsMalformed, field, "15 characters are needed: 13 of the matricule, then its key")


def _wrong(error: type[InvalidInput], field: str, problem: str) -> InvalidInput:
    return error(field=field, violations=[Violation(field, problem)])
