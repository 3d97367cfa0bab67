"""Precision of birth dates, what the national rules add to an identity, and by what it is found."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

MOMENT = sa.DateTime(timezone=True)
KEY = sa.Text(collation="C")
PRECISION = "birth_date_precision IN ('day', 'month', 'year')"


def upgrade() -> None:
    extend_registry()
    extend_identities()
    constrain_identities()
    create_keys()


def extend_registry() -> None:
    op.add_column("person", sa.Column("birth_date_precision", sa.Text, nullable=False, server_default="day"))
    op.create_check_constraint(op.f("ck_person_birth_date_precision"), "person", PRECISION)
    op.create_table(
        "beneficiary",
        sa.Column("billing_number", sa.Text, primary_key=True),
        sa.Column("birth_date", sa.Date, primary_key=True),
        sa.Column("birth_rank", sa.SmallInteger, primary_key=True),
        sa.Column("person_id", sa.Uuid, sa.ForeignKey("person.id"), nullable=False),
        sa.CheckConstraint("birth_rank > 0", name="birth_rank"),
        sa.Index("ix_beneficiary_person", "person_id"),
    )


def extend_identities() -> None:
    for name, usual in (
        ("birth_date_precision", "day"),
        ("birth_place_name", ""),
        ("collection_method", "SM"),
        ("ipp_authority", ""),
        ("billing_number", ""),
    ):
        op.add_column("local_identity", sa.Column(name, sa.Text, nullable=False, server_default=usual))
    op.add_column("local_identity", sa.Column("verified_at", MOMENT))
    op.add_column("local_identity", sa.Column("merged_into", sa.Uuid, sa.ForeignKey("local_identity.id")))
    op.add_column(
        "local_identity", sa.Column("updated_at", MOMENT, nullable=False, server_default=sa.func.now())
    )
    op.create_index("ix_local_identity_updated", "local_identity", ["domain", "updated_at", "id"])
    op.create_index(
        "ix_local_identity_merged_into",
        "local_identity",
        ["merged_into"],
        postgresql_where=sa.text("merged_into IS NOT NULL"),
    )


def constrain_identities() -> None:
    op.drop_constraint(op.f("ck_local_identity_attributes"), "local_identity")
    for name, rule in (
        ("attributes", "attributes <@ ARRAY['homonyme', 'homonyme_detectee', 'douteuse', 'fictive']"),
        ("birth_date_precision", PRECISION),
        ("merged_into", "merged_into <> id"),
        ("verified_is_retrieved", "verified_at IS NULL OR retrieved_at IS NOT NULL"),
    ):
        op.create_check_constraint(op.f(f"ck_local_identity_{name}"), "local_identity", rule)


def create_keys() -> None:
    op.create_table(
        "identity_key",
        sa.Column("domain", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("key", KEY, primary_key=True),
        sa.Column("identity_id", sa.Uuid, sa.ForeignKey("local_identity.id"), primary_key=True),
        sa.CheckConstraint("kind IN ('given', 'block')", name="kind"),
        sa.Index("ix_identity_key_identity", "identity_id"),
    )
    # Blocks are made by the program: `python -m identity_ins.vigilance` fills them for identities that stand.
    op.execute(
        "INSERT INTO identity_key (domain, kind, key, identity_id) "
        "SELECT DISTINCT domain, 'given', given, id FROM local_identity, unnest(given_keys) AS given"
    )
    op.alter_column("local_identity", "given_keys", server_default="{}")
