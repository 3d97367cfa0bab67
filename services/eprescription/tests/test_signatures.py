"""A signature is accepted once and verified ever after; keys are registered, revoked, never lost."""

from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from chassis.db import Tx
from chassis.testing import NOW, callers
from eprescription.domain import body, signature
from eprescription.domain.errors import PrescriptionNotFound, SignatureBroken, SignatureRefused
from eprescription.domain.signature import Signature
from eprescription.domain.signing_keys import Origin, SigningKey
from eprescription.store import keys, lines, prescriptions
from eprescription.store.tables import SIGNING_KEY
from eprescription.usecases import signatures
from eprescription.usecases.signatures import NothingSigned, SignedYesterday

from .given import COLLEAGUE, SIGNING, draft, refused, signed
from .keys_given import professional_key

DOCTOR, OTHER = callers.doctor.subject, callers.other_doctor.subject
DRAFT = draft()
PAYLOAD = DRAFT.body
CARD = professional_key()


async def registered(tx: Tx, owner: str = DOCTOR) -> SigningKey:
    key = SigningKey(CARD.thumbprint(), owner, signature.public(CARD), Origin.CARD, NOW - timedelta(days=1))
    await keys.insert_key(tx, key)
    return key


async def test_the_first_signature_of_the_key_service_registers_its_key_once(tx: Tx) -> None:
    given = await SIGNING.sign(DOCTOR, PAYLOAD)
    first = await signatures.accept(tx, DOCTOR, given, PAYLOAD, NOW)
    assert await signatures.accept(tx, DOCTOR, given, PAYLOAD, NOW + timedelta(days=9)) == first
    (key,) = await keys.list_keys(tx, DOCTOR)
    assert (key.key_id, key.origin, key.registered_at) == (first, Origin.LOCAL, NOW)


async def test_the_signature_of_a_registered_card_is_accepted(tx: Tx) -> None:
    key = await registered(tx)
    assert await signatures.accept(tx, DOCTOR, signature.sign(PAYLOAD, CARD), PAYLOAD, NOW) == key.key_id


async def test_a_key_of_nobody_and_one_of_someone_else_are_refused_alike(tx: Tx) -> None:
    """Or whoever asks would learn which thumbprints are known."""
    given = signature.sign(PAYLOAD, CARD)
    nobody = await refused(SignatureRefused, signatures.accept(tx, DOCTOR, given, PAYLOAD, NOW))
    await registered(tx, OTHER)
    someone = await refused(SignatureRefused, signatures.accept(tx, DOCTOR, given, PAYLOAD, NOW))
    assert (nobody.sentence, nobody.hint) == (someone.sentence, someone.hint)


async def test_the_local_key_of_another_is_refused(tx: Tx) -> None:
    theirs = await SIGNING.sign(OTHER, PAYLOAD)
    await signatures.accept(tx, OTHER, theirs, PAYLOAD, NOW)
    await refused(SignatureRefused, signatures.accept(tx, DOCTOR, theirs, PAYLOAD, NOW))


async def test_a_revoked_key_signs_no_more_but_what_it_signed_stays_good(tx: Tx) -> None:
    made = await signed(tx)
    key = await keys.find_key(tx, made.key_id)
    assert key is not None
    await keys.revoke_key(tx, key, "carte volée", NOW + timedelta(hours=1))
    rows = await lines.list_lines(tx, made.id)
    assert (await signatures.verified(tx, made, rows)).key_id == made.key_id
    later, given = NOW + timedelta(hours=2), await SIGNING.sign(DOCTOR, PAYLOAD)
    refusal = await refused(SignatureRefused, signatures.accept(tx, DOCTOR, given, PAYLOAD, later))
    assert "revoked" in refusal.sentence


async def test_a_key_that_was_revoked_before_is_no_proof(tx: Tx) -> None:
    made = await signed(tx)
    key = await keys.find_key(tx, made.key_id)
    assert key is not None
    await keys.revoke_key(tx, key, "carte volée", NOW - timedelta(hours=1))
    broken = await refused(
        SignatureBroken, signatures.verified(tx, made, await lines.list_lines(tx, made.id))
    )
    assert broken.rules == ("signed.signed_at",)


async def test_a_signature_of_yesterday_says_what_to_do(tx: Tx) -> None:
    await registered(tx)
    before = replace(DRAFT.signed, written_on=DRAFT.signed.written_on - timedelta(days=1))
    yesterday = signature.sign(body.canonical(before), CARD)
    refusal = await refused(SignedYesterday, signatures.accept(tx, DOCTOR, yesterday, PAYLOAD, NOW))
    assert "GetSigningInput again" in refusal.hint
    older = signature.sign(body.canonical(replace(before, number="S1X")), CARD)
    other = await refused(SignatureRefused, signatures.accept(tx, DOCTOR, older, PAYLOAD, NOW))
    assert not isinstance(other, SignedYesterday)


async def test_a_key_service_that_answers_another_key_is_not_believed(tx: Tx) -> None:
    """Its JWS verifies with the key it sent along, which is not the one of this professional."""
    await signatures.accept(tx, OTHER, await SIGNING.sign(OTHER, PAYLOAD), PAYLOAD, NOW)
    mixed = Signature(signature.sign(PAYLOAD, CARD), SIGNING.public_key(OTHER))
    await refused(SignatureRefused, signatures.accept(tx, DOCTOR, mixed, PAYLOAD, NOW))


async def test_asked_whether_it_holds_it_answers_and_leaves_a_trace(tx: Tx) -> None:
    made = await signed(tx)
    found = await signatures.verify_signature(tx, callers.doctor, made.id, NOW)
    assert found.key is not None
    assert (found.key.professional, found.faults) == (DOCTOR, ())
    row = await tx.one(sa.text("SELECT action, object_id FROM audit ORDER BY id DESC LIMIT 1"))
    assert row is not None
    assert tuple(row) == ("prescription.verify", made.id.value)


@pytest.mark.parametrize(
    "caller", [callers.doctor, COLLEAGUE, callers.citizen, callers.auditor, callers.operator]
)
async def test_who_may_read_it_may_ask_and_so_may_the_operator(tx: Tx, caller: object) -> None:
    made = await signed(tx)
    assert (await signatures.verify_signature(tx, caller, made.id, NOW)).key  # type: ignore[arg-type]


@pytest.mark.parametrize("caller", [callers.other_doctor, callers.pharmacist, callers.other_citizen])
async def test_for_whoever_may_not_read_it_there_is_none(tx: Tx, caller: object) -> None:
    made = await signed(tx)
    await refused(PrescriptionNotFound, signatures.verify_signature(tx, caller, made.id, NOW))  # type: ignore[arg-type]


async def test_a_draft_has_nothing_to_verify(tx: Tx) -> None:
    prescriptions.insert_prescription(tx, DRAFT)
    await refused(NothingSigned, signatures.verify_signature(tx, callers.doctor, DRAFT.id, NOW))


async def test_two_first_signatures_at_once_register_one_key(tx: Tx) -> None:
    given = await SIGNING.sign(DOCTOR, PAYLOAD)
    key = SigningKey(signature.key_of(given.jwk).thumbprint(), DOCTOR, given.jwk, Origin.LOCAL, NOW)
    assert [await keys.insert_key(tx, key) for _ in range(2)] == [True, False]
    assert len(await tx.all(sa.select(SIGNING_KEY.c.key_id))) == 1
