"""The row of a line of which nothing was delivered yet: what the law lets be delivered in all, and until
when. Pure."""

from __future__ import annotations

from datetime import date

from .content import Line
from .dispensing import LineStatus
from .ids import LineId, PersonId, PrescriptionId
from .products import Medicine
from .rules import authorising
from .rules.parameters import Parameters
from .states import LineState


def ordered(
    prescription_id: PrescriptionId,
    person: PersonId,
    rank: int,
    line: Line,
    medicine: Medicine | None,
    written_on: date,
    parameters: Parameters,
    *,
    discharge_on: date | None = None,
    additional: bool = False,
) -> LineStatus:
    """`discharge_on`: planned after surgery (V10). `additional`: added by hand, in no signed content."""
    authorised = authorising.authorise(line, medicine, written_on, parameters, discharge_on)
    return LineStatus(
        line_id=LineId(line.line_id),
        prescription_id=prescription_id,
        person=person,
        rank=rank,
        kind=line.kind,
        state=LineState.ORDERED,
        unit=authorised.unit,
        authorised=authorised.quantity,
        next_on=max(line.starts_on or written_on, written_on),
        until=authorised.until,
        treated_until=authorised.treated_until,
        cis=line.product.cis,
        substances=tuple(dict.fromkeys(one.code for one in line.product.substances if one.code)),
        narcotic=authorised.narcotic,
        additional=line if additional else None,
    )
