"""`python -m bench.dmp.variant`: the DMP as no platform runs it, for what only such a one can tell.

`untraced` keeps no journal, so that what the journal costs can be seen: the service itself has no switch for
it. `counted` notes every statement that a deposit sends to PostgreSQL, BEGIN and COMMIT included.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from pathlib import Path
from typing import Any

import chassis
from chassis import audit, db
from dmp.api import DmpServicer
from dmp.app import Settings, build

MODE, TRIPS = "BENCH_DMP_MODE", "BENCH_DMP_TRIPS"
UNTRACED, COUNTED = "untraced", "counted"
sent: ContextVar[list[str] | None] = ContextVar("sent", default=None)


def without_journal() -> None:
    """No line is written from here on; whatever is told to the journal is forgotten."""

    def forget(*_args: Any, **_words: Any) -> str:
        return audit.AuditId.new().value

    async def forget_each(*_args: Any, **_words: Any) -> None:
        return None

    audit.record, audit.record_each = forget, forget_each


def counting(path: Path) -> None:
    """Each deposit adds a line to the file: the statements it sent, as JSON."""
    prepare = db.prepare

    def note(query: Any) -> None:
        # The driver tells of a query in the context of the call that sent it.
        statements = sent.get()
        if statements is not None:
            statements.append(" ".join(query.query.split())[:80])

    async def prepared(connection: Any) -> None:
        await prepare(connection)
        connection.add_query_logger(note)

    db.prepare = prepared
    deposited: Callable[..., Any] = DmpServicer.SubmitDocuments

    @wraps(deposited)
    async def counted(self: DmpServicer, request: Any, call: Any) -> Any:
        statements: list[str] = []
        sent.set(statements)
        answer = await deposited(self, request, call)
        # The last query is told of at the next turn of the loop.
        await asyncio.sleep(0)
        with path.open("a") as file:
            file.write(json.dumps(statements) + "\n")
        return answer

    DmpServicer.SubmitDocuments = counted  # type: ignore[assignment,method-assign]


if __name__ == "__main__":
    if os.environ[MODE] == UNTRACED:
        without_journal()
    else:
        counting(Path(os.environ[TRIPS]))
    chassis.run("dmp", build, Settings)
