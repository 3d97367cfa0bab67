"""A counter of a pharmacy for the tests: a small stock of invented products, prescriptions signed for it,
and what a pharmacist asks for. All fictitious."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any, TypeVar
from uuid import uuid4

import sqlalchemy as sa
from stdnum import ean

from chassis import db as chassis_db
from chassis.caller import Caller
from chassis.db import Database, ReadTx, Tx
from chassis.testing import NOW, call_as, callers
from eprescription.clients.platform_keys import PlatformKeys
from eprescription.domain.cancelling import CancelReason, Wanted
from eprescription.domain.content import (
    Content,
    CountUnit,
    Decision,
    Dose,
    Line,
    Posology,
    Product,
    Quantity,
    Substance,
)
from eprescription.domain.dispensing import Act, InterventionKind, NotDelivered
from eprescription.domain.ids import PersonId
from eprescription.domain.ordering import ordered
from eprescription.domain.prescriptions import Prescription
from eprescription.domain.products import Component, GenericType, Medicine, Membership, Pack
from eprescription.domain.rules import authorising
from eprescription.domain.states import State
from eprescription.domain.visits import Visit
from eprescription.store import claims as stored
from eprescription.store import lines, prescriptions
from eprescription.store.medicine_tables import COMPONENT, GENERIC, IMPORT, MEDICINE, PACK
from eprescription.usecases import (
    cancelling,
    claims,
    closing,
    dispensing,
    offline,
    renewing,
    signatures,
    undoing,
)
from eprescription.usecases.claims import Held, Proof, ReleaseReason

from . import keys_given
from .given import LAW, OTHER_PHARMACIST, PERSON, SECRETS, SIGNING, TODAY, draft

T = TypeVar("T")
TTL = timedelta(minutes=30)
PHARMACIST = callers.pharmacist
DAY = timedelta(days=1)
NONE, ONE = Decimal(0), Decimal(1)


def cip13_of(body: str) -> str:
    """A CIP13 from its first twelve digits."""
    return f"{body}{ean.calc_check_digit(body)}"


def medicine(number: int, label: str, *rules: str, group: str = "", kind: int = 0) -> Medicine:
    """One pack of 30 units; medicines of one group are generics of each other."""
    cis = f"6100000{number}"
    return Medicine(
        cis,
        label,
        components=(Component(f"9000{group or number}", f"SUBSTANCE {group or number}", "10 mg"),),
        packs=(Pack(cip13_of(f"34009610000{number}"), cis, "30 comprimés", units=Decimal(30)),),
        generics=(Membership(f"G{group}", GenericType(kind)),) if group else (),
        rules=frozenset(rules),
    )


BRAND = medicine(1, "TREXILOL 10 mg, comprimé", group="7")
COPY = medicine(2, "TREXIL GÉNÉRIQUE 10 mg, comprimé", group="7", kind=1)
OTHER = medicine(3, "AUTRIXOL 10 mg, comprimé")
OPIATE = medicine(4, "OPIOVAL 10 mg, comprimé", "list_1", "narcotic", "secure", "in_words")
LISTED = medicine(5, "LISTIVAL 10 mg, comprimé", "list_1")
STOCK = {one.cis: one for one in (BRAND, COPY, OTHER, OPIATE, LISTED)}


async def stock(database: Database) -> None:
    """The medicines base, in a database of tests: once, and for its whole life."""
    async with database.begin(call_as(callers.doctor)) as tx:
        if await tx.one(sa.select(IMPORT.c.import_id)):
            return
        for one in STOCK.values():
            _shelve(tx, one)
        tx.insert(IMPORT, import_id=str(uuid4()), source="tests", finished_at=NOW, files={})


def _shelve(tx: Tx, one: Medicine) -> None:
    tx.insert(
        MEDICINE,
        cis=one.cis,
        label=one.label,
        form="comprimé",
        routes=["orale"],
        status="Autorisation active",
        marketed=True,
        withdrawn=False,
        holder="",
        reinforced_surveillance=False,
        authorised_on=None,
        atc=[],
        rules=sorted(one.rules),
        searched=one.label.lower(),
    )
    for pack in one.packs:
        tx.insert(
            PACK,
            cip13=pack.cip13,
            cis=one.cis,
            label=pack.label,
            marketed=True,
            units=pack.units,
            unit_label="comprimé",
            price_cents=None,
            reimbursement_percent=None,
        )
    for rank, each in enumerate(one.components):
        tx.insert(
            COMPONENT,
            cis=one.cis,
            rank=rank,
            code=each.code,
            name=each.name,
            folded=each.name.lower(),
            strength=each.strength,
            nature="SA",
            link=0,
        )
    for group in one.generics:
        tx.insert(GENERIC, group_id=group.group_id, cis=one.cis, type=int(group.type), group_label="")


def prescribed(of: Medicine = BRAND, boxes: int = 1, **changes: Any) -> Line:
    """One tablet a day, a box of 30 a month; `renewals` adds months."""
    product = Product(
        cis=of.cis,
        label=of.label,
        substances=tuple(Substance(one.code, one.name, one.strength) for one in of.components),
    )
    usual = Line(
        line_id=str(uuid4()),
        product=product,
        posology=Posology(doses=(Dose(quantity=Decimal(1), unit_label="comprimé", frequency=1),)),
        duration_days=30 * boxes,
        quantity=Quantity(Decimal(boxes), CountUnit.BOX),
    )
    return replace(usual, **changes)


def opiate(days: int = 28, **changes: Any) -> Line:
    """One tablet a day, in exact units."""
    words = Quantity(Decimal(days), CountUnit.DOSE, "comprimé", "vingt-huit comprimés")
    return prescribed(OPIATE, duration_days=days, quantity=words, **changes)


async def written(
    tx: Tx, *of: Line, now: datetime = NOW, content: Content | None = None, **changes: Any
) -> Prescription:
    """Signed and active, its lines open as the law opens them for the products of the stock."""
    early = {name: changes.pop(name) for name in ("person", "id") if name in changes}
    drawn = draft(replace(content or Content(()), lines=of or (prescribed(),)), now=now, **early)
    signature = await SIGNING.sign(drawn.prescriber, drawn.body)
    day, signed = drawn.signed.written_on, drawn.signed.content
    rows = [
        ordered(
            drawn.id,
            drawn.person,
            rank,
            line,
            STOCK.get(line.product.cis),
            day,
            LAW.on(day),
            discharge_on=signed.planned_discharge_on,
        )
        for rank, line in enumerate(signed.lines)
    ]
    made = replace(
        drawn,
        state=State.ACTIVE,
        version=2,
        signature=signature.jws,
        key_id=await signatures.accept(tx, drawn.prescriber, signature, drawn.body, now),
        written_on=day,
        expires_on=authorising.expires_on(rows),
        signed_at=now,
    )
    made = replace(made, **changes)
    prescriptions.insert_prescription(tx, made)
    for row in rows:
        lines.insert_line(tx, row)
    await tx.flush()
    return made


async def wrote(database: Database, *of: Line, **changes: Any) -> Prescription:
    """The same, committed, of a person who takes nothing else."""
    changes.setdefault("person", PersonId.new())
    async with database.begin(call_as(callers.doctor)) as tx:
        return await written(tx, *of, **changes)


def proof(of: Prescription, **changes: Any) -> Proof:
    return replace(Proof(of.number, SECRETS.access_code(of.id)), **changes)


def gives(line: Line | str, packs: str = "1", product: Medicine = BRAND, **changes: Any) -> Act:
    """So many packs of a product; with `units`, these and no pack."""
    line_id = line if isinstance(line, str) else line.line_id
    whole = None if "units" in changes else Decimal(packs)
    usual = Act(InterventionKind.AS_PRESCRIBED, line_id, cip13=product.packs[0].cip13, packs=whole)
    return replace(usual, **changes)


def refuses(line: Line, why: NotDelivered = NotDelivered.NOT_REQUIRED) -> Act:
    return Act(InterventionKind.NOT_DELIVERED, line.line_id, not_delivered=why)


@dataclass(slots=True)
class Page:
    """`socle.common.v1.PageRequest`, for the use cases."""

    size: int = 0
    token: str = ""


@cache
def platform() -> PlatformKeys:
    return keys_given.platform()[0]


@dataclass(frozen=True, slots=True)
class Counter:
    """A pharmacist at work, in a transaction of the test."""

    tx: Tx
    caller: Caller = PHARMACIST
    now: datetime = NOW

    def at(self, now: datetime) -> Counter:
        return replace(self, now=now)

    def of(self, caller: Caller = OTHER_PHARMACIST) -> Counter:
        return replace(self, caller=caller)

    @property
    def law(self) -> Any:
        return LAW.on(self.now.date())

    async def claim(self, of: Prescription, **changes: Any) -> Held:
        done = await self.ask(proof(of, **changes))
        assert isinstance(done, Held), done
        return done

    async def ask(self, brought: Proof) -> Held | claims.Refused:
        return await claims.claim_prescription(
            self.tx, self.caller, brought, SECRETS, TTL, self.law, self.now
        )

    async def record(self, held: Held, *acts: Act, **changes: Any) -> dispensing.Recorded:
        return await dispensing.record_dispensing(
            self.tx, self.caller, asked(held, *acts, **changes), SECRETS, self.law, self.now
        )

    async def check(self, held: Held, *acts: Act) -> dispensing.Checked:
        return await dispensing.check_dispensing(
            self.tx, self.caller, asked(held, *acts), SECRETS, self.law, self.now
        )

    async def extend(self, held: Held) -> Any:
        of = held.visit.prescription.id
        return await claims.extend_claim(self.tx, self.caller, of, held.secret, SECRETS, TTL, self.now)

    async def release(self, held: Held, reason: ReleaseReason = ReleaseReason.PATIENT_LEFT) -> Visit:
        of = held.visit.prescription.id
        return await claims.release_prescription(
            self.tx, self.caller, of, held.secret, reason, SECRETS, self.now
        )

    async def close(self, held: Held) -> closing.Closed:
        of, sign = held.visit.prescription.id, platform().sign_receipt
        return await closing.close_dispensing(self.tx, self.caller, of, held.secret, SECRETS, sign, self.now)

    async def undo(self, of: Prescription, wrong: Any, reason: str = "mauvais patient") -> undoing.Undone:
        return await undoing.undo_intervention(
            self.tx, self.caller, of.id, wrong.id, reason, self.law, self.now
        )

    async def paper(
        self, of: Prescription, *acts: Act, at: datetime | None = None, reference: str = "P1", **changes: Any
    ) -> offline.RecordedLater:
        told = offline.Paper(proof(of), acts, at or self.now, reference, **changes)
        done = await offline.record_offline_dispensing(
            self.tx, self.caller, told, SECRETS, self.law, self.now
        )
        assert isinstance(done, offline.RecordedLater), done
        return done

    async def renew(self, of: Prescription, *of_lines: Line, by_id: bool = False) -> Held:
        ids = frozenset(line.line_id for line in of_lines)
        brought = None if by_id else proof(of)
        wanted = renewing.Wanted(of.id if by_id else None, brought, ids, "traitement indispensable")
        done = await renewing.renew_exceptionally(
            self.tx, self.caller, wanted, SECRETS, TTL, self.law, self.now
        )
        assert isinstance(done, Held), done
        return done

    async def whole(self, of: Prescription, *acts: Act) -> closing.Closed:
        """A visit from the claim to the receipt."""
        held = await self.claim(of)
        await self.record(held, *acts)
        return await self.close(held)

    async def cancels(self, of: Prescription, *of_lines: Line, by: Caller = callers.doctor) -> Any:
        wanted = Wanted(CancelReason.PRESCRIBING_ERROR, tuple(line.line_id for line in of_lines))
        return await cancelling.cancel_prescription(self.tx, by, of.id, wanted, self.now)


def asked(held: Held, *acts: Act, **changes: Any) -> dispensing.Asked:
    return replace(dispensing.Asked(held.visit.prescription.id, held.secret, acts), **changes)


async def visit_of(tx: ReadTx, of: Prescription) -> Visit:
    """As it is stored."""
    found = await prescriptions.find_prescription(tx, of.id)
    assert found is not None
    return await stored.read_visit(tx, found)


@asynccontextmanager
async def counter(
    database: Database, caller: Caller = PHARMACIST, now: datetime = NOW
) -> AsyncIterator[Counter]:
    """A counter in a transaction of its own, committed at the end."""
    async with database.begin(call_as(caller, now=now)) as tx:
        yield Counter(tx, caller, now)


EVENTS = sa.text(
    "SELECT subject FROM outbox WHERE convert_from(data, 'UTF8')::jsonb->>'prescription_id' = :id"
    " ORDER BY seq"
).bindparams(sa.bindparam("id", type_=sa.Text))


async def events(tx: ReadTx, of: Prescription) -> list[str]:
    """Names of the events of a prescription, in their order: `prescription.locked`..."""
    if isinstance(tx, Tx):
        await tx.flush()
    rows = await tx.all(EVENTS, id=of.id.value)
    return [row["subject"].removeprefix("socle.eprescription.").removesuffix(".v1") for row in rows]


async def together(*asked_at_once: Awaitable[T]) -> list[T | BaseException]:
    """All at once; what each answered or raised."""
    return await asyncio.gather(*asked_at_once, return_exceptions=True)


async def many_hands(postgres: Any, database: Database, size: int = 8) -> Database:
    """Another pool on the same database, for those who come at once."""
    name = await database.pool.fetchval("SELECT current_database()")
    pool = await chassis_db.connect(postgres.url(name), postgres.password, size)
    return Database(pool, database.constraints)


def decide(*codes: str) -> tuple[Decision, ...]:
    return tuple(Decision(code, "vu avec le patient") for code in codes)


def states(visit: Visit) -> Sequence[str]:
    return [line.state.value for line in visit.lines]


__all__ = ["DAY", "LAW", "NOW", "OTHER_PHARMACIST", "PERSON", "TODAY", "states"]
