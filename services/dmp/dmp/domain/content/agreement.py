"""Does the header of a CDA say what the metadata say? The reader of a record sees the one or the other."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from chassis.errors import Violation
from dmp.domain.documents import LEVELS, Entry, LinkKind

from . import bounds, cda, formats, sniffing
from .cda import Header, HeaderPatient, place
from .errors import (
    INS_INCOMPLETE,
    INS_MISSING,
    CdaHeaderContradicts,
    CdaHeaderIncomplete,
    InsIncomplete,
    InsMissing,
)

# XDS dates stop at the second: the rest of a finer stamp does not count.
SECOND = timedelta(seconds=1)


def check(entry: Entry, content: bytes, path: str) -> None:
    """What the bytes are; for a CDA its header against the metadata, and the file it encloses.

    Raises what `sniffing.check` raises, EnclosedFileNotReadable, CdaHeaderIncomplete or CdaHeaderContradicts
    with a violation a fault. The title is not compared: XDS lets a producer shorten it for lists.
    """
    sniffing.check(entry.mime_type, content, f"{path}.content")
    if entry.mime_type != sniffing.CDA:
        return
    root = bounds.tree(content)
    header = cda.read(root)
    _enclosed(root, f"{path}.content")
    if missing := list(_missing(header, f"{path}.content")):
        raise CdaHeaderIncomplete(violations=missing, field=missing[0].field)
    if faults := list(_contradictions(entry, header, f"{path}.entry")):
        raise CdaHeaderContradicts(
            violations=faults, field=faults[0].field, rules=["XDSRegistryMetadataError"]
        )


def opened(content: bytes, field: str) -> tuple[HeaderPatient, cda.Enclosed | None]:
    """The patient of a checked CDA, whose INS is whole, and the file it encloses.

    Raises InsMissing (903) or InsIncomplete (905).
    """
    root = bounds.tree(content)
    found = cda.patient_of(root)
    role = cda.place("recordTarget/patientRole")
    if found.ins is None:
        hint = f"Give {role}/id with the OID of the INS as root and the 15 characters as extension."
        raise InsMissing(field=field, hint=hint, rules=[INS_MISSING])
    if found.missing:
        hint = f"{role}/patient lacks {', '.join(found.missing)}: an INS goes with its traits."
        raise InsIncomplete(field=field, hint=hint, rules=[INS_INCOMPLETE])
    return found, cda.enclosed(root, field)


def _enclosed(root: bounds.Element, field: str) -> None:
    file = cda.enclosed(root, field)
    if file is None:
        return
    if file.mime_type not in sniffing.ENCLOSED:
        where = place("component/nonXMLBody/text/@mediaType")
        raise CdaHeaderIncomplete(
            field=field,
            violations=[Violation(field, f"{where} must be one of {', '.join(sorted(sniffing.ENCLOSED))}")],
        )
    sniffing.check(file.mime_type, file.content, field)


def _missing(header: Header, field: str) -> Iterator[Violation]:
    """What structuration minimale has at least once and the checks need."""
    needed = {
        "id/@root": header.ids,
        "code/@code": header.code.code,
        "title": header.title,
        "effectiveTime/@value": header.created,
        "confidentialityCode/@code": header.confidentiality,
        "author/assignedAuthor": header.authors,
        "custodian/assignedCustodian": header.custodian,
    }
    for where, value in needed.items():
        if not value:
            yield Violation(field, f"{place(where)} is missing or cannot be read")


def _contradictions(entry: Entry, header: Header, path: str) -> Iterator[Violation]:
    yield from _identifier(entry, header, path)
    if entry.type.code != header.code.code:
        yield Violation(f"{path}.type", f"differs from {place('code/@code')}")
    if header.created and not _same_instant(entry, header):
        yield Violation(f"{path}.created_at", f"is not the instant of {place('effectiveTime/@value')}")
    if header.confidentiality not in LEVELS.intersection(entry.confidentiality):
        yield Violation(
            f"{path}.confidentiality", f"has another level than {place('confidentialityCode/@code')}"
        )
    if entry.language and header.language and entry.language != header.language:
        yield Violation(f"{path}.language", f"differs from {place('languageCode/@code')}")
    yield from _authors(entry, header, path)
    yield from _format(entry, header, path)
    yield from _replacement(entry, header, path)


def _identifier(entry: Entry, header: Header, path: str) -> Iterator[Violation]:
    if entry.unique_id.lower() not in header.ids:
        yield Violation(
            f"{path}.unique_id", f"is not the identifier of {place('id')}, as urn:oid or urn:uuid"
        )


def _same_instant(entry: Entry, header: Header) -> bool:
    span = header.created
    return span is not None and span.start <= entry.created_at < max(span.end, span.start + SECOND)


def _authors(entry: Entry, header: Header, path: str) -> Iterator[Violation]:
    """Who is an author may see and delete the document: the metadata may not name one whom it does not."""
    named = {author.professional for author in header.authors}
    for n, author in enumerate(entry.authors):
        if author.professional and author.professional not in named:
            yield Violation(
                f"{path}.authors[{n}].professional",
                f"is not among {place('author/assignedAuthor/id/@extension')}",
            )


def _format(entry: Entry, header: Header, path: str) -> Iterator[Violation]:
    """A template newer than our table is let through as long as the level is the right one."""
    code, allowed = entry.format.code, formats.expected(header.enclosed_type, header.templates)
    if allowed and code not in (*allowed, formats.ANY):
        yield Violation(f"{path}.format", f"must be {' or '.join(sorted(allowed))} for this document")
    elif not allowed and formats.is_level_1(code):
        yield Violation(f"{path}.format", "is one of level 1, and the document has a structured body")


def _replacement(entry: Entry, header: Header, path: str) -> Iterator[Violation]:
    """A document may replace one that this record never held; what the metadata name, it must name too."""
    for n, link in enumerate(entry.relations):
        if link.kind is not LinkKind.REPLACES or not link.unique_id:
            continue
        if not any(link.unique_id.lower() in ids for ids in header.replaces):
            where = place("relatedDocument[@typeCode='RPLC']/parentDocument/id")
            yield Violation(f"{path}.relations[{n}].unique_id", f"is not in {where}")
