"""What a run says at its end, kept until then: pytest shows it below its own summary."""

from __future__ import annotations

from rich.console import RenderableType

REPORTS: list[RenderableType] = []
