"""Somebody with every right on the database alters what was signed: the dispensing refuses, naming what."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from chassis.db import Database, Tx
from chassis.testing import NOW, call_as, callers
from eprescription.domain import body, signature
from eprescription.domain.content import Content, CountUnit, Line
from eprescription.domain.errors import SignatureBroken
from eprescription.domain.prescriptions import Prescription
from eprescription.domain.signing_keys import Origin, SigningKey
from eprescription.domain.token import Token
from eprescription.keys import audit_all
from eprescription.store import keys, lines, prescriptions
from eprescription.usecases import auditing, products, signatures

from . import keys_given
from .dispensing_given import (
    LISTED,
    OPIATE,
    Counter,
    gives,
    opiate,
    prescribed,
    proof,
    stock,
    written,
    wrote,
)
from .given import refused

ATTACKER = keys_given.professional_key()


@pytest.fixture(scope="module", autouse=True)
async def stocked(database: Database) -> None:
    await stock(database)


async def altered(tx: Tx, statement: str, *values: Any) -> None:
    """As a superuser who turns every trigger off first, in a savepoint of the test's transaction."""
    await tx.flush()
    await tx._begin()
    connection = tx._connection
    await connection.execute("SET LOCAL session_replication_role = replica")
    assert await connection.execute(statement, *values) not in ("UPDATE 0", "DELETE 0")
    await connection.execute("SET LOCAL session_replication_role = origin")


async def set_column(tx: Tx, table: str, made: Prescription, column: str, value: object) -> None:
    statement = f"UPDATE {table} SET {column} = $2 WHERE prescription_id = $1"  # noqa: S608 (names of ours)
    await altered(tx, statement, made.id.value, value)


async def faults_of(tx: Tx, made: Prescription) -> tuple[str, ...]:
    """The claim is refused; what an audit then says of it."""
    broken = await refused(SignatureBroken, Counter(tx).claim(made))
    assert broken.remedy.startswith("Do not dispense")
    found = await audited(tx, made)
    assert tuple(broken.rules) == found
    return found


async def audited(tx: Tx, made: Prescription) -> tuple[str, ...]:
    found = await auditing.audit_batch(tx, replace(made.id, value=_before(made)))
    return next(one.faults for one in found.broken if one.prescription_id == made.id)


def _before(made: Prescription) -> str:
    """An id that sorts just before, so that the batch begins with this prescription."""
    return str(UUID(int=UUID(made.id.value).int - 1))


def forged_body(made: Prescription, **changes: Any) -> bytes:
    return body.canonical(replace(made.signed, **changes))


async def test_an_untouched_prescription_is_claimed(tx: Tx) -> None:
    made = await written(tx, prescribed(), opiate(), prescribed(renewals=3), content=Content((), secure=True))
    assert (await Counter(tx).claim(made)).visit.prescription.id == made.id


@pytest.mark.parametrize("space", [b" ", b"\n"])
async def test_one_space_more_in_the_body_is_enough(tx: Tx, space: bytes) -> None:
    """It still reads the same: the signature is over bytes."""
    made = await written(tx)
    await altered(
        tx, "UPDATE prescription SET body = $2 WHERE prescription_id = $1", made.id.value, made.body + space
    )
    assert await faults_of(tx, made) == ("signed.signature",)


async def test_another_quantity_in_the_body_is_seen(tx: Tx) -> None:
    line = prescribed()
    made = await written(tx, line)
    more = replace(line, quantity=replace(line.quantity, value=Decimal(9)))  # type: ignore[type-var]
    forged = forged_body(made, content=replace(made.signed.content, lines=(more,)))
    await altered(tx, "UPDATE prescription SET body = $2 WHERE prescription_id = $1", made.id.value, forged)
    assert await faults_of(tx, made) == ("signed.line.0.authorised",)
    # And when the row follows the forged body.
    await altered(tx, "UPDATE line SET authorised = 9 WHERE prescription_id = $1", made.id.value)
    assert await faults_of(tx, made) == ("signed.signature",)


async def test_a_body_that_is_none_is_refused_without_its_words(tx: Tx) -> None:
    made = await written(tx)
    await altered(tx, "UPDATE prescription SET body = 'MORPHINE' WHERE prescription_id = $1", made.id.value)
    broken = await refused(SignatureBroken, Counter(tx).claim(made))
    assert "MORPHINE" not in str(broken)
    assert await audited(tx, made) == ("signed.body",)


@pytest.mark.parametrize(
    ("column", "value", "fault"),
    [
        ("prescriber", "899700367909", "signed.prescriber"),
        ("organisation", "1750009999", "signed.organisation"),
        ("person_id", str(uuid4()), "signed.person_id"),
        ("written_on", NOW.date().replace(day=1, month=1), "signed.written_on"),
        ("restricted", True, "signed.restricted"),
        ("key_id", "another", "signed.key_id"),
        ("signed_at", NOW.replace(year=2001), "signed.signed_at"),
        ("signature", "e30..AAAA", "signed.signature"),
    ],
)
async def test_an_altered_column_is_named(tx: Tx, column: str, value: object, fault: str) -> None:
    made = await written(tx)
    await set_column(tx, "prescription", made, column, value)
    assert fault in await faults_of(tx, made)


@pytest.mark.parametrize(
    ("column", "value", "fault"),
    [
        ("authorised", Decimal(50), "authorised"),
        ("unit", "dose", "unit"),
        ("kind", "device", "kind"),
        ("cis", "61000004", "cis"),
        ("substances", ["02202"], "substances"),
        ("person_id", str(uuid4()), "person_id"),
        ("rank", 7, "rank"),
    ],
)
async def test_an_altered_line_is_named(tx: Tx, column: str, value: object, fault: str) -> None:
    made = await written(tx)
    await set_column(tx, "line", made, column, value)
    assert f"signed.line.0.{fault}" in await faults_of(tx, made)


async def test_a_line_put_in_or_taken_away_is_seen(tx: Tx) -> None:
    made, other = await written(tx), await written(tx)
    await altered(
        tx,
        "UPDATE line SET prescription_id = $2, rank = 1 WHERE prescription_id = $1",
        other.id.value,
        made.id.value,
    )
    assert await faults_of(tx, made) == ("signed.line.1.unsigned",)
    assert await faults_of(tx, other) == ("signed.line.0.missing",)


async def boxed_opiate(tx: Tx) -> Line:
    """As a signature makes it of a box that the prescriber counted."""
    line = opiate()
    assert line.quantity is not None
    boxed = replace(line, quantity=replace(line.quantity, value=Decimal(1), unit=CountUnit.BOX))
    return (await products.resolve(tx, [boxed])).lines[0]


async def test_an_import_that_changes_a_pack_breaks_no_signature(tx: Tx) -> None:
    made = await written(tx, await boxed_opiate(tx), content=Content((), secure=True))
    await altered(tx, "UPDATE pack SET units = 14 WHERE cis = $1", OPIATE.cis)
    products.BOOKS.clear()
    held = await Counter(tx).claim(made)
    products.BOOKS.clear()
    assert [(one.unit, one.authorised) for one in held.visit.lines] == [(CountUnit.DOSE, Decimal(30))]


async def test_more_of_a_boxed_narcotic_is_seen(tx: Tx) -> None:
    """Its row counts in units: what was signed says how many a box holds."""
    made = await written(tx, await boxed_opiate(tx), content=Content((), secure=True))
    assert (await lines.list_lines(tx, made.id))[0].authorised == 30
    await altered(tx, "UPDATE line SET authorised = 60 WHERE prescription_id = $1", made.id.value)
    assert await faults_of(tx, made) == ("signed.line.0.authorised",)


async def test_a_signature_moved_to_another_prescription_is_refused(tx: Tx) -> None:
    made, other = await written(tx), await written(tx)
    await altered(
        tx,
        "UPDATE prescription SET signature = $2 WHERE prescription_id = $1",
        made.id.value,
        other.signature,
    )
    assert await faults_of(tx, made) == ("signed.signature",)


async def test_a_prescription_called_a_renewal_does_not_escape_its_signature(tx: Tx) -> None:
    """A renewal by a pharmacist has no signature of its own: its parent's is verified in its place."""
    made = await written(tx)
    await altered(
        tx,
        "UPDATE prescription SET kind = 'exceptional_renewal', signature = '' WHERE prescription_id = $1",
        made.id.value,
    )
    assert await faults_of(tx, made) == ("signed.parent_id",)


async def renewed(tx: Tx) -> tuple[Prescription, Prescription]:
    """A prescription delivered to its last box, and the exceptional renewal that followed it."""
    line, counter = prescribed(LISTED, renewals=3), Counter(tx)
    made = await written(tx, line)
    for month in range(4):
        await counter.at(NOW + timedelta(days=30 * month)).whole(made, gives(line, product=LISTED))
    held = await counter.at(NOW + timedelta(days=121)).renew(made, by_id=True)
    return made, held.visit.prescription


async def test_a_renewal_stands_on_the_signature_of_its_parent(tx: Tx) -> None:
    made, child = await renewed(tx)
    assert (await verified(tx, child)).key_id == made.key_id
    await set_column(tx, "prescription", made, "signature", "e30..AAAA")
    assert (await refused(SignatureBroken, verified(tx, child))).rules == ("signed.signature",)


async def test_a_renewal_of_another_product_is_seen(tx: Tx) -> None:
    """Nobody signed its body: it may say no other treatment than its parent's."""
    _, child = await renewed(tx)
    (line,) = child.signed.content.lines
    other = replace(line, product=replace(line.product, label="MORPHINE 100 mg"))
    forged = keys_given.reread(child, replace(child.signed.content, lines=(other,)))
    await set_column(tx, "prescription", child, "body", forged.body)
    assert (await refused(SignatureBroken, verified(tx, child))).rules == ("signed.line.0.product",)


async def verified(tx: Tx, made: Prescription) -> SigningKey:
    found = await prescriptions.find_prescription(tx, made.id)
    assert found is not None
    return await signatures.verified(tx, found, await lines.list_lines(tx, found.id))


async def test_a_key_registered_for_someone_else_is_not_the_prescribers(tx: Tx) -> None:
    made = await written(tx)
    await altered(tx, "UPDATE signing_key SET professional = '899700367909' WHERE key_id = $1", made.key_id)
    assert await faults_of(tx, made) == ("signed.key_id",)


async def test_a_key_under_the_name_of_another_is_seen(tx: Tx) -> None:
    """The body is signed anew by the attacker, whose key is written over the registered one."""
    made = await written(tx)
    await altered(
        tx,
        "UPDATE signing_key SET jwk = $2 WHERE key_id = $1",
        made.key_id,
        signature.public(ATTACKER),
    )
    assert await faults_of(tx, made) == ("signed.jwk",)


async def rewritten_whole(tx: Tx, made: Prescription) -> Prescription:
    """All that a master of the database can do: another body, signed by a key put in for the prescriber."""
    forged = keys_given.reread(made, replace(made.signed.content, urgent=True))
    key = SigningKey(
        ATTACKER.thumbprint(), made.prescriber, signature.public(ATTACKER), Origin.CARD, made.created_at
    )
    await keys.insert_key(tx, key)
    await altered(
        tx,
        "UPDATE prescription SET body = $2, signature = $3, key_id = $4 WHERE prescription_id = $1",
        made.id.value,
        forged.body,
        signature.sign(forged.body, ATTACKER),
        key.key_id,
    )
    return forged


def scanned(made: Prescription) -> Token:
    """As the patient's paper says it, printed before."""
    return keys_given.token(made)


async def test_the_paper_tells_what_a_whole_rewriting_hides(tx: Tx) -> None:
    """A body, a key and a signature that agree: only what is out of the database can tell."""
    made = await written(tx)
    paper = scanned(made).body_sha256
    assert (await Counter(tx).ask(proof(made, paper=paper))).visit  # type: ignore[union-attr]
    other = await written(tx)
    paper = scanned(other).body_sha256
    await rewritten_whole(tx, other)
    broken = await refused(SignatureBroken, Counter(tx).ask(proof(other, paper=paper)))
    assert broken.rules == ("signed.paper",)


async def test_the_nightly_audit_names_what_was_altered_and_nothing_else(database: Database) -> None:
    good, bad = await wrote(database), await wrote(database)
    assert await audit_all(database, 1) == (2, [])
    async with database.begin(call_as(callers.operator)) as tx:
        await altered(tx, "UPDATE line SET authorised = 50 WHERE prescription_id = $1", bad.id.value)
    count, broken = await audit_all(database, 1)
    assert count == 2
    assert [(one.prescription_id, one.faults) for one in broken] == [(bad.id, ("signed.line.0.authorised",))]
    async with database.read() as tx:
        kept = await prescriptions.find_prescription(tx, good.id)
        assert kept is not None
        assert (
            await signatures.verified(tx, kept, await lines.list_lines(tx, good.id))
        ).key_id == good.key_id
