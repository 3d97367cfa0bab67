"""Bodies and queries of prescriptions: of whom, which, and what is done with one."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, model_validator
from pydantic.config import JsonDict

from .base import Base64, Body, InsNumber, Page, Text, Uuid
from .prescribed import PARACETAMOL, TakenDecision, WrittenContent

State = Literal[
    "draft",
    "active",
    "in_dispense",
    "partially_dispensed",
    "completed",
    "cancelled",
    "expired",
    "discarded",
]
Version = Annotated[int, Field(ge=0, le=2**31 - 1, description="The version that was read; 0 takes any.")]
Decisions = Annotated[
    list[TakenDecision],
    Field(max_length=60, description="One for each warning; a warning without its decision refuses."),
]


class PatientGiven(Body):
    """A person by the INS or by the opaque id, never both; in a body, so that no INS is in an address."""

    person_id: Uuid | None = None
    ins: InsNumber | None = None

    @model_validator(mode="after")
    def one_of_them(self) -> Self:
        """Two names of one person could name two persons."""
        if (self.person_id is None) == (self.ins is None):
            raise ValueError("needs person_id or ins, and only one of them")
        return self

    def rest(self) -> dict[str, Any]:
        """The fields of the contract, but who it is about."""
        return self.model_dump(exclude={"person_id", "ins"})


INS_EXAMPLE: JsonDict = {"matricule": "279035121518989", "oid": "1.2.250.1.213.1.4.10"}


class NewPrescription(PatientGiven):
    """A draft to open."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"ins": INS_EXAMPLE, "content": PARACETAMOL}]})

    content: WrittenContent


class ChangedPrescription(Body):
    """The whole content of a draft as it is to be."""

    version: Version = 0
    content: WrittenContent = Field(examples=[PARACETAMOL])


class PrescriptionQuery(Page):
    """Whose prescriptions, and in which states."""

    person_id: Uuid
    state: list[State] = Field([], max_length=8, description="Every state when absent.")

    def message(self) -> dict[str, Any]:
        """The fields of the contract."""
        page = {"size": self.size, "token": self.token}
        return {"person_id": self.person_id, "states": self.state, "page": page}


class MyPrescriptionQuery(Page):
    """In which states."""

    state: list[State] = Field([], max_length=8, description="Every state when absent.")

    def message(self) -> dict[str, Any]:
        """The fields of the contract."""
        return {"states": self.state, "page": {"size": self.size, "token": self.token}}


class PrescriptionSearch(PatientGiven):
    """Whose prescriptions, by INS."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"ins": INS_EXAMPLE, "states": ["active"]}]})

    states: list[State] = Field([], max_length=8)
    page: Page | None = None


class PrescriptionNumber(Body):
    """The number as it is printed; spaces and hyphens do not count."""

    number: Text = Field(min_length=1, max_length=30, examples=["S12PH4TPTCSYP2900S"])


class SigningDecisions(Body):
    """What is decided about the warnings; it becomes part of what is signed."""

    decisions: Decisions = Field([])


class NewSignature(SigningDecisions):
    """A signature by the professional's own key; without one, the local key service signs for the caller."""

    signature: str = Field(
        "", max_length=8000, pattern=r"^[A-Za-z0-9_.-]*$", description="Detached JWS (RFC 7797, ES256)."
    )
    version: Version = 0


class Cancellation(Body):
    """What is cancelled, and why (NHS EPS 0001 to 0009)."""

    line_ids: list[Uuid] = Field([], max_length=60, description="The whole prescription when empty.")
    reason: Literal[
        "prescribing_error",
        "clinical_contraindication",
        "change_of_treatment",
        "clinical_grounds",
        "patient_request",
        "pharmacist_request",
        "death",
        "patient_left",
        "registered_elsewhere",
    ]
    comment: Text = Field("", max_length=500)


class ReceivedDocument(Body):
    """A CDA R2 prescription (eP-MED-DM)."""

    cda: Base64 = Field(description="The document, 5 MB at most.")
