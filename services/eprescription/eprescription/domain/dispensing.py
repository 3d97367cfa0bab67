"""What happens to a signed prescription: holds, interventions, what remains of each line."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from .content import CountUnit, Decision, Line, LineKind
from .ids import ClaimId, DuplicateId, InterventionId, LineId, PersonId, PrescriptionId
from .states import LineState

NOTHING = Decimal(0)


class InterventionKind(StrEnum):
    AS_PRESCRIBED = "as_prescribed"
    # Inside the generic group (L.5125-23).
    SUBSTITUTED = "substituted"
    # Product, dose or quantity, with the prescriber's agreement.
    CHANGED = "changed"
    NOT_DELIVERED = "not_delivered"
    # Added by hand on the paper by the prescriber.
    ADDITIONAL_LINE = "additional_line"
    UNDONE = "undone"


class NotDelivered(StrEnum):
    """Why (NHS EPS 0001 to 0011); only OWING leaves the line open."""

    NOT_REQUIRED = "not_required"
    CLINICALLY_UNSUITABLE = "clinically_unsuitable"
    OWING = "owing"
    CANCELLATION = "cancellation"
    CANCELLATION_DEATH = "cancellation_death"
    ILLEGAL_PRESCRIPTION = "illegal_prescription"
    OUT_OF_SCOPE = "out_of_scope"
    EXPIRED = "expired"
    NOT_ALLOWED_ON_FORM = "not_allowed_on_form"
    NOT_COLLECTED = "not_collected"
    BOUGHT_OTHERWISE = "bought_otherwise"


@dataclass(frozen=True, slots=True)
class LineStatus:
    """How far a line is: its row. Quantities are in `unit`."""

    line_id: LineId
    prescription_id: PrescriptionId
    person: PersonId
    rank: int
    kind: LineKind
    state: LineState
    unit: CountUnit
    authorised: Decimal
    delivered: Decimal = NOTHING
    # Lost for good by the three-day rule (R.5132-33).
    forfeited: Decimal = NOTHING
    deliveries: int = 0
    # First day of the next delivery.
    next_on: date | None = None
    # Last day of any delivery.
    until: date | None = None
    # Last day on which the treatment is thought to run.
    treated_until: date | None = None
    cis: str = ""
    # ANSM codes.
    substances: tuple[str, ...] = ()
    narcotic: bool = False
    cancel_requested: bool = False
    cancel_reason: str = ""
    # In the words of whoever cancelled; for the pharmacy.
    cancel_comment: str = ""
    # Only of a line that the prescriber added by hand on the paper: it is in no signed content.
    additional: Line | None = None

    @property
    def remaining(self) -> Decimal:
        return self.authorised - self.delivered - self.forfeited


@dataclass(frozen=True, slots=True)
class Claim:
    """One hold of a prescription by a pharmacy."""

    id: ClaimId
    prescription_id: PrescriptionId
    # Struct_IdNat.
    pharmacy: str
    # PS_IdNat.
    pharmacist: str
    began_at: datetime
    expires_at: datetime
    ended_at: datetime | None = None
    end_reason: str = ""


@dataclass(frozen=True, slots=True)
class Agreement:
    """The prescriber's agreement to a change."""

    obtained: bool
    obtained_at: datetime | None = None
    means: str = ""


@dataclass(frozen=True, slots=True)
class Act:
    """What a pharmacist says to have done about one line."""

    kind: InterventionKind
    # Empty for an additional line.
    line_id: str = ""
    cip13: str = ""
    product_label: str = ""
    packs: Decimal | None = None
    # Exact units, when a box was opened or the line counts in units.
    units: Decimal | None = None
    lot: str = ""
    expires: date | None = None
    days_covered: int = 0
    not_delivered: NotDelivered | None = None
    reason: str = ""
    agreement: Agreement | None = None
    additional: Line | None = None
    mte_by_pharmacist: bool = False
    checks: tuple[str, ...] = ()
    note: str = ""
    serial: str = ""


@dataclass(frozen=True, slots=True)
class Details:
    """What an intervention says beside its columns (`intervention.details`)."""

    lot: str = ""
    expires: date | None = None
    reason: str = ""
    not_delivered: NotDelivered | None = None
    agreement: Agreement | None = None
    mte_by_pharmacist: bool = False
    checks: tuple[str, ...] = ()
    note: str = ""
    serial: str = ""
    decisions: tuple[Decision, ...] = ()
    # Of a delivery from the paper: the digest of its request.
    asked: str = ""


@dataclass(frozen=True, slots=True)
class Intervention:
    """What was done about one line, once; never changed. Quantities are in the unit of the line."""

    id: InterventionId
    prescription_id: PrescriptionId
    line_id: LineId
    person: PersonId
    kind: InterventionKind
    recorded_at: datetime
    delivered_on: date
    pharmacist: str
    pharmacy: str
    claim_id: ClaimId | None = None
    cis: str = ""
    cip13: str = ""
    label: str = ""
    packs: Decimal = NOTHING
    counted: Decimal = NOTHING
    forfeits: Decimal = NOTHING
    # Delivered from the paper beyond what was prescribed.
    excess: Decimal = NOTHING
    days_covered: int = 0
    offline: bool = False
    paper_reference: str = ""
    undoes: InterventionId | None = None
    undone_by: InterventionId | None = None
    details: Details = field(default_factory=Details)


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A delivery beyond what was prescribed, found when it was recorded from the paper."""

    id: DuplicateId
    prescription_id: PrescriptionId
    line_id: LineId
    intervention_id: InterventionId
    pharmacy: str
    prescriber: str
    unit: CountUnit
    excess: Decimal
    found_at: datetime
    delivered_at: datetime
    others: tuple[str, ...] = ()
