"""Outgoing messages."""

from __future__ import annotations

import sqlalchemy as sa

from .common import METADATA, MOMENT

PAM_MESSAGE = sa.Table(
    "pam_message",
    METADATA,
    # MSH-10. Made from the id of the event, so that an event heard twice makes one message.
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("domain", sa.Text, nullable=False),
    # From 1 in each domain, without a gap: one consumer writes them all.
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("identity_id", sa.Uuid, sa.ForeignKey("local_identity.id"), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("trigger", sa.Text, nullable=False),
    sa.Column("made_at", MOMENT, nullable=False),
    # Who the message speaks of, for the journal of its readers.
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("content", sa.Text, nullable=False),
    sa.UniqueConstraint("domain", "position", name="uq_pam_message_position"),
    sa.CheckConstraint("trigger IN ('A28', 'A31', 'A47')", name="trigger"),
    sa.Index("ix_pam_message_identity", "identity_id", "position"),
)
