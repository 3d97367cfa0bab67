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
from chassis.telemetry import logs

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


def test_every_line_of_a_request_names_its_trace_those_of_libraries_too(lines: Any) -> None:
    with telemetry.hop(telemetry.SpanKind.SERVER, "x", "00-" + "a" * 32 + "-" + "b" * 16 + "-00"):
        telemetry.logger("x").info("identity.qualified")
        logging.getLogger("asyncpg").error("row refused")
    telemetry.logger("x").info("outside")
    assert [line.get("trace_id") for line in lines()] == ["a" * 32, "a" * 32, None]


def test_an_exporter_in_trouble_is_heard_once_a_minute(lines: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    exporter = logging.getLogger("opentelemetry.exporter.otlp.proto.http.trace_exporter")
    for _ in range(50):
        exporter.error("Failed to export span batch, reason: %s", SECRET)
    logging.getLogger("opentelemetry.sdk.metrics").error("another part of it")
    assert [line["event"] for line in lines()] == ["library.said"] * 2
    monkeypatch.setattr(logs, "QUIET", 0.0)
    exporter.error("Failed to export span batch")
    assert len(lines()) == 3
    assert SECRET not in json.dumps(lines())
