"""Identity vigilance: the worklist and the merges."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0003"
down_revision = "0002"

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    create_cases()
    create_merges()


def create_cases() -> None:
    op.create_table(
        "vigilance_case",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("domain", sa.Text, nullable=False),
        sa.Column("first_id", sa.Uuid, sa.ForeignKey("local_identity.id"), nullable=False),
        sa.Column("second_id", sa.Uuid, sa.ForeignKey("local_identity.id"), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("score", sa.Double, nullable=False),
        sa.Column("fields", JSONB, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("opened_at", MOMENT, nullable=False),
        sa.Column("settled_at", MOMENT),
        sa.Column("settled_by", sa.Text, nullable=False, server_default=""),
        sa.Column("reason", sa.Text, nullable=False, server_default=""),
        sa.UniqueConstraint("first_id", "second_id", name="uq_vigilance_case_pair"),
        sa.CheckConstraint("first_id < second_id", name="pair"),
        sa.CheckConstraint("kind IN ('duplicate', 'homonym')", name="kind"),
        sa.CheckConstraint("state IN ('open', 'merged', 'homonyms', 'dismissed')", name="state"),
        sa.CheckConstraint("(state = 'open') = (settled_at IS NULL)", name="settled"),
        sa.CheckConstraint("score BETWEEN 0 AND 1", name="score"),
        sa.Index("ix_vigilance_case_worklist", "domain", "state", "id"),
        sa.Index("ix_vigilance_case_second", "second_id"),
    )


def create_merges() -> None:
    op.create_table(
        "merge",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("domain", sa.Text, nullable=False),
        sa.Column("kept_id", sa.Uuid, sa.ForeignKey("local_identity.id"), nullable=False),
        sa.Column("absorbed_id", sa.Uuid, sa.ForeignKey("local_identity.id"), nullable=False),
        sa.Column("person_id", sa.Uuid, sa.ForeignKey("person.id")),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("merged_by", sa.Text, nullable=False),
        sa.Column("merged_at", MOMENT, nullable=False),
        sa.Column("unmerge_reason", sa.Text, nullable=False, server_default=""),
        sa.Column("unmerged_by", sa.Text, nullable=False, server_default=""),
        sa.Column("unmerged_at", MOMENT),
        sa.CheckConstraint("kept_id <> absorbed_id", name="two"),
        sa.Index("ix_merge_kept", "kept_id"),
        sa.Index(
            "uq_merge_absorbed", "absorbed_id", unique=True, postgresql_where=sa.text("unmerged_at IS NULL")
        ),
        sa.Index("ix_merge_absorbed", "absorbed_id"),
        sa.Index("ix_merge_person", "person_id", postgresql_where=sa.text("person_id IS NOT NULL")),
    )
