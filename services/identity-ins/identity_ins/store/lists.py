"""Lists of the local identities of a structure: criteria, order, pages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from chassis.db import ReadTx
from identity_ins.domain import Criteria, Identity, Sort, Window, comparison_key

from .identities import SHOWN, STANDS, identity_of
from .tables import IDENTITY_KEY, LOCAL_IDENTITY

T, K = LOCAL_IDENTITY.c, IDENTITY_KEY.c
Columns = ReadOnlyColumnCollection[str, Any]
SORTED_BY: dict[Sort, Callable[[Columns], sa.ColumnElement[Any]]] = {
    Sort.ID: lambda c: c.id,
    Sort.FAMILY: lambda c: c.birth_name_key,
    Sort.BIRTH_DATE: lambda c: c.birth_date,
    # Byte by byte, as the other keys: stored names hold A to Z, hyphens, apostrophes and spaces.
    Sort.GIVEN: lambda c: c.birth_first_names[1].collate("C"),
    Sort.UPDATED: lambda c: c.updated_at,
}
# The last identity of the page before.
LAST = LOCAL_IDENTITY.alias("last")


async def list_visible_identities(
    tx: ReadTx, domain: str, criteria: Criteria, window: Window
) -> list[Identity]:
    """The identities of a domain that match every criterion, in the order and from the place wanted."""
    wanted = {name: value for name, value in _wanted(criteria).items() if value}
    if not window.with_merged:
        wanted["standing"] = True
    listing = statement(frozenset(wanted), window.sort, window.descending, window.after is not None)
    rows = await tx.all(listing, domain=domain, after=window.after, size=window.size, **wanted)
    return [identity_of(row) for row in rows]


def _wanted(criteria: Criteria) -> dict[str, Any]:
    return {
        "matricule": criteria.ins.matricule if criteria.ins else None,
        "oid": criteria.ins.oid.value if criteria.ins else None,
        "ipp": criteria.ipp,
        "family": comparison_key(criteria.family),
        "given": comparison_key(criteria.given),
        "birth_date": criteria.birth_date,
        "born_from": criteria.born_from,
        "born_to": criteria.born_to,
        "sex": criteria.sex.value if criteria.sex else None,
        "identity_id": criteria.id.value if criteria.id else None,
    }


@lru_cache(maxsize=512)
def statement(wanted: frozenset[str], sort: Sort, descending: bool, resumed: bool) -> sa.Select[Any]:
    """One statement for each set of criteria and order, so that each is planned for its own index."""
    criteria = (T.domain == sa.bindparam("domain"), *(MATCHES[name] for name in sorted(wanted)))
    key = SORTED_BY[sort]
    if "family" not in wanted:
        found = sa.select(*SHOWN).where(*criteria)
        return _paged(found, [key(T), T.id], sort, descending, resumed)
    # No index gives either of two names in order: walking one until the page is full would read the whole
    # structure for the last page. So all matches are found first, each name by its index, then sorted.
    matches = sa.select(T.id, key(T).label("sorted_by")).where(*criteria).cte("matches")
    matches = matches.prefix_with("MATERIALIZED", dialect="postgresql")
    keys = [matches.c.sorted_by, matches.c.id]
    shown = _paged(sa.select(*keys), keys, sort, descending, resumed).subquery("shown")
    whole = sa.select(*SHOWN).join_from(LOCAL_IDENTITY, shown, T.id == shown.c.id)
    return whole.order_by(*_ordered([shown.c.sorted_by, shown.c.id], descending))


def _paged(
    found: sa.Select[Any], keys: Sequence[sa.ColumnElement[Any]], sort: Sort, descending: bool, resumed: bool
) -> sa.Select[Any]:
    if resumed:
        found = found.where(_beyond(keys, sort, descending))
    return found.order_by(*_ordered(keys, descending)).limit(sa.bindparam("size", type_=sa.Integer))


def _ordered(keys: Sequence[sa.ColumnElement[Any]], descending: bool) -> list[sa.ColumnElement[Any]]:
    return [key.desc() if descending else key for key in keys]


def _beyond(keys: Sequence[sa.ColumnElement[Any]], sort: Sort, descending: bool) -> sa.ColumnElement[bool]:
    """After the last identity shown, whose key is read again here: a page token must hold no trait."""
    here, there = sa.tuple_(*keys), sa.tuple_(_of_last(SORTED_BY[sort](LAST.c)), _of_last(LAST.c.id))
    return here < there if descending else here > there


def _of_last(key: sa.ColumnElement[Any]) -> sa.ScalarSelect[Any]:
    same = (LAST.c.id == sa.bindparam("after"), LAST.c.domain == sa.bindparam("domain"))
    return sa.select(key).where(*same).scalar_subquery()


def _starts(key: sa.ColumnElement[str], name: str) -> sa.ColumnElement[bool]:
    """A prefix match as a range, which an index serves whatever the plan; "~" sorts after every letter."""
    prefix = sa.bindparam(name, type_=sa.Text)
    return sa.and_(key >= prefix, key < prefix + "~")


GIVEN = sa.exists().where(
    K.domain == sa.bindparam("domain"),
    K.kind == sa.literal_column("'given'"),
    K.identity_id == T.id,
    _starts(K.key, "given"),
)
MATCHES: dict[str, sa.ColumnElement[bool]] = {
    "matricule": T.ins_matricule == sa.bindparam("matricule"),
    "oid": T.ins_oid == sa.bindparam("oid"),
    "ipp": T.ipp == sa.bindparam("ipp"),
    "family": sa.or_(_starts(T.birth_name_key, "family"), _starts(T.used_name_key, "family")),
    "given": GIVEN,
    "birth_date": T.birth_date == sa.bindparam("birth_date"),
    "born_from": T.birth_date >= sa.bindparam("born_from"),
    "born_to": T.birth_date <= sa.bindparam("born_to"),
    "sex": T.sex == sa.bindparam("sex"),
    "identity_id": T.id == sa.bindparam("identity_id"),
    "standing": STANDS,
}
