"""Which variables a program reads: those it printed at its start, or those of the class it reads them by."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from pydantic_settings import BaseSettings

PREFIX = "SOCLE_"
HIDDEN = "***"
# Programs that do not print their settings: the class that reads them.
CLASSES: Mapping[str, tuple[str, str]] = {
    "gateway.app": ("gateway.settings", "Settings"),
    "chassis.migrate": ("chassis.settings", "Settings"),
    "socle_local.serve": ("socle_local.issuer.settings", "IssuerSettings"),
}


@dataclass(frozen=True, slots=True)
class Read:
    """What a program reads of its environment."""

    said: Mapping[str, Any]
    fields: frozenset[str]
    by: str

    def how(self, variable: str, value: str) -> str:
        """How it is known that the program took this variable; nothing when it is not."""
        name = variable.removeprefix(PREFIX).lower()
        if not variable.startswith(PREFIX):
            return ""
        if name in self.said and same(self.said[name], value):
            return "the program printed it at its start"
        return f"a field of {self.by}" if name in self.fields else ""


def read_by(command: list[str], log: Path) -> Read:
    """What the program of a command reads, by its log and its settings class."""
    module = command[command.index("-m") + 1] if "-m" in command else ""
    place = CLASSES.get(module)
    if not place:
        return Read(printed(log), frozenset(), "")
    read: type[BaseSettings] = getattr(import_module(place[0]), place[1])
    return Read(printed(log), frozenset(read.model_fields), ".".join(place))


def printed(log: Path) -> Mapping[str, Any]:
    """The settings that a service writes in its log when it starts."""
    for line in log.read_text(errors="replace").splitlines() if log.exists() else ():
        if '"service.settings"' in line:
            told: dict[str, Any] = json.loads(line)
            return dict(told.get("settings", {}))
    return {}


def same(said: Any, given: str) -> bool:
    """Whether a printed setting is the text of a variable; a secret is printed as stars."""
    # An address of a database is printed with what TLS adds to it.
    if said == HIDDEN or str(said) == given or str(said).startswith(f"{given}?"):
        return True
    try:
        return bool(json.loads(given) == said)
    except ValueError:
        return False
