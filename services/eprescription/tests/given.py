"""What the tests of the e-prescription are given: contents, signed prescriptions, a desk. All fictitious."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import orjson
import pytest
import sqlalchemy as sa

from chassis.caller import Caller
from chassis.db import Database, ReadTx, Tx
from chassis.errors import NotFound, SocleError
from chassis.schema import AUDIT, OUTBOX
from chassis.testing import NOW, callers
from eprescription.api.desk import Desk
from eprescription.clients.signing import LocalKeyService
from eprescription.domain import body, number
from eprescription.domain.cda.patient import Patient
from eprescription.domain.content import (
    Content,
    CountUnit,
    Dose,
    Kind,
    Line,
    Posology,
    Product,
    Quantity,
    Signed,
    Substance,
)
from eprescription.domain.dispensing import LineStatus
from eprescription.domain.ids import LineId, PersonId, PrescriptionId
from eprescription.domain.prescriptions import Prescription
from eprescription.domain.rules import authorising
from eprescription.domain.rules.calendar import paris_day
from eprescription.domain.rules.parameters import Law
from eprescription.domain.secrets import Secrets
from eprescription.domain.states import LineState, State
from eprescription.policy.prescriptions import UNSIGNED
from eprescription.store import lines as line_store
from eprescription.store import prescriptions as store
from eprescription.usecases import signatures
from eprescription.usecases.prescriptions import prescriber_of

PERSON = PersonId(callers.citizen.person_id)
PATIENT = Patient("LAJOIE", ("MARIE",), "F", "1980-01-02", "75114")
WARD = PersonId(callers.other_citizen.person_id)
LAW = Law.seed()
TODAY = paris_day(NOW)
SIGNING = LocalKeyService(bytes(range(32)))
SECRETS = Secrets({1: bytes(range(32))})
# Works in the same practice as the doctor; reads for the doctor; serves another street.
COLLEAGUE = replace(callers.doctor, subject="810100000052", name="Zoé COLLEGUE")
OTHER_PHARMACIST = replace(
    callers.pharmacist, subject="810100000060", organisation="1750000059", name="Léa AUTRE"
)
PARACETAMOL = Product(
    label="PARACETAMOL 500 mg, comprimé",
    dci="paracétamol 500 mg, comprimé",
    substances=(Substance("02202", "PARACÉTAMOL", "500 mg"),),
    atc="N02BE01",
)
IBUPROFEN = Product(label="ibuprofène 400 mg", substances=(Substance("02092", "IBUPROFÈNE", "400 mg"),))
WARFARIN = Product(label="warfarine 5 mg", substances=(Substance("00678", "WARFARINE SODIQUE", "5 mg"),))
# Three tablets a day for eight days.
POSOLOGY = Posology(
    doses=(Dose(quantity=Decimal(1), unit_label="comprimé", frequency=3),), max_per_day=Decimal(6)
)


def line(**changes: Any) -> Line:
    """Paracétamol in DCI: 24 tablets of it."""
    usual = Line(
        line_id=str(uuid4()),
        product=PARACETAMOL,
        posology=POSOLOGY,
        duration_days=8,
        quantity=Quantity(Decimal(24), CountUnit.DOSE, "comprimé"),
    )
    return replace(usual, **changes)


def content(*lines: Line, **changes: Any) -> Content:
    return replace(Content(lines or (line(),)), **changes)


def draft(
    written: Content | None = None, by: Caller = callers.doctor, now: datetime = NOW, **changes: Any
) -> Prescription:
    """A draft that is nowhere yet; `changes` replaces any field of it."""
    signed = Signed(number.new(), PERSON.value, prescriber_of(by), paris_day(now), written or content())
    if "person" in changes:
        signed = replace(signed, person_id=changes["person"].value)
    usual = Prescription(
        id=PrescriptionId.new(),
        number=signed.number,
        person=PERSON,
        kind=Kind.STANDARD,
        state=State.DRAFT,
        version=1,
        prescriber=by.subject,
        organisation=by.organisation,
        restricted=signed.content.restricted,
        body=body.canonical(signed),
        signed=signed,
        created_at=now,
        changed_at=now,
    )
    return replace(usual, **changes)


def statuses(of: Prescription) -> list[LineStatus]:
    """The rows that a signature opens, by the law alone: no product is looked up."""
    day = of.signed.written_on
    return [_status(of, rank, one, LAW.on(day)) for rank, one in enumerate(of.signed.content.lines)]


def _status(of: Prescription, rank: int, one: Line, parameters: Any) -> LineStatus:
    day = of.signed.written_on
    authorised = authorising.authorise(one, None, day, parameters)
    return LineStatus(
        line_id=LineId(one.line_id),
        prescription_id=of.id,
        person=of.person,
        rank=rank,
        kind=one.kind,
        state=LineState.ORDERED,
        unit=authorised.unit,
        authorised=authorised.quantity,
        next_on=day,
        until=authorised.until,
        treated_until=authorised.treated_until,
        cis=one.product.cis,
        substances=tuple(each.code for each in one.product.substances),
        narcotic=authorised.narcotic,
    )


async def signed(
    tx: Tx,
    written: Content | None = None,
    *,
    by: Caller = callers.doctor,
    now: datetime = NOW,
    **changes: Any,
) -> Prescription:
    """A prescription in the database, its lines open, under a true signature of its prescriber; without
    lines in a state that comes before the signature.

    `changes` replaces fields of the row that nobody signs (`state`, `expires_on`...), and `person`.
    """
    early = {name: changes.pop(name) for name in ("person", "id") if name in changes}
    drawn = draft(written, by, now, **early)
    signature = await SIGNING.sign(by.subject, drawn.body)
    rows = statuses(drawn)
    made = replace(
        drawn,
        state=State.ACTIVE,
        version=2,
        signature=signature.jws,
        key_id=await signatures.accept(tx, by.subject, signature, drawn.body, now),
        written_on=drawn.signed.written_on,
        expires_on=authorising.expires_on(rows),
        signed_at=now,
    )
    made = replace(made, **changes)
    store.insert_prescription(tx, made)
    for row in rows if made.state not in UNSIGNED else ():
        line_store.insert_line(tx, row)
    await tx.flush()
    return made


@dataclass(slots=True)
class Registry:
    """identity-ins for the tests: who it does not know, and whether it answers."""

    unknown: frozenset[str] = frozenset()
    away: type[SocleError] | None = None

    async def require_known(self, person: PersonId, _call: object) -> None:
        if self.away:
            raise self.away
        if person.value in self.unknown:
            raise NotFound

    async def describe(self, person: PersonId, *_about: object) -> Patient:
        await self.require_known(person, None)
        return PATIENT

    async def born_on(self, person: PersonId, day: date, _call: object) -> bool:
        await self.require_known(person, None)
        return PATIENT.born_on(day)


@dataclass(frozen=True, slots=True)
class SeedLaw:
    """The law as the first migration seeds it."""

    law: Law = LAW


def desk(db: Database, **changes: Any) -> Desk:
    """A desk over this database, with the key service and the secrets of the tests."""
    usual: dict[str, Any] = {
        "law": SeedLaw(),
        "secrets": SECRETS,
        "signing": SIGNING,
        "platform": None,
        "identities": Registry(),
    }
    return Desk(db=db, **{**usual, **changes})


async def refused(error: type[SocleError], asked: Any) -> SocleError:
    """Awaits what must be refused; the refusal."""
    with pytest.raises(error) as caught:
        await asked
    return caught.value


JOURNAL = sa.select(AUDIT.c.action, AUDIT.c.object_id, AUDIT.c.subject, AUDIT.c.rules).order_by(AUDIT.c.id)
EVENTS = sa.select(OUTBOX.c.subject, OUTBOX.c.data).order_by(OUTBOX.c.seq)


async def journal(tx: ReadTx) -> list[tuple[str, str]]:
    """Actions written in the journal, each with its object, oldest first."""
    return [(row["action"], row["object_id"]) for row in await tx.all(JOURNAL)]


async def events(tx: ReadTx) -> list[str]:
    """The events that left, in their order: `prescription.signed`..."""
    rows = await tx.all(EVENTS)
    return [row["subject"].removeprefix("socle.eprescription.").removesuffix(".v1") for row in rows]


async def events_of(tx: ReadTx) -> list[dict[str, Any]]:
    """What the events say."""
    return [orjson.loads(row["data"]) for row in await tx.all(EVENTS)]
