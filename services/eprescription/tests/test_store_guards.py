"""What PostgreSQL refuses by itself: raw SQL, as a bug or an operator would write it, against the guards."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from chassis.db import Tx
from chassis.errors import SocleError
from chassis.testing import NOW, callers
from eprescription import store
from eprescription.domain import errors
from eprescription.domain.ids import ClaimId, LineId
from eprescription.domain.prescriptions import Prescription
from eprescription.domain.states import State
from eprescription.store import lines

from .given import signed

INTERVENTION = """
INSERT INTO intervention (intervention_id, prescription_id, line_id, person_id, claim_id, kind, recorded_at,
    delivered_on, pharmacist, pharmacy, cis, cip13, label, packs, counted, forfeits, excess, days_covered,
    offline, paper_reference, undoes, details)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'p', $9, '', '', '', 0, $10, $11, $12, 0, $13, $14, $15, '{}')
"""


@pytest.fixture
async def prescription(tx: Tx) -> Prescription:
    return await signed(tx)


async def sql(tx: Tx, statement: str, *values: Any) -> str:
    """In a savepoint: what is refused leaves the transaction of the test usable."""
    async with tx._connection.transaction():
        status: str = await tx._connection.execute(statement, *values)
        return status


async def refused(constraint: str, asked: Any) -> type[SocleError] | None:
    """What the service makes of the refusal."""
    with pytest.raises(asyncpg.IntegrityConstraintViolationError) as caught:
        await asked
    assert caught.value.constraint_name == constraint
    return store.CONSTRAINTS.get(constraint)


async def claim(tx: Tx, of: Prescription, pharmacy: str = callers.pharmacist.organisation) -> str:
    claim_id = ClaimId.new().value
    await sql(
        tx,
        "INSERT INTO claim"
        " (claim_id, prescription_id, pharmacy, pharmacist, began_at, expires_at, end_reason)"
        " VALUES ($1, $2, $3, 'p', $4, $5, '')",
        claim_id,
        of.id.value,
        pharmacy,
        NOW,
        NOW + timedelta(minutes=30),
    )
    return claim_id


async def deliver(tx: Tx, of: Prescription, claim_id: str | None, counted: int, **changes: Any) -> str:
    """Inserts an intervention; its id."""
    usual: dict[str, Any] = {
        "kind": "as_prescribed",
        "pharmacy": callers.pharmacist.organisation,
        "forfeits": 0,
        "excess": 0,
        "offline": False,
        "paper": "",
        "undoes": None,
        "line": of.signed.content.lines[0].line_id,
    }
    one = {**usual, **changes}
    made = str(uuid4())
    await sql(
        tx,
        INTERVENTION,
        made,
        of.id.value,
        one["line"],
        of.person.value,
        claim_id,
        one["kind"],
        NOW,
        NOW.date(),
        one["pharmacy"],
        counted,
        one["forfeits"],
        one["excess"],
        one["offline"],
        one["paper"],
        one["undoes"],
    )
    return made


async def delivered(tx: Tx, of: Prescription) -> tuple[int, int]:
    (line,) = await lines.list_lines(tx, of.id)
    return int(line.delivered), int(line.forfeited)


async def test_a_line_is_never_delivered_beyond_what_was_prescribed(
    tx: Tx, prescription: Prescription
) -> None:
    held = await claim(tx, prescription)
    await deliver(tx, prescription, held, 20)
    assert await delivered(tx, prescription) == (20, 0)
    known = await refused("ck_line_never_beyond", deliver(tx, prescription, held, 5))
    assert known is errors.BeyondWhatWasPrescribed
    assert await delivered(tx, prescription) == (20, 0)
    await deliver(tx, prescription, held, 4)
    assert await delivered(tx, prescription) == (24, 0)


async def test_what_is_forfeited_is_not_delivered_either(tx: Tx, prescription: Prescription) -> None:
    held = await claim(tx, prescription)
    await deliver(tx, prescription, held, 10, forfeits=9)
    assert await delivered(tx, prescription) == (10, 9)
    await refused("ck_line_never_beyond", deliver(tx, prescription, held, 6))


async def test_what_was_delivered_is_only_counted(tx: Tx, prescription: Prescription) -> None:
    for change in (
        "UPDATE line SET delivered = 3",
        "UPDATE line SET forfeited = 3",
        "UPDATE line SET authorised = 90",
        "UPDATE line SET unit = 'box'",
    ):
        asked = sql(tx, f"{change} WHERE prescription_id = $1", prescription.id.value)
        await refused("ck_line_only_counted", asked)


async def test_nothing_is_delivered_without_a_hold(tx: Tx, prescription: Prescription) -> None:
    known = await refused("ck_intervention_held", deliver(tx, prescription, None, 1))
    assert known is errors.NotHeldByYou


async def test_nothing_is_delivered_under_the_hold_of_another_pharmacy(
    tx: Tx, prescription: Prescription
) -> None:
    held = await claim(tx, prescription)
    await refused("ck_intervention_held", deliver(tx, prescription, held, 1, pharmacy="1750000059"))


async def test_nothing_is_delivered_under_a_hold_of_another_prescription(
    tx: Tx, prescription: Prescription
) -> None:
    held = await claim(tx, await signed(tx))
    await refused("ck_intervention_held", deliver(tx, prescription, held, 1))


async def test_nothing_is_delivered_once_the_hold_has_ended(tx: Tx, prescription: Prescription) -> None:
    held = await claim(tx, prescription)
    await sql(tx, "UPDATE claim SET ended_at = $2 WHERE claim_id = $1", held, NOW)
    await refused("ck_intervention_held", deliver(tx, prescription, held, 1))


@pytest.mark.parametrize("state", ["delivered", "not_delivered", "cancelled", "expired"])
async def test_nothing_more_is_delivered_of_a_closed_line(
    tx: Tx, prescription: Prescription, state: str
) -> None:
    held = await claim(tx, prescription)
    await sql(tx, "UPDATE line SET state = $2 WHERE prescription_id = $1", prescription.id.value, state)
    known = await refused("ck_intervention_line_open", deliver(tx, prescription, held, 1))
    assert known is errors.LineClosed


async def test_nothing_is_delivered_of_a_line_of_another_prescription(
    tx: Tx, prescription: Prescription
) -> None:
    held = await claim(tx, prescription)
    foreign = (await signed(tx)).signed.content.lines[0].line_id
    await refused("ck_intervention_line_open", deliver(tx, prescription, held, 1, line=foreign))


async def test_two_pharmacies_never_hold_the_same_prescription(tx: Tx, prescription: Prescription) -> None:
    await claim(tx, prescription)
    known = await refused("uq_claim_one_pharmacy", claim(tx, prescription, "1750000059"))
    assert known is errors.HeldByAnotherPharmacy


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE prescription SET body = 'x'",
        "UPDATE prescription SET signature = 'x'",
        "UPDATE prescription SET key_id = 'x'",
        "UPDATE prescription SET number = 'x'",
        "UPDATE prescription SET prescriber = 'x'",
        "UPDATE prescription SET organisation = 'x'",
        "UPDATE prescription SET restricted = NOT restricted",
        "UPDATE prescription SET written_on = written_on - 1",
        "UPDATE prescription SET signed_at = signed_at - interval '1 day'",
        "UPDATE prescription SET person_id = gen_random_uuid()",
        "UPDATE prescription SET kind = 'exceptional_renewal'",
        "UPDATE prescription SET parent_id = prescription_id",
        "UPDATE prescription SET state = 'draft'",
        "UPDATE prescription SET state = 'discarded'",
    ],
)
async def test_what_was_signed_is_never_changed(tx: Tx, prescription: Prescription, change: str) -> None:
    asked = sql(tx, f"{change} WHERE prescription_id = $1", prescription.id.value)
    known = await refused("ck_prescription_signed_once", asked)
    assert known is errors.SignedAlready


@pytest.mark.parametrize("final", [State.CANCELLED, State.EXPIRED, State.DISCARDED])
async def test_what_is_final_is_never_revived(tx: Tx, final: State) -> None:
    prescription = await signed(tx, state=final)
    for state in ("active", "in_dispense", "partially_dispensed", "completed"):
        statement = "UPDATE prescription SET state = $2 WHERE prescription_id = $1"
        known = await refused("ck_prescription_final", sql(tx, statement, prescription.id.value, state))
        assert known is errors.PrescriptionFinal


async def test_a_prescription_leaves_the_draft_with_its_date_only(tx: Tx, prescription: Prescription) -> None:
    made = await signed(tx, state=State.DRAFT, written_on=None)
    statement = "UPDATE prescription SET state = 'active' WHERE prescription_id = $1"
    await refused("ck_prescription_signed", sql(tx, statement, made.id.value))


async def test_an_intervention_is_never_rewritten(tx: Tx, prescription: Prescription) -> None:
    made = await deliver(tx, prescription, await claim(tx, prescription), 4)
    for change in (
        "UPDATE intervention SET counted = 1",
        "UPDATE intervention SET label = 'x'",
        "UPDATE intervention SET pharmacy = 'x'",
        "UPDATE intervention SET offline = true",
    ):
        with pytest.raises(asyncpg.RaiseError, match="append-only"):
            await sql(tx, f"{change} WHERE intervention_id = $1", made)
    with pytest.raises(asyncpg.RaiseError, match="append-only"):
        await sql(tx, "TRUNCATE intervention CASCADE")


async def test_what_is_undone_is_given_back_once(tx: Tx, prescription: Prescription) -> None:
    wrong = await deliver(tx, prescription, await claim(tx, prescription), 20, forfeits=2)
    await deliver(tx, prescription, None, 0, kind="undone", undoes=wrong)
    assert await delivered(tx, prescription) == (0, 0)
    known = await refused(
        "uq_intervention_undone_once", deliver(tx, prescription, None, 0, kind="undone", undoes=wrong)
    )
    assert known is errors.UndoneAlready
    assert await delivered(tx, prescription) == (0, 0)


async def test_an_undoing_of_another_line_gives_nothing_back(tx: Tx, prescription: Prescription) -> None:
    other = await signed(tx)
    wrong = await deliver(tx, prescription, await claim(tx, prescription), 20)
    await refused("ck_intervention_undoes_line", deliver(tx, other, None, 0, kind="undone", undoes=wrong))
    assert await delivered(tx, prescription) == (20, 0)


async def test_only_a_paper_delivers_in_excess_and_once(tx: Tx, prescription: Prescription) -> None:
    held = await claim(tx, prescription)
    await refused("ck_intervention_excess", deliver(tx, prescription, held, 1, excess=3))
    await deliver(tx, prescription, None, 24, excess=3, offline=True, paper="2026-06-12/1")
    known = await refused(
        "uq_intervention_paper", deliver(tx, prescription, None, 0, offline=True, paper="2026-06-12/1")
    )
    assert known is errors.PaperRecordedAlready
    assert await delivered(tx, prescription) == (24, 0)


async def test_one_number_is_of_one_prescription(tx: Tx, prescription: Prescription) -> None:
    statement = "UPDATE prescription SET number = $2 WHERE prescription_id = $1"
    other = await signed(tx, state=State.DRAFT)
    known = await refused("uq_prescription_number", sql(tx, statement, other.id.value, prescription.number))
    assert known is errors.NumberTaken


async def test_one_line_is_of_one_prescription(tx: Tx, prescription: Prescription) -> None:
    (line,) = await lines.list_lines(tx, prescription.id)
    lines.insert_line(tx, replace(line, prescription_id=(await signed(tx)).id, rank=7))
    with pytest.raises(asyncpg.UniqueViolationError) as caught:
        await tx.flush()
    assert caught.value.constraint_name == "pk_line"
    assert store.CONSTRAINTS["pk_line"] is errors.LineTaken


async def test_a_draft_has_no_lines(tx: Tx, prescription: Prescription) -> None:
    (line,) = await lines.list_lines(tx, prescription.id)
    made = await signed(tx, state=State.DRAFT)
    lines.insert_line(tx, replace(line, prescription_id=made.id, line_id=LineId.new()))
    with pytest.raises(asyncpg.CheckViolationError) as caught:
        await tx.flush()
    assert caught.value.constraint_name == "ck_line_signed"
    assert store.CONSTRAINTS["ck_line_signed"] is errors.ChangedMeanwhile


async def test_a_parent_is_renewed_once(tx: Tx, prescription: Prescription) -> None:
    statement = (
        "UPDATE prescription SET kind = 'exceptional_renewal', parent_id = $2 WHERE prescription_id = $1"
    )
    child = await signed(tx, state=State.DRAFT)
    await sql(tx, statement, child.id.value, prescription.id.value)
    second = await signed(tx, state=State.DRAFT)
    known = await refused(
        "uq_prescription_one_renewal", sql(tx, statement, second.id.value, prescription.id.value)
    )
    assert known is errors.RenewedAlready


async def test_every_constraint_that_is_named_exists(tx: Tx) -> None:
    found = await tx._connection.fetch(
        "SELECT conname AS name FROM pg_constraint UNION SELECT indexname FROM pg_indexes"
    )
    raised = await tx._connection.fetch("SELECT prosrc FROM pg_proc WHERE prosrc LIKE '%CONSTRAINT =%'")
    known = {row["name"] for row in found}
    sources = " ".join(row["prosrc"] for row in raised)
    assert [name for name in store.CONSTRAINTS if name not in known and f"'{name}'" not in sources] == []
