"""Rows of the local identities and of their history."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from chassis.caller import Caller
from chassis.db import ReadTx, Record, Tx
from chassis.errors import Conflict
from identity_ins.domain import (
    Attribute,
    Authority,
    Change,
    Criteria,
    Identity,
    IdentityId,
    IdentityNotFound,
    Ins,
    Paper,
    PaperCheck,
    PersonId,
    Retrieval,
    Sex,
    Traits,
    comparison_key,
)

from .tables import IDENTITY_CHANGE, LOCAL_IDENTITY

T = LOCAL_IDENTITY.c
# Search keys are for the WHERE clause only.
SHOWN = [column for column in T if not column.name.endswith(("_key", "_keys"))]
GET = sa.select(*SHOWN).where(T.id == sa.bindparam("identity_id"))
LOCK = GET.with_for_update()
CHANGED = [column.name for column in T if column.name not in ("id", "domain", "ipp", "created_at")]
SAVE = (
    sa.update(LOCAL_IDENTITY)
    .where(T.id == sa.bindparam("identity_id"), T.version == sa.bindparam("version_before"))
    .values({name: sa.bindparam(name) for name in CHANGED})
)
LINKED = sa.select(
    sa.exists()
    .where(T.person_id == sa.bindparam("person_id"), T.domain == sa.bindparam("domain"))
    .label("found")
)
QUALIFIED = sa.select(
    sa.exists()
    .where(
        T.person_id == sa.bindparam("person_id"),
        T.domain == sa.bindparam("domain"),
        T.retrieved_at.is_not(None),
        T.paper_checked_at.is_not(None),
    )
    .label("found")
)


async def get_identity(tx: ReadTx, id: IdentityId) -> Identity:
    """The identity; raises IdentityNotFound."""
    return _found(await tx.one(GET, identity_id=id.value))


async def lock_identity(tx: Tx, id: IdentityId) -> Identity:
    """The identity, which nobody else may change until the end; raises IdentityNotFound."""
    return _found(await tx.lock(LOCK, identity_id=id.value))


def insert_identity(tx: Tx, identity: Identity) -> None:
    """Adds an identity; a second one under the same IPP ends in IppAlreadyUsed."""
    tx.insert(LOCAL_IDENTITY, id=identity.id.value, **_values(identity))


async def save_identity(tx: Tx, identity: Identity) -> None:
    """Saves the next version; raises Conflict when someone saved one meanwhile."""
    values = {name: value for name, value in _values(identity).items() if name in CHANGED}
    touched = await tx.change(
        SAVE, identity_id=identity.id.value, version_before=identity.version - 1, **values
    )
    if touched != 1:
        raise Conflict(field="identity_id", hint="Read the identity again, then decide again.")


def insert_change(tx: Tx, caller: Caller, change: Change, now: datetime) -> None:
    """Adds a row to the history of the identity."""
    before = change.before
    tx.insert(
        IDENTITY_CHANGE,
        identity_id=change.after.id.value,
        version=change.after.version,
        changed_at=now,
        author_kind=caller.kind.value,
        author=caller.public_subject,
        step=change.step,
        status_before=before.status.value if before else "",
        status_after=change.after.status.value,
        reason=change.reason,
        before=_values(before) if before else None,
    )


async def is_linked(tx: ReadTx, person_id: PersonId, domain: str) -> bool:
    """Whether a structure holds an identity, récupérée or qualifiée, of this person."""
    return await _exists(tx, LINKED, person_id, domain)


async def is_qualified(tx: ReadTx, person_id: PersonId, domain: str) -> bool:
    """Whether a structure holds a qualifiée identity of this person."""
    return await _exists(tx, QUALIFIED, person_id, domain)


async def list_visible_identities(
    tx: ReadTx, domain: str, criteria: Criteria, after: str | None, size: int
) -> list[Identity]:
    """The identities of a domain that match every criterion, by id, from the one after `after`."""
    wanted = {name: value for name, value in _wanted(criteria).items() if value}
    statement = _listing(frozenset(wanted), after is not None)
    rows = await tx.all(statement, domain=domain, after=after, size=size, **wanted)
    return [_identity(row) for row in rows]


def _wanted(criteria: Criteria) -> dict[str, Any]:
    return {
        "matricule": criteria.ins.matricule if criteria.ins else None,
        "oid": criteria.ins.oid.value if criteria.ins else None,
        "ipp": criteria.ipp,
        "family": comparison_key(criteria.family),
        "given": comparison_key(criteria.given),
        "birth_date": criteria.birth_date,
        "sex": criteria.sex.value if criteria.sex else None,
        "identity_id": criteria.id.value if criteria.id else None,
    }


@lru_cache(maxsize=256)
def _listing(wanted: frozenset[str], resumed: bool) -> sa.Select[Any]:
    """One statement for each set of criteria, so that each is planned for its own index."""
    statement = sa.select(*SHOWN).where(T.domain == sa.bindparam("domain"))
    statement = statement.where(*(MATCHES[name] for name in sorted(wanted)))
    if resumed:
        statement = statement.where(T.id > sa.bindparam("after"))
    return statement.order_by(T.id).limit(sa.bindparam("size", type_=sa.Integer))


def _starts(key: sa.ColumnElement[str], name: str) -> sa.ColumnElement[bool]:
    """A prefix match as a range, which an index serves whatever the plan; "~" sorts after every letter."""
    prefix = sa.bindparam(name, type_=sa.Text)
    return sa.and_(key >= prefix, key < prefix + "~")


GIVEN = sa.func.unnest(T.given_keys).column_valued("given_key")
MATCHES: dict[str, sa.ColumnElement[bool]] = {
    "matricule": T.ins_matricule == sa.bindparam("matricule"),
    "oid": T.ins_oid == sa.bindparam("oid"),
    "ipp": T.ipp == sa.bindparam("ipp"),
    "family": sa.or_(_starts(T.birth_name_key, "family"), _starts(T.used_name_key, "family")),
    "given": sa.exists(sa.select(GIVEN).where(_starts(GIVEN, "given"))),
    "birth_date": T.birth_date == sa.bindparam("birth_date"),
    "sex": T.sex == sa.bindparam("sex"),
    "identity_id": T.id == sa.bindparam("identity_id"),
}


async def _exists(tx: ReadTx, statement: sa.Select[Any], person_id: PersonId, domain: str) -> bool:
    row = await tx.one(statement, person_id=person_id.value, domain=domain)
    return row is not None and bool(row["found"])


def _found(row: Record | None) -> Identity:
    if row is None:
        raise IdentityNotFound(field="identity_id")
    return _identity(row)


def _identity(row: Record) -> Identity:
    return Identity(
        IdentityId(str(row["id"])),
        row["domain"],
        row["ipp"],
        _traits(row),
        row["created_at"],
        _retrieval(row),
        PaperCheck(Paper(row["paper"]), row["paper_checked_at"]) if row["paper"] else None,
        frozenset(Attribute(name) for name in row["attributes"]),
        row["version"],
    )


def _traits(row: Record) -> Traits:
    return Traits(
        row["birth_name"],
        tuple(row["birth_first_names"]),
        Sex(row["sex"]),
        row["birth_date"],
        row["birth_place"],
        row["used_name"],
        row["used_first_name"],
    )


def _retrieval(row: Record) -> Retrieval | None:
    if row["retrieved_at"] is None:
        return None
    ins = Ins(row["ins_matricule"], Authority(row["ins_oid"]))
    return Retrieval(ins, PersonId(str(row["person_id"])), row["retrieved_at"])


def _values(identity: Identity) -> dict[str, Any]:
    return {
        "domain": identity.domain,
        "ipp": identity.ipp,
        "created_at": identity.created_at,
        "version": identity.version,
        "attributes": sorted(attribute.value for attribute in identity.attributes),
        **_trait_values(identity.traits),
        **_fact_values(identity),
    }


def _trait_values(traits: Traits) -> dict[str, Any]:
    used_first_name = [comparison_key(traits.used_first_name)] if traits.used_first_name else []
    return {
        "birth_name": traits.birth_name,
        "birth_first_names": list(traits.birth_first_names),
        "sex": traits.sex.value,
        "birth_date": traits.birth_date,
        "birth_place": traits.birth_place,
        "used_name": traits.used_name,
        "used_first_name": traits.used_first_name,
        "birth_name_key": traits.birth_name_key,
        "used_name_key": comparison_key(traits.used_name),
        "given_keys": [*traits.first_name_keys, *used_first_name],
    }


def _fact_values(identity: Identity) -> dict[str, Any]:
    retrieval, check = identity.retrieval, identity.paper_check
    return {
        "ins_matricule": retrieval.ins.matricule if retrieval else None,
        "ins_oid": retrieval.ins.oid.value if retrieval else None,
        "person_id": retrieval.person_id.value if retrieval else None,
        "retrieved_at": retrieval.at if retrieval else None,
        "paper": check.paper.value if check else None,
        "paper_checked_at": check.at if check else None,
    }
