"""Keys, tokens and papers for the tests of signature, QR code and paper; all persons fictitious."""

from dataclasses import replace
from datetime import date
from hashlib import sha256
from typing import Any

from joserfc.jwk import ECKey, OKPKey

from chassis import ledger
from chassis.testing import NOW
from eprescription.clients.platform_keys import PlatformKeys
from eprescription.domain import body, token_content
from eprescription.domain.cda.patient import Patient
from eprescription.domain.content import Content
from eprescription.domain.prescriptions import Prescription
from eprescription.domain.states import State
from eprescription.domain.token import Token, TokenLine

from . import given

PATIENT = Patient(
    birth_name="LAJOIE-ÉTERNEL",
    first_names=("MARIE", "CÉLESTE"),
    sex="F",
    birth_date="1980-01-02",
    birth_place="75114",
    used_name="DURAND",
    used_first_name="MARIE",
    ins="280017511400139",
    ins_oid="1.2.250.1.213.1.4.10",
)
EXPIRES = date(2027, 5, 22)


def platform() -> tuple[PlatformKeys, OKPKey]:
    """A fresh platform key."""
    key = OKPKey.generate_key("Ed25519")
    return PlatformKeys(key, ledger.Signer(key)), key


def professional_key() -> ECKey:
    return ECKey.generate_key("P-256")


def printed(written: Content | None = None, **changes: Any) -> Prescription:
    """A signed prescription that is in no database; its signature is not looked at."""
    draft = given.draft(written)
    usual = replace(
        draft,
        state=State.ACTIVE,
        signature="header..signature",
        key_id="kYp3Nn6rQm0abcdEFGH",
        written_on=draft.signed.written_on,
        expires_on=EXPIRES,
        signed_at=NOW,
    )
    return replace(usual, **changes)


def token(of: Prescription | None = None) -> Token:
    prescription = of or printed()
    return token_content.of(prescription, given.SECRETS.access_code(prescription.id), PATIENT)


def wide_token(lines: int, *, coded: bool = True) -> Token:
    """A token whose lines share no text, so that compression does not help."""
    digests = [sha256(str(rank).encode()).hexdigest() for rank in range(lines)]
    wide = tuple(
        TokenLine(digest[:13] if coded else "", digest[13:53], "2", "box", 30, 2) for digest in digests
    )
    return replace(token(), lines=wide, line_count=lines)


def reread(prescription: Prescription, content: Content) -> Prescription:
    """The same with another content, as its author would have signed it."""
    signed = replace(prescription.signed, content=content)
    return replace(prescription, signed=signed, body=body.canonical(signed))
