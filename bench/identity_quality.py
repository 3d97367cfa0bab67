"""`python -m bench.identity_quality`: how many duplicates identity vigilance finds, and how many it invents.

Registrations with mistakes and persons who look alike (`identity_ins.seed.corrupt`) enter an empty database
of its own; each is then looked at as a newcomer is, blocks included. Speed is not measured here.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

import identity_ins
from chassis import db, migrate
from chassis.db import Database
from identity_ins.domain.match import CERTAIN, POSSIBLE, PROBABLE
from identity_ins.seed.corrupt import records
from identity_ins.seed.quality import Figures, Quality, measure
from socle_local.postgres import ADMIN, Postgres

MIGRATIONS = Path(identity_ins.__file__).parent.parent / "migrations"
STRUCTURE = "1750000018"
THRESHOLDS = {"certain": CERTAIN, "0.75": 0.75, "0.6": 0.6, "probable": PROBABLE, "possible": POSSIBLE}


@contextmanager
def empty_database() -> Iterator[tuple[str, str]]:
    """A server of its own with the schema of the service: its address and password."""
    with tempfile.TemporaryDirectory(prefix="socle-quality-") as folder, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        probe.close()
        password = secrets.token_urlsafe(16)
        server = Postgres(Path(folder) / "postgres", port, password, fsync=False)
        server.start()
        try:
            url = server.url(ADMIN, "postgres")
            migrate.upgrade(MIGRATIONS, url, password)
            yield url, password
        finally:
            server.stop()


async def measured(url: str, password: str, count: int, seed: int) -> Quality:
    """The quality over `count` registrations of a seed."""
    pool = await db.connect(url, password, 2)
    try:
        with Progress() as bar:
            task = bar.add_task(f"seed {seed}", total=count)
            return await measure(
                Database(pool),
                STRUCTURE,
                records(count, seed),
                datetime.now(UTC),
                lambda done: bar.update(task, completed=done),
            )
    finally:
        await pool.close()


def row(name: str, figures: Figures) -> tuple[str, ...]:
    """A line of the table of thresholds."""
    counts = (str(count) for count in (figures.right, figures.wrong, figures.missed))
    return name, f"{figures.precision:.4f}", f"{figures.recall:.4f}", *counts


def shown(quality: Quality, seed: int) -> tuple[Table, Table]:
    """Precision and recall by threshold, and recall by mistake at the threshold of the worklist."""
    title = f"{len(quality.records)} registrations, seed {seed}, {len(quality.truth)} pairs of one person"
    by_threshold = Table("score from", "precision", "recall", "right", "wrong", "missed", title=title)
    for name, threshold in THRESHOLDS.items():
        label = name if name == str(threshold) else f"{name} ({threshold})"
        by_threshold.add_row(*row(label, quality.at(threshold)))
    by_mistake = Table("a copy with", "pairs", "recall", title=f"Copies found from {PROBABLE} on")
    for name, pairs in quality.by_mistake().items():
        by_mistake.add_row(name, str(len(pairs)), f"{quality.at(PROBABLE, pairs).recall:.3f}")
    return by_threshold, by_mistake


def main(
    count: Annotated[int, typer.Option(min=100, help="Registrations of each measure.")] = 10_000,
    seed: Annotated[
        list[int] | None, typer.Option(help="Seeds; 1 and 2 served to adjust the weights.")
    ] = None,
) -> None:
    """Measure the duplicate detection on corrupted registrations."""
    console = Console()
    for one in seed or [3, 4, 5]:
        with empty_database() as (url, password):
            quality = asyncio.run(measured(url, password, count, one))
        for table in shown(quality, one):
            console.print(table)
        invented = quality.wrong_by_lookalike(PROBABLE).most_common()
        console.print("wrong, by likeness:", ", ".join(f"{name}: {n}" for name, n in invented) or "none")
        console.print(f"never compared, for want of a common block: {quality.unread()}\n")


if __name__ == "__main__":
    typer.run(main)
