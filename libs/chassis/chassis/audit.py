"""The access journal: who did or tried what, on whom, when, why and by which rule.

A line is added to the transaction of the access itself, so no data leaves without its trace. Refusals are
written by `rpc.py` in a transaction of their own, since the one they happened in is undone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from . import page
from .caller import Caller
from .db import ReadTx, Record, Tx
from .ids import Id
from .schema import AUDIT

PERMITTED, REFUSED = "permitted", "refused"


class AuditId(Id):
    """A line of the journal."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A line, as its reader sees it."""

    id: str
    occurred_at: datetime
    actor_kind: str
    actor: str
    actor_name: str
    organisation: str
    action: str
    outcome: str
    object_id: str
    purpose: str
    reason: str
    rules: tuple[str, ...]


def record(
    tx: Tx,
    caller: Caller,
    action: str,
    subject: str,
    *,
    now: datetime,
    object_id: str = "",
    rules: Sequence[str] = (),
    outcome: str = PERMITTED,
) -> str:
    """Adds a line to the journal of `subject` (an opaque id); its id. An actor without a name is refused."""
    line = AuditId.new().value
    shared = _shared(tx, caller, action, now, object_id, rules)
    tx.insert(AUDIT, id=line, subject=subject, outcome=outcome, **shared)
    return line


SENT = (
    sa.func.unnest(sa.bindparam("ids", type_=ARRAY(sa.Uuid)), sa.bindparam("subjects", type_=ARRAY(sa.Text)))
    .table_valued("id", "subject", name="sent")
    .render_derived()
)
ALIKE = [column for column in AUDIT.c if column.name not in ("id", "subject")]
RECORD_EACH = sa.insert(AUDIT).from_select(
    ["id", "subject", *(column.name for column in ALIKE)],
    sa.select(SENT.c.id, SENT.c.subject, *(sa.bindparam(column.name, type_=column.type) for column in ALIKE)),
)


async def record_each(
    tx: Tx,
    caller: Caller,
    action: str,
    subjects: Sequence[str],
    *,
    now: datetime,
    object_id: str = "",
    rules: Sequence[str] = (),
) -> None:
    """Adds one line of the same access to the journal of each of many subjects, in one statement.

    For mass work: thousands of rows given one by one are a statement of tens of thousands of arguments.
    """
    shared = _shared(tx, caller, action, now, object_id, rules)
    if subjects:
        ids = [AuditId.new().value for _ in subjects]
        await tx.change(RECORD_EACH, ids=ids, subjects=list(subjects), outcome=PERMITTED, **shared)


def _shared(
    tx: Tx, caller: Caller, action: str, now: datetime, object_id: str, rules: Sequence[str]
) -> dict[str, Any]:
    if not caller.subject:
        raise ValueError("the journal takes no anonymous actor")
    return {
        "occurred_at": now,
        "actor_kind": caller.kind.value,
        "actor": caller.public_subject,
        "actor_name": caller.name,
        "organisation": caller.organisation,
        "client": caller.client,
        "action": action,
        "object_id": object_id,
        "purpose": caller.purpose.value,
        "reason": caller.reason,
        "rules": list(rules),
        "trace_id": tx.call.trace_id,
    }


SHOWN = [AUDIT.c[field.name] for field in fields(Entry)]
LATEST = (
    sa.select(*SHOWN)
    .where(
        AUDIT.c.subject == sa.bindparam("subject"),
        sa.or_(
            sa.bindparam("before", type_=sa.Uuid).is_(None),
            AUDIT.c.id < sa.bindparam("before", type_=sa.Uuid),
        ),
    )
    .order_by(AUDIT.c.id.desc())
    .limit(sa.bindparam("size", type_=sa.Integer))
)


async def list_entries(tx: ReadTx, subject: str, request: page.PageRequest) -> tuple[list[Entry], str]:
    """The lines about `subject`, newest first, and the token of the next page ("" at the end)."""
    size, cursor = page.after(request, before=UUID)
    rows = await tx.all(LATEST, subject=subject, before=cursor.get("before"), size=size + 1)
    entries = [_entry(row) for row in rows[:size]]
    more = page.token(before=entries[-1].id) if len(rows) > size else ""
    return entries, more


def _entry(row: Record) -> Entry:
    values = dict(row)
    return Entry(**{**values, "id": str(values["id"]), "rules": tuple(values["rules"])})
