"""The file `socle-journal-1` as it was downloaded; whatever is not of that form is refused with its place."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

FORMAT = "socle-journal-1"
HASH = 32
T = TypeVar("T")


class Unreadable(Exception):
    """The file is not a journal, or not a whole one."""


@dataclass(frozen=True, slots=True)
class Head:
    """What was signed: the size and the root of the tree."""

    tree_size: int
    root_hash: bytes
    signed_at: str
    signature: str


@dataclass(frozen=True, slots=True)
class Since:
    """The proof that an earlier tree is the beginning of this one."""

    tree_size: int
    consistency: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """A leaf of the tree; `line` is None when it is not shown."""

    chain: str
    number: int
    leaf_index: int
    leaf_hash: bytes
    path: tuple[bytes, ...]
    withheld: bool
    line: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Journal:
    """A downloaded journal."""

    person_id: str
    exported_at: str
    keys: dict[str, Any]
    head: Head
    since: Since | None
    pending: int
    lines: tuple[Line, ...]


def read(path: Path) -> Journal:
    """The journal of a file; raises Unreadable, or OSError when there is no such file."""
    whole = read_object(path)
    if whole.get("format") != FORMAT:
        raise Unreadable(f"{path} is not a journal of the form {FORMAT}")
    try:
        return _journal(whole)
    except Unreadable as error:
        raise Unreadable(f"{path}: {error}") from None


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object of a file. A member given twice is refused: two readers could see two values."""
    try:
        whole = json.loads(
            path.read_bytes(), object_pairs_hook=_once, parse_float=_never, parse_constant=_never
        )
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"{path} is no JSON, or was cut short: {error}") from None
    if not isinstance(whole, dict):
        raise Unreadable(f"{path} is not a JSON object")
    return whole


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a member stands twice in an object")
    return dict(pairs)


def _never(text: str) -> Any:
    raise ValueError(f"{text} is no whole number")


def _journal(whole: dict[str, Any]) -> Journal:
    since = whole.get("since")
    return Journal(
        _member(whole, "person_id", str),
        _member(whole, "exported_at", str),
        _member(whole, "keys", dict),
        _within("head", lambda: _head(_member(whole, "head", dict))),
        None if since is None else _within("since", lambda: _since(_member(whole, "since", dict))),
        _member(whole, "pending", int),
        tuple(
            _within(f"lines[{place}]", lambda line=line: _line(line))  # type: ignore[misc]
            for place, line in enumerate(_member(whole, "lines", list))
        ),
    )


def _within(where: str, make: Callable[[], T]) -> T:
    try:
        return make()
    except Unreadable as error:
        raise Unreadable(f"{where}: {error}") from None


def _head(of: dict[str, Any]) -> Head:
    return Head(
        _member(of, "tree_size", int),
        _hash(_member(of, "root_hash", str)),
        _member(of, "signed_at", str),
        _member(of, "signature", str),
    )


def _since(of: dict[str, Any]) -> Since:
    return Since(_member(of, "tree_size", int), _hashes(of, "consistency"))


def _line(of: Any) -> Line:
    if not isinstance(of, dict):
        raise Unreadable("not an object")
    return Line(
        _member(of, "chain", str),
        _member(of, "number", int),
        _member(of, "leaf_index", int),
        _hash(_member(of, "leaf_hash", str)),
        _hashes(of, "path"),
        bool(of.get("withheld", False)),
        _member(of, "line", dict) if "line" in of else None,
    )


def _member(of: dict[str, Any], name: str, kind: type[T]) -> T:
    value = of.get(name)
    # In Python a truth value is a number.
    if not isinstance(value, kind) or isinstance(value, bool) or (isinstance(value, int) and value < 0):
        raise Unreadable(f"{name} is missing, or is not what it should be")
    return value


def _hashes(of: dict[str, Any], name: str) -> tuple[bytes, ...]:
    return tuple(_hash(text) for text in _member(of, name, list))


def _hash(text: Any) -> bytes:
    """An empty one is what a broken log gives: it is read, and proves nothing."""
    try:
        value = bytes.fromhex(text)
    except (TypeError, ValueError):
        raise Unreadable("a hash is not in hexadecimal") from None
    if value and (len(value) != HASH or value.hex() != text):
        raise Unreadable(f"a hash is not {HASH} bytes in lower-case hexadecimal")
    return value
