"""What the law sets in figures and lists, dated: a change of law is a row, not a release.

`Law.on(day)` gives the `Parameters` in force that day. A row that has the wrong type or a name nobody reads
is refused with all the others looked at: a law half loaded would be worse than the old one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, get_args, get_type_hints

import orjson
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from eprescription.domain.content import Kind


@dataclass(frozen=True, slots=True)
class Of:
    """Where a parameter comes from, and what it counts."""

    article: str
    unit: str


@dataclass(frozen=True, slots=True)
class Right:
    """What a profession may prescribe (`prescribing_rights`)."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    medicines: bool
    devices: bool
    narcotics: bool
    # Only medicines whose ATC code begins so; empty: any.
    atc: tuple[str, ...] = ()
    # The text that lists what it may prescribe; not known here whole, so the prescriber answers for it.
    own_list: str = ""


RIGHTS: Mapping[str, Right] = {
    "10": Right(medicines=True, devices=True, narcotics=True),
    "40": Right(medicines=True, devices=True, narcotics=True, own_list="L.4141-2"),
    "50": Right(medicines=True, devices=True, narcotics=True, own_list="L.4151-4"),
    "60": Right(medicines=True, devices=True, narcotics=False, own_list="L.4301-1"),
    "70": Right(medicines=True, devices=True, narcotics=False, atc=("N07BA",), own_list="L.4321-1"),
    "80": Right(medicines=True, devices=True, narcotics=False, own_list="L.4322-1"),
}


Count = Annotated[int, Field(ge=0, le=100_000)]
Codes = tuple[Annotated[str, Field(min_length=1, max_length=100)], ...]


@dataclass(frozen=True, slots=True)
class Parameters:
    """The parameters of one day. The defaults are the law as the first migration seeds it."""

    # V1: first delivery while today < day of writing + this.
    first_delivery_months: Annotated[Count, Of("R.5132-22", "months")] = 3
    # V2.
    treatment_months: Annotated[Count, Of("R.5132-21", "months")] = 12
    # V3: the longer of the two bounds of the law, `quatre semaines ou trente jours selon le conditionnement`.
    delivery_days: Annotated[Count, Of("R.5132-12", "days")] = 30
    # V3: a pack for more than a month covers at most this.
    big_pack_days: Annotated[Count, Of("R.5132-12", "days")] = 92
    # V3: twelve weeks.
    contraceptive_days: Annotated[Count, Of("R.5132-12", "days")] = 84
    contraceptive_atc: Annotated[Codes, Of("R.5132-12", "ATC prefixes")] = (
        "G03AA",
        "G03AB",
        "G03AC",
        "G02BB",
    )
    # V7.
    narcotic_days: Annotated[Count, Of("R.5132-30", "days")] = 28
    # V9.
    narcotic_presentation_days: Annotated[Count, Of("R.5132-33", "days")] = 3
    # V10, on both sides of the planned discharge.
    discharge_days: Annotated[Count, Of("décret 2022-972", "days")] = 3
    # V7: opioid substitution on a secure form names its pharmacy.
    named_pharmacy_substances: Annotated[Codes, Of("L.162-4-2 CSS", "substances")] = (
        "buprenorphine", "methadone",
    )  # fmt: skip
    # V13: sectors (TRE_R02) of health establishments.
    hospital_sectors: Annotated[Codes, Of("R.5121-84", "TRE_R02")] = ("SA01", "SA02", "SA03", "SA04")
    # V14: machine rules (or their beginning, with a colon) whose paper the pharmacist must have seen.
    papers_to_see: Annotated[Codes, Of("R.5121-77", "machine rules")] = (
        "consent_form", "attestation", "annual_attestation", "pregnancy_programme", "test_result:",
    )  # fmt: skip
    # V14: as isotretinoin for women who may become pregnant.
    pregnancy_programme_days: Annotated[Count, Of("R.5121-77", "days")] = 30
    # V15.
    exceptional_least_months: Annotated[Count, Of("R.5123-2-1", "months")] = 3
    exceptional_deliveries: Annotated[Annotated[int, Field(ge=1, le=12)], Of("R.5123-2-1", "deliveries")] = 3
    exceptional_delivery_days: Annotated[Annotated[int, Field(ge=1, le=92)], Of("R.5123-2-1", "days")] = 30
    exceptional_delay_months: Annotated[Count, Of("R.5123-2-1", "months")] = 1
    # V16: from this length on a treatment is chronic here; the texts give no figure.
    chronic_days: Annotated[Count, Of("L.5125-23", "days")] = 90
    # V19.
    mte_substances: Annotated[Codes, Of("arrêté du 12 novembre 2019", "substances")] = (
        "lamotrigine", "prégabaline", "zonisamide", "lévétiracétam", "topiramate", "valproate", "valproïque",
        "lévothyroxine", "mycophénolate mofétil", "buprénorphine", "azathioprine", "ciclosporine",
        "évérolimus", "mycophénolate sodique", "lacosamide", "oxcarbazépine",
    )  # fmt: skip
    # V23: bounds against a slip of the keyboard, ours and no law's.
    most_boxes: Annotated[Count, Of("R.5132-3", "packs")] = 100
    most_doses: Annotated[Count, Of("R.5132-3", "units")] = 20_000
    most_days: Annotated[Count, Of("R.5132-3", "days")] = 366
    most_renewals: Annotated[Count, Of("R.5132-3", "renewals")] = 24
    most_per_intake: Annotated[Decimal, Field(gt=0), Of("R.5132-3", "units")] = Decimal(10_000)
    latest_start_days: Annotated[Count, Of("R.5132-3", "days")] = 365
    # V25: TRE_G15 -> right; a profession that is not here prescribes nothing.
    prescribing_rights: Annotated[Mapping[str, Right], Of("L.4111-1", "TRE_G15")] = field(
        default_factory=lambda: RIGHTS
    )
    # TRE_G15 of who may deliver.
    dispensing_professions: Annotated[Codes, Of("L.4211-1", "TRE_G15")] = ("21",)
    # Ours, no law's: a pharmacy undoes a wrong record within this; the receipt went to billing by then.
    undo_days: Annotated[Count, Of("L.5125-23", "days")] = 7
    # Dossier pharmaceutique: how far back professionals see what was delivered.
    history_months: Annotated[Count, Of("L.1111-23", "months")] = 12
    # From the day of writing; all rows of the prescription are then deleted.
    retention_years: Annotated[Annotated[int, Field(ge=1, le=5)], Of("R.4073", "years")] = 5

    def of_kind(self, kind: Kind) -> Parameters:
        """V15: an exceptional renewal ends when its months have passed, however few boxes were fetched."""
        if kind is Kind.STANDARD:
            return self
        return replace(self, treatment_months=min(self.treatment_months, self.exceptional_deliveries))


HINTS: Mapping[str, Any] = get_type_hints(Parameters, include_extras=True)
# How each is read from JSON, and where it comes from.
READERS: Mapping[str, TypeAdapter[Any]] = {name: TypeAdapter(hint) for name, hint in HINTS.items()}
SOURCES: Mapping[str, Of] = {
    name: next(extra for extra in get_args(hint)[1:] if isinstance(extra, Of)) for name, hint in HINTS.items()
}


class LawRefused(ValueError):
    """Rows of the law that nobody can apply. `faults` names each: parameter, day, what is wrong."""

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(self.faults))


@dataclass(frozen=True, slots=True)
class Row:
    """A parameter from a day on. `value` is JSON, as PostgreSQL gives it."""

    name: str
    valid_from: date
    value: Any
    source: str = ""


@dataclass(frozen=True, slots=True)
class Law:
    """The parameters by day: `days` ascending, `parameters` those in force from each."""

    days: tuple[date, ...]
    parameters: tuple[Parameters, ...]

    def on(self, day: date) -> Parameters:
        """In force that day; a day before the first row gets the first."""
        return self.parameters[max(0, bisect_right(self.days, day) - 1)]

    @classmethod
    @cache
    def seed(cls) -> Law:
        """One day's law for ever: the defaults of `Parameters`, for pure tests."""
        return cls((date.min,), (Parameters(),))

    @classmethod
    def of(cls, rows: Iterable[Row]) -> Law:
        """The law that rows tell; raises LawRefused with every fault of theirs.

        A parameter that has no row yet keeps its default: a new release runs before its migration's rows.
        """
        faults: list[str] = []
        known = sorted(rows, key=lambda row: row.valid_from)
        changes: dict[date, dict[str, Any]] = {}
        for row in known:
            try:
                changes.setdefault(row.valid_from, {})[row.name] = _read(row)
            except LawRefused as refused:
                faults += refused.faults
        if faults:
            raise LawRefused(faults)
        return cls._built(changes)

    @classmethod
    def _built(cls, changes: Mapping[date, Mapping[str, Any]]) -> Law:
        if not changes:
            return cls.seed()
        present, built = Parameters(), []
        for day in sorted(changes):
            present = replace(present, **changes[day])
            built.append(present)
        return cls(tuple(sorted(changes)), tuple(built))


def _read(row: Row) -> Any:
    where = f"{row.name} from {row.valid_from}"
    reader = READERS.get(row.name)
    if reader is None:
        raise LawRefused([f"{where}: no parameter has this name"])
    try:
        return reader.validate_json(orjson.dumps(row.value), strict=True)
    except ValidationError as error:
        raise LawRefused(f"{where}: {_told(fault)}" for fault in error.errors(include_url=False)) from None


def _told(fault: Any) -> str:
    at = ".".join(str(part) for part in fault["loc"])
    return f"{at}: {fault['msg']}" if at else str(fault["msg"])
