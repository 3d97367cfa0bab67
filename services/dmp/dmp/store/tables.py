"""The tables of the DMP: who owns what is in the README, who may see what is in `policy.py`."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from chassis import schema

METADATA = schema.metadata(ledger=True)
MOMENT = sa.DateTime(timezone=True)


def _person() -> sa.Column[object]:
    return sa.Column("person_id", sa.Uuid, sa.ForeignKey("record.person_id"), nullable=False)


RECORD = sa.Table(
    "record",
    METADATA,
    sa.Column("person_id", sa.Uuid, primary_key=True),
    sa.Column("opened_at", MOMENT, nullable=False),
    sa.Column(
        "state",
        sa.Text,
        sa.CheckConstraint("state IN ('open', 'closed', 'destroyed')", name="state"),
        nullable=False,
        server_default="open",
    ),
    sa.Column("closed_at", MOMENT),
    sa.Column("close_reason", sa.Text, nullable=False, server_default=""),
    # Free words, sealed under the key of the record.
    sa.Column("close_comment", sa.LargeBinary),
    sa.Column("destroy_at", MOMENT),
    sa.Column("attached", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.Column("feeding_allowed", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.Column("consultation_allowed", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.Column("masked_by_default", sa.Boolean, nullable=False, server_default=sa.false()),
    # Of the latest lot: the next one is later by a microsecond at least, so that the order of `received_at`
    # is that of the commits and "changed since" never misses a lot.
    sa.Column("last_received_at", MOMENT, nullable=False, server_default="epoch"),
    sa.Index("ix_record_destroy_at", "destroy_at", postgresql_where=sa.text("state = 'closed'")),
)

# The key that seals what a record holds, wrapped by a master key. Deleting the row, then the version of the
# master key that wrapped it, is what destroys a record in backups too.
RECORD_KEY = sa.Table(
    "record_key",
    METADATA,
    sa.Column("person_id", sa.Uuid, sa.ForeignKey("record.person_id"), primary_key=True),
    sa.Column("wrapped", sa.LargeBinary, nullable=False),
    sa.Column("master_version", sa.Integer, nullable=False, index=True),
)

ERASURE = sa.Table(
    "erasure",
    METADATA,
    sa.Column("receipt_id", sa.Uuid, primary_key=True),
    sa.Column("person_id", sa.Uuid, sa.ForeignKey("record.person_id"), nullable=False, index=True),
    sa.Column("erased_at", MOMENT, nullable=False),
    sa.Column("documents", sa.Integer, nullable=False),
    sa.Column("lots", sa.Integer, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    # SHA-256 of the wrapped key.
    sa.Column("key_fingerprint", sa.LargeBinary, nullable=False),
    sa.Column("master_version", sa.Integer, nullable=False),
    sa.Column("backups_unreadable_at", MOMENT),
)

# Roles the holder gave to professionals; ended rows stay.
CARE_ROLE = sa.Table(
    "care_role",
    METADATA,
    sa.Column("care_role_id", sa.Uuid, primary_key=True),
    _person(),
    sa.Column("professional", sa.Text, nullable=False),
    sa.Column(
        "role",
        sa.Text,
        sa.CheckConstraint(
            "role IN ('medecin_traitant', 'administrator', 'pharmacien_correspondant',"
            " 'sage_femme_referente')",
            name="role",
        ),
        nullable=False,
    ),
    sa.Column("since", MOMENT, nullable=False),
    sa.Column("ended_at", MOMENT),
    sa.Index(
        "uq_care_role_running",
        "person_id",
        "professional",
        "role",
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    ),
    sa.Index(
        "uq_care_role_one_medecin_traitant",
        "person_id",
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL AND role = 'medecin_traitant'"),
    ),
)

# Who has read a record before: the holder is told of each first time.
KNOWN_READER = sa.Table(
    "known_reader",
    METADATA,
    sa.Column("person_id", sa.Uuid, sa.ForeignKey("record.person_id"), primary_key=True),
    sa.Column("professional", sa.Text, primary_key=True),
    sa.Column("first_read_at", MOMENT, nullable=False),
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
    sa.Column(
        "kind",
        sa.Text,
        sa.CheckConstraint("kind IN ('deposit', 'change', 'folder')", name="kind"),
        nullable=False,
    ),
    sa.Column("content_type", sa.Text, nullable=False),
    # Of the sender: PS_IdNat and Struct_IdNat.
    sa.Column("author_ids", ARRAY(sa.Text), nullable=False),
    # Names and title as keyed hashes of their beginnings (`RecordKey.tokens`).
    sa.Column("tokens", ARRAY(sa.LargeBinary), nullable=False),
    # Title, comments, author, content type, recipients: JSON under the key of the record.
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    # The sender's clock, then ours.
    sa.Column("submitted_at", MOMENT, nullable=False),
    sa.Column("received_at", MOMENT, nullable=False),
    sa.Column("submitted_by", sa.Text, nullable=False),
    sa.Column("submitted_for", sa.Text, nullable=False),
    sa.UniqueConstraint("person_id", "unique_id"),
    sa.Index("ix_lot_received", "person_id", "received_at", "lot_id"),
)

# Which version of which document a lot, a change or a folder holds.
LOT_MEMBER = sa.Table(
    "lot_member",
    METADATA,
    sa.Column("lot_id", sa.Uuid, sa.ForeignKey("lot.lot_id"), primary_key=True),
    sa.Column("document_id", sa.Uuid, sa.ForeignKey("document.document_id"), primary_key=True, index=True),
    sa.Column("entry_id", sa.Uuid, nullable=False),
)

# The current version of the metadata: what policy and searches look at is a column, the rest is sealed.
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
        sa.CheckConstraint("status IN ('current', 'superseded', 'deleted')", name="status"),
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
    sa.Column("created_at", MOMENT, nullable=False),
    sa.Column("service_start", MOMENT, nullable=False),
    sa.Column("service_end", MOMENT),
    sa.Column("submitted_at", MOMENT, nullable=False),
    sa.Column("submitted_by", sa.Text, nullable=False),
    sa.Column("submitted_for", sa.Text, nullable=False),
    # XDS entryUUID of this version of the metadata.
    sa.Column("entry_id", sa.Uuid, nullable=False),
    sa.Column("changed_at", MOMENT, nullable=False),
    sa.Column("format_code", sa.Text, nullable=False),
    sa.Column("facility_code", sa.Text, nullable=False),
    sa.Column("practice_code", sa.Text, nullable=False),
    sa.Column("event_codes", ARRAY(sa.Text), nullable=False),
    # Struct_IdNat of the authors.
    sa.Column("structure_ids", ARRAY(sa.Text), nullable=False),
    # Names of authors and values of references as keyed hashes (`RecordKey.tokens`).
    sa.Column("tokens", ARRAY(sa.LargeBinary), nullable=False),
    # Every word of the metadata: JSON under the key of the record.
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    # Name of the sealed bytes in the object store.
    sa.Column("blob", sa.Text, nullable=False, index=True),
    sa.Column(
        "scan", sa.Text, sa.CheckConstraint("scan IN ('not_scanned', 'clean')", name="scan"), nullable=False
    ),
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
    sa.Column("entry_id", sa.Uuid, nullable=False),
)

# RPLC and APND. Two replacements of one document would leave two current ones: the index refuses the second.
ASSOCIATION = sa.Table(
    "association",
    METADATA,
    sa.Column("source_id", sa.Uuid, sa.ForeignKey("document.document_id"), primary_key=True),
    sa.Column("target_id", sa.Uuid, sa.ForeignKey("document.document_id"), primary_key=True),
    sa.Column(
        "kind", sa.Text, sa.CheckConstraint("kind IN ('replaces', 'appends')", name="kind"), nullable=False
    ),
    sa.Index(
        "uq_association_replaced_once",
        "target_id",
        unique=True,
        postgresql_where=sa.text("kind = 'replaces'"),
    ),
    sa.Index(
        "uq_association_replaces_one", "source_id", unique=True, postgresql_where=sa.text("kind = 'replaces'")
    ),
)

# The timers of R1111-53: rows, so that they outlive the process that set them.
ANNOUNCEMENT = sa.Table(
    "announcement",
    METADATA,
    sa.Column("document_id", sa.Uuid, sa.ForeignKey("document.document_id"), primary_key=True),
    sa.Column("warn_at", MOMENT, nullable=False),
    sa.Column("show_at", MOMENT, nullable=False),
    sa.Column("warned_at", MOMENT),
    sa.Column("done_at", MOMENT),
    sa.Index(
        "ix_announcement_to_warn",
        "warn_at",
        postgresql_where=sa.text("warned_at IS NULL AND done_at IS NULL"),
    ),
    sa.Index("ix_announcement_to_show", "show_at", postgresql_where=sa.text("done_at IS NULL")),
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
