"""What is asked of a lot before a transaction opens: its content, its patient, the scanner."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Protocol

from chassis.call import Call
from dmp import domain
from dmp.clients.identities import Comparison
from dmp.domain import Deposit, PersonId, content
from dmp.domain.content.errors import INS_DIFFERS, PatientDiffers
from dmp.domain.deposit import Arrival, Item
from dmp.domain.documents import Scan

# Below this, checking a lot takes less time than handing it to a thread.
IN_LINE = 64 * 1024


class ScansContents(Protocol):
    """`clients.scanner.Scanner`, or what stands for it."""

    async def scan(self, content: bytes, field: str = "") -> Scan:
        """Raises ContentInfected, ScannerAway."""


class ComparesPatients(Protocol):
    """`clients.identities.Identities`, or what stands for it."""

    async def compare(self, person: PersonId, patient: content.HeaderPatient, call: Call) -> Comparison:
        """Raises NotFound, Unavailable."""


@dataclass(frozen=True, slots=True, repr=False)
class Read:
    """What was found in one content: the patient it names, and all that a scanner must see of it."""

    field: str
    patient: content.HeaderPatient | None
    streams: tuple[bytes, ...]


class Examiner:
    """Asks three questions of a lot; the last two, which go over the network, at the same time."""

    def __init__(self, scanner: ScansContents, identities: ComparesPatients) -> None:
        self._scanner, self._identities = scanner, identities

    async def examine(self, person: PersonId, deposit: Deposit, call: Call) -> tuple[Scan, ...]:
        """What the scanner said of each document; raises the faults of the lot, or Unavailable."""
        read = await _read(deposit, domain.arrival_of(call.caller, call.now()))
        compared = [self._compared(person, one.patient, one.field, call) for one in read if one.patient]
        answers = await _together(*compared, *(self._scanned(one) for one in read))
        return tuple(answer for answer in answers if answer is not None)

    async def _compared(
        self, person: PersonId, patient: content.HeaderPatient, field: str, call: Call
    ) -> None:
        comparison = await self._identities.compare(person, patient, call)
        if not comparison.agrees:
            # Which trait differs is not told: whoever may send documents could guess them one by one.
            hint = "Send it to the record of the patient it names, as their identity qualifiée has them."
            raise PatientDiffers(field=field, hint=hint, rules=[INS_DIFFERS, "XDSPatientIdDoesNotMatch"])

    async def _scanned(self, read: Read) -> Scan:
        scans = await _together(*(self._scanner.scan(stream, read.field) for stream in read.streams))
        return Scan.CLEAN if all(scan is Scan.CLEAN for scan in scans) else Scan.NOT_SCANNED


async def _read(deposit: Deposit, arrival: Arrival) -> Sequence[Read]:
    """Hashing and parsing megabytes would hold up every other call: both let go of the interpreter."""
    if sum(len(item.content) for item in deposit.items) <= IN_LINE:
        return _examined(deposit, arrival)
    return await asyncio.to_thread(_examined, deposit, arrival)


def _examined(deposit: Deposit, arrival: Arrival) -> Sequence[Read]:
    domain.examine(deposit, arrival)
    return [_look(item, f"documents[{place}].content") for place, item in enumerate(deposit.items)]


def _look(item: Item, field: str) -> Read:
    if item.entry.mime_type != content.CDA:
        return Read(field, None, (item.content,))
    patient, file = content.opened(item.content, field)
    # In base64 within the XML, a scanner would not know a virus again.
    return Read(field, patient, (item.content, *((file.content,) if file else ())))


async def _together(*asked: Awaitable[Scan | None]) -> list[Scan | None]:
    """All the answers, or the first refusal in the order asked once all are in: none is left running."""
    found: list[Scan | None] = []
    for answer in await asyncio.gather(*asked, return_exceptions=True):
        if isinstance(answer, BaseException):
            raise answer
        found.append(answer)
    return found
