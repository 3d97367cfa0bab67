"""Is the content what its MIME type says, and does it keep still? The bytes are looked at, never believed."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator

import puremagic

from dmp.domain.errors import ContentNotAsDeclared, MimeTypeNotAccepted

from .bounds import check_cda
from .errors import ActiveContent

CDA, PDF, JPEG, TIFF, RTF, TEXT = (
    "text/xml",
    "application/pdf",
    "image/jpeg",
    "image/tiff",
    "text/rtf",
    "text/plain",
)
MARKS: dict[str, tuple[bytes, ...]] = {
    PDF: (b"%PDF-",),
    JPEG: (b"\xff\xd8\xff",),
    TIFF: (b"II*\x00", b"MM\x00*"),
    RTF: (b"{\\rtf",),
}
# Enough for any magic number that the library knows but those of disk images, which no record holds.
HEAD = 4096
# A page may hold as many compressed objects as it likes; what is inflated to look at them is bounded.
MAX_INFLATED = 64 * 1024 * 1024
STREAM = re.compile(rb"stream\r?\n")
RTF_OBJECT = re.compile(rb"\\obj(?:data|emb|link|autlink|ocx|html)\b")


def _named(*names: str) -> re.Pattern[bytes]:
    """A name of PDF, each letter of which may be written by its code (`/J#61va`)."""
    spelt = ("".join(f"(?:{c}|#{ord(c):02x})" for c in name) for name in names)
    return re.compile(rf"/(?:{'|'.join(spelt)})(?![A-Za-z0-9])".encode(), re.IGNORECASE)


# An action of JavaScript or Launch must name its kind so. PDF/A, the form that a record takes, has neither.
ACTIONS = _named("JavaScript", "Launch")
OBJECT_STREAM = _named("ObjStm")


def check(mime_type: str, content: bytes, field: str) -> None:
    """Raises MimeTypeNotAccepted, ContentNotAsDeclared, ActiveContent, CdaNotReadable, each at `field`."""
    reader = READERS.get(mime_type)
    if reader is None:
        raise MimeTypeNotAccepted(field=field, hint=f"Accepted: {', '.join(READERS)}.")
    if not content:
        raise ContentNotAsDeclared(field=field, hint="It is empty.")
    reader(content, field)


def _starts(mime_type: str, content: bytes, field: str) -> None:
    if not content.startswith(MARKS[mime_type]):
        raise ContentNotAsDeclared(field=field, hint=_looks_like(content))


def _looks_like(content: bytes) -> str:
    """What the bytes are, for whoever declared them wrongly."""
    try:
        found = puremagic.magic_string(content[:HEAD])
    except puremagic.PureError:
        found = []
    best = max((f for f in found if f.mime_type), key=lambda f: f.confidence, default=None)
    if best is None:
        return "Its first bytes are those of no format known here: declare what it is."
    return f"Its first bytes look like {best.mime_type}: declare what it is."


def _pdf(content: bytes, field: str) -> None:
    _starts(PDF, content, field)
    if ACTIONS.search(content) or any(ACTIONS.search(inner) for inner in _object_streams(content, field)):
        hint = "Remove the actions (JavaScript, Launch) of the PDF: PDF/A has none."
        raise ActiveContent(field=field, hint=hint)


def _object_streams(content: bytes, field: str) -> Iterator[bytes]:
    """The compressed objects of a PDF, inflated; a stream that cannot be inflated hides nothing readable.

    What is read to inflate it counts too: streams that begin within each other, as no writer makes them,
    would have the same bytes read again for each of them.
    """
    whole, left = memoryview(content), MAX_INFLATED
    for start, end in _spans(content):
        try:
            inner = zlib.decompressobj().decompress(whole[start:end], left)
        except zlib.error:
            inner = b""
        left -= len(inner) + end - start
        yield inner
        if left <= 0:
            hint = f"Its compressed objects have more than {MAX_INFLATED} bytes: send it as PDF/A-1."
            raise ActiveContent(field=field, hint=hint)


def _spans(content: bytes) -> Iterator[tuple[int, int]]:
    """Where the bytes of each object stream begin and end."""
    at = 0
    while named := OBJECT_STREAM.search(content, at):
        begin = STREAM.search(content, named.end())
        if begin is None:
            return
        at = begin.end()
        end = content.find(b"endstream", at)
        yield at, end if end >= 0 else len(content)


def _rtf(content: bytes, field: str) -> None:
    _starts(RTF, content, field)
    if RTF_OBJECT.search(content):
        raise ActiveContent(field=field, hint="Remove the objects embedded in the RTF; pictures may stay.")


def _image(mime_type: str) -> Callable[[bytes, str], None]:
    return lambda content, field: _starts(mime_type, content, field)


def _plain(content: bytes, field: str) -> None:
    for other, marks in MARKS.items():
        if content.startswith(marks):
            raise ContentNotAsDeclared(field=field, hint=f"Its first bytes are those of {other}.")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise ContentNotAsDeclared(field=field, hint="Plain text must be UTF-8.") from None
    if any(c < " " and c not in "\t\n\r\f" for c in text):
        raise ContentNotAsDeclared(field=field, hint="Plain text holds no control characters.")


READERS: dict[str, Callable[[bytes, str], None]] = {
    CDA: check_cda,
    PDF: _pdf,
    JPEG: _image(JPEG),
    TIFF: _image(TIFF),
    RTF: _rtf,
    TEXT: _plain,
}
# What a level 1 CDA may enclose: everything but another CDA.
ENCLOSED = frozenset(READERS) - {CDA}
