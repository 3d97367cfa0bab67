"""What must be true afterwards, read in the databases, in the stream and in the logs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from socle_local.journey.events import Event
from tests.ledger import Ledger

from . import users
from .generator import Outcome
from .rolling import Rehearsal
from .stack import Stack
from .trees import Tree

LOUD = {"error", "critical"}
SHOWN = 3
SIZES = "SELECT relname, pg_total_relation_size(oid) AS size FROM pg_class WHERE relname = ANY($1)"
# Fewer rows measure the pages they lie in.
SIZED, ENOUGH_ROWS = ("outbox", "audit", "ledger_leaf", "ledger_node", "idempotency", "inbox"), 300
# The line of the journal that each request leaves: database and action.
JOURNAL = {
    users.CREATE: ("identity-ins", "identity.create"),
    users.READ: ("identity-ins", "identity.read"),
    users.SEARCH: ("identity-ins", "identity.search"),
    users.DEPOSIT: ("dmp", "dmp_document.submit"),
    users.FIND: ("dmp", "dmp_document.search"),
    users.RETRIEVE: ("dmp", "dmp_document.retrieve"),
    users.DRAFT: ("eprescription", "prescription.create"),
    users.SIGN: ("eprescription", "prescription.sign"),
    users.CLAIM: ("eprescription", "prescription.claim"),
    users.DISPENSE: ("eprescription", "prescription.dispense"),
    users.CLOSE: ("eprescription", "prescription.close"),
}
# The event that each change publishes, once.
TOLD = {
    users.CREATE: "socle.identity_ins.identity.created.v1",
    users.DEPOSIT: "socle.dmp.document.submitted.v1",
    users.SIGN: "socle.eprescription.prescription.signed.v1",
    users.DISPENSE: "socle.eprescription.line.intervened.v1",
    users.CLOSE: "socle.eprescription.dispensing.closed.v1",
}
Counts = dict[str, Counter[str]]


@dataclass(frozen=True, slots=True)
class Check:
    """One statement about the run: whether it held, and by what figures."""

    what: str
    held: bool
    figures: str


async def journal(ledger: Ledger) -> Counts:
    """Lines of each action that was permitted, by service."""
    asked = "SELECT action, count(*) AS lines FROM audit WHERE outcome = 'permitted' GROUP BY action"
    return {
        service: Counter({row["action"]: row["lines"] for row in await connection.fetch(asked)})
        for service, connection in ledger.connections.items()
    }


async def told(ledger: Ledger) -> Counter[str]:
    """Rows of the logs of events, by subject."""
    asked = "SELECT subject, count(*) AS events FROM outbox GROUP BY subject"
    counts: Counter[str] = Counter()
    for connection in ledger.connections.values():
        counts.update({row["subject"]: row["events"] for row in await connection.fetch(asked)})
    return counts


def journal_complete(seen: Outcome, before: Counts, after: Counts) -> Iterator[Check]:
    """Each request that was acknowledged left its line; a request that was not sent twice left one."""
    for kind, (service, action) in JOURNAL.items():
        lines = after[service][action] - before[service][action]
        count = seen.acknowledged(kind)
        yield Check(f"journal: {action}", lines == count, f"{count} acknowledged, {lines} lines")


def applied_once(seen: Outcome, before: Counter[str], after: Counter[str]) -> Iterator[Check]:
    """Each change that was acknowledged stands once, as its event says."""
    for kind, subject in TOLD.items():
        events, count = after[subject] - before[subject], seen.acknowledged(kind)
        yield Check(f"applied once: {kind}", events == count, f"{count} acknowledged, {events} events")


async def stored(seen: Outcome, ledger: Ledger) -> Check:
    """What was acknowledged by its id is there by its id."""
    identities = await ledger["identity-ins"].fetch(
        "SELECT ipp FROM local_identity WHERE ipp LIKE $1", f"UP-{seen.run}-%"
    )
    documents = await ledger["dmp"].fetch("SELECT document_id FROM document")
    prescriptions = await ledger["eprescription"].fetch("SELECT prescription_id FROM prescription")
    names = [row["ipp"] for row in identities]
    missing = [
        *(seen.created - set(names)),
        *(seen.deposited - {str(row["document_id"]) for row in documents}),
        *(seen.prescribed - {str(row["prescription_id"]) for row in prescriptions}),
    ]
    twice = len(names) - len(set(names))
    figures = (
        f"{len(names)} identities, {len(seen.deposited)} documents, {len(seen.prescribed)} prescriptions"
    )
    return Check("what was acknowledged is stored, once", not missing and not twice, figures)


async def heard(events: Sequence[Event], service: str, ledger: Ledger) -> Check:
    """A subscriber saw the log of a service as it is: every event, once, in the order of positions."""
    rows = await ledger[service].fetch("SELECT id, position FROM outbox ORDER BY position")
    log = [(str(row["id"]), row["position"]) for row in rows]
    told = [(str(event.body["id"]), event.position) for event in events]
    gapless = [position for _, position in told] == list(range(1, len(told) + 1))
    held = told == log and gapless
    return Check(f"events of {service}: each once, in order", held, f"{len(told)} of {len(log)}")


async def both_served(rehearsal: Rehearsal, ledger: Ledger) -> list[tuple[str, str, int, int]]:
    """Events that each version wrote in each phase of change: service, phase, by the former, by the next."""
    asked = """ SELECT count(*) FILTER (WHERE producer IS NULL) AS former, count(*) FILTER (WHERE producer =
    'next') AS next FROM outbox WHERE occurred_at BETWEEN to_timestamp($1) AND to_timestamp($2)
    """
    found = []
    for phase in (one for one in rehearsal.phases if one.name in ("upgrade", "rollback")):
        for service, connection in ledger.connections.items():
            row = await connection.fetchrow(asked, phase.clock, phase.clock + phase.seconds)
            found.append((service, phase.name, row["former"], row["next"]))
    return found


async def bytes_a_row(ledger: Ledger) -> dict[str, int]:
    """Bytes of a row with its indexes, of tables that services share: docs/capacity.md counts with them."""
    found = {}
    for service, connection in ledger.connections.items():
        for row in await connection.fetch(SIZES, list(SIZED)):
            rows = await connection.fetchval(f'SELECT count(*) FROM "{row["relname"]}"')  # noqa: S608
            if rows >= ENOUGH_ROWS:
                found[f"{service}.{row['relname']}"] = round(row["size"] / rows)
    return found


async def nothing_parked(ledger: Ledger) -> Check:
    """No version refused an event of the other."""
    parked = {
        service: await connection.fetchval("SELECT count(*) FROM parked")
        for service, connection in ledger.connections.items()
    }
    return Check("no event was parked", not any(parked.values()), str(sum(parked.values())))


def quiet(logs: Sequence[Path]) -> Check:
    """No program said that something went wrong."""
    loud = [
        f"{path.stem}: {line['event']}" for path in logs for line in _lines(path) if line["level"] in LOUD
    ]
    return Check("no error in any log", not loud, "; ".join(loud[:SHOWN]) or f"{len(logs)} logs")


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of a log. What is no line of ours (a traceback of the interpreter) is an error of its own."""
    for text in path.read_text(errors="replace").splitlines():
        try:
            line = json.loads(text)
        except ValueError:
            line = {}
        if isinstance(line, dict) and {"level", "event"} <= line.keys():
            yield line
        elif text.strip():
            yield {"level": "error", "event": text[:160]}


def proven(stack: Stack, tree: Tree) -> Check:
    """The journal's tree is made anew from its lines and compared, by the command an operator has."""
    done = subprocess.run(
        [sys.executable, "-m", "chassis.ops", "ledger", "verify"],
        cwd=tree.root,
        env={**os.environ, **stack.environment("dmp", tree)},
        capture_output=True,
        text=True,
        check=False,
    )
    said = (done.stdout.strip() or done.stderr.strip()).splitlines()[-1:]
    return Check("the journal's proofs verify", done.returncode == 0, " ".join(said))
