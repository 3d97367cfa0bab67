"""What must be true after a restore: in the databases together, for those who listen, and for users."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from chassis.restored import LEAP, subject_of
from socle_local.journey.events import Event, listening
from tests.ledger import Ledger
from tests.reach import reach_of

from . import proof
from .edge import Request
from .proof import Check
from .restoring import Operator, Seen, last_positions, load
from .scene import sent, tokens

# Documents whose bytes are asked for.
RETRIEVED = 20
NEW_WORK = 5.0
Log = list[tuple[int, str, str]]
# A draft is no prescription yet: what was acknowledged is its signature.
HERE = {
    "identity": ("identity-ins", "SELECT ipp FROM local_identity"),
    "document": ("dmp", "SELECT document_id::text FROM document"),
    "prescription": (
        "eprescription",
        "SELECT prescription_id::text FROM prescription WHERE signed_at IS NOT NULL",
    ),
}
# Whom each database speaks of; all of them must be persons that identity-ins knows.
PERSONS = {
    "dmp": "SELECT DISTINCT person_id::text FROM record",
    "eprescription": "SELECT DISTINCT person_id::text FROM prescription",
}


async def judged(fresh: Operator, seen: Seen) -> list[Check]:
    """Every check, on the platform that runs again."""
    platform = fresh.platform
    async with Ledger.of(platform) as ledger:
        checks = [*await kept(ledger, seen), *await together(ledger)]
        checks.append(await work_goes_on(fresh, seen))
        await ledger.settled()
        async with listening(reach_of(platform), everything=True) as listener:
            logs = {service: await log_of(ledger, service) for service in ledger.connections}
            count = sum(len(log) for log in logs.values())
            events = await listener.until(lambda heard: len(heard) >= count, 30)
        checks += told_again(logs, events)
        checks += positions(logs, seen, last_positions(seen.printed))
    checks.append(await asyncio.to_thread(proofs_verify, fresh))
    names = [service.name for service in platform.services]
    checks.append(proof.quiet([fresh.home / "logs" / f"{name}.log" for name in names]))
    return checks


async def kept(ledger: Ledger, seen: Seen) -> list[Check]:
    """What was acknowledged before the moment is there; what was asked for after it is not."""
    checks = []
    for kind, (service, statement) in HERE.items():
        there = {str(row[0]) for row in await ledger[service].fetch(statement)}
        before, after = seen.told.before[kind], seen.told.after[kind]
        missing, left = len(before - there), len(after & there)
        checks.append(
            Check(
                f"each {kind} acknowledged before stands", not missing, f"{missing} missing of {len(before)}"
            )
        )
        undone = bool(after) and not left
        checks.append(Check(f"each {kind} asked for after is undone", undone, f"{left} left of {len(after)}"))
    return checks


async def together(ledger: Ledger) -> list[Check]:
    """No database speaks of what another one does not know: they stand at one moment."""
    known = {str(row[0]) for row in await ledger["identity-ins"].fetch("SELECT id::text FROM person")}
    checks = []
    for service, statement in PERSONS.items():
        named = {str(row[0]) for row in await ledger[service].fetch(statement)}
        strangers = len(named - known)
        figures = f"{strangers} unknown of {len(named)}"
        checks.append(
            Check(f"{service} names persons that identity-ins knows", not strangers and bool(named), figures)
        )
    told = {row["id"] for row in await ledger["identity-ins"].fetch("SELECT id FROM outbox")}
    acted = {row["event_id"] for row in await ledger["dmp"].fetch("SELECT event_id FROM inbox")}
    figures = f"{len(acted - told)} unknown of {len(acted)}"
    checks.append(Check("dmp acted on no event that did not happen", acted <= told and bool(acted), figures))
    return checks


async def log_of(ledger: Ledger, service: str) -> Log:
    """The log of a service: position, id and subject of each event, in order."""
    rows = await ledger[service].fetch("SELECT position, id, subject FROM outbox ORDER BY position")
    return [(row["position"], str(row["id"]), row["subject"]) for row in rows]


def told_again(logs: Mapping[str, Log], events: Sequence[Event]) -> Iterator[Check]:
    """The streams were made anew from the tables: a new subscriber gets each log whole, in order."""
    for service, log in logs.items():
        own = [event for event in events if event.service == service.replace("-", "_")]
        same = [(event.position, event.message_id, event.subject) for event in own] == log
        checked = f"{len(own)} of {len(log)} events"
        yield Check(f"{service}: the stream is the log again", same and bool(log), checked)


def positions(logs: Mapping[str, Log], seen: Seen, stands: Mapping[str, int]) -> Iterator[Check]:
    """No position was given twice, and each log says up to where it stands."""
    for service, log in logs.items():
        last = stands[service]
        heard = {
            event.position: event.message_id
            for event in seen.heard
            if event.service == service.replace("-", "_")
        }
        again = [position for position, id, _ in log if heard.get(position, id) != id]
        leap = [(position, subject) for position, _, subject in log if position > last][:1]
        told = leap == [(last + LEAP, subject_of(service))]
        lost = sum(position > last for position in heard)
        figures = f"stands to {last}, {lost} heard after it, {len(again)} positions given twice"
        yield Check(f"{service}: the log tells of its restore", told and not again, figures)


async def work_goes_on(fresh: Operator, seen: Seen) -> Check:
    """Users go on where they were, and read what was written before: its bytes, its keys."""
    secretary, doctor, pharmacist = tokens(fresh.platform.issuer_url)
    cast = replace(
        seen.cast,
        run=f"{seen.cast.run}-again",
        secretary=secretary,
        doctor=doctor,
        pharmacist=pharmacist,
        identities=list(seen.told.identities),
        documents=sorted(seen.told.before["document"]),
    )
    async with load(fresh.platform, cast) as (users, over):
        edge = users.traffic.edge
        for document in cast.documents[-RETRIEVED:]:
            await sent(edge, Request("GET", f"/fhir/Binary/{document}", cast.doctor))
        await asyncio.sleep(NEW_WORK)
        over.set()
    failures = [one.failure for one in users.traffic.samples if one.failure]
    figures = f"{len(users.traffic.samples)} requests, {len(failures)} failed {failures[:1]}"
    return Check("users read what they had written, and go on", not failures, figures)


def proofs_verify(fresh: Operator) -> Check:
    """The journal's tree is whole, by the command an operator has."""
    platform = fresh.platform
    service = next(one for one in platform.services if one.name == "dmp")
    done = subprocess.run(
        [sys.executable, "-m", "chassis.ops", "ledger", "verify"],
        env=platform.environment(service),
        capture_output=True,
        text=True,
        check=False,
    )
    said = (done.stdout.strip() or done.stderr.strip()).splitlines()[-1:]
    return Check("the journal's proofs verify", done.returncode == 0, " ".join(said))
