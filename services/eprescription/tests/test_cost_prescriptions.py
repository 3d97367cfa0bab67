"""What writing a prescription costs the database, in round trips: BEGIN and COMMIT included."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from chassis.call import Call, Key
from chassis.db import Database
from chassis.testing import Server, call_as, callers
from chassis.testing_trips import counting
from eprescription.api import shown
from eprescription.api.prescriptions import PrescriptionServicer
from socle.eprescription.v1 import eprescription_pb2 as pb

from .given import content, desk, line
from .medicines_given import seeded

trips: list[str] = []


@pytest.fixture
async def counted(database: Database, postgres: Server) -> AsyncIterator[PrescriptionServicer]:
    await seeded(database)
    async with counting(database, postgres, trips) as one:
        yield PrescriptionServicer(desk(one))


def keyed() -> Call:
    call = call_as(callers.doctor)
    call.idempotency = Key("scope", str(uuid4()), b"fingerprint")
    return call


async def created(counted: PrescriptionServicer, lines: int, call: Call) -> pb.Prescription:
    written = shown.content(content(*(line() for _ in range(lines))))
    request = pb.CreatePrescriptionRequest(person_id=str(uuid4()), content=written)
    return (await counted.CreatePrescription(request, call)).prescription


@pytest.mark.parametrize("lines", [1, 20])
async def test_create_takes_one_round_trip_two_with_a_key(counted: PrescriptionServicer, lines: int) -> None:
    trips.clear()
    await created(counted, lines, call_as(callers.doctor))
    assert len(trips) == 1, trips
    trips.clear()
    await created(counted, lines, keyed())
    assert len(trips) == 2, trips


async def test_sign_and_cancel_take_few_round_trips_whatever_the_number_of_lines(
    counted: PrescriptionServicer,
) -> None:
    # What is read once an import: the medicines of these lines, the thesaurus.
    await signed(counted, 1)
    for lines in (1, 3):
        of = await signed(counted, lines)
        assert len(trips) == 5, trips
        trips.clear()
        cancel = pb.CancelPrescriptionRequest(
            prescription_id=of.prescription_id, reason=pb.CANCEL_REASON_DEATH
        )
        await counted.CancelPrescription(cancel, call_as(callers.doctor))
        assert len(trips) == 6, trips


async def signed(counted: PrescriptionServicer, lines: int) -> pb.Prescription:
    made = await created(counted, lines, call_as(callers.doctor))
    check = pb.CheckPrescriptionRequest(prescription_id=made.prescription_id)
    found = (await counted.CheckPrescription(check, call_as(callers.doctor))).findings
    request = pb.SignPrescriptionRequest(
        prescription_id=made.prescription_id,
        decisions=[
            pb.Decision(code=one.code, reason="essai") for one in found if one.severity == pb.SEVERITY_WARNING
        ],
    )
    trips.clear()
    return (await counted.SignPrescription(request, call_as(callers.doctor))).prescription
