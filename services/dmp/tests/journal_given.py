"""A sequencer by hand, and a journal downloaded whole."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from chassis import ledger, merkle
from chassis.caller import Caller
from chassis.db import Tx
from chassis.testing import NOW
from dmp.domain import PersonId
from dmp.usecases.journal import Exported, export_journal

from .dmp_given import PERSON

SIGNER = ledger.Signer.fresh()


async def sequence(tx: Tx) -> ledger.Head:
    """Puts every line that waits in the tree; the head over it."""
    await tx.flush()
    sequencer = ledger.Sequencer("", None, SIGNER, "dmp", lambda: NOW)
    connection: Any = tx._connection
    edge = await sequencer.open(connection)
    while await sequencer.step(connection, edge):
        pass
    head = await ledger.find_head(tx)
    assert head is not None
    return head


async def exported(
    tx: Tx, caller: Caller, person: PersonId = PERSON, size: int = 100, now: datetime = NOW
) -> list[Exported]:
    """Every page of an export."""
    pages = [await export_journal(tx, caller, person, 0, size, None, now)]
    while pages[-1].next is not None:
        pages.append(await export_journal(tx, caller, person, 0, size, pages[-1].next, now))
    return pages


def shown(pages: Sequence[Exported], person: PersonId = PERSON) -> list[tuple[str, int, str]]:
    """Chain without the person, number, action; the action is "withheld" when the line is."""
    return [
        (
            line.leaf.chain.removeprefix(person.value).lstrip("/"),
            line.leaf.number,
            "withheld" if line.leaf.withheld else action(line.leaf.line),
        )
        for page in pages
        for line in page.lines
    ]


def action(line: bytes) -> str:
    return line.decode().partition('"action":"')[2].partition('"')[0]


def proven(pages: Sequence[Exported]) -> bool:
    """Every leaf is the hash of its line, and stands in the tree of the head."""
    return all(
        merkle.verify_inclusion(
            leaf, line.leaf.leaf_index, page.head.tree_size, line.path, page.head.root_hash
        )
        for page in pages
        for line in page.lines
        for leaf in [merkle.leaf_hash(line.leaf.line) if line.leaf.line else line.leaf.leaf_hash]
    )
