"""Bodies and queries of what pharmacies do. Codes and secrets travel here, never in an address."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from .base import Body, MaybeDay, Moment, Page, Text, Uuid
from .prescribed import Cip13, Codes, WrittenLine
from .prescriptions import INS_EXAMPLE, Decisions, PatientGiven

Secret = Annotated[
    Text, Field(min_length=1, max_length=100, description="As the claim gave it to this pharmacy.")
]
Number = Annotated[Text, Field(max_length=30, examples=["S12PH4TPTCSYP2900S"])]
AccessCode = Annotated[Text, Field(max_length=100, description="From the QR code or the paper.")]
Token = Annotated[Text, Field(max_length=4000, description="Exact text of the QR code.", examples=[""])]


class NewClaim(Body):
    """Which prescription: the text of the QR code, or the number with its access code or the birth date."""

    number: Number = ""
    access_code: AccessCode = ""
    birth_date: MaybeDay = Field(
        "", description="Of the patient, when the number was typed by hand.", examples=[""]
    )
    token: Token = ""


class Holding(Body):
    """The proof that this pharmacy holds the prescription."""

    secret: Secret


class Release(Holding):
    """Why the hold is given back."""

    reason: Literal[
        "patient_left", "other_pharmacy_requested", "product_missing", "prescription_expired", "error"
    ]


class ObtainedAgreement(Body):
    """The prescriber's agreement to a change (L.5125-23)."""

    obtained: bool
    obtained_at: Moment | None = None
    means: Text = Field("", max_length=100, description="Telephone, MSSanté, in person.")


class DispensingAct(Body):
    """What was done about one line."""

    line_id: Uuid | None = Field(None, description="Absent for an additional line.")
    kind: Literal["as_prescribed", "substituted", "changed", "not_delivered", "additional_line"]
    cip13: Cip13 = ""
    product_label: Text = Field("", max_length=500, description="Of a product that the base does not know.")
    packs: str = Field("", pattern=r"^([0-9]{1,4}(\.[0-9]{1,3})?)?$", examples=["1"])
    units: str = Field(
        "",
        pattern=r"^([0-9]{1,6}(\.[0-9]{1,3})?)?$",
        description="Exact units, when a box was opened or the line counts in units.",
    )
    lot: Text = Field("", max_length=60)
    expires: MaybeDay = Field("", examples=["2029-03-31"])
    days_covered: int = Field(0, ge=0, le=4000)
    not_delivered: (
        Literal[
            "not_required",
            "clinically_unsuitable",
            "owing",
            "cancellation",
            "cancellation_death",
            "illegal_prescription",
            "out_of_scope",
            "expired",
            "not_allowed_on_form",
            "not_collected",
            "bought_otherwise",
        ]
        | None
    ) = None
    reason: Text = Field("", max_length=500, description="Of a change.")
    agreement: ObtainedAgreement | None = None
    additional: WrittenLine | None = Field(None, description="What the prescriber wrote by hand.")
    mte_by_pharmacist: bool = Field(False, description="The pharmacist refuses to substitute (MTE-PH).")
    checks: Codes = Field([], max_length=20, description="Forms seen: consent, attestation, booklet...")
    note: Text = Field("", max_length=1000)
    serial: Text = Field("", max_length=40, description="Of the DataMatrix of the box.")


Acts = Annotated[list[DispensingAct], Field(min_length=1, max_length=60)]


class PlannedDispensing(Holding):
    """What a pharmacy is about to record."""

    acts: Acts


class NewDispensing(PlannedDispensing):
    """What was done about lines, recorded all or none."""

    decisions: Decisions = Field([])
    delivered_on: MaybeDay = Field("", description="Today when empty.", examples=[""])


class Undoing(Body):
    """Why a record was wrong; kept with it."""

    reason: Text = Field(min_length=1, max_length=500, examples=["Boîte saisie deux fois"])


class NewExceptionalRenewal(Body):
    """An expired chronic treatment that may not stop (R.5123-2-1)."""

    prescription_id: Uuid | None = Field(None, description="When this pharmacy served it before.")
    number: Number = ""
    access_code: AccessCode = ""
    line_ids: list[Uuid] = Field([], max_length=60, description="Every line that may be renewed when empty.")
    reason: Text = Field(
        min_length=1, max_length=500, description="Why the treatment may not be interrupted."
    )


class OfflineDispensing(Body):
    """What was delivered from the paper while the platform was away."""

    number: Number = ""
    access_code: AccessCode = ""
    token: Token = ""
    acts: Acts
    decisions: Decisions = Field([])
    delivered_at: Moment = Field(
        description="When it was really delivered; in the past.", examples=["2026-06-12T10:00:00Z"]
    )
    paper_reference: Text = Field(
        min_length=1,
        max_length=100,
        description="Name of the paper of this pharmacy: the same one twice is the same delivery.",
        examples=["ORD-2026-000123"],
    )


class DuplicateQuery(Page):
    """Of one prescription, or of all that the caller may see."""

    prescription_id: Uuid | None = None

    def message(self) -> dict[str, Any]:
        """The fields of the contract."""
        page = {"size": self.size, "token": self.token}
        return {"prescription_id": self.prescription_id, "page": page}


class HistoryQueryOfPerson(Page):
    """Whose dispensing history."""

    person_id: Uuid


class HistorySearch(PatientGiven):
    """Whose dispensing history, by INS."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"ins": INS_EXAMPLE}]})

    page: Page | None = None


class NewOpposition(Body):
    """What the holder decides; one left out stays as it is."""

    history_opposed: bool | None = Field(None, description="Nobody else reads the dispensing history.")
    execution_hidden: bool | None = Field(None, description="Prescribers do not see what was delivered.")
