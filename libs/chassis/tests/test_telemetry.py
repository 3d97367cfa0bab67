"""What a log may hold: named fields, frames without values; nothing that speaks of a person."""

import asyncio
import gc
import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from chassis import telemetry
from chassis.settings import Settings

SECRET = "DUPONT Marie 2 79 12 75 120 005 14"


class Row(Exception):
    """What a driver raises: it quotes the row."""


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Configured as a service is; what it wrote, line by line, decoded."""
    root, terminal = logging.getLogger(), io.StringIO()
    handlers, level = root.handlers[:], root.level
    monkeypatch.setattr("sys.stderr", terminal)
    telemetry.configure(Settings(), "probe")

    def written() -> list[dict[str, Any]]:
        return [json.loads(line) for line in terminal.getvalue().splitlines()]

    yield written
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_patient_field_is_dropped_and_named(lines: Any) -> None:
    telemetry.logger("x").info("identity.qualified", patient=SECRET, ins=SECRET, count=1)
    (line,) = lines()
    assert SECRET not in json.dumps(line)
    assert line["dropped"] == ["ins", "patient"]
    assert (line["count"], line["event"], line["service"], line["where"]) == (
        1,
        "identity.qualified",
        "probe",
        "x",
    )


def test_an_exception_is_told_by_type_and_frames_never_by_its_text(lines: Any) -> None:
    try:
        raise Row(SECRET)
    except Row as error:
        telemetry.logger("x").error("rpc.failed", exc_info=error)
    (line,) = lines()
    assert SECRET not in json.dumps(line)
    assert line["error_type"] == "Row"
    assert "test_an_exception_is_told" in line["stack"][-1]


def test_a_group_of_exceptions_is_told_by_its_first(lines: Any) -> None:
    telemetry.logger("x").error("rpc.failed", exc_info=ExceptionGroup(SECRET, [Row(SECRET)]))
    (line,) = lines()
    assert line["error_type"] == "Row"
    assert SECRET not in json.dumps(line)


def test_what_libraries_say_is_reduced_to_its_place(lines: Any) -> None:
    try:
        raise Row(SECRET)
    except Row:
        logging.getLogger("asyncpg").exception("row refused: %s", SECRET)
    logging.getLogger("httpx").info("GET https://host.test/?family=%s", SECRET)
    (line,) = lines()
    assert SECRET not in json.dumps(line)
    assert (line["error_type"], line["level"]) == ("Row", "error")
    assert line["where"].startswith("asyncpg test_telemetry.py:")


async def test_a_task_whose_failure_nobody_awaited_tells_no_text(lines: Any) -> None:
    async def fails() -> None:
        raise Row(SECRET)

    task = asyncio.create_task(fails())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    del task
    gc.collect()
    (line,) = lines()
    assert SECRET not in json.dumps(line)
    assert line["error_type"] == "Row"


def test_nothing_below_the_level_is_written(lines: Any) -> None:
    telemetry.logger("x").debug("noise")
    assert lines() == []


@pytest.mark.parametrize(
    "sent",
    [
        "",
        "nonsense",
        SECRET,
        "00-" + "0" * 32 + "-" + "b" * 16 + "-00",
        "00-" + "a" * 32 + "-" + "0" * 16 + "-00",
        "00-" + "A" * 32 + "-" + "b" * 16 + "-00",
        "00-" + "a" * 32 + "-" + "b" * 16 + "-00\n",
        "01-" + "a" * 32 + "-" + "b" * 16 + "-00",
    ],
)
def test_a_trace_of_another_form_is_replaced(sent: str) -> None:
    made = telemetry.traceparent_of(sent)
    assert made != sent
    assert telemetry.TRACEPARENT.fullmatch(made)


def test_a_trace_of_the_caller_is_kept() -> None:
    sent = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    assert telemetry.traceparent_of(sent) == sent


def test_without_an_exporter_a_span_costs_nothing() -> None:
    assert telemetry.span("x", telemetry.new_traceparent()) is telemetry.NO_SPAN
