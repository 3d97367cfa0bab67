"""Every RPC asked what no honest client asks: an answer or a refusal that says why, and nothing in the logs.

SOCLE_HOSTILE_CALLS says how many calls; the seed of a failure is printed with the message that made it.
"""

import os
from collections import Counter
from collections.abc import AsyncIterator
from random import Random
from typing import Any

import grpc
import pytest

from chassis.db import Database
from chassis.errors import Kind
from chassis.status import from_status
from chassis.testing import LocalIssuer
from eprescription.api import shown
from eprescription.usecases import products

from . import test_access
from .access_given import DRAFT, HELD, SERVED, SIGNED, USED_UP, Scene, Stage, cast, scene
from .dispensing_given import opiate, prescribed
from .given import content, line
from .hostile_given import MARK, spoil, texts_of
from .test_access import JWK, ROWS, rule, rx, rxd, rxk

CALLS = int(os.environ.get("SOCLE_HOSTILE_CALLS", "360"))
SEED = int(os.environ.get("SOCLE_HOSTILE_SEED", "1"))
# A prescription is worn out after so many.
EACH = 60
SITUATIONS = (DRAFT, SIGNED, HELD, SERVED, USED_UP)
stage = test_access.stage


def extra(on: Scene) -> list[tuple[str, Any]]:
    """What the matrix does not ask, or asks with little in it."""
    many = shown.content(content(prescribed(renewals=2), line(), opiate(), secure=True, bizone=True))
    paper = rxd.RecordOfflineDispensingRequest(
        number=on.of.number, access_code=on.access_code, paper_reference="Q"
    )
    return [
        ("CreatePrescription", rx.CreatePrescriptionRequest(person_id=on.person, content=many)),
        ("ChangePrescription", rx.ChangePrescriptionRequest(prescription_id=on.of.id.value, content=many)),
        ("RecordOfflineDispensing", paper),
        ("RegisterSigningKey", rxk.RegisterSigningKeyRequest(jwk=JWK)),
        ("ListMyPrescriptions", rx.ListMyPrescriptionsRequest()),
        ("ReadDocument", rx.ReadDocumentRequest()),
    ]


async def asked(stage: Stage, on: Scene, random: Random, known: list[str]) -> str:
    """One call; the name of its answer."""
    rows = [(row.method, row.ask(on)) for row in ROWS] + extra(on) * 2
    method, request = random.choice(rows)
    known += [text for text in texts_of(request) if len(text) > 8][:3]
    del known[:-40]
    for _ in range(random.choice((0, 1, 1, 1, 2))):
        spoil(request, random, known)
    open_to = {name: one for name, one in cast(on).items() if one.kind in rule(stage, method).kinds}
    likely = [open_to[name] for name in ("author", "pharmacist", "person") if name in open_to]
    caller = random.choice(likely * 8 + list(open_to.values()))
    try:
        await stage._ask[method].ask(method, request, caller)
    except grpc.aio.AioRpcError as error:
        told = from_status(error)
        assert told.kind not in (Kind.INTERNAL, Kind.TIMED_OUT), f"{method} {request} {told.sentence}"
        assert told.sentence, method
        return told.kind.name
    return "ANSWERED"


@pytest.fixture(autouse=True)
async def forgotten() -> AsyncIterator[None]:
    yield
    products.BOOKS.clear()


@pytest.mark.timeout(1800)
async def test_hostile_messages_are_answered_or_refused_and_never_logged(
    stage: Stage, database: Database, issuer: LocalIssuer, capfd: pytest.CaptureFixture[str]
) -> None:
    random, ends = Random(SEED), Counter[str]()
    known: list[str] = []
    for _ in range(0, CALLS, EACH):
        on = await scene(database, random.choice(SITUATIONS))
        for _ in range(EACH):
            ends[await asked(stage, on, random, known)] += 1
    told = capfd.readouterr()
    assert ends["ANSWERED"] > CALLS / 20, ends
    for text in (MARK, "TREXILOL", "Traceback"):
        assert text not in told.out + told.err
