"""The life of a record, keys and sealed metadata, lots of every kind, announcements, the ledger."""

from alembic import op

from chassis import schema

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# The first schema kept documents in clear and records without a key, and no release of it was ever made.
# Making keys takes the key provider, which a migration has not: whoever holds such a preview chooses.
GUARD = """
DO $$ BEGIN
  IF EXISTS (SELECT 1 FROM record) THEN
    RAISE EXCEPTION 'this database holds records of a preview: export them, empty it, open them again';
  END IF;
END $$
"""

RECORDS = """
ALTER TABLE record
    ADD COLUMN state TEXT NOT NULL DEFAULT 'open'
        CONSTRAINT ck_record_state CHECK (state IN ('open', 'closed', 'destroyed')),
    ADD COLUMN closed_at TIMESTAMP WITH TIME ZONE,
    ADD COLUMN close_reason TEXT NOT NULL DEFAULT '',
    ADD COLUMN close_comment BYTEA,
    ADD COLUMN destroy_at TIMESTAMP WITH TIME ZONE,
    ADD COLUMN attached BOOLEAN NOT NULL DEFAULT true,
    ADD COLUMN feeding_allowed BOOLEAN NOT NULL DEFAULT true,
    ADD COLUMN consultation_allowed BOOLEAN NOT NULL DEFAULT true,
    ADD COLUMN masked_by_default BOOLEAN NOT NULL DEFAULT false,
    ADD COLUMN last_received_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT 'epoch';

CREATE INDEX ix_record_destroy_at ON record (destroy_at) WHERE state = 'closed';

CREATE TABLE record_key (
    person_id UUID NOT NULL,
    wrapped BYTEA NOT NULL,
    master_version INTEGER NOT NULL,
    CONSTRAINT pk_record_key PRIMARY KEY (person_id),
    CONSTRAINT fk_record_key_person_id FOREIGN KEY(person_id) REFERENCES record (person_id)
);

CREATE INDEX ix_record_key_master_version ON record_key (master_version);

CREATE TABLE erasure (
    receipt_id UUID NOT NULL,
    person_id UUID NOT NULL,
    erased_at TIMESTAMP WITH TIME ZONE NOT NULL,
    documents INTEGER NOT NULL,
    lots INTEGER NOT NULL,
    bytes BIGINT NOT NULL,
    key_fingerprint BYTEA NOT NULL,
    master_version INTEGER NOT NULL,
    backups_unreadable_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_erasure PRIMARY KEY (receipt_id),
    CONSTRAINT fk_erasure_person_id FOREIGN KEY(person_id) REFERENCES record (person_id)
);

CREATE INDEX ix_erasure_person_id ON erasure (person_id);

CREATE TABLE care_role (
    care_role_id UUID NOT NULL,
    person_id UUID NOT NULL,
    professional TEXT NOT NULL,
    role TEXT NOT NULL CONSTRAINT ck_care_role_role CHECK (role IN
        ('medecin_traitant', 'administrator', 'pharmacien_correspondant', 'sage_femme_referente')),
    since TIMESTAMP WITH TIME ZONE NOT NULL,
    ended_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_care_role PRIMARY KEY (care_role_id),
    CONSTRAINT fk_care_role_person_id FOREIGN KEY(person_id) REFERENCES record (person_id)
);

CREATE UNIQUE INDEX uq_care_role_running ON care_role (person_id, professional, role) WHERE ended_at IS NULL;

CREATE UNIQUE INDEX uq_care_role_one_medecin_traitant ON care_role (person_id)
    WHERE ended_at IS NULL AND role = 'medecin_traitant';

CREATE TABLE known_reader (
    person_id UUID NOT NULL,
    professional TEXT NOT NULL,
    first_read_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_known_reader PRIMARY KEY (person_id, professional),
    CONSTRAINT fk_known_reader_person_id FOREIGN KEY(person_id) REFERENCES record (person_id)
)
"""

DOCUMENTS = """
DROP TABLE content;

ALTER TABLE lot
    DROP COLUMN title,
    DROP COLUMN details,
    ADD COLUMN kind TEXT NOT NULL DEFAULT 'deposit'
        CONSTRAINT ck_lot_kind CHECK (kind IN ('deposit', 'change', 'folder')),
    ADD COLUMN content_type TEXT NOT NULL DEFAULT '',
    ADD COLUMN author_ids TEXT[] NOT NULL DEFAULT '{}',
    ADD COLUMN tokens BYTEA[] NOT NULL DEFAULT '{}',
    ADD COLUMN sealed BYTEA NOT NULL DEFAULT '';

ALTER TABLE lot
    ALTER COLUMN kind DROP DEFAULT,
    ALTER COLUMN content_type DROP DEFAULT,
    ALTER COLUMN author_ids DROP DEFAULT,
    ALTER COLUMN tokens DROP DEFAULT,
    ALTER COLUMN sealed DROP DEFAULT;

CREATE INDEX ix_lot_received ON lot (person_id, received_at, lot_id);

ALTER TABLE document
    DROP COLUMN title,
    DROP COLUMN details,
    DROP CONSTRAINT ck_document_status,
    ADD CONSTRAINT ck_document_status CHECK (status IN ('current', 'superseded', 'deleted')),
    ADD COLUMN entry_id UUID NOT NULL,
    ADD COLUMN changed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    ADD COLUMN format_code TEXT NOT NULL,
    ADD COLUMN facility_code TEXT NOT NULL,
    ADD COLUMN practice_code TEXT NOT NULL,
    ADD COLUMN event_codes TEXT[] NOT NULL,
    ADD COLUMN structure_ids TEXT[] NOT NULL,
    ADD COLUMN tokens BYTEA[] NOT NULL,
    ADD COLUMN sealed BYTEA NOT NULL,
    ADD COLUMN blob TEXT NOT NULL,
    ADD COLUMN scan TEXT NOT NULL CONSTRAINT ck_document_scan CHECK (scan IN ('not_scanned', 'clean'));

ALTER TABLE document_version ADD COLUMN entry_id UUID NOT NULL;

CREATE INDEX ix_document_blob ON document (blob);

CREATE TABLE lot_member (
    lot_id UUID NOT NULL,
    document_id UUID NOT NULL,
    entry_id UUID NOT NULL,
    CONSTRAINT pk_lot_member PRIMARY KEY (lot_id, document_id),
    CONSTRAINT fk_lot_member_lot_id FOREIGN KEY(lot_id) REFERENCES lot (lot_id),
    CONSTRAINT fk_lot_member_document_id FOREIGN KEY(document_id) REFERENCES document (document_id)
);

CREATE INDEX ix_lot_member_document_id ON lot_member (document_id);

CREATE TABLE association (
    source_id UUID NOT NULL,
    target_id UUID NOT NULL,
    kind TEXT NOT NULL CONSTRAINT ck_association_kind CHECK (kind IN ('replaces', 'appends')),
    CONSTRAINT pk_association PRIMARY KEY (source_id, target_id),
    CONSTRAINT fk_association_source_id FOREIGN KEY(source_id) REFERENCES document (document_id),
    CONSTRAINT fk_association_target_id FOREIGN KEY(target_id) REFERENCES document (document_id)
);

CREATE UNIQUE INDEX uq_association_replaced_once ON association (target_id) WHERE kind = 'replaces';

CREATE UNIQUE INDEX uq_association_replaces_one ON association (source_id) WHERE kind = 'replaces';

CREATE TABLE announcement (
    document_id UUID NOT NULL,
    warn_at TIMESTAMP WITH TIME ZONE NOT NULL,
    show_at TIMESTAMP WITH TIME ZONE NOT NULL,
    warned_at TIMESTAMP WITH TIME ZONE,
    done_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_announcement PRIMARY KEY (document_id),
    CONSTRAINT fk_announcement_document_id FOREIGN KEY(document_id) REFERENCES document (document_id)
);

CREATE INDEX ix_announcement_to_warn ON announcement (warn_at) WHERE warned_at IS NULL AND done_at IS NULL;

CREATE INDEX ix_announcement_to_show ON announcement (show_at) WHERE done_at IS NULL
"""

# Sealed bytes do not compress, and a row with them has two kilobytes: kept in the row, a search reads one
# page where it would read two.
STORAGE = """
ALTER TABLE document SET (toast_tuple_target = 4096);

ALTER TABLE document ALTER COLUMN sealed SET STORAGE EXTERNAL
"""


def upgrade() -> None:
    op.execute(GUARD)
    for statement in (*RECORDS.split(";"), *DOCUMENTS.split(";"), *STORAGE.split(";")):
        op.execute(statement)
    schema.upgrade_v2(op)
    schema.create_ledger_v1(op)
