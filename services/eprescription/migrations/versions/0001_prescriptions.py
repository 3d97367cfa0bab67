"""Prescriptions, their lines, what was delivered of them, allergies, keys, the law's parameters.

What must never happen is refused here, whatever the code above does: a line delivered beyond what was
prescribed, a prescription held by two pharmacies, a delivery without a hold, a signed content changed, an
intervention rewritten.
"""

from alembic import op

from chassis import schema

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

PRESCRIPTIONS = """
CREATE TABLE prescription (
    prescription_id UUID NOT NULL,
    number TEXT NOT NULL,
    person_id UUID NOT NULL,
    kind TEXT NOT NULL CONSTRAINT ck_prescription_kind CHECK (kind IN ('standard', 'exceptional_renewal')),
    state TEXT NOT NULL CONSTRAINT ck_prescription_state CHECK (state IN ('draft', 'active', 'in_dispense',
        'partially_dispensed', 'completed', 'cancelled', 'expired', 'discarded')),
    version INTEGER NOT NULL,
    prescriber TEXT NOT NULL,
    organisation TEXT NOT NULL,
    restricted BOOLEAN NOT NULL,
    body BYTEA NOT NULL,
    signature TEXT NOT NULL,
    key_id TEXT NOT NULL,
    written_on DATE,
    expires_on DATE,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    signed_at TIMESTAMP WITH TIME ZONE,
    changed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    parent_id UUID,
    CONSTRAINT pk_prescription PRIMARY KEY (prescription_id),
    CONSTRAINT uq_prescription_number UNIQUE (number),
    CONSTRAINT fk_prescription_parent_id FOREIGN KEY(parent_id) REFERENCES prescription (prescription_id),
    CONSTRAINT ck_prescription_signed CHECK (state IN ('draft', 'discarded') OR written_on IS NOT NULL)
);

CREATE INDEX ix_prescription_person_id ON prescription (person_id, prescription_id);

CREATE INDEX ix_prescription_prescriber ON prescription (prescriber, prescription_id);

CREATE INDEX ix_prescription_to_expire ON prescription (expires_on)
    WHERE state IN ('active', 'in_dispense', 'partially_dispensed');

CREATE INDEX ix_prescription_created_at ON prescription (created_at);

CREATE INDEX ix_prescription_parent_id ON prescription (parent_id) WHERE parent_id IS NOT NULL;

CREATE UNIQUE INDEX uq_prescription_one_renewal ON prescription (parent_id)
    WHERE kind = 'exceptional_renewal' AND state <> 'cancelled';

CREATE TABLE line (
    line_id UUID NOT NULL,
    prescription_id UUID NOT NULL,
    person_id UUID NOT NULL,
    rank INTEGER NOT NULL,
    kind TEXT NOT NULL CONSTRAINT ck_line_kind CHECK (kind IN ('medicine', 'preparation', 'device')),
    state TEXT NOT NULL CONSTRAINT ck_line_state CHECK (state IN ('ordered',
        'partially_delivered', 'delivered', 'not_delivered', 'cancelled', 'expired')),
    unit TEXT NOT NULL CONSTRAINT ck_line_unit CHECK (unit IN ('box', 'dose', 'day')),
    authorised NUMERIC(12, 3) NOT NULL CONSTRAINT ck_line_authorised CHECK (authorised > 0),
    delivered NUMERIC(12, 3) NOT NULL DEFAULT 0,
    forfeited NUMERIC(12, 3) NOT NULL DEFAULT 0,
    deliveries INTEGER NOT NULL,
    next_on DATE,
    until DATE,
    treated_until DATE,
    cis TEXT NOT NULL,
    substances TEXT[] NOT NULL,
    narcotic BOOLEAN NOT NULL,
    cancel_requested BOOLEAN NOT NULL,
    cancel_reason TEXT NOT NULL,
    cancel_comment TEXT NOT NULL DEFAULT '',
    additional JSONB,
    CONSTRAINT pk_line PRIMARY KEY (line_id),
    CONSTRAINT uq_line_rank UNIQUE (prescription_id, rank),
    CONSTRAINT fk_line_prescription_id FOREIGN KEY(prescription_id) REFERENCES prescription (prescription_id),
    CONSTRAINT ck_line_delivered CHECK (delivered >= 0 AND forfeited >= 0),
    CONSTRAINT ck_line_never_beyond CHECK (delivered + forfeited <= authorised)
);

CREATE INDEX ix_line_treated ON line (person_id, treated_until);

CREATE TABLE claim (
    claim_id UUID NOT NULL,
    prescription_id UUID NOT NULL,
    pharmacy TEXT NOT NULL,
    pharmacist TEXT NOT NULL,
    began_at TIMESTAMP WITH TIME ZONE NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    ended_at TIMESTAMP WITH TIME ZONE,
    end_reason TEXT NOT NULL,
    CONSTRAINT pk_claim PRIMARY KEY (claim_id),
    CONSTRAINT fk_claim_prescription_id FOREIGN KEY(prescription_id) REFERENCES prescription (prescription_id)
);

CREATE UNIQUE INDEX uq_claim_one_pharmacy ON claim (prescription_id) WHERE ended_at IS NULL;

CREATE INDEX ix_claim_pharmacy ON claim (pharmacy, claim_id);

CREATE INDEX ix_claim_expires_at ON claim (expires_at) WHERE ended_at IS NULL;

CREATE TABLE claim_attempt (
    number TEXT NOT NULL,
    pharmacy TEXT NOT NULL,
    pharmacist TEXT NOT NULL,
    tried_at TIMESTAMP WITH TIME ZONE NOT NULL
);

CREATE INDEX ix_claim_attempt_number ON claim_attempt (number, pharmacy, tried_at);

CREATE INDEX ix_claim_attempt_tried_at ON claim_attempt (tried_at);

CREATE TABLE intervention (
    intervention_id UUID NOT NULL,
    prescription_id UUID NOT NULL,
    line_id UUID NOT NULL,
    person_id UUID NOT NULL,
    claim_id UUID,
    kind TEXT NOT NULL CONSTRAINT ck_intervention_kind CHECK (kind IN ('as_prescribed', 'substituted',
        'changed', 'not_delivered', 'additional_line', 'undone')),
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    delivered_on DATE NOT NULL,
    pharmacist TEXT NOT NULL,
    pharmacy TEXT NOT NULL,
    cis TEXT NOT NULL,
    cip13 TEXT NOT NULL,
    label TEXT NOT NULL,
    packs NUMERIC(12, 3) NOT NULL CONSTRAINT ck_intervention_packs CHECK (packs >= 0),
    counted NUMERIC(12, 3) NOT NULL CONSTRAINT ck_intervention_counted CHECK (counted >= 0),
    forfeits NUMERIC(12, 3) NOT NULL CONSTRAINT ck_intervention_forfeits CHECK (forfeits >= 0),
    excess NUMERIC(12, 3) NOT NULL CONSTRAINT ck_intervention_excess CHECK
        (excess >= 0 AND (excess = 0 OR offline)),
    days_covered INTEGER NOT NULL,
    offline BOOLEAN NOT NULL,
    paper_reference TEXT NOT NULL,
    undoes UUID,
    details JSONB NOT NULL,
    CONSTRAINT pk_intervention PRIMARY KEY (intervention_id),
    CONSTRAINT fk_intervention_prescription_id FOREIGN KEY(prescription_id)
        REFERENCES prescription (prescription_id),
    CONSTRAINT fk_intervention_line_id FOREIGN KEY(line_id) REFERENCES line (line_id),
    CONSTRAINT fk_intervention_claim_id FOREIGN KEY(claim_id) REFERENCES claim (claim_id),
    CONSTRAINT fk_intervention_undoes FOREIGN KEY(undoes) REFERENCES intervention (intervention_id),
    CONSTRAINT uq_intervention_undone_once UNIQUE (undoes),
    CONSTRAINT ck_intervention_undoes CHECK ((undoes IS NOT NULL) = (kind = 'undone'))
);

CREATE INDEX ix_intervention_prescription_id ON intervention (prescription_id, intervention_id);

CREATE INDEX ix_intervention_line_id ON intervention (line_id, intervention_id);

CREATE INDEX ix_intervention_claim_id ON intervention (claim_id);

CREATE INDEX ix_intervention_person_id ON intervention (person_id, delivered_on, intervention_id);

CREATE UNIQUE INDEX uq_intervention_paper ON intervention (pharmacy, paper_reference, line_id)
    WHERE paper_reference <> '';

CREATE TABLE dispensing (
    dispensing_id UUID NOT NULL,
    prescription_id UUID NOT NULL,
    person_id UUID NOT NULL,
    claim_id UUID NOT NULL,
    pharmacy TEXT NOT NULL,
    pharmacist TEXT NOT NULL,
    closed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    receipt TEXT NOT NULL,
    CONSTRAINT pk_dispensing PRIMARY KEY (dispensing_id),
    CONSTRAINT uq_dispensing_claim_id UNIQUE (claim_id),
    CONSTRAINT fk_dispensing_prescription_id FOREIGN KEY(prescription_id)
        REFERENCES prescription (prescription_id),
    CONSTRAINT fk_dispensing_claim_id FOREIGN KEY(claim_id) REFERENCES claim (claim_id)
);

CREATE INDEX ix_dispensing_prescription_id ON dispensing (prescription_id);

CREATE TABLE duplicate (
    duplicate_id UUID NOT NULL,
    prescription_id UUID NOT NULL,
    line_id UUID NOT NULL,
    intervention_id UUID NOT NULL,
    pharmacy TEXT NOT NULL,
    prescriber TEXT NOT NULL,
    unit TEXT NOT NULL,
    excess NUMERIC(12, 3) NOT NULL CONSTRAINT ck_duplicate_excess CHECK (excess > 0),
    found_at TIMESTAMP WITH TIME ZONE NOT NULL,
    delivered_at TIMESTAMP WITH TIME ZONE NOT NULL,
    others TEXT[] NOT NULL,
    CONSTRAINT pk_duplicate PRIMARY KEY (duplicate_id),
    CONSTRAINT uq_duplicate_intervention_id UNIQUE (intervention_id),
    CONSTRAINT fk_duplicate_prescription_id FOREIGN KEY(prescription_id)
        REFERENCES prescription (prescription_id),
    CONSTRAINT fk_duplicate_intervention_id FOREIGN KEY(intervention_id)
        REFERENCES intervention (intervention_id)
);

CREATE INDEX ix_duplicate_prescription_id ON duplicate (prescription_id);

CREATE INDEX ix_duplicate_pharmacy ON duplicate (pharmacy, duplicate_id);

CREATE INDEX ix_duplicate_prescriber ON duplicate (prescriber, duplicate_id);

CREATE TABLE opposition (
    person_id UUID NOT NULL,
    history_opposed BOOLEAN NOT NULL,
    execution_hidden BOOLEAN NOT NULL,
    changed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_opposition PRIMARY KEY (person_id)
);

CREATE TABLE allergy (
    allergy_id UUID NOT NULL,
    person_id UUID NOT NULL,
    substance_code TEXT NOT NULL,
    substance TEXT NOT NULL,
    note TEXT NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    recorded_by TEXT NOT NULL,
    withdrawn_at TIMESTAMP WITH TIME ZONE,
    withdrawn_by TEXT NOT NULL,
    withdrawn_reason TEXT NOT NULL,
    CONSTRAINT pk_allergy PRIMARY KEY (allergy_id)
);

CREATE UNIQUE INDEX uq_allergy_known ON allergy (person_id, substance) WHERE withdrawn_at IS NULL;

CREATE TABLE signing_key (
    key_id TEXT NOT NULL,
    professional TEXT NOT NULL,
    jwk JSONB NOT NULL,
    origin TEXT NOT NULL CONSTRAINT ck_signing_key_origin CHECK (origin IN
        ('local', 'card', 'hsm', 'software')),
    registered_at TIMESTAMP WITH TIME ZONE NOT NULL,
    revoked_at TIMESTAMP WITH TIME ZONE,
    revoked_reason TEXT NOT NULL,
    CONSTRAINT pk_signing_key PRIMARY KEY (key_id)
);

CREATE INDEX ix_signing_key_professional ON signing_key (professional);

CREATE TABLE parameter (
    name TEXT NOT NULL,
    valid_from DATE NOT NULL,
    value JSONB NOT NULL,
    source TEXT NOT NULL,
    CONSTRAINT pk_parameter PRIMARY KEY (name, valid_from)
);

CREATE TABLE sending (
    sending_id UUID NOT NULL,
    kind TEXT NOT NULL CONSTRAINT ck_sending_kind CHECK (kind IN ('prescription', 'dispensing')),
    object_id UUID NOT NULL,
    person_id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    try_at TIMESTAMP WITH TIME ZONE NOT NULL,
    attempts INTEGER NOT NULL,
    done_at TIMESTAMP WITH TIME ZONE,
    outcome TEXT NOT NULL,
    CONSTRAINT pk_sending PRIMARY KEY (sending_id),
    CONSTRAINT uq_sending_object_id UNIQUE (object_id)
);

CREATE INDEX ix_sending_due ON sending (try_at) WHERE done_at IS NULL
"""

# Each is one statement; `$$` bodies hold semicolons.
GUARDS = (
    """
    CREATE FUNCTION keep_signed() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN
      IF (NEW.number, NEW.person_id, NEW.kind, NEW.prescriber, NEW.organisation, NEW.restricted, NEW.body,
          NEW.signature, NEW.key_id, NEW.written_on, NEW.signed_at, NEW.parent_id)
         IS DISTINCT FROM
         (OLD.number, OLD.person_id, OLD.kind, OLD.prescriber, OLD.organisation, OLD.restricted, OLD.body,
          OLD.signature, OLD.key_id, OLD.written_on, OLD.signed_at, OLD.parent_id)
         OR (NEW.state IN ('draft', 'discarded') AND NEW.state <> OLD.state) THEN
        RAISE EXCEPTION 'what was signed is not changed'
          USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_prescription_signed_once';
      END IF;
      RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER prescription_signed_once BEFORE UPDATE ON prescription
    FOR EACH ROW WHEN (OLD.state <> 'draft') EXECUTE FUNCTION keep_signed()
    """,
    """
    CREATE FUNCTION keep_final() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN
      RAISE EXCEPTION 'a % prescription stays so', OLD.state
        USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_prescription_final';
    END $$
    """,
    """
    CREATE TRIGGER prescription_final BEFORE UPDATE OF state ON prescription
    FOR EACH ROW WHEN (OLD.state IN ('cancelled', 'expired', 'discarded') AND NEW.state <> OLD.state)
    EXECUTE FUNCTION keep_final()
    """,
    """
    CREATE FUNCTION check_line_signed() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN
      IF NOT EXISTS (SELECT 1 FROM prescription
         WHERE prescription_id = NEW.prescription_id AND state NOT IN ('draft', 'discarded')) THEN
        RAISE EXCEPTION 'lines open with the signature'
          USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_line_signed';
      END IF;
      RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER line_signed AFTER INSERT ON line
    FOR EACH ROW EXECUTE FUNCTION check_line_signed()
    """,
    """
    CREATE FUNCTION only_counted() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN
      RAISE EXCEPTION 'only an intervention changes what was delivered'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_line_only_counted';
    END $$
    """,
    """
    CREATE TRIGGER line_only_counted BEFORE UPDATE ON line
    FOR EACH ROW WHEN (pg_trigger_depth() = 0 AND (NEW.delivered, NEW.forfeited, NEW.authorised, NEW.unit)
      IS DISTINCT FROM (OLD.delivered, OLD.forfeited, OLD.authorised, OLD.unit))
    EXECUTE FUNCTION only_counted()
    """,
    """
    CREATE FUNCTION check_intervention() RETURNS trigger LANGUAGE plpgsql AS
    $$ DECLARE held BOOLEAN; state TEXT;
    BEGIN
      IF NEW.undoes IS NOT NULL OR NEW.offline THEN RETURN NEW; END IF;
      SELECT true INTO held FROM claim
       WHERE claim_id = NEW.claim_id AND prescription_id = NEW.prescription_id AND pharmacy = NEW.pharmacy
         AND ended_at IS NULL FOR SHARE;
      IF held IS NULL THEN
        RAISE EXCEPTION 'the pharmacy does not hold this prescription'
          USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_intervention_held';
      END IF;
      SELECT line.state INTO state FROM line
       WHERE line_id = NEW.line_id AND prescription_id = NEW.prescription_id FOR NO KEY UPDATE;
      IF NEW.counted > 0 AND (state IS NULL OR state NOT IN ('ordered', 'partially_delivered')) THEN
        RAISE EXCEPTION 'nothing more is delivered of this line'
          USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_intervention_line_open';
      END IF;
      RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER intervention_checked BEFORE INSERT ON intervention
    FOR EACH ROW EXECUTE FUNCTION check_intervention()
    """,
    """
    CREATE FUNCTION count_intervention() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN
      IF NEW.undoes IS NULL THEN
        UPDATE line SET delivered = delivered + NEW.counted, forfeited = forfeited + NEW.forfeits
         WHERE line_id = NEW.line_id;
      ELSE
        UPDATE line SET delivered = delivered - undone.counted, forfeited = forfeited - undone.forfeits
          FROM intervention AS undone
         WHERE undone.intervention_id = NEW.undoes AND undone.line_id = NEW.line_id
           AND line.line_id = NEW.line_id;
        IF NOT FOUND THEN
          RAISE EXCEPTION 'what is undone is not of this line'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_intervention_undoes_line';
        END IF;
      END IF;
      RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER intervention_counted AFTER INSERT ON intervention
    FOR EACH ROW EXECUTE FUNCTION count_intervention()
    """,
    """
    CREATE TRIGGER intervention_append_only BEFORE UPDATE OR TRUNCATE ON intervention
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewrite()
    """,
)


def upgrade() -> None:
    schema.create_v1(op)
    for statement in (*PRESCRIPTIONS.split(";"), *GUARDS):
        op.execute(statement)
