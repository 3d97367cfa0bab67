"""The record, its documents, who may read them, and the seed of the matrix of habilitation."""

import csv
from pathlib import Path

import sqlalchemy as sa
from alembic import op

from chassis import schema

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE habilitation (
    profession TEXT NOT NULL,
    type_code TEXT NOT NULL,
    version INTEGER NOT NULL,
    allowed BOOLEAN NOT NULL,
    source TEXT NOT NULL,
    CONSTRAINT pk_habilitation PRIMARY KEY (profession, type_code, version)
);

CREATE TABLE qualified_identity (
    identity_id UUID NOT NULL,
    domain TEXT NOT NULL,
    person_id UUID NOT NULL,
    version INTEGER NOT NULL,
    qualified BOOLEAN NOT NULL,
    CONSTRAINT pk_qualified_identity PRIMARY KEY (identity_id)
);

CREATE INDEX ix_qualified_identity_person_id_domain ON qualified_identity (person_id, domain);

CREATE TABLE record (
    person_id UUID NOT NULL,
    opened_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_record PRIMARY KEY (person_id)
);

CREATE TABLE authorisation (
    authorisation_id UUID NOT NULL,
    person_id UUID NOT NULL,
    grantee TEXT NOT NULL,
    kind TEXT NOT NULL CONSTRAINT ck_authorisation_kind CHECK (kind IN ('professional', 'structure')),
    since TIMESTAMP WITH TIME ZONE NOT NULL,
    until TIMESTAMP WITH TIME ZONE,
    granted_by TEXT NOT NULL,
    ended_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_authorisation PRIMARY KEY (authorisation_id),
    CONSTRAINT fk_authorisation_person_id FOREIGN KEY(person_id) REFERENCES record (person_id)
);

CREATE UNIQUE INDEX uq_authorisation_running ON authorisation (person_id, grantee, kind)
    WHERE ended_at IS NULL;

CREATE TABLE block (
    block_id UUID NOT NULL,
    person_id UUID NOT NULL,
    professional TEXT NOT NULL,
    since TIMESTAMP WITH TIME ZONE NOT NULL,
    ended_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_block PRIMARY KEY (block_id),
    CONSTRAINT fk_block_person_id FOREIGN KEY(person_id) REFERENCES record (person_id)
);

CREATE UNIQUE INDEX uq_block_running ON block (person_id, professional) WHERE ended_at IS NULL;

CREATE TABLE emergency_consent (
    person_id UUID NOT NULL,
    purpose TEXT NOT NULL
        CONSTRAINT ck_emergency_consent_purpose CHECK (purpose IN ('ETREAT', 'BTG', 'MASKED')),
    permitted BOOLEAN NOT NULL,
    CONSTRAINT pk_emergency_consent PRIMARY KEY (person_id, purpose),
    CONSTRAINT fk_emergency_consent_person_id FOREIGN KEY(person_id) REFERENCES record (person_id)
);

CREATE TABLE lot (
    lot_id UUID NOT NULL,
    person_id UUID NOT NULL,
    unique_id TEXT NOT NULL,
    source_id TEXT NOT NULL,
    title TEXT NOT NULL,
    details JSONB NOT NULL,
    submitted_at TIMESTAMP WITH TIME ZONE NOT NULL,
    received_at TIMESTAMP WITH TIME ZONE NOT NULL,
    submitted_by TEXT NOT NULL,
    submitted_for TEXT NOT NULL,
    CONSTRAINT pk_lot PRIMARY KEY (lot_id),
    CONSTRAINT uq_lot_person_id_unique_id UNIQUE (person_id, unique_id),
    CONSTRAINT fk_lot_person_id FOREIGN KEY(person_id) REFERENCES record (person_id)
);

CREATE TABLE document (
    document_id UUID NOT NULL,
    person_id UUID NOT NULL,
    lot_id UUID NOT NULL,
    unique_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    status TEXT NOT NULL CONSTRAINT ck_document_status CHECK (status IN ('current', 'superseded')),
    archived BOOLEAN NOT NULL,
    confidentiality TEXT[] NOT NULL,
    class_code TEXT NOT NULL,
    type_code TEXT NOT NULL,
    author_ids TEXT[] NOT NULL,
    mime_type TEXT NOT NULL,
    sha1 BYTEA NOT NULL,
    sha256 BYTEA NOT NULL,
    size BIGINT NOT NULL,
    title TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    service_start TIMESTAMP WITH TIME ZONE NOT NULL,
    service_end TIMESTAMP WITH TIME ZONE,
    details JSONB NOT NULL,
    submitted_at TIMESTAMP WITH TIME ZONE NOT NULL,
    submitted_by TEXT NOT NULL,
    submitted_for TEXT NOT NULL,
    CONSTRAINT pk_document PRIMARY KEY (document_id),
    CONSTRAINT uq_document_person_id_unique_id UNIQUE (person_id, unique_id),
    CONSTRAINT fk_document_person_id FOREIGN KEY(person_id) REFERENCES record (person_id),
    CONSTRAINT fk_document_lot_id FOREIGN KEY(lot_id) REFERENCES lot (lot_id)
);

CREATE INDEX ix_document_newest ON document (person_id, created_at DESC, document_id DESC);

CREATE TABLE content (
    document_id UUID NOT NULL,
    bytes BYTEA NOT NULL,
    CONSTRAINT pk_content PRIMARY KEY (document_id),
    CONSTRAINT fk_content_document_id FOREIGN KEY(document_id) REFERENCES document (document_id)
);

CREATE TABLE document_version (
    document_id UUID NOT NULL,
    version INTEGER NOT NULL,
    status TEXT NOT NULL,
    archived BOOLEAN NOT NULL,
    confidentiality TEXT[] NOT NULL,
    changed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    changed_by TEXT NOT NULL,
    CONSTRAINT pk_document_version PRIMARY KEY (document_id, version),
    CONSTRAINT fk_document_version_document_id FOREIGN KEY(document_id) REFERENCES document (document_id)
)
"""

# The hash in the metadata vouches for the bytes, so nothing may change them; deletion is left to retention.
# EXTERNAL: documents are compressed already or small, and compressing them again costs the deposit its time.
IMMUTABLE = (
    """
    CREATE TRIGGER content_immutable BEFORE UPDATE OR TRUNCATE ON content
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewrite()
    """,
    """
    CREATE TRIGGER document_version_append_only BEFORE UPDATE OR TRUNCATE ON document_version
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewrite()
    """,
    "ALTER TABLE content ALTER COLUMN bytes SET STORAGE EXTERNAL",
)

HABILITATION = sa.table(
    "habilitation",
    sa.column("profession", sa.Text),
    sa.column("type_code", sa.Text),
    sa.column("version", sa.Integer),
    sa.column("allowed", sa.Boolean),
    sa.column("source", sa.Text),
)


def upgrade() -> None:
    schema.create_v1(op)
    for statement in (*TABLES.split(";"), *IMMUTABLE):
        op.execute(statement)
    op.bulk_insert(HABILITATION, seed())


def seed() -> list[dict[str, object]]:
    """The cells known of the arrêté of 26 October 2023 (`published`), our reading of the rest (`seed`)."""
    path = Path(__file__).parent.parent / "habilitation_v1.csv"
    with path.open(encoding="utf-8", newline="") as rows:
        return [
            {**row, "version": int(row["version"]), "allowed": row["allowed"] == "true"}
            for row in csv.DictReader(rows)
        ]
