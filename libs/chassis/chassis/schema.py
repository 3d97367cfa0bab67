"""The tables every service has beside its own: outbox, inbox, parked events, audit, idempotency keys."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

METADATA = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)
MOMENT = sa.DateTime(timezone=True)

# The table is the log: rows are never deleted by the relay. `seq` is handed out at insertion; `position` and
# `previous` by the one relay once the row is committed: only `position` is without gaps, and it is the order
# subscribers see.
OUTBOX = sa.Table(
    "outbox",
    METADATA,
    sa.Column("seq", sa.BigInteger, sa.Identity(always=True), nullable=False),
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("aggregate", sa.Text, nullable=False),
    # The event before this one on the same aggregate: a subscriber that has not seen it knows of a gap.
    # Two transactions at once cannot see each other's event, so only the relay can name it.
    sa.Column("previous", sa.Uuid),
    sa.Column("data", sa.LargeBinary, nullable=False),
    sa.Column("traceparent", sa.Text, nullable=False, server_default=""),
    # Who made it happen; stays in the table, is never published.
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("occurred_at", MOMENT, nullable=False),
    sa.Column("position", sa.BigInteger, unique=True),
    sa.Column("published_at", MOMENT),
    sa.Index("ix_outbox_aggregate_position", "aggregate", "position"),
    sa.Index("ix_outbox_unplaced", "seq", postgresql_where=sa.text("position IS NULL")),
    sa.Index(
        "ix_outbox_unpublished",
        "position",
        postgresql_where=sa.text("position IS NOT NULL AND published_at IS NULL"),
    ),
)

INBOX = sa.Table(
    "inbox",
    METADATA,
    sa.Column("durable", sa.Text, primary_key=True),
    sa.Column("event_id", sa.Uuid, primary_key=True),
    sa.Column("received_at", MOMENT, nullable=False, server_default=sa.func.now()),
)

# Poison: events that no retry would help. Kept whole, to be replayed by hand once the cause is removed.
PARKED = sa.Table(
    "parked",
    METADATA,
    sa.Column("durable", sa.Text, primary_key=True),
    sa.Column("event_id", sa.Text, primary_key=True),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("payload", sa.LargeBinary, nullable=False),
    sa.Column("problem", sa.Text, nullable=False),
    sa.Column("parked_at", MOMENT, nullable=False, server_default=sa.func.now()),
)

# Append only: the access journal. `subject` is whom the access is about (an opaque id).
AUDIT = sa.Table(
    "audit",
    METADATA,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("occurred_at", MOMENT, nullable=False),
    sa.Column("actor_kind", sa.Text, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("actor_name", sa.Text, nullable=False),
    sa.Column("organisation", sa.Text, nullable=False),
    sa.Column("client", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("object_id", sa.Text, nullable=False),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("rules", ARRAY(sa.Text), nullable=False),
    sa.Column("trace_id", sa.Text, nullable=False),
    # [{"object_id", "rules"}]: what a search showed.
    sa.Column("hits", JSONB, nullable=False, server_default="[]"),
    # Series the ledger numbers the line in; empty: that of the subject.
    sa.Column("chain", sa.Text, nullable=False, server_default=""),
    sa.Index("ix_audit_subject_id", "subject", "id"),
)

IDEMPOTENCY = sa.Table(
    "idempotency",
    METADATA,
    # Caller and RPC: two callers may use the same key.
    sa.Column("scope", sa.Text, primary_key=True),
    # Hash of the key, proof of the request, sealed answer (`answers.py`).
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("fingerprint", sa.LargeBinary, nullable=False),
    sa.Column("answer", sa.LargeBinary, nullable=False),
    sa.Column("answered_at", MOMENT, nullable=False, index=True),
)

TABLES = (OUTBOX, INBOX, PARKED, AUDIT, IDEMPOTENCY)

# A service whose journal carries proofs has these too (`ledger/`): a Merkle tree over the audit lines.
LEDGER_METADATA = sa.MetaData(naming_convention=METADATA.naming_convention)

LEDGER_PENDING = sa.Table(
    "ledger_pending",
    LEDGER_METADATA,
    sa.Column("audit_id", sa.Uuid, primary_key=True),
)

LEDGER_LEAF = sa.Table(
    "ledger_leaf",
    LEDGER_METADATA,
    sa.Column("leaf_index", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("audit_id", sa.Uuid, nullable=False, unique=True),
    # Subject, or subject and object, whose lines are numbered together.
    sa.Column("chain", sa.Text, nullable=False),
    sa.Column("number", sa.BigInteger, nullable=False),
    # Leaf of the line before in the chain; empty for the first.
    sa.Column("previous", sa.LargeBinary, nullable=False),
    sa.Column("hash", sa.LargeBinary, nullable=False),
    sa.UniqueConstraint("chain", "number"),
)

# Roots of the complete subtrees; level 0 is `ledger_leaf.hash`.
LEDGER_NODE = sa.Table(
    "ledger_node",
    LEDGER_METADATA,
    sa.Column("level", sa.SmallInteger, primary_key=True, autoincrement=False),
    sa.Column("index", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("hash", sa.LargeBinary, nullable=False),
)

LEDGER_HEAD = sa.Table(
    "ledger_head",
    LEDGER_METADATA,
    sa.Column("tree_size", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("root_hash", sa.LargeBinary, nullable=False),
    sa.Column("signed_at", MOMENT, nullable=False),
    sa.Column("signature", sa.Text, nullable=False),
)

LEDGER_TABLES = (LEDGER_PENDING, LEDGER_LEAF, LEDGER_NODE, LEDGER_HEAD)


def metadata(*, ledger: bool = False) -> sa.MetaData:
    """A MetaData for a service, with the house's constraint names and the chassis tables in it."""
    own = sa.MetaData(naming_convention=METADATA.naming_convention)
    for table in (*TABLES, *(LEDGER_TABLES if ledger else ())):
        table.to_metadata(own)
    return own


# No one, the service's own role included, rewrites the journal or the log of events.
APPEND_ONLY = """
CREATE FUNCTION refuse_rewrite() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$;
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewrite();
CREATE TRIGGER outbox_never_deleted BEFORE DELETE OR TRUNCATE ON outbox
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewrite();
CREATE TRIGGER outbox_never_rewritten
  BEFORE UPDATE OF id, subject, aggregate, data, traceparent, actor, occurred_at ON outbox
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewrite();
"""


def create_v1(op: Any) -> None:
    """For the first migration of a service: creates the chassis tables, as they are today."""
    bind = op.get_bind()
    for table in TABLES:
        table.create(bind)
    for statement in append_only():
        op.execute(statement)


V2 = """
ALTER TABLE audit ADD COLUMN IF NOT EXISTS hits JSONB NOT NULL DEFAULT '[]',
    ADD COLUMN IF NOT EXISTS chain TEXT NOT NULL DEFAULT ''
"""


def upgrade_v2(op: Any) -> None:
    """For a service made before: lines of the journal may tell of several objects, and be numbered apart."""
    op.execute(V2)


# Years before which PostgreSQL lets no line of the journal go, whoever asks. Written out below: what a
# migration did does not change with the program.
AUDIT_FLOOR_YEARS = 6
# Of a journal that carries proofs every line stays. The path is fixed, or a session could put a clock of its
# own before that of PostgreSQL.
V3 = (
    """
    CREATE OR REPLACE FUNCTION refuse_young() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS
    $$ BEGIN
      IF to_regclass(format('%I.ledger_leaf', TG_TABLE_SCHEMA)) IS NOT NULL THEN
        RAISE EXCEPTION '% is append-only: its lines are proven', TG_TABLE_NAME;
      ELSIF OLD.occurred_at >= now() - INTERVAL '6 years' THEN
        RAISE EXCEPTION '% is append-only: a line is kept for six years', TG_TABLE_NAME;
      END IF;
      RETURN OLD;
    END $$
    """,
    """
    CREATE OR REPLACE TRIGGER audit_kept BEFORE DELETE ON audit
    FOR EACH ROW EXECUTE FUNCTION refuse_young()
    """,
    """
    CREATE OR REPLACE TRIGGER audit_append_only BEFORE UPDATE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewrite()
    """,
)


def upgrade_v3(op: Any) -> None:
    """For a service made before: lines of the journal may go once they are old enough (`expiry`)."""
    for statement in V3:
        op.execute(statement)


# Every line enters the ledger: the trigger is what nobody can forget.
LEDGER = (
    """
    CREATE FUNCTION enter_ledger() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO ledger_pending SELECT id FROM added; RETURN NULL; END $$
    """,
    """
    CREATE TRIGGER audit_enters_ledger AFTER INSERT ON audit REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION enter_ledger()
    """,
    "INSERT INTO ledger_pending SELECT id FROM audit",
    *(
        f"""
        CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewrite()
        """
        for table in ("ledger_leaf", "ledger_node", "ledger_head")
    ),
)


def create_ledger_v1(op: Any) -> None:
    """The tables of the ledger; the lines written so far are the first to enter."""
    bind = op.get_bind()
    for table in LEDGER_TABLES:
        table.create(bind)
    for statement in LEDGER:
        op.execute(statement)


def append_only() -> list[str]:
    """The statements of APPEND_ONLY and of V3, one by one as the driver wants them."""
    head, *triggers = APPEND_ONLY.strip().split("CREATE TRIGGER")
    return [head, *("CREATE TRIGGER" + t for t in triggers), *V3]
