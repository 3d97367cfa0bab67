"""Rows of the local identities and of their history."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from chassis.caller import Caller
from chassis.db import ReadTx, Record, Tx
from chassis.errors import Conflict
from identity_ins.domain import (
    Attribute,
    Authority,
    BillingNumber,
    Change,
    CollectionMethod,
    Identity,
    IdentityId,
    IdentityNotFound,
    Ins,
    Paper,
    PaperCheck,
    PersonId,
    Precision,
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
# Nobody may change the row; a case or a message that only refers to it need not wait (FOR NO KEY UPDATE).
LOCK = GET.with_for_update(key_share=True)
FIXED = ("id", "domain", "ipp", "ipp_authority", "created_at")
CHANGED = [column.name for column in T if column.name not in FIXED]
SAVE = (
    sa.update(LOCAL_IDENTITY)
    .where(T.id == sa.bindparam("identity_id"), T.version == sa.bindparam("version_before"))
    .values({name: sa.bindparam(name) for name in CHANGED})
)
# An identity that was merged away speaks for nobody: the one that was kept does.
STANDS = T.merged_into.is_(None)
LINKED = sa.select(
    sa.exists()
    .where(T.person_id == sa.bindparam("person_id"), T.domain == sa.bindparam("domain"), STANDS)
    .label("found")
)
QUALIFIED = sa.select(
    sa.exists()
    .where(
        T.person_id == sa.bindparam("person_id"),
        T.domain == sa.bindparam("domain"),
        T.retrieved_at.is_not(None),
        T.paper_checked_at.is_not(None),
        STANDS,
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


async def _exists(tx: ReadTx, statement: sa.Select[Any], person_id: PersonId, domain: str) -> bool:
    row = await tx.one(statement, person_id=person_id.value, domain=domain)
    return row is not None and bool(row["found"])


def _found(row: Record | None) -> Identity:
    if row is None:
        raise IdentityNotFound
    return identity_of(row)


def identity_of(row: Mapping[str, Any] | Record) -> Identity:
    """The identity that a row, or the history of one, holds."""
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
        CollectionMethod(row["collection_method"]),
        row["ipp_authority"],
        BillingNumber(row["billing_number"]) if row["billing_number"] else None,
        IdentityId(str(row["merged_into"])) if row["merged_into"] else None,
        row["updated_at"],
    )


def _traits(row: Mapping[str, Any] | Record) -> Traits:
    return Traits(
        row["birth_name"],
        tuple(row["birth_first_names"]),
        Sex(row["sex"]),
        row["birth_date"],
        row["birth_place"],
        row["used_name"],
        row["used_first_name"],
        row["birth_place_name"],
        Precision(row["birth_date_precision"]),
    )


def _retrieval(row: Mapping[str, Any] | Record) -> Retrieval | None:
    if row["retrieved_at"] is None:
        return None
    ins = Ins(row["ins_matricule"], Authority(row["ins_oid"]))
    return Retrieval(ins, PersonId(str(row["person_id"])), row["retrieved_at"], row["verified_at"])


def _values(identity: Identity) -> dict[str, Any]:
    return {
        "domain": identity.domain,
        "ipp": identity.ipp,
        "ipp_authority": identity.ipp_authority,
        "billing_number": identity.billing_number.number if identity.billing_number else "",
        "collection_method": identity.collection_method.value,
        "merged_into": identity.merged_into.value if identity.merged_into else None,
        "created_at": identity.created_at,
        "updated_at": identity.updated_at or identity.created_at,
        "version": identity.version,
        "attributes": sorted(attribute.value for attribute in identity.attributes),
        **_trait_values(identity.traits),
        **_fact_values(identity),
    }


def _trait_values(traits: Traits) -> dict[str, Any]:
    # Nobody reads these any more but the release before this one, while both run.
    used_first_name = [comparison_key(traits.used_first_name)] if traits.used_first_name else []
    return {
        "birth_name": traits.birth_name,
        "birth_first_names": list(traits.birth_first_names),
        "sex": traits.sex.value,
        "birth_date": traits.birth_date,
        "birth_place": traits.birth_place,
        "birth_place_name": traits.birth_place_name,
        "birth_date_precision": traits.birth_date_precision.value,
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
        "verified_at": retrieval.verified_at if retrieval else None,
        "paper": check.paper.value if check else None,
        "paper_checked_at": check.at if check else None,
    }
