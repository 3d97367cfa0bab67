"""The documents that wait for the DMP: rows of the same commit as what they tell of."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from chassis.db import Record as Row
from chassis.db import Tx
from chassis.ids import Id
from eprescription.domain.ids import PersonId
from eprescription.domain.sendings import Outcome, Sending, SendingId, SendingKind

from .tables import MOMENT, SENDING

S = SENDING.c
NOW = sa.bindparam("now", type_=MOMENT)
DUE = (
    sa.select(S.sending_id)
    .where(S.done_at.is_(None), S.try_at <= NOW)
    .order_by(S.try_at)
    .limit(sa.bindparam("size", type_=sa.Integer))
    .with_for_update(skip_locked=True)
)
# The attempt is counted and its next moment set before the network is asked: a sender that dies in the
# middle leaves a row that another one takes later, and never one that is tried in a tight loop.
TAKE = (
    sa.update(SENDING)
    .where(S.sending_id.in_(DUE))
    .values(attempts=S.attempts + 1, try_at=sa.bindparam("again", type_=MOMENT))
    .returning(S.sending_id, S.kind, S.object_id, S.person_id, S.created_at, S.attempts)
)
ONE = S.sending_id == sa.bindparam("sending", type_=sa.Uuid)
POSTPONE = sa.update(SENDING).where(ONE, S.done_at.is_(None)).values(try_at=sa.bindparam("at", type_=MOMENT))
FINISH = (
    sa.update(SENDING)
    .where(ONE, S.done_at.is_(None))
    .values(done_at=NOW, outcome=sa.bindparam("told", type_=sa.Text))
)


def insert_sending(tx: Tx, kind: SendingKind | str, object_id: Id, person: PersonId, now: datetime) -> None:
    """A document to send, due at once; `kind` is `prescription` or `dispensing`."""
    tx.insert(
        SENDING,
        sending_id=SendingId.new().value,
        kind=SendingKind(kind).value,
        object_id=object_id.value,
        person_id=person.value,
        created_at=now,
        try_at=now,
        attempts=0,
        done_at=None,
        outcome="",
    )


async def take_due(tx: Tx, size: int, now: datetime, again: datetime) -> Sequence[Sending]:
    """Those that are due, oldest first; nobody else takes them before `again`."""
    return sorted(map(_sending, await tx.lock_all(TAKE, size=size, now=now, again=again)), key=_age)


async def postpone(tx: Tx, id: SendingId, at: datetime) -> None:
    """Tries it again at `at`, unless it is done."""
    await tx.change(POSTPONE, sending=id.value, at=at)


async def finish(tx: Tx, id: SendingId, outcome: Outcome, now: datetime) -> bool:
    """Whether this ended it: False when another sender had."""
    return await tx.change(FINISH, sending=id.value, told=outcome.value, now=now) == 1


def _sending(row: Row) -> Sending:
    return Sending(
        SendingId(str(row["sending_id"])),
        SendingKind(row["kind"]),
        str(row["object_id"]),
        PersonId(str(row["person_id"])),
        row["created_at"],
        row["attempts"],
    )


def _age(sending: Sending) -> datetime:
    return sending.created_at
