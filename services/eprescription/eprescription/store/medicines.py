"""Medicines as the rules read them, and the search; one statement each, so that an import under way is seen
whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from chassis.db import ReadTx, Record
from eprescription.domain.products import (
    Component,
    ConditionText,
    GenericType,
    Medicine,
    Membership,
    Pack,
)

from .medicine_tables import AVAILABILITY, COMPONENT, CONDITION, GENERIC, IMPORT, MEDICINE, PACK

M = MEDICINE.c
CIS = sa.bindparam("cis", type_=ARRAY(sa.Text))
LAST_IMPORT = sa.select(IMPORT.c.import_id).order_by(IMPORT.c.import_id.desc()).limit(1)


def _each(table: sa.Table, order: Sequence[sa.Column[Any]], *columns: sa.ColumnElement[Any]) -> Any:
    """The rows of a table about the medicine, as an array of arrays."""
    rows = sa.func.jsonb_agg(sa.text(_array(columns, order)))
    return sa.select(rows).where(table.c.cis == M.cis).correlate(MEDICINE).scalar_subquery()


def _array(columns: Iterable[sa.ColumnElement[Any]], order: Sequence[sa.Column[Any]]) -> str:
    names = ", ".join(str(column) for column in columns)
    return f"jsonb_build_array({names}) ORDER BY {', '.join(str(column) for column in order)}"


P, C, G, D, A = PACK.c, COMPONENT.c, GENERIC.c, CONDITION.c, AVAILABILITY.c
LOAD = sa.select(
    M.cis,
    M.label,
    M.form,
    M.routes,
    M.status,
    M.marketed,
    M.withdrawn,
    M.holder,
    M.reinforced_surveillance,
    M.atc,
    M.rules,
    _each(
        PACK, [P.cip13],
        P.cip13, P.label, P.marketed, sa.cast(P.units, sa.Text), P.unit_label, P.price_cents,
        P.reimbursement_percent,
    ).label("packs"),
    _each(COMPONENT, [C.rank], C.code, C.name, C.strength, C.nature, C.link).label("components"),
    _each(GENERIC, [G.group_id], G.group_id, G.type, G.group_label).label("generics"),
    _each(CONDITION, [D.rank], D.text, D.rules).label("conditions"),
    _each(AVAILABILITY, [A.rank], A.cip13, A.status, A.label).label("availabilities"),
).where(M.cis == sa.any_(CIS))  # fmt: skip
CODES = sa.bindparam("codes", type_=ARRAY(sa.Text))
FOLDED = sa.bindparam("folded", type_=ARRAY(sa.Text))
OF_PACKS = sa.select(P.cip13, P.cis).where(P.cip13 == sa.any_(CODES))
HOLDING = (
    sa.select(C.cis)
    .where(sa.or_(C.code == sa.any_(CODES), C.folded == sa.any_(FOLDED)))
    .distinct()
    .order_by(C.cis)
    .limit(2000)
)
NAMED = (
    sa.select(C.code, C.folded, sa.func.min(C.name).label("name"))
    .where(sa.or_(C.code == sa.any_(CODES), C.folded == sa.any_(FOLDED)))
    .group_by(C.code, C.folded)
    .order_by(C.code, C.folded)
)
LIKE_NAMED = (
    sa.select(C.folded)
    .where(sa.func.strpos(C.folded, sa.bindparam("part", type_=sa.Text)) > sa.literal_column("0"))
    .distinct()
    .order_by(C.folded)
)
UNKNOWN = (
    sa.select(D.text, sa.func.count(D.cis.distinct()).label("medicines"))
    .where(D.rules == sa.literal_column("'{}'::text[]"))
    .group_by(D.text)
    .order_by(sa.text("medicines DESC"), D.text)
)
IMPORT_DATE = (
    sa.select(IMPORT.c.source, IMPORT.c.finished_at)
    .where(IMPORT.c.source != sa.literal_column("'thesaurus'"))
    .order_by(IMPORT.c.import_id.desc())
)


async def last_import(tx: ReadTx) -> str:
    """Id of the last import of whatever; empty when there was none."""
    row = await tx.one(LAST_IMPORT)
    return str(row["import_id"]) if row else ""


async def list_medicines(tx: ReadTx, cis: Sequence[str]) -> list[Medicine]:
    return [medicine_of(row) for row in await tx.all(LOAD, cis=list(cis))]


async def cis_of_packs(tx: ReadTx, cip13s: Sequence[str]) -> dict[str, str]:
    """CIP13 to CIS; those that are unknown are left out."""
    return {row["cip13"]: row["cis"] for row in await tx.all(OF_PACKS, codes=list(cip13s))}


async def list_holding(tx: ReadTx, codes: Sequence[str], folded: Sequence[str]) -> list[str]:
    """CIS of the medicines that hold one of these substances at least."""
    return [row["cis"] for row in await tx.all(HOLDING, codes=list(codes), folded=list(folded))]


async def list_named(tx: ReadTx, codes: Sequence[str], folded: Sequence[str]) -> list[Record]:
    """Code, folded name and name of substances, by code or by folded name."""
    return await tx.all(NAMED, codes=list(codes), folded=list(folded))


async def list_names_with(tx: ReadTx, part: str) -> list[str]:
    """The folded names of substances that hold this text."""
    return [row["folded"] for row in await tx.all(LIKE_NAMED, part=part)]


async def list_unknown_conditions(tx: ReadTx) -> list[tuple[str, int]]:
    """Condition texts without a rule, and how many medicines carry each; most first."""
    return [(row["text"], row["medicines"]) for row in await tx.all(UNKNOWN)]


async def find_source(tx: ReadTx) -> Record | None:
    """Source and moment of the last import of medicines."""
    return await tx.one(IMPORT_DATE)


def medicine_of(row: Record) -> Medicine:
    stops = row["availabilities"] or []
    whole = "; ".join(label for cip13, status, label in stops if not cip13 and status in SHOWN)
    return Medicine(
        cis=row["cis"],
        label=row["label"],
        form=row["form"],
        routes=tuple(row["routes"]),
        status=row["status"],
        marketed=row["marketed"],
        withdrawn=row["withdrawn"],
        holder=row["holder"],
        reinforced_surveillance=row["reinforced_surveillance"],
        components=tuple(Component(*one) for one in row["components"] or []),
        packs=tuple(_pack(row["cis"], one, stops) for one in row["packs"] or []),
        conditions=tuple(ConditionText(text, tuple(rules)) for text, rules in row["conditions"] or []),
        generics=tuple(
            Membership(group, GenericType(type_), label) for group, type_, label in row["generics"] or []
        ),
        atc=tuple(row["atc"]),
        availability=whole,
        rules=frozenset(row["rules"]),
    )


# Shortage, tension, stop: 4 says that it is back.
SHOWN = (1, 2, 3)


def _amount(text: str) -> Decimal:
    """`30.000` is 30, and not 3E+1: it is read by people."""
    amount = Decimal(text)
    whole = amount.to_integral_value()
    return whole if whole == amount else amount.normalize()


def _pack(cis: str, one: Sequence[Any], stops: Sequence[Sequence[Any]]) -> Pack:
    cip13, label, marketed, units, unit_label, cents, percent = one
    return Pack(
        cip13=cip13,
        cis=cis,
        label=label,
        marketed=marketed,
        units=_amount(units) if units is not None else None,
        unit_label=unit_label,
        price_cents=cents,
        reimbursement_percent=percent,
        availability="; ".join(words for code, status, words in stops if code == cip13 and status in SHOWN),
    )
