"""Rows of the lots of verifications and of their lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from chassis.caller import Caller, CallerKind
from chassis.db import ReadTx, Record, Tx
from identity_ins.domain.lot import Line, LineResult, Lot, LotId, LotNotFound, LotState, Outcome

from .tables import VERIFICATION_LINE, VERIFICATION_LOT

L, V = VERIFICATION_LOT.c, VERIFICATION_LINE.c
SHOWN = [column for column in L if column.name != "leased_until"]
GET = sa.select(*SHOWN).where(L.id == sa.bindparam("lot_id"))
LOCK = GET.with_for_update()
BEFORE = sa.bindparam("before", type_=sa.Uuid)
SIZE = sa.bindparam("size", type_=sa.Integer)
LATEST = (
    sa.select(*SHOWN)
    .where(L.domain == sa.bindparam("domain"), sa.or_(BEFORE.is_(None), L.id < BEFORE))
    .order_by(L.id.desc())
    .limit(SIZE)
)
# A lot that was served is leased until that very moment: the one that waits longest comes first, so that a
# large lot does not starve a small one.
NEXT = (
    sa.select(*SHOWN)
    .where(sa.text("state IN ('submitted', 'running')"), L.leased_until <= sa.bindparam("now"))
    .order_by(L.leased_until, L.id)
    .limit(1)
    .with_for_update(skip_locked=True)
)
SAVED = ("state", "lines", "confirmed", "not_confirmed", "broken", "submitted_at", "finished_at")
WRITTEN = (*SAVED, "leased_until")
SAVE = (
    sa.update(VERIFICATION_LOT)
    .where(L.id == sa.bindparam("lot_id"))
    .values({name: sa.bindparam(name) for name in WRITTEN})
)
OLD = (
    sa.select(L.id)
    .where(L.opened_at < sa.bindparam("opened_before"), L.state != LotState.RUNNING.value)
    .order_by(L.opened_at)
    .limit(1)
    .with_for_update(skip_locked=True)
)
DELETE = sa.delete(VERIFICATION_LOT).where(L.id == sa.bindparam("lot_id"))

LINE_FIELDS = tuple(field.name for field in fields(Line))
TEXTS = ARRAY(sa.Text)
POSITIONS = sa.bindparam("positions", type_=ARRAY(sa.Integer))
SENT = (
    sa.func.unnest(POSITIONS, *(sa.bindparam(name, type_=TEXTS) for name in LINE_FIELDS))
    .table_valued("position", *LINE_FIELDS, name="sent")
    .render_derived()
)
ADD_LINES = sa.insert(VERIFICATION_LINE).from_select(
    ["lot_id", "position", *LINE_FIELDS],
    sa.select(sa.bindparam("lot_id", type_=sa.Uuid), *SENT.c),
)
FROM = V.position >= sa.bindparam("first")
UP_TO = V.position < sa.bindparam("end")
LINES = (
    sa.select(*(V[name] for name in LINE_FIELDS))
    .where(V.lot_id == sa.bindparam("lot_id"), FROM, UP_TO)
    .order_by(V.position)
)
RESULTS = (
    sa.select(V.reference, V.outcome, V.problem)
    .where(V.lot_id == sa.bindparam("lot_id"), FROM, UP_TO)
    .order_by(V.position)
)
FOUND = (
    sa.func.unnest(POSITIONS, sa.bindparam("outcomes", type_=TEXTS), sa.bindparam("problems", type_=TEXTS))
    .table_valued("position", "outcome", "problem", name="found")
    .render_derived()
)
WRITE_RESULTS = (
    sa.update(VERIFICATION_LINE)
    .where(V.lot_id == sa.bindparam("lot"), V.position == FOUND.c.position)
    .values(outcome=FOUND.c.outcome, problem=FOUND.c.problem)
)


def insert_lot(tx: Tx, lot: Lot) -> None:
    """Adds a lot."""
    tx.insert(
        VERIFICATION_LOT,
        id=lot.id.value,
        domain=lot.domain,
        label=lot.label,
        actor_kind=lot.author.kind.value,
        actor=lot.author.subject,
        actor_name=lot.author.name,
        client=lot.author.client,
        opened_at=lot.opened_at,
        **_saved(lot),
    )


async def get_lot(tx: ReadTx, id: LotId) -> Lot:
    """The lot; raises LotNotFound."""
    return _found(await tx.one(GET, lot_id=id.value))


async def lock_lot(tx: Tx, id: LotId) -> Lot:
    """The lot, which nobody else may change until the end; raises LotNotFound."""
    return _found(await tx.lock(LOCK, lot_id=id.value))


async def lock_next_lot(tx: Tx, now: datetime) -> Lot | None:
    """The lot that waits longest among those that no worker holds, locked."""
    row = await tx.lock(NEXT, now=now)
    return _lot(row) if row else None


async def save_lot(tx: Tx, lot: Lot, leased_until: datetime) -> None:
    """Saves where a locked lot stands; no other worker takes it before a moment."""
    await tx.change(SAVE, lot_id=lot.id.value, leased_until=leased_until, **_saved(lot))


async def list_visible_lots(tx: ReadTx, domain: str, before: str | None, size: int) -> list[Lot]:
    """The lots of a structure, newest first, from the one before `before`."""
    return [_lot(row) for row in await tx.all(LATEST, domain=domain, before=before, size=size)]


async def delete_old_lot(tx: Tx, opened_before: datetime) -> LotId | None:
    """Deletes one lot opened before a moment, with its lines; None when there is none left."""
    row = await tx.lock(OLD, opened_before=opened_before)
    if row is None:
        return None
    await tx.change(DELETE, lot_id=row["id"])
    return LotId(str(row["id"]))


async def add_lines(tx: Tx, id: LotId, first: int, lines: Sequence[Line]) -> None:
    """Adds lines from position `first` on, in one statement."""
    columns = {name: [getattr(line, name) for line in lines] for name in LINE_FIELDS}
    positions = list(range(first, first + len(lines)))
    await tx.change(ADD_LINES, lot_id=id.value, positions=positions, **columns)


async def list_lines(tx: ReadTx, id: LotId, first: int, size: int) -> list[Line]:
    """Lines in their order, from position `first` on."""
    rows = await tx.all(LINES, lot_id=id.value, first=first, end=first + size)
    return [Line(*row) for row in rows]


async def write_results(tx: Tx, id: LotId, first: int, results: Sequence[LineResult]) -> int:
    """Writes the results of consecutive lines, in one statement; the number of lines touched."""
    return await tx.change(
        WRITE_RESULTS,
        lot=id.value,
        positions=list(range(first, first + len(results))),
        outcomes=[result.outcome.value for result in results],
        problems=[result.problem for result in results],
    )


async def list_results(tx: ReadTx, id: LotId, first: int, end: int) -> list[tuple[str, LineResult]]:
    """References and results in the order of the lines, from position `first` to before `end`."""
    rows = await tx.all(RESULTS, lot_id=id.value, first=first, end=end)
    return [(row["reference"], LineResult(Outcome(row["outcome"]), row["problem"])) for row in rows]


def _saved(lot: Lot) -> dict[str, object]:
    return {name: getattr(lot, name) for name in SAVED} | {"state": lot.state.value}


def _found(row: Record | None) -> Lot:
    if row is None:
        raise LotNotFound
    return _lot(row)


def _lot(row: Record) -> Lot:
    return Lot(
        LotId(str(row["id"])),
        row["domain"],
        row["label"],
        Caller(
            CallerKind(row["actor_kind"]),
            row["actor"],
            row["domain"],
            name=row["actor_name"],
            client=row["client"],
        ),
        row["opened_at"],
        LotState(row["state"]),
        row["lines"],
        row["confirmed"],
        row["not_confirmed"],
        row["broken"],
        row["submitted_at"],
        row["finished_at"],
    )
