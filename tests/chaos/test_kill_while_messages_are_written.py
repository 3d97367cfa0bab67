"""kill -9 of identity-ins while it writes HL7 messages out of its own events: each version is told once."""

import asyncio

import pytest

from tests.chaos.fault import Fault

pytestmark = pytest.mark.timeout(300)
MESSAGES = "SELECT domain, position, identity_id, version, trigger FROM pam_message ORDER BY domain, position"
TOLD = [(1, "A28"), (2, "A31"), (3, "A31")]


async def test_kill_while_messages_are_written_tells_each_version_once_and_in_order(fault: Fault) -> None:
    identities = []
    for moment in (0.0, 0.05, 0.2, 0.4):
        identities.append(await fault.qualified())
        # Before, while and after its events become messages.
        await asyncio.sleep(moment)
        fault.kill("identity-ins")
        fault.revive("identity-ins")
        await fault.callable_again()
    await fault.ledger.settled()
    rows = await fault.ledger["identity-ins"].fetch(MESSAGES)
    for identity in identities:
        of_identity = [
            (row["version"], row["trigger"]) for row in rows if str(row["identity_id"]) == identity
        ]
        assert of_identity == TOLD
    for domain in {row["domain"] for row in rows}:
        positions = [row["position"] for row in rows if row["domain"] == domain]
        assert positions == list(range(1, len(positions) + 1))
    assert await fault.ledger["identity-ins"].fetchval("SELECT count(*) FROM parked") == 0


async def test_stream_rebuilt_with_every_old_event_writes_no_message_again(fault: Fault) -> None:
    await fault.qualified()
    await fault.ledger.settled()
    before = await fault.ledger["identity-ins"].fetch(MESSAGES)
    fault.lose_streams()
    identity = await fault.qualified()
    await fault.ledger.settled()
    after = await fault.ledger["identity-ins"].fetch(MESSAGES)
    assert after[: len(before)] == before
    told = [(row["version"], row["trigger"]) for row in after[len(before) :]]
    assert told == TOLD
    assert {str(row["identity_id"]) for row in after[len(before) :]} == {identity}
