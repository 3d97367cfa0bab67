"""`make demo`: the first journey against the running platform, told as it happens."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
from nats.errors import Error as NatsError
from rich.box import SIMPLE
from rich.console import Console
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from socle_local.credentials import Secrets
from socle_local.failures import PlatformFailedError
from socle_local.issuer.tokens import NoToken
from socle_local.journey import ACTS, Act, Reach, Reply, Story, UnexpectedAnswerError, opened, play
from socle_local.manifest import ROOT
from socle_local.record import read_record
from socle_local.supervisor import State

SUBSCRIBER = "subscriber"


@dataclass(frozen=True, slots=True)
class Played:
    """An act and how it ended."""

    act: Act
    went_well: bool
    outcome: str
    milliseconds: float


def main() -> int:
    """Plays the journey on the terminal; 0 when every step went as it should, 1 otherwise.

    Raises PlatformFailedError when no platform is ready.
    """
    console = Console(highlight=False)
    played = asyncio.run(perform(find_platform(), console))
    console.print()
    console.print(summary(played))
    return 0 if all(one.went_well for one in played) else 1


def find_platform() -> Reach:
    """The platform of SOCLE_HOME (or `.socle`). Raises PlatformFailedError when it is not ready."""
    home = Path(os.environ.get("SOCLE_HOME") or ROOT / ".socle").resolve()
    record = read_record(home)
    if record is None or record.launcher is None or record.phase is not State.READY:
        raise PlatformFailedError("The platform is not running: start it with `make up`, then try again.")
    return Reach(
        gateway=f"http://{record.address('gateway')}",
        issuer=f"http://{record.address('issuer')}",
        nats=f"nats://{record.address('nats')}",
        nats_password=Secrets(home / "secrets").value("nats", SUBSCRIBER),
        nats_user=SUBSCRIBER,
    )


async def perform(reach: Reach, console: Console) -> list[Played]:
    """Plays act after act, and stops at the first that fails: the later ones stand on it."""
    played: list[Played] = []
    async with opened(reach, lambda reply: tell(reply, console)) as story:
        for act in ACTS:
            if not played or played[-1].act.chapter != act.chapter:
                console.print(Rule(f"[bold]{act.chapter}[/]", align="left", style="cyan"))
            console.print(Text(act.title, "bold"))
            played.append(await perform_one(story, act))
            console.print(ending(played[-1]))
            for shown in details(story, act):
                console.print(shown)
            if not played[-1].went_well:
                break
    return played


async def perform_one(story: Story, act: Act) -> Played:
    """One act, with its time."""
    began = time.perf_counter()
    try:
        outcome, went_well = await play(story, act), True
    except (UnexpectedAnswerError, NoToken, httpx.HTTPError, NatsError) as failure:
        outcome, went_well = str(failure) or type(failure).__name__, False
    return Played(act, went_well, outcome, (time.perf_counter() - began) * 1000)


def tell(reply: Reply, console: Console) -> None:
    """One request and its answer, a line each."""
    who = (f"{reply.who}  ", "magenta")
    asked = Text.assemble(("  → ", "cyan"), who, f"{reply.method} {reply.path}")
    console.print(asked, overflow="ellipsis", no_wrap=True)
    if reply.asked:
        console.print(Text(f"    {reply.asked}", "dim"), overflow="ellipsis", no_wrap=True)
    style = "green" if reply.status < 400 else "yellow"
    answered = Text.assemble((f"  ← {reply.status} ", style), (reply.answered, "dim"))
    console.print(answered, overflow="ellipsis", no_wrap=True)


def ending(played: Played) -> Text:
    """How an act ended, in a line."""
    mark, style = ("✓", "green") if played.went_well else ("✗", "bold red")
    return Text.assemble((f"  {mark} ", style), (played.outcome, style), "\n")


def details(story: Story, act: Act) -> list[Table]:
    """What an act brought to light, where a sentence is not enough."""
    if act.name == "journal" and story.journal:
        return [journal_table(story)]
    return [events_table(story)] if act.name == "events" and story.events else []


def journal_table(story: Story) -> Table:
    """The lines of this run as the patient reads them, oldest first."""
    table = Table(box=SIMPLE, padding=(0, 1), pad_edge=False)
    for title in ("when", "who", "did", "", "rules", "why"):
        table.add_column(title, overflow="fold")
    for line in reversed(story.journal):
        refused = line["outcome"] == "refused"
        who = "the patient" if line["actor"] == "self" else line.get("actor_name") or line["actor"]
        why = " ".join(filter(None, (line["purpose"], line.get("reason"))))
        outcome = Text(line["outcome"], "yellow" if refused else "green")
        table.add_row(line["occurred_at"][11:19], who, line["action"], outcome, " ".join(line["rules"]), why)
    return table


def events_table(story: Story) -> Table:
    """What the subscriber received."""
    table = Table(box=SIMPLE, padding=(0, 1), pad_edge=False)
    for title in ("position", "event", "about"):
        table.add_column(title, justify="right" if title == "position" else "left")
    for event in story.events:
        table.add_row(str(event.position), event.subject, str(event.body["subject"]))
    return table


def summary(played: list[Played]) -> Table:
    """The whole journey as a table."""
    table = Table(title="The first journey", title_justify="left", title_style="bold")
    table.add_column("step", justify="right", style="dim")
    table.add_column("what")
    table.add_column("outcome")
    table.add_column("ms", justify="right")
    for number, one in enumerate(played, start=1):
        style = "green" if one.went_well else "bold red"
        table.add_row(str(number), one.act.title, Text(one.outcome, style), f"{one.milliseconds:.0f}")
    left = len(ACTS) - len(played)
    if left:
        table.add_row("", f"{left} steps not played", "", "", style="dim")
    return table
