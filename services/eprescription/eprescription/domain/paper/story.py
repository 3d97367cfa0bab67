"""The prescription as a flow of paragraphs: texts escaped, lines kept whole where a page allows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from xml.sax.saxutils import escape

from reportlab.lib import colors
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, HRFlowable, KeepTogether, Paragraph, Spacer, Table, TableStyle

from eprescription.domain.content import Content, Line
from eprescription.domain.prescriptions import Prescription
from eprescription.domain.states import State

from . import words
from .fonts import BOLD, ITALIC, REGULAR, printable

PLAIN: Final = ParagraphStyle("plain", fontName=REGULAR, bulletFontName=REGULAR, fontSize=9, leading=12)
SMALL: Final = ParagraphStyle("small", PLAIN, fontSize=8, leading=10.5)
NOTE: Final = ParagraphStyle("note", SMALL, fontName=ITALIC)
STRONG: Final = ParagraphStyle("strong", PLAIN, fontName=BOLD, fontSize=10, leading=13)
MENTION: Final = ParagraphStyle("mention", SMALL, fontName=BOLD)
TITLE: Final = ParagraphStyle("title", PLAIN, fontName=BOLD, fontSize=13, leading=17, alignment=1)
ZONE: Final = ParagraphStyle("zone", PLAIN, fontName=BOLD, fontSize=8.5, leading=11, alignment=1)
INDENT: Final = 7 * mm

# Cerfa form S3321: the words of its two parts.
UPPER: Final = (
    "Prescriptions relatives au traitement de l'affection de longue durée reconnue (liste ou hors liste) "
    "(AFFECTION EXONÉRANTE)"
)
LOWER: Final = "Prescriptions SANS RAPPORT avec l'affection de longue durée (MALADIES INTERCURRENTES)"


def text(content: str, style: ParagraphStyle = PLAIN) -> Paragraph:
    """One paragraph; line breaks of the writer are kept."""
    return Paragraph(escape(printable(content)).replace("\n", "<br/>"), style)


def is_bizone(content: Content) -> bool:
    """Said by the prescriber, or by a line: the upper part opens the right to full reimbursement."""
    return content.bizone or any(line.ald for line in content.lines)


def body(prescription: Prescription) -> list[Flowable]:
    """All that is below the blocks of prescriber and patient."""
    content = prescription.signed.content
    bizone = is_bizone(content)
    flow: list[Flowable] = [text(title.upper(), TITLE) for title in words.titles(content, bizone=bizone)]
    flow += [text(line, MENTION) for line in words.about(content)]
    flow.append(Spacer(1, 3 * mm))
    ranked = list(enumerate(content.lines, 1))
    if bizone:
        flow += _zone(UPPER, [(rank, line) for rank, line in ranked if line.ald])
        flow += _zone(LOWER, [(rank, line) for rank, line in ranked if not line.ald])
    else:
        flow += [KeepTogether(one) for one in _lines(ranked)]
    if content.comment:
        flow.append(text(content.comment, PLAIN))
    return [*flow, *_end(prescription)]


def _zone(title: str, lines: Sequence[tuple[int, Line]]) -> list[Flowable]:
    """A part of the bizone form; an empty one says so, or anything could be written into it."""
    band = Table([[text(title, ZONE)]], colWidths="100%")
    band.setStyle(
        TableStyle(
            [
                ("FONT", (0, 0), (-1, -1), REGULAR),
                ("BOX", (0, 0), (-1, -1), 0.8, colors.black),
                ("BACKGROUND", (0, 0), (-1, -1), colors.HexColor("#e6e6e6")),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 5),
            ]
        )
    )
    first, *others = _lines(lines) or [[text("Néant", NOTE)]]
    together = KeepTogether([band, Spacer(1, 2 * mm), *first])
    return [together, *(KeepTogether(one) for one in others), Spacer(1, 4 * mm)]


def _lines(lines: Sequence[tuple[int, Line]]) -> list[list[Flowable]]:
    return [_line(rank, line) for rank, line in lines]


def _line(rank: int, line: Line) -> list[Flowable]:
    first, brand = words.name(line)
    flow: list[Flowable] = [text(f"{rank}. {first}", STRONG)]
    inner = [(brand, PLAIN)] if brand else []
    inner += [(f"— {one.name} : {one.quantity}", PLAIN) for one in line.ingredients]
    inner += [(f"Code LPP {line.product.lpp}", SMALL)] if line.product.lpp else []
    inner += [(told, PLAIN) for told in words.posology(line.posology)]
    inner.append((" ".join(words.amount(line)), PLAIN))
    inner += [(mention, MENTION) for mention in words.mentions(line)]
    inner += [(note, NOTE) for note in words.notes(line)]
    flow += [text(told, _indented(style)) for told, style in inner if told]
    return [*flow, Spacer(1, 3 * mm)]


def _indented(style: ParagraphStyle) -> ParagraphStyle:
    return ParagraphStyle(f"{style.name}.in", style, leftIndent=INDENT)


def _end(prescription: Prescription) -> list[Flowable]:
    """Nothing may be added below. What was delivered is said: a reprint looks like the first paper."""
    count = len(prescription.signed.content.lines)
    closing = f"Fin de la prescription : {count} ligne{'s' if count > 1 else ''}."
    flow: list[Flowable] = [HRFlowable(width="100%", thickness=0.6, color=colors.black), text(closing, SMALL)]
    if prescription.state is State.PARTIALLY_DISPENSED:
        flow.append(text("Déjà délivrée en partie au jour de l'impression.", MENTION))
    return [KeepTogether(flow)]
