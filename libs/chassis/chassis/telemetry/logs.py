"""Lines of log. What one may hold is a list of fields: a name, an INS or a note cannot be."""

from __future__ import annotations

import logging
import sys
import time
import traceback
from collections.abc import MutableMapping
from typing import Any

import structlog

from chassis.settings import Settings

from .traces import HERE

# Everything a line of log may hold. An unknown field is dropped and its *name* reported, so that a careless
# `log.info("...", patient=patient)` leaks nothing and is seen.
ALLOWED = frozenset(
    """event level timestamp service rpc code reason trace_id duration_ms kind client durable subject stream
    position count seconds port address profile setting settings error_type stack dropped attempt version
    state path status method event_id problem where expires_in replicas head before""".split()
)
# Exporters speak at each batch that a collector does not take.
TALKATIVE = ("opentelemetry", "urllib3", "requests")
# Seconds in which a talkative library is heard once.
QUIET = 60.0


def only_allowed(_: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: keeps the allowed fields, names the others."""
    dropped = sorted(set(line) - ALLOWED)
    if dropped:
        line = {k: v for k, v in line.items() if k in ALLOWED}
        line["dropped"] = dropped
    return line


def stack_without_values(_: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The frames and the type of an exception; never its text, which may hold a row of a table."""
    error = line.pop("exc_info", None)
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, BaseException):
        line["error_type"] = type(error).__name__
        line["stack"] = [f"{f.filename}:{f.lineno} {f.name}" for f in _frames(error)]
    return line


def _frames(error: BaseException) -> list[Any]:
    return list(traceback.extract_tb(error.__traceback__))[-12:]


def in_trace(_: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The trace under way, on every line: ours and those of libraries."""
    hop = HERE.get()
    if hop is not None:
        line.setdefault("trace_id", hop.trace_id)
    return line


class Libraries(logging.Handler):
    """What libraries log: where in their code, the exception's type and frames. Their words are left out,
    since a driver quotes the row that it refuses, and asyncio the exception of a task.
    """

    def __init__(self) -> None:
        super().__init__()
        self._heard: dict[str, float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith(TALKATIVE) and not self._due(record.name):
            return
        error = record.exc_info[1] if record.exc_info else None
        place = f"{record.name} {record.filename}:{record.lineno}"
        log = structlog.get_logger(where=place)
        log.log(record.levelno, "library.said", exc_info=error)

    def _due(self, name: str) -> bool:
        now, before = time.monotonic(), self._heard.get(name)
        if before is not None and now - before < QUIET:
            return False
        self._heard[name] = now
        return True


def configure_logs(settings: Settings, service: str) -> None:
    """Once, at start: JSON (or text for a terminal) on standard error."""
    renderer: Any = structlog.processors.JSONRenderer()
    if settings.log_format == "console":
        renderer = structlog.dev.ConsoleRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            in_trace,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            stack_without_values,
            only_allowed,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(settings.log_level)),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
    )
    structlog.contextvars.bind_contextvars(service=service)
    logging.basicConfig(level=logging.WARNING, handlers=[Libraries()], force=True)


def logger(where: str) -> Any:
    """A logger; its lines say where in the code they come from."""
    return structlog.get_logger(where=where)
