"""The tables of the service, as the migrations made them; what each refuses is told there."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from chassis import schema

METADATA = schema.metadata()
MOMENT = sa.DateTime(timezone=True)
# In the unit of a line.
AMOUNT = sa.Numeric(12, 3)

PRESCRIPTION = sa.Table(
    "prescription",
    METADATA,
    sa.Column("prescription_id", sa.Uuid, primary_key=True),
    sa.Column("number", sa.Text, nullable=False),
    sa.Column("person_id", sa.Uuid, nullable=False),
    sa.Column(
        "kind",
        sa.Text,
        sa.CheckConstraint("kind IN ('standard', 'exceptional_renewal')", name="kind"),
        nullable=False,
    ),
    sa.Column(
        "state",
        sa.Text,
        sa.CheckConstraint(
            "state IN ('draft', 'active', 'in_dispense', "
            "'partially_dispensed', 'completed', 'cancelled', 'expired', 'discarded')",
            name="state",
        ),
        nullable=False,
    ),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("prescriber", sa.Text, nullable=False),
    sa.Column("organisation", sa.Text, nullable=False),
    sa.Column("restricted", sa.Boolean, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("signature", sa.Text, nullable=False),
    sa.Column("key_id", sa.Text, nullable=False),
    sa.Column("written_on", sa.Date),
    sa.Column("expires_on", sa.Date),
    sa.Column("created_at", MOMENT, nullable=False),
    sa.Column("signed_at", MOMENT),
    sa.Column("changed_at", MOMENT, nullable=False),
    sa.Column("parent_id", sa.Uuid, sa.ForeignKey("prescription.prescription_id")),
    sa.UniqueConstraint("number", name="uq_prescription_number"),
    sa.CheckConstraint("state IN ('draft', 'discarded') OR written_on IS NOT NULL", name="signed"),
    sa.Index("ix_prescription_person_id", "person_id", "prescription_id"),
    sa.Index("ix_prescription_prescriber", "prescriber", "prescription_id"),
    sa.Index(
        "ix_prescription_to_expire",
        "expires_on",
        postgresql_where=sa.text("state IN ('active', 'in_dispense', 'partially_dispensed')"),
    ),
    sa.Index("ix_prescription_created_at", "created_at"),
    sa.Index("ix_prescription_parent_id", "parent_id", postgresql_where=sa.text("parent_id IS NOT NULL")),
    sa.Index(
        "uq_prescription_one_renewal",
        "parent_id",
        unique=True,
        postgresql_where=sa.text("kind = 'exceptional_renewal' AND state <> 'cancelled'"),
    ),
)

LINE = sa.Table(
    "line",
    METADATA,
    sa.Column("line_id", sa.Uuid, primary_key=True),
    sa.Column("prescription_id", sa.Uuid, sa.ForeignKey("prescription.prescription_id"), nullable=False),
    sa.Column("person_id", sa.Uuid, nullable=False),
    sa.Column("rank", sa.Integer, nullable=False),
    sa.Column(
        "kind",
        sa.Text,
        sa.CheckConstraint("kind IN ('medicine', 'preparation', 'device')", name="kind"),
        nullable=False,
    ),
    sa.Column(
        "state",
        sa.Text,
        sa.CheckConstraint(
            "state IN ('ordered', 'partially_delivered', 'delivered', "
            "'not_delivered', 'cancelled', 'expired')",
            name="state",
        ),
        nullable=False,
    ),
    sa.Column(
        "unit", sa.Text, sa.CheckConstraint("unit IN ('box', 'dose', 'day')", name="unit"), nullable=False
    ),
    sa.Column("authorised", AMOUNT, sa.CheckConstraint("authorised > 0", name="authorised"), nullable=False),
    sa.Column("delivered", AMOUNT, nullable=False, server_default="0"),
    sa.Column("forfeited", AMOUNT, nullable=False, server_default="0"),
    sa.Column("deliveries", sa.Integer, nullable=False),
    sa.Column("next_on", sa.Date),
    sa.Column("until", sa.Date),
    sa.Column("treated_until", sa.Date),
    sa.Column("cis", sa.Text, nullable=False),
    sa.Column("substances", ARRAY(sa.Text), nullable=False),
    sa.Column("narcotic", sa.Boolean, nullable=False),
    sa.Column("cancel_requested", sa.Boolean, nullable=False),
    sa.Column("cancel_reason", sa.Text, nullable=False),
    sa.Column("cancel_comment", sa.Text, nullable=False, server_default=""),
    sa.Column("additional", JSONB),
    sa.UniqueConstraint("prescription_id", "rank", name="uq_line_rank"),
    sa.CheckConstraint("delivered >= 0 AND forfeited >= 0", name="delivered"),
    sa.CheckConstraint("delivered + forfeited <= authorised", name="never_beyond"),
    sa.Index("ix_line_treated", "person_id", "treated_until"),
)

CLAIM = sa.Table(
    "claim",
    METADATA,
    sa.Column("claim_id", sa.Uuid, primary_key=True),
    sa.Column("prescription_id", sa.Uuid, sa.ForeignKey("prescription.prescription_id"), nullable=False),
    sa.Column("pharmacy", sa.Text, nullable=False),
    sa.Column("pharmacist", sa.Text, nullable=False),
    sa.Column("began_at", MOMENT, nullable=False),
    sa.Column("expires_at", MOMENT, nullable=False),
    sa.Column("ended_at", MOMENT),
    sa.Column("end_reason", sa.Text, nullable=False),
    sa.Index(
        "uq_claim_one_pharmacy", "prescription_id", unique=True, postgresql_where=sa.text("ended_at IS NULL")
    ),
    sa.Index("ix_claim_pharmacy", "pharmacy", "claim_id"),
    sa.Index("ix_claim_expires_at", "expires_at", postgresql_where=sa.text("ended_at IS NULL")),
)

# Wrong codes and dates, of numbers that exist or not: a number and a birth date are guessed in an afternoon.
CLAIM_ATTEMPT = sa.Table(
    "claim_attempt",
    METADATA,
    sa.Column("number", sa.Text, nullable=False),
    sa.Column("pharmacy", sa.Text, nullable=False),
    sa.Column("pharmacist", sa.Text, nullable=False),
    sa.Column("tried_at", MOMENT, nullable=False),
    sa.Index("ix_claim_attempt_number", "number", "pharmacy", "tried_at"),
    sa.Index("ix_claim_attempt_tried_at", "tried_at"),
)

INTERVENTION = sa.Table(
    "intervention",
    METADATA,
    sa.Column("intervention_id", sa.Uuid, primary_key=True),
    sa.Column("prescription_id", sa.Uuid, sa.ForeignKey("prescription.prescription_id"), nullable=False),
    sa.Column("line_id", sa.Uuid, sa.ForeignKey("line.line_id"), nullable=False),
    sa.Column("person_id", sa.Uuid, nullable=False),
    sa.Column("claim_id", sa.Uuid, sa.ForeignKey("claim.claim_id")),
    sa.Column(
        "kind",
        sa.Text,
        sa.CheckConstraint(
            "kind IN ('as_prescribed', 'substituted', 'changed', "
            "'not_delivered', 'additional_line', 'undone')",
            name="kind",
        ),
        nullable=False,
    ),
    sa.Column("recorded_at", MOMENT, nullable=False),
    sa.Column("delivered_on", sa.Date, nullable=False),
    sa.Column("pharmacist", sa.Text, nullable=False),
    sa.Column("pharmacy", sa.Text, nullable=False),
    sa.Column("cis", sa.Text, nullable=False),
    sa.Column("cip13", sa.Text, nullable=False),
    sa.Column("label", sa.Text, nullable=False),
    sa.Column("packs", AMOUNT, sa.CheckConstraint("packs >= 0", name="packs"), nullable=False),
    sa.Column("counted", AMOUNT, sa.CheckConstraint("counted >= 0", name="counted"), nullable=False),
    sa.Column("forfeits", AMOUNT, sa.CheckConstraint("forfeits >= 0", name="forfeits"), nullable=False),
    sa.Column(
        "excess",
        AMOUNT,
        sa.CheckConstraint("excess >= 0 AND (excess = 0 OR offline)", name="excess"),
        nullable=False,
    ),
    sa.Column("days_covered", sa.Integer, nullable=False),
    sa.Column("offline", sa.Boolean, nullable=False),
    sa.Column("paper_reference", sa.Text, nullable=False),
    sa.Column("undoes", sa.Uuid, sa.ForeignKey("intervention.intervention_id")),
    sa.Column("details", JSONB, nullable=False),
    sa.UniqueConstraint("undoes", name="uq_intervention_undone_once"),
    sa.CheckConstraint("(undoes IS NOT NULL) = (kind = 'undone')", name="undoes"),
    sa.Index("ix_intervention_prescription_id", "prescription_id", "intervention_id"),
    sa.Index("ix_intervention_line_id", "line_id", "intervention_id"),
    # Without it, the end of the time of a prescription would read every intervention there is.
    sa.Index("ix_intervention_claim_id", "claim_id"),
    sa.Index("ix_intervention_person_id", "person_id", "delivered_on", "intervention_id"),
    sa.Index(
        "uq_intervention_paper",
        "pharmacy",
        "paper_reference",
        "line_id",
        unique=True,
        postgresql_where=sa.text("paper_reference <> ''"),
    ),
)

DISPENSING = sa.Table(
    "dispensing",
    METADATA,
    sa.Column("dispensing_id", sa.Uuid, primary_key=True),
    sa.Column("prescription_id", sa.Uuid, sa.ForeignKey("prescription.prescription_id"), nullable=False),
    sa.Column("person_id", sa.Uuid, nullable=False),
    sa.Column("claim_id", sa.Uuid, sa.ForeignKey("claim.claim_id"), nullable=False),
    sa.Column("pharmacy", sa.Text, nullable=False),
    sa.Column("pharmacist", sa.Text, nullable=False),
    sa.Column("closed_at", MOMENT, nullable=False),
    sa.Column("receipt", sa.Text, nullable=False),
    sa.UniqueConstraint("claim_id", name="uq_dispensing_claim_id"),
    sa.Index("ix_dispensing_prescription_id", "prescription_id"),
)

DUPLICATE = sa.Table(
    "duplicate",
    METADATA,
    sa.Column("duplicate_id", sa.Uuid, primary_key=True),
    sa.Column("prescription_id", sa.Uuid, sa.ForeignKey("prescription.prescription_id"), nullable=False),
    sa.Column("line_id", sa.Uuid, nullable=False),
    sa.Column("intervention_id", sa.Uuid, sa.ForeignKey("intervention.intervention_id"), nullable=False),
    sa.Column("pharmacy", sa.Text, nullable=False),
    sa.Column("prescriber", sa.Text, nullable=False),
    sa.Column("unit", sa.Text, nullable=False),
    sa.Column("excess", AMOUNT, sa.CheckConstraint("excess > 0", name="excess"), nullable=False),
    sa.Column("found_at", MOMENT, nullable=False),
    sa.Column("delivered_at", MOMENT, nullable=False),
    sa.Column("others", ARRAY(sa.Text), nullable=False),
    sa.UniqueConstraint("intervention_id", name="uq_duplicate_intervention_id"),
    sa.Index("ix_duplicate_prescription_id", "prescription_id"),
    sa.Index("ix_duplicate_pharmacy", "pharmacy", "duplicate_id"),
    sa.Index("ix_duplicate_prescriber", "prescriber", "duplicate_id"),
)

OPPOSITION = sa.Table(
    "opposition",
    METADATA,
    sa.Column("person_id", sa.Uuid, primary_key=True),
    sa.Column("history_opposed", sa.Boolean, nullable=False),
    sa.Column("execution_hidden", sa.Boolean, nullable=False),
    sa.Column("changed_at", MOMENT, nullable=False),
)

ALLERGY = sa.Table(
    "allergy",
    METADATA,
    sa.Column("allergy_id", sa.Uuid, primary_key=True),
    sa.Column("person_id", sa.Uuid, nullable=False),
    sa.Column("substance_code", sa.Text, nullable=False),
    sa.Column("substance", sa.Text, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("recorded_at", MOMENT, nullable=False),
    sa.Column("recorded_by", sa.Text, nullable=False),
    sa.Column("withdrawn_at", MOMENT),
    sa.Column("withdrawn_by", sa.Text, nullable=False),
    sa.Column("withdrawn_reason", sa.Text, nullable=False),
    sa.Index(
        "uq_allergy_known",
        "person_id",
        "substance",
        unique=True,
        postgresql_where=sa.text("withdrawn_at IS NULL"),
    ),
)

SIGNING_KEY = sa.Table(
    "signing_key",
    METADATA,
    sa.Column("key_id", sa.Text, primary_key=True),
    sa.Column("professional", sa.Text, nullable=False),
    sa.Column("jwk", JSONB, nullable=False),
    sa.Column(
        "origin",
        sa.Text,
        sa.CheckConstraint("origin IN ('local', 'card', 'hsm', 'software')", name="origin"),
        nullable=False,
    ),
    sa.Column("registered_at", MOMENT, nullable=False),
    sa.Column("revoked_at", MOMENT),
    sa.Column("revoked_reason", sa.Text, nullable=False),
    sa.Index("ix_signing_key_professional", "professional"),
)

PARAMETER = sa.Table(
    "parameter",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("valid_from", sa.Date, primary_key=True),
    sa.Column("value", JSONB, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
)

SENDING = sa.Table(
    "sending",
    METADATA,
    sa.Column("sending_id", sa.Uuid, primary_key=True),
    sa.Column(
        "kind",
        sa.Text,
        sa.CheckConstraint("kind IN ('prescription', 'dispensing')", name="kind"),
        nullable=False,
    ),
    sa.Column("object_id", sa.Uuid, nullable=False),
    sa.Column("person_id", sa.Uuid, nullable=False),
    sa.Column("created_at", MOMENT, nullable=False),
    sa.Column("try_at", MOMENT, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("done_at", MOMENT),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.UniqueConstraint("object_id", name="uq_sending_object_id"),
    sa.Index("ix_sending_due", "try_at", postgresql_where=sa.text("done_at IS NULL")),
)
