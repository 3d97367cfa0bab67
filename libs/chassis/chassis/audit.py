"""The access journal: who did or tried what, on whom, when, why and by which rule.

A line is added to the transaction of the access itself, so no data leaves without its trace. Refusals are
written by `rpc.py` in a transaction of their own, since the one they happened in is undone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from . import page
from .caller import Caller
from .db import ReadTx, Record, Tx
from .ids import Id
from .schema import AUDIT, MOMENT

PERMITTED, REFUSED = "permitted", "refused"


class AuditId(Id):
    """A line of the journal."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One object that a search showed, and the rules that let it pass."""

    object_id: str
    rules: tuple[str, ...]


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
    hits: tuple[Hit, ...] = ()


def record(  # noqa: PLR0913 (a line is wide)
    tx: Tx,
    caller: Caller,
    action: str,
    subject: str,
    *,
    now: datetime,
    object_id: str = "",
    rules: Sequence[str] = (),
    outcome: str = PERMITTED,
    hits: Sequence[Hit] = (),
    chain: str = "",
) -> str:
    """Adds a line to the journal of `subject` (an opaque id); its id. An actor without a name is refused.

    `hits`: what a search showed, when one line tells of several objects. `chain`: the series in which the
    line is numbered by the ledger, that of the subject unless said; a line that not every reader of the
    journal may know of goes to a chain of its own, so that nobody sees a number missing.
    """
    line = AuditId.new().value
    shared = _shared(tx, caller, action, now, object_id, rules)
    tx.insert(AUDIT, id=line, subject=subject, outcome=outcome, hits=hits, chain=chain, **shared)
    return line


SENT = (
    sa.func.unnest(sa.bindparam("ids", type_=ARRAY(sa.Uuid)), sa.bindparam("subjects", type_=ARRAY(sa.Text)))
    .table_valued("id", "subject", name="sent")
    .render_derived()
)
ALIKE = [column for column in AUDIT.c if column.name not in ("id", "subject", "hits", "chain")]
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


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which lines of a journal; what is empty asks for nothing."""

    # From included, to excluded.
    occurred_from: datetime | None = None
    occurred_to: datetime | None = None
    # As the journal shows them: "self" for the person.
    actors: Sequence[str] = ()
    # `<resource>.<action>`, or `<resource>` for all of its actions.
    actions: Sequence[str] = ()
    outcome: str = ""
    # Named by the line, or by one of its hits.
    object_id: str = ""
    entry_id: str = ""
    oldest_first: bool = False

    def parameters(self, subject: str) -> dict[str, Any]:
        """The parameters of a `Listing`, but for those of its page."""
        actors = [f"person:{subject}" if actor == "self" else actor for actor in self.actors]
        return {
            "subject": subject,
            "occurred_from": self.occurred_from,
            "occurred_to": self.occurred_to,
            "actors": actors or None,
            "actions": list(self.actions) or None,
            "outcome": self.outcome or None,
            "object": self.object_id or None,
            "hit": [{"object_id": self.object_id}],
            "entry": self.entry_id or None,
        }


SHOWN = [AUDIT.c[field.name] for field in fields(Entry)]


def _asked(name: str, type_: Any, holds: Callable[[sa.BindParameter[Any]], Any]) -> sa.ColumnElement[bool]:
    """A condition that is only put when its parameter is given."""
    given = sa.bindparam(name, type_=type_)
    return sa.or_(given.is_(None), holds(given))


RESOURCE = sa.func.split_part(AUDIT.c.action, sa.literal_column("'.'"), sa.literal_column("1"))
CONDITIONS = (
    AUDIT.c.subject == sa.bindparam("subject"),
    _asked("occurred_from", MOMENT, lambda moment: AUDIT.c.occurred_at >= moment),
    _asked("occurred_to", MOMENT, lambda moment: AUDIT.c.occurred_at < moment),
    _asked("actors", ARRAY(sa.Text), lambda actors: AUDIT.c.actor == sa.any_(actors)),
    _asked(
        "actions",
        ARRAY(sa.Text),
        lambda actions: sa.or_(AUDIT.c.action == sa.any_(actions), sa.any_(actions) == RESOURCE),
    ),
    _asked("outcome", sa.Text, lambda outcome: AUDIT.c.outcome == outcome),
    _asked(
        "object",
        sa.Text,
        lambda named: sa.or_(
            AUDIT.c.object_id == named, AUDIT.c.hits.op("@>")(sa.bindparam("hit", type_=JSONB))
        ),
    ),
    _asked("entry", sa.Uuid, lambda entry: AUDIT.c.id == entry),
)


class Listing:
    """The two statements that list a journal, by direction; make one at module level.

    `shown`: what a service adds, about rows of `audit`, for lines that not every reader may know of; its
    parameters are given to `list_entries`.
    """

    def __init__(self, *shown: sa.ColumnElement[bool]) -> None:
        last, size = sa.bindparam("last", type_=sa.Uuid), sa.bindparam("size", type_=sa.Integer)
        lines = sa.select(*SHOWN).where(*CONDITIONS, *shown).limit(size)
        self.newest = lines.where(sa.or_(last.is_(None), AUDIT.c.id < last)).order_by(AUDIT.c.id.desc())
        self.oldest = lines.where(sa.or_(last.is_(None), AUDIT.c.id > last)).order_by(AUDIT.c.id)


EVERY_LINE = Listing()


async def list_entries(
    tx: ReadTx,
    subject: str,
    request: page.PageRequest,
    wanted: Wanted | None = None,
    listing: Listing = EVERY_LINE,
    **shown: Any,
) -> tuple[list[Entry], str]:
    """The lines about `subject`, newest first unless wanted otherwise, and the token of the next page ("" at
    the end)."""
    wanted = wanted or Wanted()
    size, cursor = page.after(request, last=UUID)
    statement = listing.oldest if wanted.oldest_first else listing.newest
    given = {**wanted.parameters(subject), **shown}
    rows = await tx.all(statement, **given, last=cursor.get("last"), size=size + 1)
    entries = [entry_of(row) for row in rows[:size]]
    more = page.token(last=entries[-1].id) if len(rows) > size else ""
    return entries, more


def entry_of(row: Record) -> Entry:
    """A row that has the columns of `SHOWN`, maybe others."""
    values = {column.name: row[column.name] for column in SHOWN}
    hits = tuple(Hit(hit["object_id"], tuple(hit["rules"])) for hit in values["hits"])
    return Entry(**{**values, "id": str(values["id"]), "rules": tuple(values["rules"]), "hits": hits})
