"""Outgoing HL7 v2 messages."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "pam_message",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("domain", sa.Text, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("identity_id", sa.Uuid, sa.ForeignKey("local_identity.id"), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("trigger", sa.Text, nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.UniqueConstraint("domain", "position", name="uq_pam_message_position"),
        sa.CheckConstraint("trigger IN ('A28', 'A31', 'A47')", name="trigger"),
        sa.Index("ix_pam_message_identity", "identity_id", "position"),
    )
