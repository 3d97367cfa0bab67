"""Authorisations, blocks, qualified identities, and the relation of a caller to a record."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from chassis.caller import Caller
from chassis.db import ReadTx, Tx
from chassis.db import Record as Row
from dmp.domain.records import (
    Authorisation,
    AuthorisationId,
    Block,
    BlockId,
    CareRole,
    CloseReason,
    EmergencyConsent,
    GranteeKind,
    PersonId,
    Record,
    RecordState,
    Relation,
)
from dmp.domain.sealing import Wrapped

from .tables import (
    AUTHORISATION,
    BLOCK,
    CARE_ROLE,
    EMERGENCY_CONSENT,
    KNOWN_READER,
    MOMENT,
    QUALIFIED_IDENTITY,
    RECORD,
    RECORD_KEY,
)

SUBJECT = sa.bindparam("subject", type_=sa.Text)
NOW = sa.bindparam("now", type_=MOMENT)
PERSON = sa.bindparam("person", type_=sa.Uuid)
SAME_NAME = (
    "opened_at",
    "closed_at",
    "destroy_at",
    "attached",
    "feeding_allowed",
    "consultation_allowed",
    "masked_by_default",
)
RECORD_COLUMNS = [RECORD.c.state, RECORD.c.close_reason, *(RECORD.c[name] for name in SAME_NAME)]


def to_record(row: Row, person: PersonId) -> Record:
    """Needs the columns of RECORD_COLUMNS."""
    return Record(
        person_id=person,
        state=RecordState(row["state"]),
        close_reason=CloseReason(row["close_reason"]) if row["close_reason"] else None,
        **{name: row[name] for name in SAME_NAME},
    )


def relation_columns(person: sa.ColumnElement[Any]) -> list[sa.ColumnElement[Any]]:
    """What `:subject`, working for `:organisation`, is to the record of `person` at `:now`.

    The statement must join RECORD on `person`; everything else is a subquery, so that a join forgotten
    elsewhere can never bring the key or the consents of another record.
    """
    key = sa.select(RECORD_KEY.c.wrapped).where(RECORD_KEY.c.person_id == person)
    master = sa.select(RECORD_KEY.c.master_version).where(RECORD_KEY.c.person_id == person)
    return [
        *RECORD_COLUMNS,
        _authorised(person).label("authorised"),
        _blocked(person).label("blocked"),
        _consents(person).label("consents"),
        _roles(person).label("roles"),
        _known(person).label("known_reader"),
        key.scalar_subquery().label("wrapped"),
        master.scalar_subquery().label("master_version"),
    ]


def _authorised(person: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    a = AUTHORISATION.c
    named = sa.or_(
        sa.and_(a.kind == sa.literal_column("'professional'"), a.grantee == SUBJECT),
        sa.and_(a.kind == sa.literal_column("'structure'"), a.grantee == sa.bindparam("organisation")),
    )
    runs = sa.and_(a.person_id == person, a.ended_at.is_(None), sa.or_(a.until.is_(None), a.until > NOW))
    return sa.exists().where(runs, named)


def _blocked(person: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    b = BLOCK.c
    return sa.exists().where(b.person_id == person, b.ended_at.is_(None), b.professional == SUBJECT)


def _consents(person: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    c = EMERGENCY_CONSENT.c
    given = sa.select(sa.func.array_agg(c.purpose)).where(c.person_id == person, c.permitted)
    return given.scalar_subquery()


def _roles(person: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    r = CARE_ROLE.c
    given = sa.select(sa.func.array_agg(r.role)).where(
        r.person_id == person, r.ended_at.is_(None), r.professional == SUBJECT
    )
    return given.scalar_subquery()


def _known(person: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    k = KNOWN_READER.c
    return sa.exists().where(k.person_id == person, k.professional == SUBJECT)


def to_relation(row: Row, person: PersonId) -> Relation:
    key = Wrapped(bytes(row["wrapped"]), row["master_version"]) if row["wrapped"] is not None else None
    return Relation(
        record=to_record(row, person),
        blocked=row["blocked"],
        authorised=row["authorised"],
        consents=frozenset(EmergencyConsent(c) for c in row["consents"] or ()),
        roles=frozenset(CareRole(r) for r in row["roles"] or ()),
        known_reader=row["known_reader"],
        key=key,
    )


def of_caller(caller: Caller, now: datetime) -> dict[str, Any]:
    """The parameters of `relation_columns`."""
    return {"subject": caller.subject, "organisation": caller.organisation, "now": now}


FIND_RELATION = sa.select(*relation_columns(RECORD.c.person_id)).where(RECORD.c.person_id == PERSON)
# Weaker than FOR UPDATE on purpose: deposits, which only refer to the record, are not held up.
LOCK_RECORD = (
    sa.select(RECORD.c.person_id).where(RECORD.c.person_id == PERSON).with_for_update(key_share=True)
)


async def find_relation(tx: ReadTx, person: PersonId, caller: Caller, now: datetime) -> Relation:
    """How the caller stands to the record; `record` is None when there is none."""
    row = await tx.one(FIND_RELATION, person=person.value, **of_caller(caller, now))
    return to_relation(row, person) if row else Relation(None)


async def lock_relation(tx: Tx, person: PersonId, caller: Caller, now: datetime) -> Relation:
    """The same, while nobody else changes the record or who may access it.

    Two statements: one that waits for the lock reads everything but the locked row as it was before it
    waited, and would miss the block or the consent that was just committed.
    """
    await tx.lock(LOCK_RECORD, person=person.value)
    return await find_relation(tx, person, caller, now)


A = AUTHORISATION.c
AUTHORISATIONS = sa.select(A.authorisation_id, A.person_id, A.grantee, A.kind, A.since, A.until).where(
    A.person_id == PERSON, A.ended_at.is_(None)
)
RUNNING = AUTHORISATIONS.where(sa.or_(A.until.is_(None), A.until > NOW)).order_by(A.since, A.authorisation_id)
OF_GRANTEE = AUTHORISATIONS.where(A.grantee == sa.bindparam("grantee"), A.kind == sa.bindparam("kind"))
BY_ID = AUTHORISATIONS.where(A.authorisation_id == sa.bindparam("authorisation"))
END_AUTHORISATION = (
    sa.update(AUTHORISATION)
    .where(A.authorisation_id == sa.bindparam("authorisation"), A.ended_at.is_(None))
    .values(ended_at=NOW)
)


def _authorisation(row: Row) -> Authorisation:
    return Authorisation(
        AuthorisationId(str(row["authorisation_id"])),
        PersonId(str(row["person_id"])),
        row["grantee"],
        GranteeKind(row["kind"]),
        row["since"],
        row["until"],
    )


async def list_authorisations(tx: ReadTx, person: PersonId, now: datetime) -> list[Authorisation]:
    return [_authorisation(row) for row in await tx.all(RUNNING, person=person.value, now=now)]


async def find_authorisation_of(
    tx: ReadTx, person: PersonId, grantee: str, kind: GranteeKind
) -> Authorisation | None:
    """The one not ended yet, even when its time is over."""
    row = await tx.one(OF_GRANTEE, person=person.value, grantee=grantee, kind=kind.value)
    return _authorisation(row) if row else None


async def find_authorisation(tx: ReadTx, person: PersonId, wanted: AuthorisationId) -> Authorisation | None:
    row = await tx.one(BY_ID, person=person.value, authorisation=wanted.value)
    return _authorisation(row) if row else None


def insert_authorisation(tx: Tx, authorisation: Authorisation, granted_by: str) -> None:
    tx.insert(
        AUTHORISATION,
        authorisation_id=authorisation.id.value,
        person_id=authorisation.person_id.value,
        grantee=authorisation.grantee,
        kind=authorisation.kind.value,
        since=authorisation.since,
        until=authorisation.until,
        granted_by=granted_by,
    )


async def end_authorisation(tx: Tx, authorisation: AuthorisationId, now: datetime) -> None:
    await tx.change(END_AUTHORISATION, authorisation=authorisation.value, now=now)


B = BLOCK.c
BLOCKS = (
    sa.select(B.block_id, B.person_id, B.professional, B.since)
    .where(B.person_id == PERSON, B.ended_at.is_(None))
    .order_by(B.since, B.block_id)
)
BLOCK_OF = BLOCKS.where(B.professional == sa.bindparam("professional"))
END_BLOCK = (
    sa.update(BLOCK).where(B.block_id == sa.bindparam("block"), B.ended_at.is_(None)).values(ended_at=NOW)
)


def _block(row: Row) -> Block:
    return Block(
        BlockId(str(row["block_id"])), PersonId(str(row["person_id"])), row["professional"], row["since"]
    )


async def list_blocks(tx: ReadTx, person: PersonId) -> list[Block]:
    return [_block(row) for row in await tx.all(BLOCKS, person=person.value)]


async def find_block(tx: ReadTx, person: PersonId, professional: str) -> Block | None:
    row = await tx.one(BLOCK_OF, person=person.value, professional=professional)
    return _block(row) if row else None


def insert_block(tx: Tx, block: Block) -> None:
    tx.insert(
        BLOCK,
        block_id=block.id.value,
        person_id=block.person_id.value,
        professional=block.professional,
        since=block.since,
    )


async def end_block(tx: Tx, block: BlockId, now: datetime) -> None:
    await tx.change(END_BLOCK, block=block.value, now=now)


Q = QUALIFIED_IDENTITY.c
IS_QUALIFIED = sa.select(sa.literal(1)).where(
    Q.person_id == PERSON, Q.domain == sa.bindparam("domain"), Q.qualified
)
_told = insert(QUALIFIED_IDENTITY).values({c.name: sa.bindparam(c.name) for c in QUALIFIED_IDENTITY.columns})
# Events of one identity come in order, replays do not: an older version never overwrites a newer one.
KNOW_IDENTITY = _told.on_conflict_do_update(
    index_elements=[Q.identity_id],
    set_={c.name: _told.excluded[c.name] for c in QUALIFIED_IDENTITY.columns if c.name != "identity_id"},
    where=Q.version < _told.excluded.version,
)


async def is_qualified(tx: ReadTx, person: PersonId, domain: str) -> bool:
    """The events say that this structure holds a qualifiée identity of the person."""
    return await tx.one(IS_QUALIFIED, person=person.value, domain=domain) is not None


async def save_identity(
    tx: Tx, *, identity_id: str, domain: str, person_id: str, version: int, qualified: bool
) -> None:
    await tx.change(
        KNOW_IDENTITY,
        identity_id=identity_id,
        domain=domain,
        person_id=person_id,
        version=version,
        qualified=qualified,
    )
