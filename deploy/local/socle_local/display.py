"""What the person at the keyboard sees."""

import time
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil
from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.live import Live
from rich.panel import Panel
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from socle_local.record import Record, Seen
from socle_local.supervisor import State

MARKS = {
    State.WAITING: ("○", "dim"),
    State.STARTING: ("◐", "yellow"),
    State.READY: ("●", "green"),
    State.FALLEN: ("▲", "yellow"),
    State.FAILED: ("✗", "bold red"),
    State.STOPPING: ("◑", "yellow"),
    State.STOPPED: ("○", "dim"),
}
MEGABYTE = 1024**2


class Board:
    """The components and their states: redrawn in place on a terminal, else one line per change."""

    def __init__(self, console: Console, known: Record | None = None) -> None:
        """`known` is what the person has seen already, and need not be told line by line."""
        self._console = console
        self._record = known
        self._said = {seen.name: seen.state for seen in known.components} if known else {}
        self._spinner = Spinner("dots", style="yellow")
        self._live = Live(self, console=console, refresh_per_second=10, transient=False)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._live.stop()

    def show(self, record: Record) -> None:
        """Shows the record as it is now."""
        self._record = record
        changed = [seen for seen in record.components if self._said.get(seen.name) != seen.state]
        self._said.update({seen.name: seen.state for seen in changed})
        if not self._live.is_started:
            for seen in changed:
                if seen.state is not State.WAITING:
                    self._console.print(line_of(seen))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if self._record:
            yield self._table(self._record)

    def _table(self, record: Record) -> Table:
        table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
        for seen in record.components:
            mark, style = MARKS[seen.state]
            shown = self._spinner if seen.state in (State.STARTING, State.STOPPING) else Text(mark, style)
            state = Text(seen.detail or seen.state.value, style)
            table.add_row(shown, seen.name, Text(seen.address, "dim"), state, Text(elapsed(seen), "dim"))
        return table


def elapsed(seen: Seen) -> str:
    """The time a component took, or is taking, to be ready."""
    if seen.state is State.STARTING:
        return f"{time.time() - seen.began:.1f} s"
    return f"{seen.seconds:.1f} s" if seen.state is State.READY and seen.seconds is not None else ""


def line_of(seen: Seen) -> Text:
    """A component in one line."""
    mark, style = MARKS[seen.state]
    words = " ".join(filter(None, (seen.detail or seen.state.value, elapsed(seen) if seen.seconds else "")))
    return Text.assemble(
        (f"{mark} ", style), f"{seen.name:<14}", (f"{seen.address:<18}", "dim"), (words, style)
    )


def ready_panel(record: Record, home: Path, seconds: float) -> Panel:
    """Where everything is, and what to do next."""
    gateway, issuer = record.address("gateway"), record.address("issuer")
    places = Table.grid(padding=(0, 3, 0, 0))
    if gateway:
        places.add_row("[bold]Home page[/]", f"[bold cyan]http://{gateway}/[/]")
        places.add_row("REST and its documentation", f"[cyan]http://{gateway}/docs[/]")
        places.add_row("FHIR R4", f"[cyan]http://{gateway}/fhir/metadata[/]")
    places.add_row("Sign-in, for development", f"[cyan]http://{issuer}/realms/pro[/]")
    if observe := record.address("observe"):
        places.add_row("[bold]Traces and metrics[/]", f"[bold cyan]http://{observe}/[/]")
    security = ", mutual TLS" if record.tls else ""
    for seen in record.components:
        if seen.name not in ("gateway", "issuer", "observe"):
            kind = {"postgres": "PostgreSQL", "nats": "NATS"}.get(seen.name, f"{seen.name} (gRPC{security})")
            places.add_row(kind, f"[dim]{seen.address}[/]")
    places.add_row("Logs", f"[dim]{near(home / 'logs')}/[/]")
    steps = Table.grid(padding=(0, 3, 0, 0))
    steps.add_row("[bold]make demo[/]", "the first journey, step by step")
    steps.add_row("[bold]make token PERSONA=doctor[/]", "a token for your own requests")
    return Panel(
        Group(places, "", steps),
        title=f"[bold green]Socle is ready[/] [dim]in {seconds:.1f} s[/]",
        title_align="left",
        border_style="green",
        box=box.ROUNDED,
        expand=False,
        padding=(1, 2),
    )


def status_table(record: Record) -> Table:
    """Each component with its process, memory and age."""
    restarted = any(seen.restarts for seen in record.components)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title in ("component", "state", "address"):
        table.add_column(title, no_wrap=title != "state")
    for title in ("process", "memory", "up for", *(["restarts"] if restarted else [])):
        table.add_column(title, justify="right", no_wrap=True)
    total = 0
    for seen in record.components:
        process = seen.process
        memory = memory_of(process) if process else 0
        total += memory
        state = seen.state if process or seen.state is not State.READY else State.FALLEN
        mark, style = MARKS[state]
        table.add_row(
            seen.name,
            Text(f"{mark} {seen.detail or state.value}", style),
            seen.address,
            str(process.pid) if process else "",
            f"{memory // MEGABYTE} MB" if process else "",
            age(time.time() - seen.created) if process else "",
            *([str(seen.restarts or "")] if restarted else []),
        )
    table.add_section()
    table.add_row("", "", "", "", f"{total // MEGABYTE} MB")
    return table


def memory_of(process: psutil.Process) -> int:
    """The memory of a process and its children, in bytes, each shared page counted once for its part.

    Falls back on resident memory where the system does not tell the parts: PostgreSQL then counts its cache
    many times.
    """
    total = 0
    for part in [process, *process.children(recursive=True)]:
        try:
            full = part.memory_full_info()
            total += getattr(full, "pss", full.rss)
        except psutil.AccessDenied:
            total += part.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total


def age(seconds: float) -> str:
    """A duration in its largest two units."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d}"
    return f"{minutes} min {rest:02d}" if minutes else f"{rest} s"


def near(path: Path) -> Path:
    """The path as seen from the current folder when it is below it, which is shorter to read."""
    try:
        return path.relative_to(Path.cwd())
    except ValueError:
        return path
