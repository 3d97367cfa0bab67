"""What the person at the keyboard is told when traces and metrics are shown."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from socle_local.display import ready_panel
from socle_local.observe.__main__ import LISTEN, main
from socle_local.record import Record, Seen

GATEWAY = Seen("gateway", "127.0.0.1:8080", 3)
OBSERVE = Seen("observe", "127.0.0.1:8082", 0)


def panel(*components: Seen) -> str:
    told = io.StringIO()
    record = Record(1, 0.0, components=list(components))
    Console(width=100, file=told).print(ready_panel(record, Path("home"), 1.0))
    return told.getvalue()


def test_the_panel_shows_the_page_when_there_is_one() -> None:
    assert "Traces and metrics" not in panel(GATEWAY)
    shown = panel(OBSERVE, GATEWAY)
    assert "http://127.0.0.1:8082/" in shown
    assert "observe (gRPC)" not in shown


@pytest.mark.parametrize("listen", ["0.0.0.0:8082", "192.0.2.7:8082", "127.0.0.1", "127.0.0.1:http"])
def test_the_page_listens_on_this_machine_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], listen: str
) -> None:
    monkeypatch.setenv(LISTEN, listen)
    assert main() == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "must be a loopback address" in said
