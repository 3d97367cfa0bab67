"""V11: no second narcotic while an earlier prescription of it runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from eprescription.domain.content import Line
from eprescription.domain.dispensing import LineStatus
from eprescription.domain.findings import Finding
from eprescription.domain.products import Medicine
from eprescription.domain.states import OPEN_LINES

from .book import refusal, warning
from .calendar import shown
from .kinds import class_of

HINT = "Attendez la fin de la précédente, ou faites porter la mention expresse de chevauchement."


def at_writing(
    line: Line, medicine: Medicine | None, running: Iterable[LineStatus], written_on: date
) -> list[Finding]:
    """V11 for the prescriber: what was prescribed before, delivered or still to be.

    `running`: lines of other prescriptions of the person. The law speaks of the same prescriber; a line does
    not say whose it is, so the same substance is refused whoever wrote it: a word of the prescriber lifts it.
    """
    begins = line.starts_on or written_on
    before = [one for one in running if one.delivered > 0 or one.state in OPEN_LINES]
    return _found(line, medicine, before, begins)


def overlap(
    line: Line, status: LineStatus, medicine: Medicine | None, running: Sequence[LineStatus], today: date
) -> list[Finding]:
    """V11 for the pharmacist: refuses while an earlier prescription that was delivered is not used up.

    `running`: lines of the person, those of the same prescription among them or not.
    """
    before = [one for one in running if one.prescription_id != status.prescription_id and one.delivered > 0]
    return _found(line, medicine, before, today)


def _found(
    line: Line, medicine: Medicine | None, before: Iterable[LineStatus], begins: date
) -> list[Finding]:
    if medicine is None or line.overlap_allowed or not _forbidden(medicine):
        return []
    mine = {component.code for component in medicine.components}
    found: dict[str, Finding] = {}
    for one in before:
        if one.treated_until is None or one.treated_until < begins:
            continue
        if not mine.isdisjoint(one.substances) or (one.cis and one.cis == medicine.cis):
            finding = _same(line, one.treated_until)
        elif one.narcotic and class_of(medicine).narcotic:
            finding = _other(line)
        else:
            continue
        found[finding.code] = finding
    return list(found.values())


def _forbidden(medicine: Medicine) -> bool:
    """Narcotics by law, some others by a condition of their authorisation."""
    return class_of(medicine).narcotic or "overlap_forbidden" in medicine.rules


def _same(line: Line, until: date) -> Finding:
    sentence = f"Chevauchement : une prescription de ce stupéfiant court jusqu'au {shown(until)}."
    return refusal("V11", sentence, HINT, line.line_id)


def _other(line: Line) -> Finding:
    sentence = "Un autre stupéfiant est en cours chez ce patient."
    return warning("V11", sentence, HINT, line.line_id, "other")
