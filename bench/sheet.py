"""A table of figures, for a terminal and for a page."""

from __future__ import annotations

from dataclasses import dataclass, field

from rich import box
from rich.table import Table


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
