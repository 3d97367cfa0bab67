"""`python -m tools.capacity`: what a country needs, from what an operation costs here.

--inputs takes a changed copy of tools/capacity/inputs.toml; --write puts the tables into docs/capacity.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markdown import Markdown

from tools.paths import ROOT

from . import tables
from .inputs import INPUTS, read

PAGE = ROOT / "docs" / "capacity.md"


def page(text: str, made: str) -> str:
    """The page with the tables between its marks. Raises ValueError when it has no marks."""
    before, begin, rest = text.partition(tables.BEGIN)
    _, end, after = rest.partition(tables.END)
    if not (begin and end):
        raise ValueError(f"docs/capacity.md lacks its marks: write {tables.BEGIN} and {tables.END}")
    return f"{before}{begin}\n\n{made}\n\n{end}{after}"


def main(
    inputs: Annotated[Path, typer.Option(help="A changed copy of tools/capacity/inputs.toml.")] = INPUTS,
    write: Annotated[bool, typer.Option("--write", help="Put the tables into docs/capacity.md.")] = False,
) -> None:
    """Nodes, storage, shards and streams for a country; a simulated peak."""
    made = tables.document(read(inputs))
    if write:
        PAGE.write_text(page(PAGE.read_text(), made))
    Console().print(Markdown(made))


if __name__ == "__main__":
    typer.run(main)
