"""Well-typed messages that no honest client sends: any field of a valid one changed, at any depth."""

import re
from random import Random
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

# Never in a log, an event or an error: whatever is typed may be of a patient.
MARK = "MARIE-SECRETE"
TEXTS = (
    "", " ", "\t\n", "0", "-1", "1", "0.001", "1e9", "1E-30", "99999999999999999999", "NaN", "Infinity",
    "+1", ".5", "\uff11\uff12", "2026-02-30", "0001-01-01", "9999-12-31", "2026-06-12", "d", "mo", "MTE",
    "%", "_", "'", "\\", "\u202e", "\ud7ff", "é" * 300, "x" * 5000, MARK, f"<script>{MARK}</script>",
    "3400961000017", "61000001", "61000004", "02202", "V7//", f"I1/{MARK}/x", "SOCLE1:", "SOCLE1:ABC", "{}",
    "[" * 900, '{"kty":"EC"}', "e30..e30", "01900000-0000-7000-8000-000000000000", "Paris",
)  # fmt: skip
NUMBERS = (0, 1, 2, 7, 31, 366, 367, 10_000, 2**31 - 1, -1, -(2**31))
MOMENTS = (0, 1, 1_780_000_000, 253_402_300_799, -62_135_596_800, 2**40, -(2**40))
BYTES = (b"", b"\x00", b"<ClinicalDocument/>", b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", b"\xff" * 2000)
# Of the same kind as what stood there: these pass the checks of the contract, and reach the rules.
ALIKE = (
    (re.compile(r"\d+(\.\d+)?"), ("0.001", "0.5", "1", "2", "3", "29.999", "100", "9999", "999999", "0.1")),
    (
        re.compile(r"\d{4}-\d\d-\d\d"),
        ("0001-01-01", "2025-06-12", "2026-03-29", "2026-10-25", "2027-06-12", "9999-12-31"),
    ),
    (re.compile(r"h|d|wk|mo"), ("h", "d", "wk", "mo")),
    (re.compile(r"[^0-9{].{3,}", re.DOTALL), (MARK, "x" * 200, "é\u0300", "comprimé", "'; --", "a\nb")),
)
OTHERS: dict[int, tuple[Any, ...]] = {
    FieldDescriptor.TYPE_BYTES: BYTES,
    FieldDescriptor.TYPE_BOOL: (False, True),
    FieldDescriptor.TYPE_DOUBLE: (0.0, -1.0, 1e308),
}
DEEPEST = 4


def spoil(message: Message, random: Random, known: list[str]) -> None:
    """One field of the message, or of one inside it; `known`: texts of other messages, swapped in."""
    field: Any = random.choice(list(message.DESCRIPTOR.fields)) if message.DESCRIPTOR.fields else None
    if field is None:
        return
    if field.is_repeated:
        _spoil_many(getattr(message, field.name), field, random, known)
    elif field.message_type is not None:
        inner = getattr(message, field.name)
        if random.random() < 0.15:
            message.ClearField(field.name)
        elif message.HasField(field.name) and random.random() < 0.8:
            spoil(inner, random, known)
        else:
            fill(inner, random, known, 1)
    elif random.random() < 0.1:
        message.ClearField(field.name)
    else:
        _set(message, field, random, known)


def _spoil_many(many: Any, field: Any, random: Random, known: list[str]) -> None:
    if field.message_type is None:
        many.extend(_value(field, random, known) for _ in range(random.choice((1, 2, 70))))
    elif many and random.random() < 0.7:
        spoil(random.choice(many), random, known)
    elif many and random.random() < 0.7:
        many.extend([many[0]] * random.choice((1, 2, 65)))
    elif many and random.random() < 0.3:
        del many[:]
    else:
        fill(many.add(), random, known, 1)


def fill(message: Message, random: Random, known: list[str], depth: int) -> None:
    """About half of the fields, whatever they hold."""
    if message.DESCRIPTOR.full_name == "google.protobuf.Timestamp":
        message.seconds, message.nanos = random.choice(MOMENTS), random.choice((0, 999_999_999))  # type: ignore[attr-defined]
        return
    message.SetInParent()
    for field in message.DESCRIPTOR.fields:
        if random.random() < 0.5:
            continue
        if field.message_type is None:
            if field.is_repeated:
                getattr(message, field.name).append(_value(field, random, known))
            else:
                _set(message, field, random, known)
        elif depth < DEEPEST:
            inner = getattr(message, field.name)
            fill(inner.add() if field.is_repeated else inner, random, known, depth + 1)


def _set(message: Message, field: Any, random: Random, known: list[str]) -> None:
    value = getattr(message, field.name)
    alike = isinstance(value, str) and next((pool for seen, pool in ALIKE if seen.fullmatch(value)), None)
    taken = random.choice(alike) if alike and random.random() < 0.7 else _value(field, random, known)
    setattr(message, field.name, taken)


def _value(field: Any, random: Random, known: list[str]) -> Any:
    if field.enum_type is not None:
        return random.choice([*(one.number for one in field.enum_type.values), 99, -1])
    if field.type == FieldDescriptor.TYPE_STRING:
        return random.choice(known) if known and random.random() < 0.4 else random.choice(TEXTS)
    pool: tuple[Any, ...] = OTHERS.get(field.type, NUMBERS)
    natural = field.cpp_type in (FieldDescriptor.CPPTYPE_UINT32, FieldDescriptor.CPPTYPE_UINT64)
    return abs(random.choice(pool)) if natural else random.choice(pool)


def texts_of(message: Message) -> list[str]:
    """Every text inside."""
    found: list[str] = []
    for field, value in message.ListFields():
        for one in value if field.is_repeated else [value]:
            found += texts_of(one) if isinstance(one, Message) else [one] if isinstance(one, str) else []
    return found
