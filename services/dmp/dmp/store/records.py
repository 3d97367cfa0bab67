"""Records, their consents, and the roles their holders gave."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from chassis.db import ReadTx, Tx
from chassis.db import Record as Row
from dmp.domain.records import (
    AT_OPENING,
    CareRole,
    CareRoleId,
    DeclaredRole,
    EmergencyConsent,
    PersonId,
    Record,
)
from dmp.domain.sealing import Wrapped

from . import keys
from .access import NOW, PERSON, SAME_NAME
from .tables import CARE_ROLE, EMERGENCY_CONSENT, RECORD

R = RECORD.c
OPEN_RECORD = (
    insert(RECORD)
    .values(person_id=sa.bindparam("person_id"), opened_at=sa.bindparam("opened_at"))
    .on_conflict_do_nothing()
)


async def insert_record(tx: Tx, record: Record, wrapped: Wrapped) -> bool:
    """Opens the record under its key, with the emergency consents of every new one.

    False when there is a record already: it keeps the key it has.
    """
    if not await tx.change(OPEN_RECORD, person_id=record.person_id.value, opened_at=record.opened_at):
        return False
    keys.insert_key(tx, record.person_id, wrapped)
    for purpose, permitted in AT_OPENING.items():
        tx.insert(
            EMERGENCY_CONSENT, person_id=record.person_id.value, purpose=purpose.value, permitted=permitted
        )
    return True


SAVED = ("state", "close_reason", *(name for name in SAME_NAME if name != "opened_at"))
SAVE_RECORD = (
    sa.update(RECORD)
    .where(R.person_id == PERSON)
    .values({name: sa.bindparam(f"new_{name}", type_=R[name].type) for name in SAVED})
)
COMMENT = sa.update(RECORD).where(R.person_id == PERSON).values(close_comment=sa.bindparam("comment"))


async def save_record(tx: Tx, record: Record) -> None:
    """The record as it now stands; the caller holds its lock (`lock_relation`)."""
    same = {f"new_{name}": getattr(record, name) for name in SAVED}
    reason = record.close_reason.value if record.close_reason else ""
    await tx.change(
        SAVE_RECORD,
        person=record.person_id.value,
        **{**same, "new_state": record.state.value, "new_close_reason": reason},
    )


async def save_comment(tx: Tx, person: PersonId, comment: bytes | None) -> None:
    """Why the record was closed, in words sealed under its key; None takes them away."""
    await tx.change(COMMENT, person=person.value, comment=comment)


E = EMERGENCY_CONSENT.c
SAVE_CONSENT = (
    sa.update(EMERGENCY_CONSENT)
    .where(E.person_id == PERSON, E.purpose == sa.bindparam("which"))
    .values(permitted=sa.bindparam("given", type_=sa.Boolean))
)


async def save_consent(tx: Tx, person: PersonId, consent: EmergencyConsent, permitted: bool) -> None:
    await tx.change(SAVE_CONSENT, person=person.value, which=consent.value, given=permitted)


C = CARE_ROLE.c
ROLES = sa.select(C.care_role_id, C.professional, C.role, C.since).where(
    C.person_id == PERSON, C.ended_at.is_(None)
)
LIST_ROLES = ROLES.order_by(C.since, C.care_role_id)
ROLE_BY_ID = ROLES.where(C.care_role_id == sa.bindparam("care_role"))
ROLES_LIKE = ROLES.where(C.role == sa.bindparam("role"))
REFERRING = sa.select(C.professional).where(
    C.person_id == PERSON, C.ended_at.is_(None), C.role == sa.literal_column("'medecin_traitant'")
)
END_ROLE = (
    sa.update(CARE_ROLE)
    .where(C.care_role_id == sa.bindparam("care_role"), C.ended_at.is_(None))
    .values(ended_at=NOW)
)


def _role(row: Row, person: PersonId) -> DeclaredRole:
    return DeclaredRole(
        CareRoleId(str(row["care_role_id"])), person, row["professional"], CareRole(row["role"]), row["since"]
    )


async def list_roles(tx: ReadTx, person: PersonId) -> list[DeclaredRole]:
    return [_role(row, person) for row in await tx.all(LIST_ROLES, person=person.value)]


async def list_holders_of(tx: ReadTx, person: PersonId, role: CareRole) -> list[DeclaredRole]:
    """The professionals who have this role now."""
    found = await tx.all(ROLES_LIKE, person=person.value, role=role.value)
    return [_role(row, person) for row in found]


async def find_role(tx: ReadTx, person: PersonId, wanted: CareRoleId) -> DeclaredRole | None:
    row = await tx.one(ROLE_BY_ID, person=person.value, care_role=wanted.value)
    return _role(row, person) if row else None


async def find_referring_doctor(tx: ReadTx, person: PersonId) -> str:
    """PS_IdNat of the médecin traitant; empty when none is declared."""
    row = await tx.one(REFERRING, person=person.value)
    return str(row["professional"]) if row else ""


def insert_role(tx: Tx, role: DeclaredRole) -> None:
    tx.insert(
        CARE_ROLE,
        care_role_id=role.id.value,
        person_id=role.person_id.value,
        professional=role.professional,
        role=role.role.value,
        since=role.since,
    )


async def end_role(tx: Tx, role: CareRoleId, now: datetime) -> None:
    await tx.change(END_ROLE, care_role=role.value, now=now)
