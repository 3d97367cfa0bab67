"""The reference registry, the local identities and their history; the tables of the chassis."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from chassis import schema

revision = "0001"
down_revision = None

MOMENT = sa.DateTime(timezone=True)
KEY = sa.Text(collation="C")


def upgrade() -> None:
    schema.create_v1(op)
    create_registry()
    create_identities()
    index_identities()
    create_history()


def create_registry() -> None:
    op.create_table(
        "person",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("birth_name", sa.Text, nullable=False),
        sa.Column("birth_first_names", ARRAY(sa.Text), nullable=False),
        sa.Column("sex", sa.Text, nullable=False),
        sa.Column("birth_date", sa.Date, nullable=False),
        sa.Column("birth_place", sa.Text, nullable=False),
        sa.Column("birth_name_key", KEY, nullable=False),
        sa.CheckConstraint("sex IN ('M', 'F')", name="sex"),
        sa.CheckConstraint("cardinality(birth_first_names) BETWEEN 1 AND 20", name="first_names"),
        sa.Index("ix_person_search", "birth_date", "sex", "birth_name_key"),
    )
    op.create_table(
        "ins_number",
        sa.Column("matricule", sa.Text, primary_key=True),
        sa.Column("oid", sa.Text, primary_key=True),
        sa.Column("person_id", sa.Uuid, sa.ForeignKey("person.id"), nullable=False),
        sa.Column("current", sa.Boolean, nullable=False),
        sa.Column("recorded_at", MOMENT, nullable=False, server_default=sa.func.now()),
        sa.CheckConstraint("matricule ~ '^[0-9]{6}[0-9AB][0-9]{8}$'", name="matricule"),
        sa.Index("ix_ins_number_person", "person_id"),
        sa.Index("uq_ins_number_current", "person_id", unique=True, postgresql_where=sa.text("current")),
    )


def create_identities() -> None:
    op.create_table(
        "local_identity",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("domain", sa.Text, nullable=False),
        sa.Column("ipp", sa.Text, nullable=False),
        sa.Column("birth_name", sa.Text, nullable=False),
        sa.Column("birth_first_names", ARRAY(sa.Text), nullable=False),
        sa.Column("sex", sa.Text, nullable=False),
        sa.Column("birth_date", sa.Date, nullable=False),
        sa.Column("birth_place", sa.Text, nullable=False),
        sa.Column("used_name", sa.Text, nullable=False),
        sa.Column("used_first_name", sa.Text, nullable=False),
        sa.Column("ins_matricule", sa.Text),
        sa.Column("ins_oid", sa.Text),
        sa.Column("person_id", sa.Uuid, sa.ForeignKey("person.id")),
        sa.Column("retrieved_at", MOMENT),
        sa.Column("paper", sa.Text),
        sa.Column("paper_checked_at", MOMENT),
        sa.Column("attributes", ARRAY(sa.Text), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("birth_name_key", KEY, nullable=False),
        sa.Column("used_name_key", KEY, nullable=False),
        sa.Column("given_keys", ARRAY(KEY), nullable=False),
        sa.UniqueConstraint("domain", "ipp", name="uq_local_identity_ipp"),
        sa.CheckConstraint("domain <> ''", name="domain"),
        sa.CheckConstraint("sex IN ('M', 'F', 'U')", name="sex"),
        sa.CheckConstraint("version > 0", name="version"),
        sa.CheckConstraint(
            "num_nonnulls(ins_matricule, ins_oid, person_id, retrieved_at) IN (0, 4)", name="retrieval_whole"
        ),
        sa.CheckConstraint("num_nonnulls(paper, paper_checked_at) IN (0, 2)", name="paper_check_whole"),
        sa.CheckConstraint("attributes <@ ARRAY['homonyme', 'douteuse', 'fictive']", name="attributes"),
        sa.CheckConstraint(
            "NOT attributes && ARRAY['douteuse', 'fictive'] OR num_nonnulls(retrieved_at, paper) = 0",
            name="doubtful_is_provisoire",
        ),
        sa.CheckConstraint("retrieved_at IS NULL OR sex <> 'U'", name="retrieved_has_sex"),
    )


def index_identities() -> None:
    op.create_index("ix_local_identity_birth_date", "local_identity", ["domain", "birth_date"])
    op.create_index("ix_local_identity_birth_name", "local_identity", ["domain", "birth_name_key"])
    partial = {
        "ix_local_identity_used_name": (["domain", "used_name_key"], "used_name_key <> ''"),
        "ix_local_identity_person": (["person_id", "domain"], "person_id IS NOT NULL"),
        "ix_local_identity_ins": (["ins_matricule", "domain"], "ins_matricule IS NOT NULL"),
    }
    for name, (columns, where) in partial.items():
        op.create_index(name, "local_identity", columns, postgresql_where=sa.text(where))


def create_history() -> None:
    op.create_table(
        "identity_change",
        sa.Column("identity_id", sa.Uuid, sa.ForeignKey("local_identity.id"), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.Column("author_kind", sa.Text, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("step", sa.Text, nullable=False),
        sa.Column("status_before", sa.Text, nullable=False),
        sa.Column("status_after", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("before", JSONB),
    )
