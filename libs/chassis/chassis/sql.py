"""SQLAlchemy Core statements turned into text once, for the driver connection.

Core stays the language of `store.py`; its execution layer is left out because it doubles the CPU of a call.
What is lost with it: type processors and expanding `IN`. So parameters are what asyncpg takes (str for a
UUID, list for an array, any JSON value for JSONB) and a list is matched with `column ==
sa.any_(sa.bindparam(..., type_=ARRAY))`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.sql import visitors
from sqlalchemy.sql.compiler import SQLCompiler

DIALECT = PGDialect_asyncpg()  # type: ignore[no-untyped-call]
PLACEHOLDER = re.compile(r"\$(\d+)")
# The protocol counts the arguments of a statement on 15 bits in this driver.
ARGUMENTS_MOST = 32_767


class Text(NamedTuple):
    """SQL with `$1`..., the parameter names in that order, and the constants the statement carries."""

    sql: str
    names: tuple[str, ...]
    constants: Mapping[str, Any]
    # Operation and tables, `SELECT identity, person`: what a trace may say of it.
    summary: str = ""

    def arguments(self, params: Mapping[str, Any]) -> list[Any]:
        """The values in order; a missing one is a fault of our own and says which."""
        constants = self.constants
        return [params[n] if n in params else constants[n] for n in self.names]


@lru_cache(maxsize=1024)
def text(statement: sa.Executable) -> Text:
    """The text of a statement; cached by identity, so statements belong at module level."""
    compiled = statement.compile(dialect=DIALECT)  # type: ignore[attr-defined]
    if not isinstance(compiled, SQLCompiler) or "[POSTCOMPILE" in compiled.string:
        raise TypeError(
            f"write `== sa.any_(...)` in place of `in_`, which is filled in at run time: {compiled}"
        )
    names = tuple(compiled.positiontup or ())
    required = {n for n, b in compiled.binds.items() if b.required}
    constants = {n: v for n, v in compiled.construct_params(_check=False).items() if n not in required}
    return Text(compiled.string, names, constants, summary(statement))


def summary(statement: sa.Executable) -> str:
    """What a statement does to which tables, in the order it names them; from its structure, not its text."""
    kind: str = statement.__visit_name__
    operation = "SELECT" if kind == "compound_select" else kind.upper()
    parts = visitors.iterate(statement)  # type: ignore[arg-type]
    tables = dict.fromkeys(part.name for part in parts if isinstance(part, sa.Table))
    return f"{operation} {', '.join(tables)}".rstrip()


@lru_cache(maxsize=1024)
def insertion(table: sa.Table, columns: tuple[str, ...], rows: int) -> Text:
    """`INSERT` of several rows of one shape; parameters are named `column__row`."""
    one = text(sa.insert(table).inline().values({c: sa.bindparam(c) for c in columns}))
    head, values = one.sql.split(" VALUES ", 1)
    width = len(one.names)
    groups = [shifted(values, row * width) for row in range(rows)]
    names = tuple(f"{name}__{row}" for row in range(rows) for name in one.names)
    return Text(f"{head} VALUES {', '.join(groups)}", names, {})


@lru_cache(maxsize=1024)
def merged(texts: tuple[str, ...], widths: tuple[int, ...]) -> str:
    """Several statements as one (data-modifying CTEs): one round trip, one snapshot, all or nothing."""
    if len(texts) == 1:
        return texts[0]
    starts = [sum(widths[:i]) for i in range(len(widths))]
    parts = [shifted(sql, start) for sql, start in zip(texts, starts, strict=True)]
    ctes = ", ".join(f"w{i} AS ({part})" for i, part in enumerate(parts[:-1]))
    return f"WITH {ctes} {parts[-1]}"


def shifted(sql: str, by: int) -> str:
    return PLACEHOLDER.sub(lambda m: f"${int(m.group(1)) + by}", sql) if by else sql


class Write(NamedTuple):
    """A row waiting for the end of the transaction."""

    table: sa.Table
    values: Mapping[str, Any]


class Later(NamedTuple):
    """An UPDATE waiting to leave with the rows; `values` are its parameters."""

    statement: sa.Executable
    values: Mapping[str, Any]


Waiting = Write | Later


def batches(writes: Sequence[Waiting]) -> list[list[Waiting]]:
    """The writes in as many statements as their arguments need: one, but for mass insertions."""
    cut: list[list[Waiting]] = [[]]
    held = 0
    for write in writes:
        held += len(write.values)
        if held > ARGUMENTS_MOST:
            cut.append([])
            held = len(write.values)
        cut[-1].append(write)
    return cut


def told(writes: Sequence[Waiting]) -> str:
    """The summary of writes that leave together."""
    names = (
        f"INSERT {write.table.name}" if isinstance(write, Write) else text(write.statement).summary
        for write in writes
    )
    return ", ".join(dict.fromkeys(names))


def together(writes: Sequence[Waiting]) -> tuple[str, list[Any]]:
    """One statement that does all the writes, and its arguments."""
    texts: list[str] = []
    widths: list[int] = []
    arguments: list[Any] = []
    for sql, args in _grouped(writes):
        texts.append(sql)
        widths.append(len(args))
        arguments.extend(args)
    return merged(tuple(texts), tuple(widths)), arguments


def _grouped(writes: Sequence[Waiting]) -> Iterator[tuple[str, list[Any]]]:
    shapes: dict[tuple[sa.Table, tuple[str, ...]], list[Write]] = {}
    for write in writes:
        if isinstance(write, Later):
            update = text(write.statement)
            yield update.sql, update.arguments(write.values)
            continue
        shapes.setdefault((write.table, tuple(write.values)), []).append(write)
    for (table, columns), group in shapes.items():
        one = insertion(table, columns, len(group))
        order = [name.rsplit("__", 1)[0] for name in one.names[: len(columns)]]
        yield one.sql, [write.values[column] for write in group for column in order]
