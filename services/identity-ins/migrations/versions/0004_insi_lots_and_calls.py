"""Lots of INSi verifications, and the journal of the calls."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    create_lots()
    create_lines()
    create_calls()


def create_lots() -> None:
    op.create_table(
        "verification_lot",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("domain", sa.Text, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("actor_kind", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("actor_name", sa.Text, nullable=False),
        sa.Column("client", sa.Text, nullable=False),
        sa.Column("lines", sa.Integer, nullable=False),
        sa.Column("confirmed", sa.Integer, nullable=False),
        sa.Column("not_confirmed", sa.Integer, nullable=False),
        sa.Column("broken", sa.Integer, nullable=False),
        sa.Column("opened_at", MOMENT, nullable=False),
        sa.Column("submitted_at", MOMENT),
        sa.Column("finished_at", MOMENT),
        sa.Column("leased_until", MOMENT),
        sa.CheckConstraint("state IN ('open', 'submitted', 'running', 'done', 'abandoned')", name="state"),
        sa.CheckConstraint("lines BETWEEN 0 AND 100000", name="lines"),
        sa.CheckConstraint("confirmed + not_confirmed + broken <= lines", name="progress"),
        sa.Index("ix_verification_lot_domain", "domain", "id"),
        sa.Index(
            "ix_verification_lot_waiting",
            "submitted_at",
            postgresql_where=sa.text("state IN ('submitted', 'running')"),
        ),
    )


def create_lines() -> None:
    op.create_table(
        "verification_line",
        sa.Column(
            "lot_id", sa.Uuid, sa.ForeignKey("verification_lot.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("num_identifiant", sa.Text, nullable=False),
        sa.Column("cle", sa.Text, nullable=False),
        sa.Column("oid", sa.Text, nullable=False),
        sa.Column("nom_naissance", sa.Text, nullable=False),
        sa.Column("liste_prenom", sa.Text, nullable=False),
        sa.Column("sexe", sa.Text, nullable=False),
        sa.Column("date_naissance", sa.Text, nullable=False),
        sa.Column("lieu_naissance", sa.Text, nullable=False),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False, server_default=""),
        sa.Column("problem", sa.Text, nullable=False, server_default=""),
        sa.CheckConstraint("outcome IN ('', 'confirmed', 'not_confirmed', 'broken')", name="outcome"),
    )


def create_calls() -> None:
    op.create_table(
        "insi_call",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("called_at", MOMENT, nullable=False),
        sa.Column("actor_kind", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("organisation", sa.Text, nullable=False),
        sa.Column("operation", sa.Text, nullable=False),
        sa.Column("input_hash", sa.LargeBinary, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("milliseconds", sa.Integer, nullable=False),
        sa.Column("lines", sa.Integer, nullable=False),
        sa.CheckConstraint(
            "operation IN ('search_by_traits', 'search_by_card', 'verify', 'verify_lot')", name="operation"
        ),
        sa.Index("ix_insi_call_organisation", "organisation", "id"),
    )
