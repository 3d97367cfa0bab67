"""A sheet A4: blocks of prescriber and patient above, QR code bottom left, number and page bottom right."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from io import BytesIO
from typing import Any, Final
from zoneinfo import ZoneInfo

from reportlab.graphics.barcode.code128 import Code128
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import BaseDocTemplate, Flowable, Frame, PageTemplate

from eprescription.domain import symbol
from eprescription.domain.cda.patient import Patient
from eprescription.domain.prescriptions import Prescription
from eprescription.domain.token import PREFIX

from . import blocks, story
from .fonts import REGULAR, register

PARIS: Final = ZoneInfo("Europe/Paris")
MARGIN: Final = 14 * mm
WIDTH: Final = A4[0] - 2 * MARGIN
# Of the QR code, quiet zone of four modules included (ISO/IEC 18004).
CODE: Final = 44 * mm
FOOT: Final = CODE + 12 * mm
GAP: Final = 8 * mm
HALF: Final = (WIDTH - GAP) / 2
# Of the sheets that follow: room for a reminder of two lines.
SHORT_HEAD: Final = 14 * mm


@dataclass(frozen=True, slots=True)
class Printed:
    """What every sheet shows."""

    prescription: Prescription
    patient: Patient
    rows: list[bytes]
    at: datetime
    # The code holds the signed token.
    verifiable: bool
    pages: int = 0


def draw(prescription: Prescription, patient: Patient, token: str, at: datetime) -> bytes:
    """The PDF. The same prescription, patient, token and moment give the same bytes.

    `token`: the text of the code; a copy for the record bears the number alone, which opens nothing.

    Each page says how many there are, or one could be taken away: drawn again when there is more than one.
    """
    register()
    rows, verifiable = symbol.modules(token), token.startswith(PREFIX)
    printed = Printed(prescription, patient, rows, at.astimezone(PARIS), verifiable)
    drawn, pages = _drawn(replace(printed, pages=1))
    return drawn if pages == 1 else _drawn(replace(printed, pages=pages))[0]


def _drawn(printed: Printed) -> tuple[bytes, int]:
    out = BytesIO()
    document = BaseDocTemplate(
        out,
        pagesize=A4,
        pageTemplates=[
            _template("first", _head_height(printed), printed),
            _template("next", SHORT_HEAD, printed),
        ],
        # Neither name nor medicine: a file's properties are read by mail servers and search engines.
        title=f"Ordonnance {printed.prescription.number}",
        author="",
        subject="",
        creator="Socle",
        producer="Socle",
        lang="fr-FR",
        invariant=1,
        initialFontName=REGULAR,
    )
    document.build(story.body(printed.prescription))
    return out.getvalue(), document.page


def _template(name: str, head: float, printed: Printed) -> PageTemplate:
    frame = Frame(MARGIN, FOOT, WIDTH, A4[1] - FOOT - MARGIN - head, 0, 0, 0, 0, id=name)

    def on_page(canvas: Canvas, _: Any) -> None:
        moment = printed.at.astimezone(UTC).strftime("D:%Y%m%d%H%M%S+00'00'")
        canvas.setDateFormatter(lambda *_: moment)
        _head(canvas, printed, first=name == "first")
        _foot(canvas, printed)

    return PageTemplate(id=name, frames=[frame], onPage=on_page, autoNextPageTemplate="next")


def _head(canvas: Canvas, printed: Printed, *, first: bool) -> None:
    top = A4[1] - MARGIN
    if first:
        left, right = _columns(printed)
        _column(canvas, left, MARGIN, top)
        _column(canvas, right, MARGIN + HALF + GAP, top)
        under = top - _head_height(printed) + 3 * mm
    else:
        under = top - SHORT_HEAD + 3 * mm
        reminder = blocks.reminder(printed.prescription, printed.patient)
        _, height = reminder.wrap(WIDTH, SHORT_HEAD)
        reminder.drawOn(canvas, MARGIN, top - height)
    canvas.line(MARGIN, under, A4[0] - MARGIN, under)


def _columns(printed: Printed) -> tuple[list[Flowable], list[Flowable]]:
    return blocks.prescriber(printed.prescription), blocks.patient(printed.prescription, printed.patient)


def _head_height(printed: Printed) -> float:
    """As high as its longer column: a person may have ten given names."""
    heights = [float(sum(part.wrap(HALF, A4[1])[1] for part in column)) for column in _columns(printed)]
    return float(max(heights) + 6 * mm)


def _column(canvas: Canvas, flow: list[Flowable], left: float, top: float) -> None:
    for part in flow:
        _, height = part.wrap(HALF, A4[1])
        top -= height
        part.drawOn(canvas, left, top)


def _foot(canvas: Canvas, printed: Printed) -> None:
    _code(canvas, printed.rows)
    left, top = MARGIN + CODE + 6 * mm, CODE + 2 * mm
    width = A4[0] - MARGIN - left
    for told in blocks.foot(printed.prescription, printed.at, verifiable=printed.verifiable):
        _, height = told.wrap(width, CODE)
        top -= height
        told.drawOn(canvas, left, top)
    bars = Code128(
        printed.prescription.number, barHeight=8 * mm, barWidth=0.3 * mm, humanReadable=False, quiet=False
    )
    bars.drawOn(canvas, left, top - 11 * mm)
    canvas.setFont(REGULAR, 8)
    page = f"Page {canvas.getPageNumber()}/{printed.pages}"
    canvas.drawRightString(A4[0] - MARGIN, 8 * mm, page)


def _code(canvas: Canvas, rows: list[bytes]) -> None:
    """Drawn as vectors, in runs: a printer's resolution is then the only one."""
    module = CODE / (len(rows) + 8)
    left, top = MARGIN + 4 * module, 8 * mm + CODE - 4 * module
    path = canvas.beginPath()
    for down, row in enumerate(rows):
        start = 0
        while (start := row.find(0, start)) >= 0:
            end = next((at for at in range(start, len(row)) if row[at]), len(row))
            path.rect(left + start * module, top - (down + 1) * module, (end - start) * module, module)
            start = end
    canvas.drawPath(path, stroke=0, fill=1)
