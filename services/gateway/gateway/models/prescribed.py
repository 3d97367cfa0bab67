"""What a prescriber writes: the content of a prescription, line by line."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from pydantic.config import JsonDict

from .base import Body, MaybeDay, Name, Text, Uuid

Amount = Annotated[str, Field(pattern=r"^([0-9]{1,6}(\.[0-9]{1,4})?)?$", examples=["1"])]
Cis = Annotated[str, Field(pattern="^(6[0-9]{7})?$", description="8 digits.", examples=["69996010"])]
Cip13 = Annotated[
    str,
    Field(
        pattern="^([0-9]{13})?$",
        description="13 digits, the last one checks the others.",
        examples=["3400990000030"],
    ),
]
Codes = list[Annotated[Text, Field(min_length=1, max_length=100)]]
SUBSTANCE = "Code of the ANSM, 1 to 5 digits; empty when only the name is known."


class NamedSubstance(Body):
    """A substance (DCI)."""

    code: str = Field("", pattern="^([0-9]{1,5})?$", description=SUBSTANCE)
    name: Text = Field(min_length=1, max_length=300, examples=["PARACÉTAMOL"])
    strength: Text = Field("", max_length=100, examples=["500 mg"])


class WrittenProduct(Body):
    """A medicine by brand (CIS), by pack (CIP13) or in DCI alone; a device by its EMDN or LPP code."""

    cis: Cis = ""
    cip13: Cip13 = ""
    mv: str = Field("", pattern="^(MV[0-9]{8})?$", description="Virtual product of Médicabase.")
    label: Text = Field(
        "", max_length=500, description="What is printed; from the medicines base when empty."
    )
    dci: Text = Field("", max_length=500, description="DCI with strength and form.")
    substances: list[NamedSubstance] = Field([], max_length=60)
    atc: str = Field("", pattern="^([A-Z][0-9]{2}[A-Z]{2}[0-9]{2})?$")
    form_code: Text = Field("", max_length=20, description="EDQM pharmaceutical form.")
    emdn: Text = Field("", max_length=20)
    lpp: str = Field("", pattern="^([0-9]{7})?$")


class WrittenDose(Body):
    """One step of a posology: how much, how often, how long."""

    sequence: int = Field(
        0, ge=0, le=100, description="Steps of one number run together; the next number follows them."
    )
    quantity: Amount = ""
    quantity_high: Amount = Field("", description="Upper bound; empty when it is one quantity.")
    unit_code: Text = Field("", max_length=20, description="EDQM or UCUM.")
    unit_label: Text = Field("", max_length=60, examples=["comprimé"])
    frequency: int = Field(0, ge=0, le=1000, description="So many times every `period`.", examples=[3])
    period: Amount = ""
    period_unit: str = Field("", pattern="^(h|d|wk|mo)?$", examples=["d"])
    when: Codes = Field([], max_length=8, description="FHIR codes: MORN, NOON, EVE, NIGHT, AC, PC, HS...")
    days_of_week: Codes = Field([], max_length=7, description="mon, tue...")
    days: int = Field(
        0, ge=0, le=4000, description="Length of this step; 0: as long as the treatment.", examples=[5]
    )


class WrittenPosology(Body):
    """Free text, steps, or both; a text is needed when there is no step."""

    text: Text = Field("", max_length=2000, examples=["1 comprimé 3 fois par jour"])
    doses: list[WrittenDose] = Field([], max_length=60)
    as_needed: bool = False
    condition: Text = Field("", max_length=500)
    max_per_day: Amount = Field("", description="Most units in 24 hours.")
    route_code: Text = Field("", max_length=20)
    route_label: Text = Field("", max_length=100)


class WrittenQuantity(Body):
    """How much of one delivery cycle: packs, units of dose, or days of treatment."""

    value: str = Field(pattern=r"^[0-9]{1,6}(\.[0-9]{1,3})?$", description="Decimal above 0.", examples=["1"])
    unit: Literal["box", "dose", "day"] = Field(examples=["box"])
    unit_label: Text = Field("", max_length=60)
    in_words: Text = Field("", max_length=500, description="In full letters, for narcotics (R.5132-29).")


class WrittenIngredient(Body):
    """One ingredient of a préparation magistrale."""

    name: Text = Field(min_length=1, max_length=300)
    quantity: Text = Field(min_length=1, max_length=100)


class WrittenLine(Body):
    """One line: what, how to take it, how much, how many times."""

    line_id: Uuid | None = Field(None, description="Made by the service when absent.")
    kind: Literal["medicine", "preparation", "device"] = "medicine"
    product: WrittenProduct | None = None
    ingredients: list[WrittenIngredient] = Field([], max_length=40)
    posology: WrittenPosology | None = None
    starts_on: MaybeDay = Field("", description="The day of the prescription when empty.", examples=[""])
    duration_days: int = Field(
        0, ge=0, le=4000, description="Of one treatment; 0: told by the quantity.", examples=[5]
    )
    quantity: WrittenQuantity | None = None
    renewals: int = Field(0, ge=0, le=1000)
    renewal_forbidden: bool = Field(False, description="List II: the renewal is forbidden.")
    early_renewal_allowed: bool = Field(False, description="Before the time told by the dose (R.5132-14).")
    ald: bool = Field(False, description="Long-term illness: upper part of the bizone form.")
    work_accident: bool = False
    prevention: bool = False
    non_reimbursable: bool = Field(False, description="NR.")
    off_label: bool = Field(False, description="Hors AMM.")
    non_substitution: Literal["mte", "efg", "cif"] | None = None
    non_substitution_text: Text = Field("", max_length=300)
    single_delivery: bool = Field(False, description="Délivrance en une seule fois.")
    overlap_allowed: bool = Field(False, description="Chevauchement stated expressly (R.5132-33).")
    exception_indication: Text = Field("", max_length=500)
    mentions: Codes = Field([], max_length=20, description="Replies to the conditions of the product.")
    patient_note: Text = Field("", max_length=1000)
    dispenser_note: Text = Field("", max_length=1000)
    precondition: Text = Field("", max_length=500)
    rental_days: int = Field(0, ge=0, le=4000, description="Of a hired device.")


PARACETAMOL: JsonDict = {
    "lines": [
        {
            "product": {
                "dci": "paracétamol 500 mg comprimé",
                "substances": [{"name": "PARACÉTAMOL", "strength": "500 mg"}],
            },
            "posology": {
                "text": "1 comprimé 3 fois par jour pendant 5 jours",
                "doses": [
                    {
                        "quantity": "1",
                        "unit_label": "comprimé",
                        "frequency": 3,
                        "period": "1",
                        "period_unit": "d",
                        "days": 5,
                    }
                ],
            },
            "duration_days": 5,
            "quantity": {"value": "1", "unit": "box"},
        }
    ]
}


class WrittenContent(Body):
    """A whole prescription, before it is signed."""

    lines: list[WrittenLine] = Field(min_length=1, max_length=60, examples=[PARACETAMOL["lines"]])
    bizone: bool = Field(False, description="Two-part form, when a line concerns a long-term illness.")
    exception_medicines: bool = False
    secure: bool = Field(False, description="Ordonnance sécurisée: narcotics and what follows their rules.")
    large_equipment: bool = False
    at_home: bool = False
    urgent: bool = False
    military: bool = False
    hospital: bool = Field(False, description="Written in hospital, to be executed in town.")
    replaced_prescriber: str = Field("", max_length=20, description="PS_IdNat of who is stood in for.")
    named_pharmacy: str = Field("", max_length=20, description="Struct_IdNat.", examples=[""])
    planned_discharge_on: MaybeDay = Field("", examples=[""])
    weight_grams: int = Field(0, ge=0, le=1_000_000, description="0 when it is not given.")
    height_millimetres: int = Field(0, ge=0, le=3_000, description="0 when it is not given.")
    pregnant: bool = False
    restricted: bool = Field(
        False, description="Only the prescriber, the executor and the person may read it."
    )
    initial_reference: Text = Field("", max_length=100, description="The prescription that it renews.")
    initial_written_on: MaybeDay = Field("", examples=[""])
    initial_by_hospital: bool = False
    comment: Text = Field("", max_length=2000)


class TakenDecision(Body):
    """The professional goes on in spite of a finding, and says why."""

    code: Name = Field(description="`code` of the finding.", max_length=200)
    reason: Text = Field(min_length=1, max_length=500, examples=["Bénéfice attendu supérieur au risque"])
