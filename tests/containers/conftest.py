"""`make test` runs what needs no Docker; `make test-containers` the rest, and shows what it exercised."""

from __future__ import annotations

import os

import pytest
from rich.console import Console

# Docker, images and kubectl: not of every machine that runs `make test`.
collect_ignore_glob = [] if os.environ.get("SOCLE_TEST_PLATFORM") == "containers" else ["live"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The tables of the run."""
    from tests.containers.reports import REPORTS

    console = Console(highlight=False, width=140)
    for one in REPORTS:
        terminalreporter.line("")
        console.print(one, soft_wrap=True)
