"""Sends the documents of prescriptions and dispensings to the DMP.

The rows were written in the commit of what they tell of: a prescription never waits for the record, and a
record that was away for a day gets all that it missed. Any number of replicas may run it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from chassis import telemetry
from chassis.call import Call, Clock, utc_now
from chassis.caller import service
from chassis.db import Database
from chassis.errors import Conflict, NotFound, SocleError, TimedOut, TooMany, Unauthenticated, Unavailable
from chassis.loop import forever
from eprescription.clients.identities import Identities
from eprescription.clients.record import Record, Sent
from eprescription.domain.cda import codes, write_dispensation, write_prescription
from eprescription.domain.cda.enclosed import copy_of
from eprescription.domain.cda.patient import Patient
from eprescription.domain.errors import SignatureBroken
from eprescription.domain.ids import DispensingId, PrescriptionId
from eprescription.domain.prescriptions import Prescription
from eprescription.domain.sendings import Outcome, Sending, SendingKind, delay_after
from eprescription.domain.states import State
from eprescription.store import sendings as store
from eprescription.usecases import documents

log = telemetry.logger("sending")
DONE = telemetry.METER.create_counter(
    "socle.eprescription.sendings", description="Documents sent to the DMP, by how it ended"
)
# Seconds of rest when nothing is due.
IDLE = 2.0
BATCH = 10
# Nobody else takes a row in this time, which is far more than a batch needs.
LEASE = timedelta(minutes=5)
NOT_NOW = (Unavailable, TimedOut, Conflict, TooMany, Unauthenticated)
# A refusal may be a setting that is being mended: it is final after some hours of attempts.
LAST_ATTEMPT = 20


@dataclass(slots=True)
class Sender:
    """After each document it rests as long as that took, `pause` seconds at most.

    The machine is for those who wait at a counter; a queue that grows is worked off all the same.
    """

    db: Database
    identities: Identities
    record: Record
    pause: float = 0.25
    clock: Clock = utc_now

    async def run(self) -> None:
        """Until cancelled."""
        await forever("sending", self.work, IDLE)

    async def work(self) -> bool:
        """One pass over what is due; whether anything was."""
        call = self._call()
        async with self.db.begin(call) as tx:
            due = await store.take_due(tx, BATCH, call.now(), call.now() + LEASE)
        elapsed = asyncio.get_running_loop().time
        for sending in due:
            began = elapsed()
            await self._settle(sending)
            await asyncio.sleep(min(self.pause, elapsed() - began))
        return bool(due)

    async def _settle(self, sending: Sending) -> None:
        """Ends the row, or sets it for later: whatever happens to one document, the others go on."""
        try:
            outcome = await self._send(sending)
        except NOT_NOW as error:
            await self._later(sending, error)
        except SocleError as error:
            await self._refused(sending, error)
        except Exception as error:
            log.error("sending.failed", kind=sending.kind.value, exc_info=error)
            await self._later(sending, error)
        else:
            await self._end(sending, outcome)

    async def _send(self, sending: Sending) -> Outcome:
        return await MAKERS[sending.kind](self, sending)

    async def prescription(self, sending: Sending) -> Outcome:
        """A prescription as it was signed."""
        async with self.db.read() as tx:
            of = await documents.find_signed(tx, PrescriptionId(sending.object_id))
        if of is None or of.signed_at is None:
            raise NotFound
        if of.restricted:
            return Outcome.WITHHELD
        if of.state is State.CANCELLED:
            return Outcome.CANCELLED
        call = self._call()
        patient = await self._patient(sending, of.prescriber, call)
        cda = await asyncio.to_thread(_prescription, of, patient)
        heading = write_prescription.heading_of(of, patient, of.signed_at)
        sector = write_prescription.sector_of(of)
        return await self.record.submit(
            Sent(sending.id, sending.person, heading, sector, of.signed_at, cda), call
        )

    async def dispensing(self, sending: Sending) -> Outcome:
        """A closed visit; one that gave nothing has no document."""
        async with self.db.read() as tx:
            of = await documents.find_delivery(tx, DispensingId(sending.object_id))
        if of is None:
            raise NotFound
        if of.prescription.restricted:
            return Outcome.WITHHELD
        if not of.delivered:
            return Outcome.NOTHING
        call = self._call()
        patient = await self._patient(sending, of.closed.pharmacist, call)
        cda = await asyncio.to_thread(write_dispensation.write, of, patient)
        heading = write_dispensation.heading_of(of, patient)
        sent = Sent(sending.id, sending.person, heading, codes.PHARMACY, of.closed.closed_at, cda)
        return await self.record.submit(sent, call)

    async def _patient(self, sending: Sending, professional: str, call: Call) -> Patient:
        return await self.identities.describe(
            sending.person, sending.kind.value, sending.object_id, professional, call
        )

    async def _end(self, sending: Sending, outcome: Outcome) -> None:
        call = self._call()
        async with self.db.begin(call) as tx:
            ended = await store.finish(tx, sending.id, outcome, call.now())
        DONE.add(int(ended), {"kind": sending.kind.value, "outcome": outcome.value})

    async def _refused(self, sending: Sending, error: SocleError) -> None:
        """An unknown person, a header that the record does not take; at once final, what is not as it was
        signed: no later attempt mends that."""
        if sending.attempts < LAST_ATTEMPT and not isinstance(error, SignatureBroken):
            await self._later(sending, error)
            return
        log.error(
            "sending.refused", kind=sending.kind.value, error_type=type(error).__name__, reason=error.reason
        )
        await self._end(sending, Outcome.REFUSED)

    async def _later(self, sending: Sending, error: Exception) -> None:
        call = self._call()
        log.warning(
            "sending.later",
            kind=sending.kind.value,
            error_type=type(error).__name__,
            attempt=sending.attempts,
        )
        async with self.db.begin(call) as tx:
            await store.postpone(tx, sending.id, call.now() + delay_after(sending.attempts))

    def _call(self) -> Call:
        return Call(service("eprescription"), clock=self.clock)


MAKERS = {SendingKind.PRESCRIPTION: Sender.prescription, SendingKind.DISPENSING: Sender.dispensing}


def _prescription(of: Prescription, patient: Patient) -> bytes:
    return write_prescription.write(of, patient, copy_of(of, patient))
