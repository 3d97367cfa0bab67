"""Texts made comparable: without accents, ligatures, double spaces; in capitals."""

from __future__ import annotations

import re
import unicodedata

LIGATURES = str.maketrans({"œ": "oe", "Œ": "OE", "æ": "ae", "Æ": "AE", "’": "'", "\u2011": "-"})
# A word cut at the end of a printed line keeps a space after its hyphen.
CUT = re.compile(r"(?<=\w)-\s+(?=\w)")
NOT_A_WORD = re.compile(r"[^A-Z0-9,.%/-]+")
EDGES = " ,.-/%"


def fold(text: str) -> str:
    """`Lévothyroxine  sodique` -> `LEVOTHYROXINE SODIQUE`."""
    decomposed = unicodedata.normalize("NFKD", text.translate(LIGATURES))
    bare = "".join(one for one in decomposed if not unicodedata.combining(one))
    return " ".join(bare.upper().split())


def name_of(text: str) -> str:
    """The name of a substance or class as the thesaurus and the medicines base may share it."""
    return CUT.sub("-", fold(text))


def words(text: str) -> tuple[str, ...]:
    """The folded words of a text: letters and digits, with what stands inside a number or a name."""
    found = (one.strip(EDGES) for one in NOT_A_WORD.split(fold(text)))
    return tuple(one for one in found if one)


def slug(text: str) -> str:
    """A text as part of a machine rule: `Dépistage d'un déficit` -> `depistage_d_un_deficit`."""
    return re.sub(r"[^a-z0-9]+", "_", fold(text).lower()).strip("_")
