"""Tables of figures, for a terminal and for a page."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.report import RESULTS


@dataclass(slots=True)
class Sheet:
    """Rows of words; the first column is read, the others are compared."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]] = field(default_factory=list)

    def table(self) -> Table:
        """For a terminal."""
        table = Table(title=self.title, box=box.SIMPLE, title_justify="left")
        for place, name in enumerate(self.columns):
            table.add_column(name, justify="right" if place else "left", no_wrap=not place)
        for row in self.rows:
            table.add_row(*row)
        return table

    def markdown(self) -> str:
        """For a page."""
        rule = ("---", *("---:" for _ in self.columns[1:]))
        lines = (f"| {' | '.join(row)} |" for row in (self.columns, rule, *self.rows))
        return "\n".join([f"## {self.title}", "", *lines, ""])


@dataclass(slots=True)
class Paper:
    """What a run has to say: tables, the conditions they were measured under, and all of it as data."""

    name: str
    title: str
    note: str
    sheets: Sequence[Sheet]
    data: Any

    def show(self, console: Console) -> None:
        """Everything, as tables."""
        console.print(*(sheet.table() for sheet in self.sheets))
        console.print(Text(self.note, "dim"))

    def save(self) -> list[str]:
        """The same as JSON and as a page; both files."""
        RESULTS.mkdir(exist_ok=True)
        path = RESULTS / f"{self.name}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
        written = path.with_suffix(".json"), path.with_suffix(".md")
        written[0].write_text(json.dumps(self.data, indent=1, ensure_ascii=False))
        pages = (sheet.markdown() for sheet in self.sheets)
        written[1].write_text("\n".join([f"# {self.title}", "", self.note, "", *pages]))
        return [str(one) for one in written]
