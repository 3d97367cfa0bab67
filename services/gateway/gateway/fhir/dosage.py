"""Posologies: `dosageInstruction` of FHIR to the steps of the contract, and back.

A step is one dosage with its rhythm. What FHIR can say and a step cannot (a rate, a time of day, a count) is
refused: a pharmacist who reads half a posology is worse off than one who reads its text.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from socle.eprescription.v1 import eprescription_pb2 as pb

from . import names
from .amounts import read_amount, read_days, read_number, write_amount, write_days, write_number
from .coding import first
from .faults import Reading

Json = dict[str, Any]
DOSAGE = {
    "id",
    "sequence",
    "text",
    "additionalInstruction",
    "timing",
    "asNeededBoolean",
    "asNeededCodeableConcept",
    "route",
    "doseAndRate",
    "maxDosePerPeriod",
}
REPEAT = {
    "boundsDuration",
    "boundsPeriod",
    "frequency",
    "period",
    "periodUnit",
    "dayOfWeek",
    "when",
}
UNITS = ("h", "d", "wk", "mo")
WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
# HL7 event-timing, and the codes of the guide for waking up, washing, a snack and bedtime.
EVENTS = frozenset(
    "MORN MORN.early MORN.late NOON AFT AFT.early AFT.late EVE EVE.early EVE.late NIGHT PHS HS WAKE C CM CD"
    " CV AC ACM ACD ACV PC PCM PCD PCV AGU PGU SK BT".split()
)
ADDITIONAL = "is forbidden by the guide of the ANS: give it as additionalInstruction.text"
IN_TEXT = "is not kept in a step: say it in dosageInstruction.text"


class Posologies:
    """Reads the dosages of one line; `notes` are the instructions to the patient."""

    def __init__(self, at: str, reading: Reading) -> None:
        self.at, self.reading = at, reading
        self.posology = pb.Posology()
        self.notes: list[str] = []
        self.starts_on = ""
        self._texts: list[str] = []
        # What the contract holds once for all steps, and where it was read first.
        self._shared: dict[str, tuple[str, str]] = {}

    def read(self, dosages: list[Json], rendered: str = "") -> pb.Posology:
        """The whole posology; `rendered` is the text of all steps together, when the sender has one."""
        if not dosages and not rendered:
            self.reading.add(self.at, "is missing: give at least a text")
        for index, dosage in enumerate(dosages):
            self._dosage(dosage, f"{self.at}[{index}]")
        if len({_as_needed(one) for one in dosages}) > 1:
            problem = "are needed for some and not for others: give two lines, or say it in the text"
            self.reading.add(self.at, problem)
        joined = "\n".join(self._texts)
        if rendered and joined not in ("", rendered):
            self.reading.leave(f"{self.at}[0].text", "differs from renderedDosageInstruction, which is kept")
        self.posology.text = rendered or joined
        if not self.posology.text and not self.posology.doses:
            self.reading.add(f"{self.at}[0]", "must have a text, or a dose and its timing")
        return self.posology

    def _dosage(self, dosage: Json, at: str) -> None:
        if "patientInstruction" in dosage:
            self.reading.add(f"{at}.patientInstruction", ADDITIONAL)
        for name in sorted(dosage.keys() - DOSAGE - {"patientInstruction", "modifierExtension"}):
            self.reading.leave(f"{at}.{name}", IN_TEXT)
        if "modifierExtension" in dosage:
            self.reading.only({"modifierExtension": []}, set(), at)
        if dosage.get("text"):
            self._texts.append(str(dosage["text"]))
        for index, one in enumerate(dosage.get("additionalInstruction", [])):
            self._note(one, f"{at}.additionalInstruction[{index}]")
        self._needed(dosage, at)
        self._route(dosage.get("route", {}), f"{at}.route")
        self._step(dosage, at)

    def _note(self, concept: Json, at: str) -> None:
        text = concept.get("text") or first(concept.get("coding")).get("display")
        if not text:
            self.reading.add(at, "must have a text")
        elif text not in self.notes:
            self.notes.append(str(text))

    def _share(self, name: str, value: str, at: str) -> None:
        """Keeps what all steps have in common; a step that says otherwise is a fault."""
        known = self._shared.setdefault(name, (value, at))
        if known[0] != value:
            self.reading.add(at, f"differs from {known[1]}: one line has one of them")
        else:
            setattr(self.posology, name, value)

    def _needed(self, dosage: Json, at: str) -> None:
        self.posology.as_needed = self.posology.as_needed or _as_needed(dosage)
        if concept := dosage.get("asNeededCodeableConcept"):
            text = concept.get("text") or first(concept.get("coding")).get("display") or ""
            if not text:
                self.reading.add(f"{at}.asNeededCodeableConcept", "must have a text")
            self._share("condition", str(text), f"{at}.asNeededCodeableConcept")

    def _route(self, concept: Json, at: str) -> None:
        if not concept:
            return
        codings: list[Json] = concept.get("coding", [])
        coding: Json = next((one for one in codings if one.get("system") == names.EDQM), {})
        for index, one in enumerate(codings):
            if one is not coding:
                self.reading.leave(f"{at}.coding[{index}]", f"is not kept: {names.EDQM} is, once")
        label = concept.get("text") or coding.get("display") or ""
        if not coding.get("code") and not label:
            self.reading.add(at, f"must have a code of {names.EDQM} or a text")
        self._share("route_code", str(coding.get("code", "")), f"{at}.coding")
        self._share("route_label", str(label), f"{at}.text")

    def _step(self, dosage: Json, at: str) -> None:
        """A dosage that is text alone is no step."""
        if not {"timing", "doseAndRate"} & dosage.keys():
            if "maxDosePerPeriod" in dosage:
                self._most(dosage["maxDosePerPeriod"], f"{at}.maxDosePerPeriod", pb.Dose())
            return
        dose = pb.Dose(sequence=int(dosage.get("sequence", 1)))
        self._dose(dosage.get("doseAndRate", []), f"{at}.doseAndRate", dose)
        timing = dosage.get("timing", {})
        self.reading.only(timing, {"repeat"}, f"{at}.timing")
        self._repeat(timing.get("repeat", {}), f"{at}.timing.repeat", dose)
        if "maxDosePerPeriod" in dosage:
            self._most(dosage["maxDosePerPeriod"], f"{at}.maxDosePerPeriod", dose)
        self.posology.doses.append(dose)

    def _dose(self, given: list[Json], at: str, dose: pb.Dose) -> None:
        if len(given) > 1:
            self.reading.add(at, "may hold one dose: give the others as dosages of their own")
        one = first(given)
        for name in sorted(one.keys() - {"doseQuantity", "doseRange"}):
            self.reading.leave(f"{at}[0].{name}", IN_TEXT)
        if "doseRange" in one:
            self._range(one["doseRange"], f"{at}[0].doseRange", dose)
        elif "doseQuantity" in one and (
            found := read_amount(one["doseQuantity"], f"{at}[0].doseQuantity", self.reading)
        ):
            dose.quantity, dose.unit_code, dose.unit_label = found.value, found.code, found.unit

    def _range(self, given: Json, at: str, dose: pb.Dose) -> None:
        self.reading.only(given, {"low", "high"}, at)
        low = read_amount(given.get("low", {}), f"{at}.low", self.reading)
        high = read_amount(given.get("high", {}), f"{at}.high", self.reading)
        if low is None or high is None:
            return
        if (low.code, low.unit) != (high.code, high.unit):
            self.reading.add(f"{at}.high", "must have the unit of low")
        if Decimal(high.value) < Decimal(low.value):
            self.reading.add(f"{at}.high.value", "must be at least that of low")
        dose.quantity, dose.quantity_high = low.value, high.value
        dose.unit_code, dose.unit_label = low.code, low.unit

    def _repeat(self, repeat: Json, at: str, dose: pb.Dose) -> None:
        for name in sorted(repeat.keys() - REPEAT):
            self.reading.leave(f"{at}.{name}", IN_TEXT)
        if "period" in repeat or "frequency" in repeat:
            dose.frequency = int(repeat.get("frequency", 1))
            dose.period = read_number(repeat.get("period", 1), f"{at}.period", self.reading)
            dose.period_unit = str(repeat.get("periodUnit", ""))
            if dose.period_unit not in UNITS:
                self.reading.add(f"{at}.periodUnit", f"must be one of {', '.join(UNITS)}")
        for index, day in enumerate(repeat.get("dayOfWeek", [])):
            if day not in WEEK:
                self.reading.add(f"{at}.dayOfWeek[{index}]", f"must be one of {', '.join(WEEK)}")
        for index, event in enumerate(repeat.get("when", [])):
            if event not in EVENTS:
                self.reading.add(f"{at}.when[{index}]", f"must be one of {', '.join(sorted(EVENTS))}")
        dose.days_of_week.extend(repeat.get("dayOfWeek", []))
        dose.when.extend(repeat.get("when", []))
        self._bounds(repeat, at, dose)

    def _bounds(self, repeat: Json, at: str, dose: pb.Dose) -> None:
        if "boundsDuration" in repeat:
            dose.days = read_days(repeat["boundsDuration"], f"{at}.boundsDuration", self.reading)
        elif "boundsPeriod" in repeat:
            self._period(repeat["boundsPeriod"], f"{at}.boundsPeriod", dose)

    def _period(self, period: Json, at: str, dose: pb.Dose) -> None:
        """From a day to a day, both included; the first step says when the treatment begins."""
        start, end = read_day(period.get("start"), f"{at}.start", self.reading), None
        if "end" in period:
            end = read_day(period["end"], f"{at}.end", self.reading)
        if start and end and end < start:
            self.reading.add(f"{at}.end", "is before the start")
        elif start and end:
            dose.days = (end - start).days + 1
        if start and not self.posology.doses:
            self.starts_on = start.isoformat()

    def _most(self, ratio: Json, at: str, dose: pb.Dose) -> None:
        numerator = read_amount(ratio.get("numerator", {}), f"{at}.numerator", self.reading)
        days = read_days(ratio.get("denominator", {}), f"{at}.denominator", self.reading)
        if numerator is None or not days:
            return
        if days != 1:
            self.reading.add(f"{at}.denominator", "must be 1 d or 24 h: the most is kept for a day")
        same = numerator.unit == dose.unit_label and numerator.code in ("", dose.unit_code)
        if dose.unit_label and not same:
            self.reading.add(f"{at}.numerator", "must have the unit of the dose")
        self._share("max_per_day", numerator.value, f"{at}.numerator")


def _as_needed(dosage: Json) -> bool:
    return bool(dosage.get("asNeededBoolean") or "asNeededCodeableConcept" in dosage)


def read_day(text: Any, at: str, reading: Reading) -> date | None:
    """A calendar day; a fault and None when it is none, or not a whole date."""
    try:
        return date.fromisoformat(str(text)[:10] if text else "")
    except ValueError:
        reading.add(at, "must be a whole date that exists, as 2026-06-12")
        return None


def write_dosages(line: pb.PrescribedLine) -> list[Json]:
    """The dosages of a line: one for each step; the text stands with each of its lines, or whole in the
    first.
    """
    posology = line.posology
    count = max(1, len(posology.doses))
    texts = posology.text.split("\n")
    if len(texts) != count:
        texts = [posology.text] + [""] * (count - 1)
    doses: list[pb.Dose | None] = [*posology.doses] or [None]
    written = [_written(posology, dose, text) for dose, text in zip(doses, texts, strict=True)]
    if count > 1:
        written = [
            {"sequence": dose.sequence or 1, **one} for dose, one in zip(posology.doses, written, strict=True)
        ]
    if line.patient_note:
        written[0]["additionalInstruction"] = [{"text": line.patient_note}]
    return [one for one in written if one]


def _written(posology: pb.Posology, dose: pb.Dose | None, text: str) -> Json:
    written: Json = {"text": text} if text else {}
    if dose is not None and (repeat := _write_repeat(dose)):
        written["timing"] = {"repeat": repeat}
    if posology.condition:
        written["asNeededCodeableConcept"] = {"text": posology.condition}
    elif posology.as_needed:
        written["asNeededBoolean"] = True
    if route := _write_route(posology):
        written["route"] = route
    if dose is not None and dose.quantity:
        written["doseAndRate"] = [_write_dose(dose)]
    if posology.max_per_day:
        unit = dose.unit_label if dose is not None else ""
        most = write_amount(posology.max_per_day, unit)
        written["maxDosePerPeriod"] = {"numerator": most, "denominator": write_days(1)}
    return written


def _write_route(posology: pb.Posology) -> Json:
    route: Json = {}
    if posology.route_code:
        route["coding"] = [{"system": names.EDQM, "code": posology.route_code}]
    if posology.route_label:
        route["text"] = posology.route_label
    return route


def _write_dose(dose: pb.Dose) -> Json:
    low = write_amount(dose.quantity, dose.unit_label, dose.unit_code)
    if not dose.quantity_high:
        return {"doseQuantity": low}
    high = write_amount(dose.quantity_high, dose.unit_label, dose.unit_code)
    return {"doseRange": {"low": low, "high": high}}


def _write_repeat(dose: pb.Dose) -> Json:
    repeat: Json = {}
    if dose.days:
        repeat["boundsDuration"] = write_days(dose.days)
    # Without a frequency, once a day is what the contract says of nothing.
    if dose.frequency or (dose.period, dose.period_unit) not in (("", ""), ("1", "d")):
        repeat["frequency"] = dose.frequency or 1
        repeat["period"] = write_number(dose.period or "1")
        repeat["periodUnit"] = dose.period_unit or "d"
    if dose.days_of_week:
        repeat["dayOfWeek"] = list(dose.days_of_week)
    if dose.when:
        repeat["when"] = list(dose.when)
    return repeat
