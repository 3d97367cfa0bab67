"""The medicines base as imported, and what goes together with what."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

MEDICINES = """
CREATE TABLE medicine (
    cis TEXT NOT NULL,
    label TEXT NOT NULL,
    form TEXT NOT NULL,
    routes TEXT[] NOT NULL,
    status TEXT NOT NULL,
    marketed BOOLEAN NOT NULL,
    withdrawn BOOLEAN NOT NULL,
    holder TEXT NOT NULL,
    reinforced_surveillance BOOLEAN NOT NULL,
    authorised_on DATE,
    atc TEXT[] NOT NULL,
    rules TEXT[] NOT NULL,
    searched TEXT NOT NULL,
    CONSTRAINT pk_medicine PRIMARY KEY (cis)
);

CREATE INDEX ix_medicine_searched ON medicine USING gin (searched gin_trgm_ops);

CREATE TABLE search_word (
    word TEXT NOT NULL,
    medicines INTEGER NOT NULL,
    CONSTRAINT pk_search_word PRIMARY KEY (word)
);

CREATE INDEX ix_search_word_alike ON search_word USING gin (word gin_trgm_ops);

CREATE TABLE pack (
    cip13 TEXT NOT NULL,
    cis TEXT NOT NULL,
    label TEXT NOT NULL,
    marketed BOOLEAN NOT NULL,
    units NUMERIC(12, 3),
    unit_label TEXT NOT NULL,
    price_cents INTEGER,
    reimbursement_percent INTEGER,
    CONSTRAINT pk_pack PRIMARY KEY (cip13)
);

CREATE INDEX ix_pack_cis ON pack (cis);

CREATE TABLE component (
    cis TEXT NOT NULL,
    rank INTEGER NOT NULL,
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    folded TEXT NOT NULL,
    strength TEXT NOT NULL,
    nature TEXT NOT NULL,
    link INTEGER NOT NULL,
    CONSTRAINT pk_component PRIMARY KEY (cis, rank)
);

CREATE INDEX ix_component_code ON component (code);

CREATE INDEX ix_component_folded ON component (folded);

CREATE TABLE generic (
    group_id TEXT NOT NULL,
    cis TEXT NOT NULL,
    type SMALLINT NOT NULL,
    group_label TEXT NOT NULL,
    CONSTRAINT pk_generic PRIMARY KEY (group_id, cis)
);

CREATE INDEX ix_generic_cis ON generic (cis);

CREATE TABLE condition (
    cis TEXT NOT NULL,
    rank INTEGER NOT NULL,
    text TEXT NOT NULL,
    rules TEXT[] NOT NULL,
    CONSTRAINT pk_condition PRIMARY KEY (cis, rank)
);

CREATE TABLE availability (
    cis TEXT NOT NULL,
    rank INTEGER NOT NULL,
    cip13 TEXT NOT NULL,
    status SMALLINT NOT NULL,
    label TEXT NOT NULL,
    since DATE,
    returns DATE,
    CONSTRAINT pk_availability PRIMARY KEY (cis, rank)
);

CREATE TABLE import (
    import_id UUID NOT NULL,
    source TEXT NOT NULL,
    finished_at TIMESTAMP WITH TIME ZONE NOT NULL,
    files JSONB NOT NULL,
    CONSTRAINT pk_import PRIMARY KEY (import_id)
);

CREATE TABLE interaction (
    pair TEXT NOT NULL,
    rank INTEGER NOT NULL,
    one TEXT NOT NULL,
    other TEXT NOT NULL,
    level SMALLINT NOT NULL CONSTRAINT ck_interaction_level CHECK (level BETWEEN 1 AND 4),
    advice TEXT NOT NULL,
    mechanism TEXT NOT NULL,
    CONSTRAINT pk_interaction PRIMARY KEY (pair, rank)
);

CREATE INDEX ix_interaction_one ON interaction (one);

CREATE INDEX ix_interaction_other ON interaction (other);

CREATE TABLE substance_class (
    substance TEXT NOT NULL,
    class TEXT NOT NULL,
    CONSTRAINT pk_substance_class PRIMARY KEY (substance, class)
)
"""


def upgrade() -> None:
    # Trusted: the owner of the database may create it.
    op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    for statement in MEDICINES.split(";"):
        op.execute(statement)
