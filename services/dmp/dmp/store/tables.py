"""The tables of the DMP: who owns what is in the README, who may see what is in `policy.py`."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from chassis import schema

METADATA = schema.metadata()
MOMENT = sa.DateTime(timezone=True)


def _person() -> sa.Column[object]:
    return sa.Column("person_id", sa.Uuid, sa.ForeignKey("record.person_id"), nullable=False)


RECORD = sa.Table(
    "record",
    METADATA,
    sa.Column("person_id", sa.Uuid, primary_key=True),
    sa.Column("opened_at", MOMENT, nullable=False),
)

EMERGENCY_CONSENT = sa.Table(
    "emergency_consent",
    METADATA,
    sa.Column("person_id", sa.Uuid, sa.ForeignKey("record.person_id"), primary_key=True),
    sa.Column(
        "purpose",
        sa.Text,
        sa.CheckConstraint("purpose IN ('ETREAT', 'BTG', 'MASKED')", name="purpose"),
        primary_key=True,
    ),
    sa.Column("permitted", sa.Boolean, nullable=False),
)

# Ended rows stay: the holder may ask who was authorised at any moment of the past.
AUTHORISATION = sa.Table(
    "authorisation",
    METADATA,
    sa.Column("authorisation_id", sa.Uuid, primary_key=True),
    _person(),
    sa.Column("grantee", sa.Text, nullable=False),
    sa.Column(
        "kind",
        sa.Text,
        sa.CheckConstraint("kind IN ('professional', 'structure')", name="kind"),
        nullable=False,
    ),
    sa.Column("since", MOMENT, nullable=False),
    sa.Column("until", MOMENT),
    # Who recorded it: the holder, or the professional who heard the consent.
    sa.Column("granted_by", sa.Text, nullable=False),
    sa.Column("ended_at", MOMENT),
    sa.Index(
        "uq_authorisation_running",
        "person_id",
        "grantee",
        "kind",
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    ),
)

BLOCK = sa.Table(
    "block",
    METADATA,
    sa.Column("block_id", sa.Uuid, primary_key=True),
    _person(),
    sa.Column("professional", sa.Text, nullable=False),
    sa.Column("since", MOMENT, nullable=False),
    sa.Column("ended_at", MOMENT),
    sa.Index(
        "uq_block_running",
        "person_id",
        "professional",
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    ),
)

LOT = sa.Table(
    "lot",
    METADATA,
    sa.Column("lot_id", sa.Uuid, primary_key=True),
    _person(),
    sa.Column("unique_id", sa.Text, nullable=False),
    sa.Column("source_id", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    # Coding and Author of the sender.
    sa.Column("details", JSONB, nullable=False),
    # The sender's clock, then ours.
    sa.Column("submitted_at", MOMENT, nullable=False),
    sa.Column("received_at", MOMENT, nullable=False),
    sa.Column("submitted_by", sa.Text, nullable=False),
    sa.Column("submitted_for", sa.Text, nullable=False),
    sa.UniqueConstraint("person_id", "unique_id"),
)

# The current version of the metadata; what policy and searches look at is a column, the rest is in `details`.
DOCUMENT = sa.Table(
    "document",
    METADATA,
    sa.Column("document_id", sa.Uuid, primary_key=True),
    _person(),
    sa.Column("lot_id", sa.Uuid, sa.ForeignKey("lot.lot_id"), nullable=False),
    sa.Column("unique_id", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column(
        "status",
        sa.Text,
        sa.CheckConstraint("status IN ('current', 'superseded')", name="status"),
        nullable=False,
    ),
    sa.Column("archived", sa.Boolean, nullable=False),
    sa.Column("confidentiality", ARRAY(sa.Text), nullable=False),
    sa.Column("class_code", sa.Text, nullable=False),
    sa.Column("type_code", sa.Text, nullable=False),
    sa.Column("author_ids", ARRAY(sa.Text), nullable=False),
    sa.Column("mime_type", sa.Text, nullable=False),
    sa.Column("sha1", sa.LargeBinary, nullable=False),
    sa.Column("sha256", sa.LargeBinary, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("created_at", MOMENT, nullable=False),
    sa.Column("service_start", MOMENT, nullable=False),
    sa.Column("service_end", MOMENT),
    sa.Column("details", JSONB, nullable=False),
    sa.Column("submitted_at", MOMENT, nullable=False),
    sa.Column("submitted_by", sa.Text, nullable=False),
    sa.Column("submitted_for", sa.Text, nullable=False),
    sa.UniqueConstraint("person_id", "unique_id"),
    sa.Index("ix_document_newest", "person_id", sa.text("created_at DESC"), sa.text("document_id DESC")),
)

DOCUMENT_VERSION = sa.Table(
    "document_version",
    METADATA,
    sa.Column("document_id", sa.Uuid, sa.ForeignKey("document.document_id"), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("archived", sa.Boolean, nullable=False),
    sa.Column("confidentiality", ARRAY(sa.Text), nullable=False),
    sa.Column("changed_at", MOMENT, nullable=False),
    sa.Column("changed_by", sa.Text, nullable=False),
)

# The bytes as they came; a trigger refuses any change, since the hash in the metadata vouches for them.
CONTENT = sa.Table(
    "content",
    METADATA,
    sa.Column("document_id", sa.Uuid, sa.ForeignKey("document.document_id"), primary_key=True),
    sa.Column("bytes", sa.LargeBinary, nullable=False),
)

# What identity-ins published: which structure holds which person as qualifiée.
QUALIFIED_IDENTITY = sa.Table(
    "qualified_identity",
    METADATA,
    sa.Column("identity_id", sa.Uuid, primary_key=True),
    sa.Column("domain", sa.Text, nullable=False),
    sa.Column("person_id", sa.Uuid, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("qualified", sa.Boolean, nullable=False),
    sa.Index("ix_qualified_identity_person_id_domain", "person_id", "domain"),
)

# The matrix of the arrêté of 26 October 2023: the greatest version of a cell is in force, `*` is the
# default of a profession, and what is in neither is refused.
HABILITATION = sa.Table(
    "habilitation",
    METADATA,
    sa.Column("profession", sa.Text, primary_key=True),
    sa.Column("type_code", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("allowed", sa.Boolean, nullable=False),
    # Where the cell comes from: `arrete` (published), or `seed` (our reading until the annex is loaded).
    sa.Column("source", sa.Text, nullable=False),
)
