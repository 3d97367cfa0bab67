"""A lot of verifications as text, a line each: CSV or NDJSON in, results out the same two ways.

Nothing here holds a whole lot: it is read as it comes and written as it goes. A broken line travels as far
as it could be read, so that its result says what is wrong with it; only what makes every line unreadable (a
wrong header, a line without an end) is refused at once.
"""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Iterable
from typing import Any

import orjson

from chassis.errors import InvalidInput, Violation
from socle.identity_ins.v1 import insi_pb2

from . import wire

CSV, NDJSON = "text/csv", "application/x-ndjson"
# Lines of a lot, and of one AddVerificationLines; bytes of a line, so that 5,000 of them fit in one message.
MOST, BATCH, LONGEST = 100_000, 5_000, 4_096
# The national field names, in the order of the téléservice.
COLUMNS = tuple(field.name for field in insi_pb2.VerificationLine.DESCRIPTOR.fields)
NEEDED = tuple(name for name in COLUMNS if name != "reference")
RESULTS = tuple(field.name for field in insi_pb2.VerificationLineResult.DESCRIPTOR.fields)
MEMBERS = f"Each line is an object with the members {', '.join(COLUMNS)}, all of them text."
BOM = b"\xef\xbb\xbf"
Lines = AsyncIterator[insi_pb2.VerificationLine]


class LotHeaderWrong(InvalidInput):
    """The first line does not name the fields of a verification."""


class LotEmpty(InvalidInput):
    """The lot holds no line."""


class LotTooLong(InvalidInput):
    """A lot holds 100,000 lines at most."""


class LotLineTooLong(InvalidInput):
    """A line of the lot is longer than a verification can be."""


async def batches(kind: str, pieces: AsyncIterator[bytes]) -> AsyncIterator[list[insi_pb2.VerificationLine]]:
    """The lines of a lot of this media type, 5,000 at a time.

    Raises LotHeaderWrong or LotEmpty before the first batch; LotTooLong and LotLineTooLong where they occur.
    """
    lines = _from_csv(_split(pieces)) if kind == CSV else _from_ndjson(_split(pieces))
    batch: list[insi_pb2.VerificationLine] = []
    count = 0
    async for line in lines:
        count += 1
        if count > MOST:
            raise LotTooLong(field=f"line {count}", hint=f"Send {MOST:,} lines, then another lot.")
        batch.append(line)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if not count:
        raise LotEmpty(hint="Send at least one line after the header.")
    if batch:
        yield batch


async def _split(pieces: AsyncIterator[bytes]) -> AsyncIterator[str]:
    """Lines without their ends, empty ones left out."""
    rest, number, start = b"", 0, True
    async for piece in pieces:
        rest += piece
        if start and len(rest) >= len(BOM):
            rest, start = rest.removeprefix(BOM), False
        *whole, rest = rest.split(b"\n")
        for line in whole:
            number += 1
            if (text := _text(line, number)).strip():
                yield text
        if len(rest) > LONGEST:
            raise _too_long(number + 1)
    if (text := _text(rest, number + 1)).strip():
        yield text


def _text(line: bytes, number: int) -> str:
    if len(line) > LONGEST:
        raise _too_long(number)
    return line.removesuffix(b"\r").decode("utf-8", "replace")


def _too_long(number: int) -> LotLineTooLong:
    return LotLineTooLong(
        field=f"line {number}", hint=f"A line has {LONGEST:,} bytes at most, and ends with LF."
    )


async def _from_csv(lines: AsyncIterator[str]) -> Lines:
    header = await anext(lines, "")
    mark = ";" if ";" in header else ","
    names = [name.strip() for name in _cells(header, mark)]
    _check(names, f"Begin with the line {mark.join(COLUMNS)} (`;` or `,` between the names).")
    async for line in lines:
        cells = _cells(line, mark)
        # The last column takes what is too much: an unquoted mark in a reference is then no fault.
        extra = mark.join(cells[len(names) - 1 :])
        values = dict(zip(names, [*cells[: len(names) - 1], extra], strict=False))
        yield insi_pb2.VerificationLine(**values)


def _cells(line: str, mark: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=mark), [])
    except csv.Error:
        return []


async def _from_ndjson(lines: AsyncIterator[str]) -> Lines:
    first = True
    async for line in lines:
        members = _members(line)
        if first:
            _check(list(members), MEMBERS)
            first = False
        yield insi_pb2.VerificationLine(**{name: _plain(members.get(name)) for name in COLUMNS})


def _members(line: str) -> dict[str, Any]:
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}


def _plain(value: Any) -> str:
    return str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""


def _check(names: list[str], hint: str) -> None:
    """The names of the first line; an unknown one is told by its place, since it may be a patient's."""
    faults = [Violation(name, "is missing") for name in NEEDED if name not in names]
    faults += [
        Violation(
            f"name {place}", "is not a field of a verification" if name not in COLUMNS else "is there twice"
        )
        for place, name in enumerate(names, start=1)
        if name not in COLUMNS or name in names[: place - 1]
    ]
    if faults:
        raise LotHeaderWrong(field="line 1", hint=hint, violations=faults)


def write_header(kind: str) -> bytes:
    """What comes before the results."""
    return _row(RESULTS) if kind == CSV else b""


def write_results(kind: str, results: Iterable[insi_pb2.VerificationLineResult]) -> bytes:
    """Results as lines of this media type."""
    shown = [wire.render(result) for result in results]
    if kind == NDJSON:
        return b"".join(orjson.dumps(one, option=orjson.OPT_APPEND_NEWLINE) for one in shown)
    return b"".join(_row([one.get(name, "") for name in RESULTS]) for one in shown)


def _row(cells: Iterable[Any]) -> bytes:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue().encode()
