"""What the counter costs the database, in round trips, BEGIN and COMMIT included."""

from collections.abc import AsyncIterator

import pytest

from chassis.db import Database
from chassis.testing import Server, call_as, callers
from chassis.testing_trips import counting
from eprescription.api.dispensing import DispensingServicer
from eprescription.domain.prescriptions import Prescription
from socle.eprescription.v1 import dispensing_pb2 as pb
from socle.eprescription.v1 import eprescription_pb2 as common

from .dispensing_given import BRAND, LISTED, OTHER, platform, prescribed, stock, wrote
from .given import SECRETS, desk

trips: list[str] = []


@pytest.fixture
async def counted(database: Database, postgres: Server) -> AsyncIterator[DispensingServicer]:
    await stock(database)
    async with counting(database, postgres, trips) as one:
        yield DispensingServicer(desk(one, platform=platform()))


PRODUCTS = (BRAND, OTHER, LISTED)


async def visit(counted: DispensingServicer, made: Prescription) -> dict[str, int]:
    """Statements of each call of a visit that delivers every line."""
    found, call = {}, call_as(callers.pharmacist)
    trips.clear()
    proof = pb.ClaimPrescriptionRequest(number=made.number, access_code=SECRETS.access_code(made.id))
    held = await counted.ClaimPrescription(proof, call)
    found["claim"] = len(trips)
    acts = [
        pb.Act(
            line_id=line.line_id,
            kind=common.INTERVENTION_KIND_AS_PRESCRIBED,
            cip13=product.packs[0].cip13,
            packs="1",
        )
        for line, product in zip(made.signed.content.lines, PRODUCTS, strict=False)
    ]
    request = pb.RecordDispensingRequest(prescription_id=made.id.value, secret=held.secret, acts=acts)
    trips.clear()
    await counted.RecordDispensing(request, call)
    found["record"] = len(trips)
    trips.clear()
    await counted.CloseDispensing(
        pb.CloseDispensingRequest(prescription_id=made.id.value, secret=held.secret), call
    )
    found["close"] = len(trips)
    return found


@pytest.mark.parametrize("lines", [1, 3])
async def test_a_visit_takes_so_many_round_trips_whatever_its_lines(
    database: Database, counted: DispensingServicer, lines: int
) -> None:
    of = [prescribed(product) for product in PRODUCTS[:lines]]
    # The first visit fills the memory of medicines.
    await visit(counted, await wrote(database, *(prescribed(product) for product in PRODUCTS)))
    assert await visit(counted, await wrote(database, *of)) == {"claim": 6, "record": 7, "close": 5}, trips
