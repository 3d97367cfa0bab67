"""What a prescriber writes and signs: the data elements of the CDA eP-MED-DM_2024.01, as frozen values.

The signed bytes are the canonical JSON (RFC 8785) of `Signed`: a field added here needs a default, so that
what was signed before still reads the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum


class LineKind(StrEnum):
    MEDICINE = "medicine"
    # Préparation magistrale.
    PREPARATION = "preparation"
    DEVICE = "device"


class CountUnit(StrEnum):
    """What a quantity counts."""

    # Packs (EDQM 30009000).
    BOX = "box"
    # Units of dose, as tablets.
    DOSE = "dose"
    # Days of treatment, where the posology is free text.
    DAY = "day"


class NonSubstitution(StrEnum):
    """Why no substitution is allowed (arrêté of 12 November 2019)."""

    NONE = ""
    MTE = "MTE"
    EFG = "EFG"
    CIF = "CIF"


class Kind(StrEnum):
    """Who opened the prescription, and by what right."""

    STANDARD = "standard"
    # By a pharmacist, on an expired one (R.5123-2-1).
    EXCEPTIONAL_RENEWAL = "exceptional_renewal"


@dataclass(frozen=True, slots=True)
class Substance:
    # ANSM code, 5 digits; empty when only the name is known.
    code: str = ""
    name: str = ""
    strength: str = ""


@dataclass(frozen=True, slots=True)
class Product:
    """What is prescribed: by brand (CIS), by pack (CIP13), or in DCI alone (Médicabase)."""

    cis: str = ""
    cip13: str = ""
    mv: str = ""
    label: str = ""
    dci: str = ""
    substances: tuple[Substance, ...] = ()
    atc: str = ""
    # EDQM.
    form_code: str = ""
    emdn: str = ""
    lpp: str = ""
    # Units in the pack counted in, of a narcotic prescribed by the box: as the base said when it was signed.
    pack_units: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Dose:
    """One step of a posology; steps of the same `sequence` run together, the next number follows."""

    sequence: int = 1
    quantity: Decimal | None = None
    quantity_high: Decimal | None = None
    unit_code: str = ""
    unit_label: str = ""
    frequency: int = 0
    period: Decimal = Decimal(1)
    # h, d, wk, mo (UCUM).
    period_unit: str = "d"
    when: tuple[str, ...] = ()
    days_of_week: tuple[str, ...] = ()
    # 0: as long as the treatment.
    days: int = 0


@dataclass(frozen=True, slots=True)
class Posology:
    text: str = ""
    doses: tuple[Dose, ...] = ()
    as_needed: bool = False
    condition: str = ""
    max_per_day: Decimal | None = None
    route_code: str = ""
    route_label: str = ""


@dataclass(frozen=True, slots=True)
class Quantity:
    """Of one delivery cycle."""

    value: Decimal
    unit: CountUnit
    unit_label: str = ""
    # Narcotics (R.5132-29).
    in_words: str = ""


@dataclass(frozen=True, slots=True)
class Ingredient:
    name: str
    quantity: str


@dataclass(frozen=True, slots=True)
class Line:
    """One prescribed line. The whole is `quantity` times (1 + `renewals`)."""

    line_id: str
    kind: LineKind = LineKind.MEDICINE
    product: Product = Product()
    ingredients: tuple[Ingredient, ...] = ()
    posology: Posology = Posology()
    starts_on: date | None = None
    # Of one treatment, in days; 0: told by the quantity.
    duration_days: int = 0
    quantity: Quantity | None = None
    renewals: int = 0
    renewal_forbidden: bool = False
    early_renewal_allowed: bool = False
    ald: bool = False
    work_accident: bool = False
    prevention: bool = False
    non_reimbursable: bool = False
    off_label: bool = False
    non_substitution: NonSubstitution = NonSubstitution.NONE
    non_substitution_text: str = ""
    # "Délivrance en une seule fois."
    single_delivery: bool = False
    # "Chevauchement."
    overlap_allowed: bool = False
    exception_indication: str = ""
    mentions: tuple[str, ...] = ()
    patient_note: str = ""
    dispenser_note: str = ""
    precondition: str = ""
    rental_days: int = 0


@dataclass(frozen=True, slots=True)
class Content:
    """What a prescriber writes."""

    lines: tuple[Line, ...]
    bizone: bool = False
    exception_medicines: bool = False
    secure: bool = False
    large_equipment: bool = False
    at_home: bool = False
    urgent: bool = False
    military: bool = False
    # Written in hospital, to be executed in town.
    hospital: bool = False
    # PS_IdNat of whom a locum stands in for.
    replaced_prescriber: str = ""
    # Struct_IdNat.
    named_pharmacy: str = ""
    planned_discharge_on: date | None = None
    weight_grams: int = 0
    height_millimetres: int = 0
    pregnant: bool = False
    # Only prescriber, executor and the person in person may read it.
    restricted: bool = False
    initial_reference: str = ""
    initial_written_on: date | None = None
    initial_by_hospital: bool = False
    comment: str = ""

    def line(self, line_id: str) -> Line | None:
        return next((line for line in self.lines if line.line_id == line_id), None)


@dataclass(frozen=True, slots=True)
class Prescriber:
    """Who signed, as the token proved it."""

    # PS_IdNat: 8 + RPPS.
    id: str
    name: str = ""
    # TRE_G15.
    profession: str = ""
    # TRE_R38 codes, as SM26.
    know_how: tuple[str, ...] = ()
    # Struct_IdNat.
    organisation: str = ""
    # TRE_R02.
    sector: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """The professional goes on in spite of a finding, and says why."""

    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Signed:
    """All that the signature covers."""

    number: str
    person_id: str
    prescriber: Prescriber
    # Europe/Paris.
    written_on: date
    content: Content
    decisions: tuple[Decision, ...] = ()
    # Form of this document.
    version: int = 1
