"""The local identities of each structure, and their history."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from .common import KEY, METADATA, MOMENT

LOCAL_IDENTITY = sa.Table(
    "local_identity",
    METADATA,
    sa.Column("id", sa.Uuid, primary_key=True),
    # National identifier of the structure: its identification domain.
    sa.Column("domain", sa.Text, nullable=False),
    sa.Column("ipp", sa.Text, nullable=False),
    sa.Column("birth_name", sa.Text, nullable=False),
    sa.Column("birth_first_names", ARRAY(sa.Text), nullable=False),
    sa.Column("sex", sa.Text, nullable=False),
    sa.Column("birth_date", sa.Date, nullable=False),
    sa.Column("birth_place", sa.Text, nullable=False),
    sa.Column("used_name", sa.Text, nullable=False),
    sa.Column("used_first_name", sa.Text, nullable=False),
    sa.Column("birth_date_precision", sa.Text, nullable=False, server_default="day"),
    # Label of the place as received: not a trait.
    sa.Column("birth_place_name", sa.Text, nullable=False, server_default=""),
    sa.Column("collection_method", sa.Text, nullable=False, server_default="SM"),
    # OID of the authority that gave the IPP; empty for the domain itself.
    sa.Column("ipp_authority", sa.Text, nullable=False, server_default=""),
    # Number that care is billed under, never an INS.
    sa.Column("billing_number", sa.Text, nullable=False, server_default=""),
    # First fact: retrieved at INSi. The four go together.
    sa.Column("ins_matricule", sa.Text),
    sa.Column("ins_oid", sa.Text),
    sa.Column("person_id", sa.Uuid, sa.ForeignKey("person.id")),
    sa.Column("retrieved_at", MOMENT),
    sa.Column("verified_at", MOMENT),
    # Second fact: a high-confidence paper was seen.
    sa.Column("paper", sa.Text),
    sa.Column("paper_checked_at", MOMENT),
    sa.Column("attributes", ARRAY(sa.Text), nullable=False),
    # The identity that this one was merged into, itself perhaps merged later.
    sa.Column("merged_into", sa.Uuid, sa.ForeignKey("local_identity.id")),
    sa.Column("created_at", MOMENT, nullable=False),
    sa.Column("updated_at", MOMENT, nullable=False, server_default=sa.func.now()),
    sa.Column("version", sa.Integer, nullable=False),
    # Comparison forms, for lists only.
    sa.Column("birth_name_key", KEY, nullable=False),
    sa.Column("used_name_key", KEY, nullable=False),
    # Read no more (identity_key is): the release before this one still writes and reads it.
    sa.Column("given_keys", ARRAY(KEY), nullable=False, server_default="{}"),
    sa.UniqueConstraint("domain", "ipp", name="uq_local_identity_ipp"),
    sa.CheckConstraint("domain <> ''", name="domain"),
    sa.CheckConstraint("sex IN ('M', 'F', 'U')", name="sex"),
    sa.CheckConstraint("version > 0", name="version"),
    sa.CheckConstraint(
        "num_nonnulls(ins_matricule, ins_oid, person_id, retrieved_at) IN (0, 4)", name="retrieval_whole"
    ),
    sa.CheckConstraint("num_nonnulls(paper, paper_checked_at) IN (0, 2)", name="paper_check_whole"),
    sa.CheckConstraint(
        "attributes <@ ARRAY['homonyme', 'homonyme_detectee', 'douteuse', 'fictive']", name="attributes"
    ),
    sa.CheckConstraint("birth_date_precision IN ('day', 'month', 'year')", name="birth_date_precision"),
    sa.CheckConstraint("merged_into <> id", name="merged_into"),
    # A number that INSi confirmed is a number that is held.
    sa.CheckConstraint("verified_at IS NULL OR retrieved_at IS NOT NULL", name="verified_is_retrieved"),
    # RNIV: a doubtful or fictitious identity stays provisoire, whatever a program believes.
    sa.CheckConstraint(
        "NOT attributes && ARRAY['douteuse', 'fictive'] OR num_nonnulls(retrieved_at, paper) = 0",
        name="doubtful_is_provisoire",
    ),
    # INSi knows two sexes only.
    sa.CheckConstraint("retrieved_at IS NULL OR sex <> 'U'", name="retrieved_has_sex"),
    sa.Index("ix_local_identity_birth_date", "domain", "birth_date"),
    sa.Index("ix_local_identity_birth_name", "domain", "birth_name_key"),
    sa.Index("ix_local_identity_updated", "domain", "updated_at", "id"),
    sa.Index(
        "ix_local_identity_merged_into", "merged_into", postgresql_where=sa.text("merged_into IS NOT NULL")
    ),
    sa.Index(
        "ix_local_identity_used_name",
        "domain",
        "used_name_key",
        postgresql_where=sa.text("used_name_key <> ''"),
    ),
    sa.Index(
        "ix_local_identity_person",
        "person_id",
        "domain",
        postgresql_where=sa.text("person_id IS NOT NULL"),
    ),
    sa.Index(
        "ix_local_identity_ins",
        "ins_matricule",
        "domain",
        postgresql_where=sa.text("ins_matricule IS NOT NULL"),
    ),
)

# One row a change, the creation included: what was done, by whom, and the identity as it was before.
IDENTITY_CHANGE = sa.Table(
    "identity_change",
    METADATA,
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

# By what an identity is found beside its own columns: each of its first names, and the blocks within which
# duplicates are looked for (pseudonymous, made by `domain.match`). Written with the traits, by `store.keys`.
IDENTITY_KEY = sa.Table(
    "identity_key",
    METADATA,
    sa.Column("domain", sa.Text, primary_key=True),
    # given or block.
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("key", KEY, primary_key=True),
    sa.Column("identity_id", sa.Uuid, sa.ForeignKey("local_identity.id"), primary_key=True),
    sa.CheckConstraint("kind IN ('given', 'block')", name="kind"),
    sa.Index("ix_identity_key_identity", "identity_id"),
)
