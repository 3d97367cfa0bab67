"""A lot on its way in: everything that can be judged without the record, before a transaction opens."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from chassis.caller import Caller, CallerKind, Purpose
from chassis.errors import InvalidInput, Violation

from . import content as contents
from . import errors, terminology
from .documents import Coding, Confidentiality, Entry, LinkKind
from .lots import Lot

# Clocks of producers differ; a document from tomorrow is a fault, one from the next minutes is not.
CLOCK_SKEW = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a kind of depositor may send."""

    # In bytes.
    size: int
    # In characters.
    title: int
    mime_types: frozenset[str] | None = None


# The size for professionals is ours, none is published; those of a patient are Mon espace santé's.
PROFESSIONAL = Limits(size=20 * 1024 * 1024, title=256)
PATIENT_TYPES = frozenset({"application/pdf", "text/plain", "text/rtf", "image/jpeg", "image/tiff"})
PATIENT = Limits(size=5_000_000, title=50, mime_types=PATIENT_TYPES)


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
    folders: tuple[Lot, ...] = ()


@dataclass(frozen=True, slots=True)
class Arrival:
    """Who deposits, when and what they may send."""

    now: datetime
    limits: Limits
    secret: bool = False


def classed(entry: Entry) -> Entry:
    """The metadata with the class that the type decides (ASS_X04)."""
    code = terminology.class_of(entry.type.code) or ""
    display = terminology.CLASSES.get(code, "")
    return replace(entry, category=Coding(code, terminology.CLASS_SYSTEM, display))


def arrival_of(caller: Caller, now: datetime) -> Arrival:
    """The rules for this depositor."""
    patient = caller.kind is CallerKind.CITIZEN
    return Arrival(now, PATIENT if patient else PROFESSIONAL, caller.purpose is Purpose.SECRET)


def examine(deposit: Deposit, arrival: Arrival) -> None:
    """Raises the fault of the lot, or DepositRefused with one violation per fault when there are several."""
    faults = list(_faults(deposit, arrival))
    if len(faults) == 1:
        raise faults[0]
    if faults:
        violations = [violation for fault in faults for violation in _told(fault)]
        rules = sorted({rule for fault in faults for rule in fault.rules})
        raise errors.DepositRefused(violations=violations, rules=rules)


def _told(fault: InvalidInput) -> tuple[Violation, ...]:
    return fault.violations or (Violation(fault.field, f"{fault.sentence} {fault.hint}".strip()),)


def _faults(deposit: Deposit, arrival: Arrival) -> Iterator[InvalidInput]:
    yield from _identifiers(deposit)
    yield from _folders(deposit)
    yield from _replacements(deposit)
    for place, item in enumerate(deposit.items):
        for check in CHECKS:
            try:
                check(item, f"documents[{place}]", arrival)
            except InvalidInput as fault:
                yield fault


def _identifiers(deposit: Deposit) -> Iterator[InvalidInput]:
    lots = [deposit.lot, *deposit.folders]
    given = [item.entry.unique_id for item in deposit.items] + [lot.unique_id for lot in lots]
    if repeated := [u for u, times in Counter(given).items() if times > 1]:
        hint = f"{repeated[0]}: each document, lot and folder has its own."
        yield errors.SameIdentifierTwice(
            field="documents", hint=hint, rules=["XDSDuplicateUniqueIdInRegistry"]
        )


def _folders(deposit: Deposit) -> Iterator[InvalidInput]:
    for place, folder in enumerate(deposit.folders):
        if not folder.members:
            hint = "Give the unique identifier of one document at least."
            yield errors.FolderEmpty(
                field=f"folders[{place}].documents", hint=hint, rules=["XDSRegistryMetadataError"]
            )


def _replacements(deposit: Deposit) -> Iterator[InvalidInput]:
    """One document takes the place of one other, which is not of the same lot."""
    own = {item.entry.unique_id for item in deposit.items}
    replaced: list[tuple[str, str]] = []
    for place, item in enumerate(deposit.items):
        field = f"documents[{place}].entry.relations"
        for link in item.entry.relations:
            if not (link.document_id or link.unique_id):
                yield errors.RelationWithoutTarget(field=field, rules=["XDSRegistryMetadataError"])
            if link.unique_id in own:
                yield errors.RelationWithinLot(field=field, rules=["XDSReplaceFailed"])
        replacing = [link for link in item.entry.relations if link.kind is LinkKind.REPLACES]
        if len(replacing) > 1:
            yield errors.SeveralReplacements(field=field, rules=["XDSReplaceFailed"])
        replaced += [(link.document_id, link.unique_id) for link in replacing]
    if len(set(replaced)) < len(replaced):
        yield errors.ReplacedTwice(field="documents", rules=["XDSReplaceFailed"])


def _hash(item: Item, path: str, _arrival: Arrival) -> None:
    # SHA-1 is the hash that XDS and MHD carry: it guards against accidents here, never against an attacker.
    found = hashlib.sha1(item.content, usedforsecurity=False).digest()
    if found != item.entry.sha1:
        hint = f"SHA-1 of the content received: {found.hex()}. Send the hash of the decoded bytes."
        rules = ["XDSNonIdenticalHash"]
        raise errors.DocumentHashMismatch(field=f"{path}.entry.sha1", hint=hint, rules=rules)


def _size(item: Item, path: str, arrival: Arrival) -> None:
    size = len(item.content)
    if size == 0:
        raise errors.DocumentEmpty(field=f"{path}.content", rules=["XDSMissingDocument"])
    if size != item.entry.size:
        hint = f"The content received has {size} bytes, the metadata say {item.entry.size}."
        rules = ["XDSRegistryMetadataError"]
        raise errors.DocumentSizeMismatch(field=f"{path}.entry.size", hint=hint, rules=rules)
    if size > arrival.limits.size:
        hint = f"It has {size} bytes; at most {arrival.limits.size} are taken from you."
        raise errors.DocumentTooLarge(field=f"{path}.content", hint=hint)


def _title(item: Item, path: str, arrival: Arrival) -> None:
    if len(item.entry.title) > arrival.limits.title:
        hint = f"At most {arrival.limits.title} characters."
        raise errors.TitleTooLong(field=f"{path}.entry.title", hint=hint)


def _type_and_class(item: Item, path: str, _arrival: Arrival) -> None:
    known = terminology.class_of(item.entry.type.code)
    rules = ["XDSRegistryMetadataError"]
    if known is None:
        hint = "Use a code of JDV_J07-XdsTypeCode."
        raise errors.UnknownDocumentType(field=f"{path}.entry.type", hint=hint, rules=rules)
    if item.entry.category.code not in ("", known):
        hint = f"A document of type {item.entry.type.code} belongs to class {known}."
        raise errors.ClassDoesNotMatchType(field=f"{path}.entry.class", hint=hint, rules=rules)


def _dates(item: Item, path: str, arrival: Arrival) -> None:
    entry, rules = item.entry, ["XDSRegistryMetadataError"]
    if entry.created_at > arrival.now + CLOCK_SKEW:
        hint = "It may not lie in the future."
        raise errors.DatesInDisorder(field=f"{path}.entry.created_at", hint=hint, rules=rules)
    if entry.service_end is not None and entry.service_end < entry.service_start:
        hint = "It may not come before service_start."
        raise errors.DatesInDisorder(field=f"{path}.entry.service_end", hint=hint, rules=rules)


def _patient_type(item: Item, path: str, arrival: Arrival) -> None:
    accepted = arrival.limits.mime_types
    if accepted is not None and item.entry.mime_type not in accepted:
        hint = f"A patient may send: {', '.join(sorted(accepted))}."
        raise errors.MimeTypeNotAccepted(field=f"{path}.entry.mime_type", hint=hint)


def _format(item: Item, path: str, _arrival: Arrival) -> None:
    expected = terminology.PLAIN_FORMATS.get(item.entry.format.code)
    if expected is not None and item.entry.mime_type not in (expected, "text/xml"):
        hint = f"{item.entry.format.code} is the format of {expected}, alone or within a CDA (text/xml)."
        rules = ["XDSRegistryMetadataError"]
        raise errors.FormatDoesNotMatchMimeType(field=f"{path}.entry.format", hint=hint, rules=rules)


def _secret(item: Item, path: str, arrival: Arrival) -> None:
    code = Confidentiality.HIDDEN_FROM_REPRESENTATIVES
    if arrival.secret and code not in item.entry.confidentiality:
        hint = f"Add {code}, or send the document in a normal connection (EX_0.1-1100)."
        raise errors.SecretDocumentNotHidden(field=f"{path}.entry.confidentiality", hint=hint)


def _content(item: Item, path: str, _arrival: Arrival) -> None:
    # An empty one is told by its size already.
    if item.content:
        contents.check(item.entry, item.content, path)


CHECKS: tuple[Callable[[Item, str, Arrival], None], ...] = (
    _hash,
    _size,
    _title,
    _type_and_class,
    _dates,
    _patient_type,
    _format,
    _secret,
    _content,
)
