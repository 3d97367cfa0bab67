"""kill -9 in the middle of a lot of verifications: it resumes, and ends as if nothing had happened."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from itertools import pairwise
from typing import Any

import pytest

from socle.identity_ins.v1 import insi_pb2 as pb
from socle_local.platform import Platform
from tests.chaos.fault import Fault
from tests.insi import Insi, Result, line_of

pytestmark = pytest.mark.timeout(300)
LINES, PERSONS, SERVICE = 12_000, 10_000, "identity-ins"
# So that a lot lasts: the answer to each batch is that late.
LATE_MS = 150
# Seconds a lot may take: two leases of dead workers must run out.
WAITED = 90.0
KILLS = 2
AUDITED = "SELECT subject FROM audit WHERE action = 'insi.verify_lot' AND object_id = $1"
ASKED = "SELECT coalesce(sum(lines), 0) FROM insi_call WHERE operation = 'verify_lot' AND code = 'OK'"
TOLD = "SELECT convert_from(data, 'UTF8')::jsonb ->> 'lot_id' FROM outbox WHERE subject LIKE '%lot.done.v1'"


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform whose INSi takes its time."""
    extra = {"SOCLE_INSI_LATENCY_MS": str(LATE_MS)}
    with Platform(tmp_path_factory.mktemp("slow"), extra=extra) as running:
        yield running


@pytest.fixture
async def fault(slow: Platform) -> AsyncIterator[Fault]:
    async with Fault.on(slow) as ready:
        yield ready


def lines() -> list[pb.VerificationLine]:
    """In ten: eight right, one that INSi does not confirm, one broken."""
    changes: dict[int, dict[str, str]] = {8: {"nom_naissance": "AUTREMENT"}, 9: {"date_naissance": "never"}}
    return [line_of(1 + n % PERSONS, **changes.get(n % 10, {})) for n in range(LINES)]


async def finished(insi: Insi, id: str) -> pb.VerificationLot:
    async with asyncio.timeout(WAITED):
        while (lot := await insi.lot(id)).state != pb.LOT_STATE_DONE:
            await asyncio.sleep(0.05)
        return lot


async def further(insi: Insi, id: str, than: int) -> int:
    """The lines done, once there are more of them than before and some are left."""
    async with asyncio.timeout(WAITED):
        while (lot := await insi.lot(id)).done <= than:
            await asyncio.sleep(0.01)
    assert lot.state == pb.LOT_STATE_RUNNING, "the lot was over before it could be killed: make it larger"
    return lot.done


async def killed_and_finished(fault: Fault, insi: Insi, id: str) -> list[int]:
    """The lines done at each kill; the lot is finished at the end."""
    done = [0]
    for _ in range(KILLS):
        done.append(await further(insi, id, than=done[-1]))
        fault.kill(SERVICE)
        fault.revive(SERVICE)
    await finished(insi, id)
    return done


async def traces(fault: Fault, id: str) -> Counter[str]:
    """How often each person was told confirmed."""
    rows: Any = await fault.ledger[SERVICE].fetch(AUDITED, id)
    return Counter(row["subject"] for row in rows)


def check_file(results: list[Result]) -> None:
    assert [position for position, *_ in results] == list(range(LINES))
    assert Counter(outcome for _, _, outcome, _ in results) == {
        pb.VERIFICATION_OUTCOME_CONFIRMED: LINES * 8 // 10,
        pb.VERIFICATION_OUTCOME_NOT_CONFIRMED: LINES // 10,
        pb.VERIFICATION_OUTCOME_BROKEN: LINES // 10,
    }


async def test_lot_killed_in_the_middle_ends_as_an_uninterrupted_one(fault: Fault) -> None:
    """Same file, same traces, each line answered once in the journal of calls, one event."""
    async with Insi.on(fault.platform) as insi:
        whole = await insi.submit(lines())
        await finished(insi, whole)
        asked = await fault.ledger[SERVICE].fetchval(ASKED)
        broken_off = await insi.submit(lines())
        done = await killed_and_finished(fault, insi, broken_off)
        assert all(before < after < LINES for before, after in pairwise(done)), "each kill fell in the middle"
        expected, found = await insi.results(whole), await insi.results(broken_off)
    check_file(expected)
    assert found == expected
    assert await traces(fault, broken_off) == await traces(fault, whole)
    assert await fault.ledger[SERVICE].fetchval(ASKED) == 2 * asked == 2 * LINES * 9 // 10
    told = [row[0] for row in await fault.ledger[SERVICE].fetch(TOLD)]
    assert sorted(told) == sorted([whole, broken_off])
