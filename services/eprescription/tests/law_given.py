"""Lines, medicines and deliveries for the tests of the law, and what a vector is. All is fictitious."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from eprescription.domain.content import (
    Content,
    CountUnit,
    Dose,
    Line,
    Posology,
    Prescriber,
    Product,
    Quantity,
    Signed,
)
from eprescription.domain.dispensing import (
    Act,
    Intervention,
    InterventionKind,
    LineStatus,
)
from eprescription.domain.findings import Finding, Severity
from eprescription.domain.ids import InterventionId, LineId, PersonId, PrescriptionId
from eprescription.domain.products import Component, Medicine, Pack
from eprescription.domain.rules import authorising, covering, delivering, prescribing, rights
from eprescription.domain.rules.parameters import Law, Parameters
from eprescription.domain.states import LineState

WRITTEN = date(2026, 1, 15)
TODAY = WRITTEN
LAW = Law.seed().on(WRITTEN)
PERSON = PersonId.new()
PRESCRIPTION = PrescriptionId.new()
LINE_ID = LineId.new().value
PHARMACY = "1750099999"
DOCTOR = Prescriber("810100000011", "Anne DOCTEUR", "10", ("SM26",), "1750000018", "SA07")
HOSPITAL_DOCTOR = replace(DOCTOR, sector="SA01", know_how=("SM04",))
REFUSED, WARNED, DUTY = Severity.REFUSAL, Severity.WARNING, Severity.DUTY
BOX, DOSE, DAY = CountUnit.BOX, CountUnit.DOSE, CountUnit.DAY


def d(text: str) -> date:
    return date.fromisoformat(text)


def medicine(*rules: str, units: int | None = 30, cis: str = "69999000", **changes: Any) -> Medicine:
    """A medicine with machine rules, one pack of so many units."""
    pack = Pack("3400930000001", cis, units=None if units is None else Decimal(units))
    base = Medicine(
        cis,
        "FICTIVAL 10 mg, comprimé",
        components=(Component("01234", "FICTIVAL", "10 mg"),),
        packs=(pack,),
        rules=frozenset(rules),
    )
    return replace(base, **changes)


LIST_1 = medicine("list_1")
PLAIN = medicine()
NARCOTIC = medicine("list_1", "narcotic", "secure", "in_words", units=14)
ASSIMILATED = medicine("list_1", "secure", "in_words", "max_days:28", units=14)


def once(quantity: str | int = 1, **changes: Any) -> Dose:
    """So many units once a day."""
    return replace(Dose(quantity=Decimal(quantity), frequency=1), **changes)


def boxes(value: int, unit: CountUnit = BOX, words: str = "") -> Quantity:
    return Quantity(Decimal(value), unit, in_words=words)


def line(**changes: Any) -> Line:
    """One tablet a day for thirty days, prescribed by brand, one box."""
    base = Line(
        LINE_ID,
        product=Product(cis="69999000", label="FICTIVAL 10 mg, comprimé"),
        posology=Posology("un comprimé par jour", (once(),)),
        duration_days=30,
        quantity=boxes(1),
    )
    return replace(base, **changes)


def narcotic_line(days: int = 28, **changes: Any) -> Line:
    """One tablet a day of a narcotic, counted in tablets, in full letters."""
    words = {28: "vingt-huit comprimés", 14: "quatorze comprimés", 7: "sept comprimés"}.get(days, "")
    return line(**{"duration_days": days, "quantity": boxes(days, DOSE, words), **changes})


def content(*lines: Line, **changes: Any) -> Content:
    return Content(lines, **changes)


def signed(*lines: Line, who: Prescriber = DOCTOR, on: date = WRITTEN, **changes: Any) -> Signed:
    return Signed("0" * 18, PERSON.value, who, on, content(*lines, **changes))


def status(
    of: Line,
    known: Medicine | None = PLAIN,
    past: Sequence[Intervention] = (),
    on: date = WRITTEN,
    **changes: Any,
) -> LineStatus:
    """The row of a line, as its signature authorised it and its past counted it."""
    authorised = authorising.authorise(of, known, on, LAW)
    given = [one for one in past if one.undone_by is None]
    made = LineStatus(
        LineId(of.line_id),
        PRESCRIPTION,
        PERSON,
        0,
        of.kind,
        LineState.PARTIALLY_DELIVERED if given else LineState.ORDERED,
        authorised.unit,
        authorised.quantity,
        delivered=sum((one.counted for one in given), Decimal(0)),
        forfeited=sum((one.forfeits for one in given), Decimal(0)),
        deliveries=len(given),
        until=authorised.until,
        treated_until=authorised.treated_until,
        cis=known.cis if known else "",
        substances=tuple(one.code for one in known.components) if known else (),
        narcotic=authorised.narcotic,
    )
    return replace(made, **changes)


def delivery(on: str | date, counted: int | str, **changes: Any) -> Intervention:
    """A delivery of the line, of so much in its unit."""
    day = d(on) if isinstance(on, str) else on
    base = Intervention(
        InterventionId.new(),
        PRESCRIPTION,
        LineId(LINE_ID),
        PERSON,
        InterventionKind.AS_PRESCRIBED,
        datetime(day.year, day.month, day.day, 12, tzinfo=UTC),
        day,
        "810100000021",
        PHARMACY,
        counted=Decimal(counted),
    )
    return replace(base, **changes)


def other_line(until: str, **changes: Any) -> LineStatus:
    """A line of another prescription, delivered, of the same narcotic unless said."""
    base = replace(
        status(narcotic_line(), NARCOTIC),
        prescription_id=PrescriptionId.new(),
        line_id=LineId(str(uuid.uuid4())),
    )
    return replace(base, **{"delivered": Decimal(28), "treated_until": d(until), **changes})


def judged(
    *lines: Line,
    known: Mapping[str, Medicine] | Medicine | None = PLAIN,
    who: Prescriber = DOCTOR,
    **changes: Any,
) -> list[Finding]:
    """All that is said of a prescription about to be signed."""
    running, on, law = changes.pop("running", ()), changes.pop("on", WRITTEN), changes.pop("law", LAW)
    medicines = {one.line_id: known for one in lines} if isinstance(known, Medicine) else (known or {})
    made = signed(*lines, who=who, on=on, **changes)
    found = prescribing.check(made, medicines, running, law)
    for one in lines:
        found += rights.may_prescribe(who, one, medicines.get(one.line_id), law)
    return found


def entitled(
    of: Line,
    known: Medicine | None = PLAIN,
    today: str | date = TODAY,
    *,
    past: Sequence[Intervention] = (),
    on: date = WRITTEN,
    law: Parameters = LAW,
    **changes: Any,
) -> delivering.Entitled:
    """What the law lets give of a line on a day."""
    day = d(today) if isinstance(today, str) else today
    row = status(of, known, past, on)
    return delivering.entitle(of, row, known, past, content(of, **changes), on, day, law)


def act(kind: InterventionKind = InterventionKind.AS_PRESCRIBED, **changes: Any) -> Act:
    return replace(Act(kind, LINE_ID, "3400930000001", packs=Decimal(1)), **changes)


def acted(
    done: Act,
    of: Line,
    known: Medicine | None = PLAIN,
    given: Medicine | None = None,
    today: str | date = TODAY,
    *,
    past: Sequence[Intervention] = (),
    law: Parameters = LAW,
    **changes: Any,
) -> list[Finding]:
    """What the law says of an act; the product given is the prescribed one unless said."""
    day = d(today) if isinstance(today, str) else today
    may = entitled(of, known, day, past=past, law=law, **changes)
    product = given or known
    pack = product.packs[0] if product and product.packs else None
    row = status(of, known, past)
    return delivering.check_act(done, of, row, may, known, product, pack, PHARMACY, day, law)


@dataclass(frozen=True, slots=True)
class Vector:
    """A case of a rule: the worst that the rule says of it, None where it says nothing."""

    rule: str
    told: str
    verdict: Severity | None
    found: Callable[[], Sequence[Finding]]

    def check(self) -> None:
        said = [one for one in self.found() if one.rule == self.rule]
        worst = min((list(Severity).index(one.severity) for one in said), default=None)
        assert (None if worst is None else list(Severity)[worst]) is self.verdict, said


def remaining_days(total: int, dated: date, presented: date) -> int:
    """V9 as the law puts it: the days of a prescription of `total` days that may be delivered."""
    return max(0, total - covering.lost_days(dated, dated, presented, LAW))


def named(vector: Vector) -> str:
    return f"{vector.rule}-{vector.told}".replace(" ", "_")
