"""A folder of the public medicines base read whole, by whatever gives the bytes of a file. Pure."""

from __future__ import annotations

from collections.abc import Callable

from . import imports
from .base import Base
from .imports import FileReport, Reading


class FileMissing(Exception):
    """A file without which there is no base; its text is the name."""


def read_folder(
    given: Callable[[str], bytes | None],
    reading: Reading,
    progress: Callable[[int], None] = lambda done: None,
) -> Base:
    """`given` tells the content of a file of this name, or None. A file that can be done without is reported
    missing; raises FileMissing for another. `progress` is told how many files are read."""
    base = Base()
    known: set[str] | None = None
    for done, kind in enumerate(imports.FILES, 1):
        content = given(kind.name)
        if content is None and not kind.optional:
            raise FileMissing(kind.name)
        if content is None:
            base.reports.append(FileReport(kind.name, missing=True))
            continue
        rows, report = imports.read(kind, content, reading, known)
        known = {row.cis for row in rows} if known is None else known
        base.add(rows)
        base.reports.append(report)
        progress(done)
    base.finish()
    return base
