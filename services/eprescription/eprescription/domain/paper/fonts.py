"""The fonts of the paper, embedded, so that it reads alike anywhere: Bitstream Vera, brought by reportlab."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Final

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont

REGULAR: Final = "Vera"
BOLD: Final = "VeraBd"
ITALIC: Final = "VeraIt"
REPLACED: Final = "?"


@lru_cache(maxsize=1)
def register() -> None:
    """Makes the fonts known to the library; once a process."""
    for name in (REGULAR, BOLD, ITALIC):
        pdfmetrics.registerFont(TTFont(name, f"{name}.ttf"))
    pdfmetrics.registerFontFamily(REGULAR, REGULAR, BOLD, ITALIC, BOLD)


def printable(text: str) -> str:
    """The text with nothing that the fonts would leave blank: a letter without its rare accent, else `?`.

    A letter lost in silence from the name of a medicine is worse than a question mark.
    """
    register()
    return "".join(_printed(character) for character in unicodedata.normalize("NFC", text))


@lru_cache(maxsize=4096)
def _printed(character: str) -> str:
    if character == "\n" or _drawn(character):
        return character
    if character.isspace():
        return " "
    if unicodedata.category(character) in ("Cc", "Cf", "Mn"):
        return ""
    base = unicodedata.normalize("NFKD", character)
    kept = "".join(part for part in base if _drawn(part) and not unicodedata.combining(part))
    return kept or REPLACED


def _drawn(character: str) -> bool:
    """By all three faces."""
    faces = [pdfmetrics.getFont(name).face for name in (REGULAR, BOLD, ITALIC)]
    return character >= " " and all(ord(character) in face.charToGlyph for face in faces)
