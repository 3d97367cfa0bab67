"""The rules of the fields, read from the contract (`socle.options.v1.check`); every violation at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date
from functools import cache
from typing import Any
from uuid import UUID

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from socle.options.v1 import options_pb2

from .errors import InvalidInput, Violation

Problem = Callable[[Any], str]
TIMESTAMP = "google.protobuf.Timestamp"
# Seconds since 1970 of the first and last ones of the years 1 and 9999.
FIRST, LAST = -62_135_596_800, 253_402_300_799
# PostgreSQL refuses NUL in a text, and no name or title holds a control character.
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
# Bar codes part their fields with FS, GS, RS and US.
CONTROL_SCANNED = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1b\x7f]")


class MalformedRequest(InvalidInput):
    """Some fields do not hold what the contract asks for."""


def check(message: Message) -> None:
    """Raises `MalformedRequest` with every violation of a request."""
    violations = list(violations_of(message, ""))
    if violations:
        raise MalformedRequest(violations=violations, hint="Correct the fields named and send again.")


def violations_of(message: Message, prefix: str) -> Iterator[Violation]:
    """The violations of a message; `prefix` is the path to it."""
    for name, repeated, present, tests, nested in _plan(message.DESCRIPTOR):
        path = prefix + name
        value = getattr(message, name)
        absent = not message.HasField(name) if present else not value
        for test in tests:
            problem = test(None if absent else value)
            if problem:
                yield Violation(path, problem)
        if nested and not absent:
            yield from _inside(value, path, repeated)


def _inside(value: Any, path: str, repeated: bool) -> Iterator[Violation]:
    if not repeated:
        yield from violations_of(value, f"{path}.")
        return
    for index, item in enumerate(value):
        yield from violations_of(item, f"{path}[{index}].")


def unchecked(descriptor: Descriptor) -> str:
    """The first field below this message that these checks do not reach (a map), "" when there is none."""
    seen, waiting = {descriptor.full_name}, [descriptor]
    while waiting:
        for field in waiting.pop().fields:
            nested = field.message_type
            if nested is not None and nested.GetOptions().map_entry:
                return str(field.full_name)
            if nested is not None and nested.full_name not in seen:
                seen.add(nested.full_name)
                waiting.append(nested)
    return ""


@cache
def _plan(descriptor: Descriptor) -> list[tuple[str, bool, bool, tuple[Problem, ...], bool]]:
    plan = []
    for field in descriptor.fields:
        tests = tuple(_tests(field))
        nested = field.message_type is not None and field.message_type.file.package.startswith("socle.")
        if tests or nested:
            plan.append((field.name, _repeated(field), _tracked(field), tests, nested))
    return plan


def _repeated(field: FieldDescriptor) -> bool:
    return bool(field.is_repeated)


def _tracked(field: FieldDescriptor) -> bool:
    return field.message_type is not None and not _repeated(field)


def _tests(field: FieldDescriptor) -> Iterator[Problem]:
    rule: options_pb2.Check = field.GetOptions().Extensions[options_pb2.check]
    if rule.required:
        yield lambda value: "is required" if value is None else ""
    if field.enum_type is not None:
        known = _known(frozenset(v.number for v in field.enum_type.values))
        yield _each(known) if _repeated(field) else known
    if field.message_type is not None and field.message_type.full_name == TIMESTAMP and not _repeated(field):
        yield _is_moment
    if rule.max_len:
        yield _shorter(rule.max_len, _unit(field))
    if field.type == FieldDescriptor.TYPE_STRING:
        one = _text(rule)
        yield _each(one) if _repeated(field) else one


def _unit(field: FieldDescriptor) -> str:
    if _repeated(field):
        return "items"
    return "bytes" if field.type == FieldDescriptor.TYPE_BYTES else "characters"


def _is_moment(value: Any) -> str:
    """A Timestamp beyond these years cannot be a datetime; what reads it would fail."""
    if value is None or (FIRST <= value.seconds <= LAST and 0 <= value.nanos < 10**9):
        return ""
    return "is not a moment between the years 1 and 9999"


def _known(numbers: frozenset[int]) -> Problem:
    return lambda value: (
        "is not a value of the contract" if value is not None and value not in numbers else ""
    )


def _shorter(most: int, unit: str) -> Problem:
    return lambda value: f"has more than {most} {unit}" if value is not None and len(value) > most else ""


def _each(test: Problem) -> Problem:
    return lambda values: next((problem for v in values or () if (problem := test(v))), "")


def _text(rule: options_pb2.Check) -> Problem:
    pattern = re.compile(rule.pattern) if rule.pattern else None
    control = CONTROL_SCANNED if rule.scanned else CONTROL

    def test(value: str | None) -> str:
        if value is None:
            return ""
        if not rule.raw and control.search(value):
            return "holds a control character"
        if pattern and not pattern.fullmatch(value):
            return f"does not have the form {rule.pattern}"
        if rule.uuid and not _is_uuid(value):
            return "is not a UUID"
        if rule.date and not _is_date(value):
            return "is not a date that exists, YYYY-MM-DD"
        return ""

    return test


def _is_uuid(value: str) -> bool:
    # Canonical is lower case: the same record under two spellings would have two journals.
    try:
        return str(UUID(value)) == value
    except ValueError:
        return False


def _is_date(value: str) -> bool:
    try:
        return date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False
