"""The tables of the medicines base and of the thesaurus of interactions."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from .tables import AMOUNT, METADATA, MOMENT

MEDICINE = sa.Table(
    "medicine",
    METADATA,
    sa.Column("cis", sa.Text, primary_key=True),
    sa.Column("label", sa.Text, nullable=False),
    sa.Column("form", sa.Text, nullable=False),
    sa.Column("routes", ARRAY(sa.Text), nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("marketed", sa.Boolean, nullable=False),
    sa.Column("withdrawn", sa.Boolean, nullable=False),
    sa.Column("holder", sa.Text, nullable=False),
    sa.Column("reinforced_surveillance", sa.Boolean, nullable=False),
    sa.Column("authorised_on", sa.Date),
    sa.Column("atc", ARRAY(sa.Text), nullable=False),
    sa.Column("rules", ARRAY(sa.Text), nullable=False),
    sa.Column("searched", sa.Text, nullable=False),
    sa.Index(
        "ix_medicine_searched",
        "searched",
        postgresql_using="gin",
        postgresql_ops={"searched": "gin_trgm_ops"},
    ),
)

# The words of all medicines: a slip of the pen is looked for among them, not in every label.
SEARCH_WORD = sa.Table(
    "search_word",
    METADATA,
    sa.Column("word", sa.Text, primary_key=True),
    sa.Column("medicines", sa.Integer, nullable=False),
    sa.Index(
        "ix_search_word_alike",
        "word",
        postgresql_using="gin",
        postgresql_ops={"word": "gin_trgm_ops"},
    ),
)

PACK = sa.Table(
    "pack",
    METADATA,
    sa.Column("cip13", sa.Text, primary_key=True),
    sa.Column("cis", sa.Text, nullable=False),
    sa.Column("label", sa.Text, nullable=False),
    sa.Column("marketed", sa.Boolean, nullable=False),
    sa.Column("units", AMOUNT),
    sa.Column("unit_label", sa.Text, nullable=False),
    sa.Column("price_cents", sa.Integer),
    sa.Column("reimbursement_percent", sa.Integer),
    sa.Index("ix_pack_cis", "cis"),
)

COMPONENT = sa.Table(
    "component",
    METADATA,
    sa.Column("cis", sa.Text, primary_key=True),
    sa.Column("rank", sa.Integer, primary_key=True),
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("folded", sa.Text, nullable=False),
    sa.Column("strength", sa.Text, nullable=False),
    sa.Column("nature", sa.Text, nullable=False),
    sa.Column("link", sa.Integer, nullable=False),
    sa.Index("ix_component_code", "code"),
    sa.Index("ix_component_folded", "folded"),
)

GENERIC = sa.Table(
    "generic",
    METADATA,
    sa.Column("group_id", sa.Text, primary_key=True),
    sa.Column("cis", sa.Text, primary_key=True),
    sa.Column("type", sa.SmallInteger, nullable=False),
    sa.Column("group_label", sa.Text, nullable=False),
    sa.Index("ix_generic_cis", "cis"),
)

CONDITION = sa.Table(
    "condition",
    METADATA,
    sa.Column("cis", sa.Text, primary_key=True),
    sa.Column("rank", sa.Integer, primary_key=True),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("rules", ARRAY(sa.Text), nullable=False),
)

AVAILABILITY = sa.Table(
    "availability",
    METADATA,
    sa.Column("cis", sa.Text, primary_key=True),
    sa.Column("rank", sa.Integer, primary_key=True),
    sa.Column("cip13", sa.Text, nullable=False),
    sa.Column("status", sa.SmallInteger, nullable=False),
    sa.Column("label", sa.Text, nullable=False),
    sa.Column("since", sa.Date),
    sa.Column("returns", sa.Date),
)

IMPORT = sa.Table(
    "import",
    METADATA,
    sa.Column("import_id", sa.Uuid, primary_key=True),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("finished_at", MOMENT, nullable=False),
    sa.Column("files", JSONB, nullable=False),
)

INTERACTION = sa.Table(
    "interaction",
    METADATA,
    sa.Column("pair", sa.Text, primary_key=True),
    sa.Column("rank", sa.Integer, primary_key=True),
    sa.Column("one", sa.Text, nullable=False),
    sa.Column("other", sa.Text, nullable=False),
    sa.Column(
        "level", sa.SmallInteger, sa.CheckConstraint("level BETWEEN 1 AND 4", name="level"), nullable=False
    ),
    sa.Column("advice", sa.Text, nullable=False),
    sa.Column("mechanism", sa.Text, nullable=False),
    sa.Index("ix_interaction_one", "one"),
    sa.Index("ix_interaction_other", "other"),
)

SUBSTANCE_CLASS = sa.Table(
    "substance_class",
    METADATA,
    sa.Column("substance", sa.Text, primary_key=True),
    sa.Column("class", sa.Text, primary_key=True),
)
