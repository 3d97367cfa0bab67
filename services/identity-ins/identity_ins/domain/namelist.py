"""A list of first names written as one text, as symbols and messages carry it."""

from __future__ import annotations

import re

from .traits import civil_form

# A space beside a hyphen or before an apostrophe stands inside a compound name: no name begins or ends so.
BETWEEN_NAMES = re.compile(r"(?<=[A-Z']) (?=[A-Z])")


def split_first_names(text: str, first: str = "") -> tuple[str, ...]:
    """The names of a list, in their civil form; a compound name with a space counts for several.

    `first` is the first first name where it is told apart: it then stays whole.
    """
    names, whole = civil_form(text), civil_form(first)
    if whole and f"{names} ".startswith(f"{whole} "):
        return (whole, *_split(names.removeprefix(whole).lstrip()))
    return _split(names)


def _split(names: str) -> tuple[str, ...]:
    return tuple(BETWEEN_NAMES.split(names)) if names else ()
