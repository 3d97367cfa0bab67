"""What happens to a draft between its examination and its signature: one winner, and nothing of the loser."""

from collections.abc import Awaitable, Callable

import pytest

from chassis.db import Database, Tx
from chassis.testing import NOW, call_as, callers
from eprescription.domain.errors import ChangedMeanwhile, LineTaken
from eprescription.domain.ids import PrescriptionId
from eprescription.store import lines
from eprescription.usecases import prescriptions, signing
from eprescription.usecases.signing import Wanted

from .given import SIGNING, content
from .medicines_given import seeded
from .test_signing import PARAMETERS, drafted, sign, stored, traces

DOCTOR = callers.doctor
Meanwhile = Callable[[Tx, PrescriptionId], Awaitable[object]]


@pytest.fixture(scope="module", autouse=True)
async def base(database: Database) -> None:
    """The fictitious medicines and their interactions."""
    await seeded(database)


def change(tx: Tx, of: PrescriptionId) -> Awaitable[object]:
    return prescriptions.change_prescription(tx, DOCTOR, of, content(), 0, NOW)


def give_up(tx: Tx, of: PrescriptionId) -> Awaitable[object]:
    return prescriptions.discard_prescription(tx, DOCTOR, of, NOW)


def sign_too(tx: Tx, of: PrescriptionId) -> Awaitable[object]:
    return sign(tx, Wanted(of))


async def change_and_sign(tx: Tx, of: PrescriptionId) -> None:
    await change(tx, of)
    await tx.flush()
    await sign(tx, Wanted(of))


async def all_of(database: Database, of: PrescriptionId) -> tuple[object, ...]:
    async with database.begin(call_as(DOCTOR)) as tx:
        return await traces(tx), await stored(tx, of), await lines.list_lines(tx, of)


@pytest.mark.parametrize("meanwhile", [change, give_up, sign_too, change_and_sign])
async def test_a_draft_that_moved_is_not_signed_as_it_was(database: Database, meanwhile: Meanwhile) -> None:
    async with database.begin(call_as(DOCTOR)) as tx:
        made = await drafted(tx)
        prepared = await signing.prepare(tx, DOCTOR, Wanted(made), PARAMETERS, NOW)
    given = await SIGNING.sign(DOCTOR.subject, prepared.payload)
    async with database.begin(call_as(DOCTOR)) as tx:
        await meanwhile(tx, made)
    before = await all_of(database, made)
    with pytest.raises((ChangedMeanwhile, LineTaken)):
        async with database.begin(call_as(DOCTOR)) as tx:
            await signing.sign(tx, DOCTOR, prepared, given, NOW)
    assert await all_of(database, made) == before
