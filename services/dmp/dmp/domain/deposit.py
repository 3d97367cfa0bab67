"""A lot on its way in: everything that can be judged without the record, before a transaction opens."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from chassis.errors import InvalidInput, Violation

from . import content as contents
from . import errors, terminology
from .documents import Entry, Lot

# Clocks of producers differ; a document from tomorrow is a fault, one from the next minutes is not.
CLOCK_SKEW = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Item:
    """A document of a lot: metadata and bytes."""

    entry: Entry
    content: bytes

    @property
    def sha256(self) -> bytes:
        return hashlib.sha256(self.content).digest()


@dataclass(frozen=True, slots=True)
class Deposit:
    lot: Lot
    items: tuple[Item, ...]


def examine(deposit: Deposit, now: datetime) -> None:
    """Raises the fault of the lot, or DepositRefused with one violation per fault when there are several."""
    faults = list(_faults(deposit, now))
    if len(faults) == 1:
        raise faults[0]
    if faults:
        violations = [Violation(f.field, f"{f.sentence} {f.hint}".strip()) for f in faults]
        raise errors.DepositRefused(violations=violations)


def _faults(deposit: Deposit, now: datetime) -> Iterator[InvalidInput]:
    seen = Counter(item.entry.unique_id for item in deposit.items)
    if repeated := [u for u, times in seen.items() if times > 1]:
        yield errors.SameIdentifierTwice(
            field="documents", hint=f"{repeated[0]}: one document each, or one lot each."
        )
    for place, item in enumerate(deposit.items):
        for check in CHECKS:
            try:
                check(item, f"documents[{place}]", now)
            except InvalidInput as fault:
                yield fault


def _hash(item: Item, path: str, _now: datetime) -> None:
    # SHA-1 is the hash that XDS and MHD carry: it guards against accidents here, never against an attacker.
    found = hashlib.sha1(item.content, usedforsecurity=False).digest()
    if found != item.entry.sha1:
        hint = f"SHA-1 of the content received: {found.hex()}. Send the hash of the decoded bytes."
        raise errors.DocumentHashMismatch(field=f"{path}.entry.sha1", hint=hint)


def _size(item: Item, path: str, _now: datetime) -> None:
    if len(item.content) != item.entry.size:
        hint = f"The content received has {len(item.content)} bytes, the metadata say {item.entry.size}."
        raise errors.DocumentSizeMismatch(field=f"{path}.entry.size", hint=hint)


def _type_and_class(item: Item, path: str, _now: datetime) -> None:
    known = terminology.class_of(item.entry.type.code)
    if known is None:
        raise errors.UnknownDocumentType(
            field=f"{path}.entry.type", hint="Use a code of JDV_J07-XdsTypeCode."
        )
    if item.entry.category.code not in ("", known):
        hint = f"A document of type {item.entry.type.code} belongs to class {known}."
        raise errors.ClassDoesNotMatchType(field=f"{path}.entry.class", hint=hint)


def _dates(item: Item, path: str, now: datetime) -> None:
    entry = item.entry
    if entry.created_at > now + CLOCK_SKEW:
        raise errors.DatesInDisorder(field=f"{path}.entry.created_at", hint="It may not lie in the future.")
    if entry.service_end is not None and entry.service_end < entry.service_start:
        raise errors.DatesInDisorder(
            field=f"{path}.entry.service_end", hint="It may not come before service_start."
        )


def _content(item: Item, path: str, _now: datetime) -> None:
    contents.check(item.entry.mime_type, item.content, f"{path}.content")


CHECKS: tuple[Callable[[Item, str, datetime], None], ...] = (_hash, _size, _type_and_class, _dates, _content)
