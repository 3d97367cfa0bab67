"""The reference registry."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from .common import KEY, METADATA, MOMENT

PERSON = sa.Table(
    "person",
    METADATA,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("birth_name", sa.Text, nullable=False),
    sa.Column("birth_first_names", ARRAY(sa.Text), nullable=False),
    sa.Column("sex", sa.Text, nullable=False),
    sa.Column("birth_date", sa.Date, nullable=False),
    sa.Column("birth_place", sa.Text, nullable=False),
    # What the civil status knows of the date; an unknown day or month is held as the last one that it can be.
    sa.Column("birth_date_precision", sa.Text, nullable=False, server_default="day"),
    # Comparison form of the birth name: the one that INSi searches by.
    sa.Column("birth_name_key", KEY, nullable=False),
    sa.CheckConstraint("sex IN ('M', 'F')", name="sex"),
    sa.CheckConstraint("birth_date_precision IN ('day', 'month', 'year')", name="birth_date_precision"),
    sa.CheckConstraint("cardinality(birth_first_names) BETWEEN 1 AND 20", name="first_names"),
    sa.Index("ix_person_search", "birth_date", "sex", "birth_name_key"),
)

# Every number a person has or had: a number names one person for ever, a person has one current number.
INS_NUMBER = sa.Table(
    "ins_number",
    METADATA,
    sa.Column("matricule", sa.Text, primary_key=True),
    sa.Column("oid", sa.Text, primary_key=True),
    sa.Column("person_id", sa.Uuid, sa.ForeignKey("person.id"), nullable=False),
    sa.Column("current", sa.Boolean, nullable=False),
    sa.Column("recorded_at", MOMENT, nullable=False, server_default=sa.func.now()),
    sa.CheckConstraint("matricule ~ '^[0-9]{6}[0-9AB][0-9]{8}$'", name="matricule"),
    sa.Index("ix_ins_number_person", "person_id"),
    sa.Index("uq_ins_number_current", "person_id", unique=True, postgresql_where=sa.text("current")),
)

# Who is covered under the number of another: a child under that of a parent. Whoever is not here is covered
# under their own number.
BENEFICIARY = sa.Table(
    "beneficiary",
    METADATA,
    # 15 characters of the insured person.
    sa.Column("billing_number", sa.Text, primary_key=True),
    sa.Column("birth_date", sa.Date, primary_key=True),
    # Rank among those born on one day (rang gémellaire), from 1.
    sa.Column("birth_rank", sa.SmallInteger, primary_key=True),
    sa.Column("person_id", sa.Uuid, sa.ForeignKey("person.id"), nullable=False),
    sa.CheckConstraint("birth_rank > 0", name="birth_rank"),
    sa.Index("ix_beneficiary_person", "person_id"),
)
