"""One prescription, three pharmacies, its prescriber and chance: everybody acts at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from socle.eprescription.v1 import dispensing_pb2 as dispensing
from socle.eprescription.v1 import eprescription_pb2 as pb

from .clients import Client, Witness
from .history import Kind, Operation

BOXES = 6
# Of a hundred acts of a pharmacy.
ACTS = {"claim": 32, "record": 34, "release": 10, "close": 8, "undo": 12, "offline": 4}
EACH_PHARMACY, EACH_CLIENT = 2, 3


@dataclass(frozen=True, slots=True)
class Prescription:
    """What the paper says."""

    id: str
    number: str
    access_code: str
    line_id: str
    cip13: str


@dataclass
class Counter:
    """A pharmacy: several clerks who share what they know."""

    name: str
    client: Client
    secret: str = ""
    # Interventions it may undo.
    recorded: list[str] = field(default_factory=list)


@dataclass
class Contest:
    prescription: Prescription
    counters: Mapping[str, Counter]
    prescriber: Client
    draw: Random
    # Makes the last day of a prescription pass, as time would.
    lapse: Callable[[str], Awaitable[None]]
    witness: Witness = field(default_factory=Witness)
    papers: int = 0

    async def run(self) -> list[Operation]:
        """Everybody acts; what was seen, a last look included."""
        clerks = [self._clerk(counter) for counter in self.counters.values() for _ in range(EACH_PHARMACY)]
        await asyncio.gather(*clerks, self._prescriber(), self._calendar())
        await self._read()
        return self.witness.operations

    async def _clerk(self, counter: Counter) -> None:
        for act in self.draw.choices(list(ACTS), list(ACTS.values()), k=EACH_CLIENT):
            # Who has nothing to show begins by claiming.
            wanted = act if counter.secret or act in ("offline", "undo") else "claim"
            await getattr(self, f"_{wanted}")(counter)
            await asyncio.sleep(self.draw.uniform(0, 0.03))

    async def _prescriber(self) -> None:
        await asyncio.sleep(self.draw.uniform(0, 0.3))
        if self.draw.random() < 0.3:
            request = pb.CancelPrescriptionRequest(
                prescription_id=self.prescription.id, reason=pb.CANCEL_REASON_CHANGE_OF_TREATMENT
            )
            await self.witness.sees(
                self.prescriber, Kind.CANCEL, "CancelPrescription", request, lambda answer: ()
            )
        await self._read()

    async def _calendar(self) -> None:
        await asyncio.sleep(self.draw.uniform(0, 0.4))
        if self.draw.random() < 0.15:
            start = time.monotonic()
            await self.lapse(self.prescription.id)
            self.witness.operations.append(Operation(Kind.LAPSE, start, time.monotonic()))

    async def _read(self) -> None:
        request = pb.GetPrescriptionRequest(prescription_id=self.prescription.id)
        await self.witness.sees(self.prescriber, Kind.READ, "GetPrescription", request, _seen)

    async def _claim(self, counter: Counter) -> None:
        request = dispensing.ClaimPrescriptionRequest(
            number=self.prescription.number, access_code=self.prescription.access_code
        )
        answer = await self._acts(counter, Kind.CLAIM, "ClaimPrescription", request, lambda a: (a.secret,))
        counter.secret = answer[0] if answer else counter.secret

    async def _record(self, counter: Counter) -> None:
        boxes = self.draw.randint(1, 3)
        request = dispensing.RecordDispensingRequest(
            prescription_id=self.prescription.id, secret=counter.secret, acts=[self._act(boxes)]
        )
        known = {"boxes": boxes, "target": counter.secret}
        answer = await self._acts(counter, Kind.RECORD, "RecordDispensing", request, _recorded, **known)
        counter.recorded.extend(answer)

    async def _release(self, counter: Counter) -> None:
        request = dispensing.ReleasePrescriptionRequest(
            prescription_id=self.prescription.id,
            secret=counter.secret,
            reason=dispensing.RELEASE_REASON_PATIENT_LEFT,
        )
        await self._acts(
            counter, Kind.RELEASE, "ReleasePrescription", request, lambda a: (), target=counter.secret
        )

    async def _close(self, counter: Counter) -> None:
        request = dispensing.CloseDispensingRequest(
            prescription_id=self.prescription.id, secret=counter.secret
        )
        await self._acts(counter, Kind.CLOSE, "CloseDispensing", request, lambda a: (), target=counter.secret)

    async def _undo(self, counter: Counter) -> None:
        if not counter.recorded:
            return
        target = self.draw.choice(counter.recorded)
        request = dispensing.UndoInterventionRequest(
            prescription_id=self.prescription.id, intervention_id=target, reason="saisie erronée"
        )
        await self._acts(counter, Kind.UNDO, "UndoIntervention", request, lambda a: (), target=target)

    async def _offline(self, counter: Counter) -> None:
        self.papers += 1
        boxes = self.draw.randint(1, 2)
        request = dispensing.RecordOfflineDispensingRequest(
            number=self.prescription.number,
            access_code=self.prescription.access_code,
            acts=[self._act(boxes)],
            paper_reference=f"{counter.name}-{self.prescription.id}-{self.papers}",
        )
        request.delivered_at.FromDatetime(datetime.now(UTC) - timedelta(seconds=1))
        await self._acts(
            counter, Kind.OFFLINE, "RecordOfflineDispensing", request, _excess_of(boxes), boxes=boxes
        )

    def _act(self, boxes: int) -> dispensing.Act:
        return dispensing.Act(
            line_id=self.prescription.line_id,
            kind=pb.INTERVENTION_KIND_AS_PRESCRIBED,
            cip13=self.prescription.cip13,
            packs=str(boxes),
        )

    async def _acts(
        self, counter: Counter, kind: Kind, method: str, request: Any, read: Any, **known: Any
    ) -> tuple[str, ...]:
        return await self.witness.sees(
            counter.client, kind, method, request, read, pharmacy=counter.name, **known
        )


def _recorded(answer: dispensing.RecordDispensingResponse) -> tuple[str, ...]:
    return (answer.interventions[0].intervention_id,)


def _excess_of(boxes: int) -> Any:
    def read(answer: dispensing.RecordOfflineDispensingResponse) -> tuple[str, ...]:
        excess = sum(round(float(one.excess)) for one in answer.duplicates)
        return (answer.interventions[0].intervention_id, str(boxes - excess), str(excess))

    return read


def _seen(answer: pb.GetPrescriptionResponse) -> tuple[str, ...]:
    line = answer.prescription.lines[0]
    state = "cancelled" if line.state == pb.LINE_STATE_CANCELLED else ""
    return (str(round(float(line.delivered))), state)
