"""A signature is accepted once, when a prescription is signed, and verified ever after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256

from chassis.caller import Caller, require
from chassis.db import ReadTx, Tx
from chassis.errors import RuleViolated
from eprescription.domain import agreement, body, signature
from eprescription.domain.dispensing import LineStatus
from eprescription.domain.errors import PrescriptionNotFound, SignatureBroken, SignatureRefused
from eprescription.domain.ids import PrescriptionId
from eprescription.domain.prescriptions import Prescription
from eprescription.domain.signature import Signature
from eprescription.domain.signing_keys import Origin, SigningKey
from eprescription.policy.papers import may_verify
from eprescription.policy.prescriptions import UNSIGNED
from eprescription.store import keys, lines, listing, prescriptions

from .prescriptions import not_there
from .traces import trace


class SignedYesterday(SignatureRefused):
    """The signature is of another day: a prescription bears the date of its signature."""

    remedy = "Ask GetSigningInput again and sign what it gives today (Europe/Paris)."


class NothingSigned(RuleViolated):
    """This prescription is not signed: there is nothing to verify."""

    where = "state"
    remedy = "Sign it first (SignPrescription)."


async def accept(tx: Tx, professional: str, given: Signature | str, payload: bytes, now: datetime) -> str:
    """The id of the key, once the signature over `payload` is known to be of this professional.

    `given`: what the local key service answered (its key is registered at its first use), or the JWS that
    came with the request. Raises SignatureRefused, the same for a key of nobody and of someone else.
    """
    if isinstance(given, Signature):
        key = await _local_key(tx, professional, given, now)
    else:
        key = await keys.find_key(tx, signature.kid_of(given))
    if key is None or key.professional != professional:
        raise SignatureRefused(
            "No key of yours has this thumbprint.", hint="Register the key first, then sign again."
        )
    if not key.signs_at(now):
        raise SignatureRefused("This key was revoked.", hint="Register another key, then sign again.")
    detached = given.jws if isinstance(given, Signature) else given
    _check(detached, payload, key)
    return key.key_id


def _check(detached: str, payload: bytes, key: SigningKey) -> None:
    try:
        signature.verify(detached, payload, key.jwk)
    except SignatureRefused:
        if _holds_yesterday(detached, payload, key):
            raise SignedYesterday from None
        raise


def _holds_yesterday(detached: str, payload: bytes, key: SigningKey) -> bool:
    """The one mistake that an honest client makes at midnight deserves its own answer."""
    signed = body.read(payload)
    before = replace(signed, written_on=signed.written_on - timedelta(days=1))
    try:
        signature.verify(detached, body.canonical(before), key.jwk)
    except SignatureRefused:
        return False
    return True


async def _local_key(tx: Tx, professional: str, given: Signature, now: datetime) -> SigningKey | None:
    key_id = signature.key_of(given.jwk).thumbprint()
    known = await keys.find_key(tx, key_id)
    if known is not None:
        return known
    fresh = SigningKey(key_id, professional, given.jwk, Origin.LOCAL, now)
    # Two first signatures at once: the other one registered it.
    return fresh if await keys.insert_key(tx, fresh) else await keys.find_key(tx, key_id)


async def verified(tx: ReadTx, prescription: Prescription, rows: Sequence[LineStatus]) -> SigningKey:
    """The key that signed, once body, key, columns and rows of lines all agree.

    An exceptional renewal is signed by no prescriber: it must not go beyond its parent, which is verified.
    Raises SignatureBroken, whose `rules` name what differs and no value of it.
    """
    _refuse(agreement.disagreements(prescription, rows))
    if not agreement.is_signed(prescription):
        return await _verified_parent(tx, prescription)
    key = await keys.find_key(tx, prescription.key_id)
    _refuse(_key_faults(prescription, key))
    assert key is not None  # noqa: S101 (a missing key is a fault)
    try:
        signature.verify(prescription.signature, prescription.body, key.jwk)
    except (SignatureRefused, signature.KeyRefused):
        _refuse(["signature"])
    return key


def require_same_paper(prescription: Prescription, body_sha256: bytes) -> None:
    """The QR code in the patient's hand witnesses what was signed: whoever rewrote the database, body, key
    and all, did not rewrite the paper. Without a code there is nothing to compare. Raises SignatureBroken.
    """
    if body_sha256 and sha256(prescription.body).digest() != body_sha256:
        _refuse(["paper"])


async def _verified_parent(tx: ReadTx, child: Prescription) -> SigningKey:
    parent = await prescriptions.find_prescription(tx, child.parent_id) if child.parent_id else None
    if parent is None or not agreement.is_signed(parent):
        raise _broken(["parent_id"])
    _refuse(agreement.departs(child.signed, parent.signed))
    return await verified(tx, parent, await lines.list_lines(tx, parent.id))


def _key_faults(prescription: Prescription, key: SigningKey | None) -> list[str]:
    if key is None or key.professional != prescription.prescriber:
        return ["key_id"]
    if prescription.signed_at is None or not key.signs_at(prescription.signed_at):
        return ["signed_at"]
    return [] if signature.key_of(key.jwk).thumbprint() == key.key_id else ["jwk"]


def _refuse(faults: Sequence[str]) -> None:
    if faults:
        raise _broken(faults)


def _broken(faults: Sequence[str]) -> SignatureBroken:
    return SignatureBroken(rules=[f"signed.{name}" for name in faults])


@dataclass(frozen=True, slots=True)
class Verification:
    """`key` is None when the signature does not hold; `faults` then names what differs."""

    prescription: Prescription
    key: SigningKey | None
    faults: tuple[str, ...] = ()


async def verify_signature(
    tx: Tx, caller: Caller, prescription_id: PrescriptionId, now: datetime
) -> Verification:
    """Verifies on demand; a broken signature is an answer here, not a refusal."""
    seen = await listing.find_seen(tx, prescription_id, caller.organisation)
    if seen is None:
        raise not_there(prescription_id.value)
    prescription = seen.prescription
    decision = require(
        may_verify(caller, prescription, seen.standing),
        subject=prescription.person.value,
        object_id=prescription.id.value,
        unseen=PrescriptionNotFound,
    )
    if prescription.state in UNSIGNED:
        raise NothingSigned
    trace(tx, caller, "prescription.verify", prescription, decision, now)
    try:
        key = await verified(tx, prescription, await lines.list_lines(tx, prescription.id))
    except SignatureBroken as broken:
        return Verification(prescription, None, broken.rules)
    return Verification(prescription, key)
