"""What of a prescription goes into its QR code."""

from __future__ import annotations

from decimal import Decimal
from hashlib import sha256

from .cda.patient import Patient
from .content import Line, LineKind, NonSubstitution
from .errors import SignatureBroken
from .prescriptions import Prescription
from .states import State
from .token import LABEL_CHARACTERS, NO_FLAG, Flag, Shortened, Token, TokenLine


def of(prescription: Prescription, access_code: str, patient: Patient) -> Token:
    """Of a signed prescription. A restricted one tells neither who nor what: that is on the paper alone.

    Birth name, first given name and birth date are there so that a pharmacy without a network can compare the
    code with an identity paper; the INS is not, nor is why anything was prescribed.
    """
    if prescription.expires_on is None or prescription.written_on is None:
        raise SignatureBroken(rules=["signed.written_on"])
    lines = prescription.signed.content.lines
    withheld = prescription.restricted
    return Token(
        number=prescription.number,
        access_code=access_code,
        prescriber=prescription.prescriber,
        written_on=prescription.written_on,
        expires_on=prescription.expires_on,
        body_sha256=sha256(prescription.body).digest(),
        lines=() if withheld else tuple(_line(line) for line in lines),
        line_count=len(lines),
        birth_name="" if withheld else patient.birth_name,
        first_name="" if withheld else next(iter(patient.first_names), ""),
        birth_date="" if withheld else patient.birth_date,
        shortened=Shortened.WITHHELD if withheld else Shortened.WHOLE,
        begun=prescription.state is State.PARTIALLY_DISPENSED,
    )


def _line(line: Line) -> TokenLine:
    product, quantity = line.product, line.quantity
    label = product.label or product.dci
    if line.kind is LineKind.PREPARATION:
        label = label or "Préparation magistrale"
    return TokenLine(
        code=product.cip13 or product.cis or product.mv or product.lpp,
        label=label[:LABEL_CHARACTERS],
        quantity=plain(quantity.value) if quantity else "",
        unit=quantity.unit.value if quantity else "",
        days=line.duration_days,
        renewals=line.renewals,
        flags=_flags(line),
    )


def _flags(line: Line) -> Flag:
    chosen = {
        Flag.ALD: line.ald,
        Flag.NOT_SUBSTITUTABLE: line.non_substitution is not NonSubstitution.NONE,
        Flag.NON_REIMBURSABLE: line.non_reimbursable,
    }
    flags = NO_FLAG
    for flag, holds in chosen.items():
        flags |= flag if holds else NO_FLAG
    return flags


def plain(value: Decimal) -> str:
    """`2` for 2.000, `0.5` for 0.50."""
    return format(value.normalize(), "f")
