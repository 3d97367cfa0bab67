"""Is the content what its MIME type says? Light checks: a CDA header is not compared with the metadata."""

from __future__ import annotations

from collections.abc import Callable

from lxml import etree

from .errors import CdaNotReadable, ContentNotAsDeclared, MimeTypeNotAccepted

CDA_ROOT = "{urn:hl7-org:v3}ClinicalDocument"
# Bounds on what one deposit may cost to read; the largest published CDA samples stay under a tenth of both.
MAX_DEPTH = 100
MAX_ELEMENTS = 200_000


def check(mime_type: str, content: bytes, field: str) -> None:
    """Raises MimeTypeNotAccepted, ContentNotAsDeclared or CdaNotReadable; `field` is its place."""
    reader = READERS.get(mime_type)
    if reader is None:
        raise MimeTypeNotAccepted(field=field, hint=f"Accepted: {', '.join(READERS)}.")
    reader(content, field)


class _Outline:
    """lxml parser target that keeps the name of the root and counts: no tree, so no memory to exhaust."""

    def __init__(self) -> None:
        self.root = ""
        self.depth = 0
        self.elements = 0

    def start(self, tag: str | bytes, attrib: dict[str | bytes, str | bytes]) -> None:
        self.root = self.root or str(tag)
        self.depth += 1
        self.elements += 1
        if self.depth > MAX_DEPTH or self.elements > MAX_ELEMENTS:
            raise _TooBig

    def end(self, tag: str | bytes) -> None:
        self.depth -= 1

    def data(self, data: str | bytes) -> None:
        """Text is not looked at here."""

    def comment(self, text: str | bytes) -> None:
        """Nor are comments."""

    def close(self) -> str:
        return self.root


class _TooBig(Exception):
    pass


def _cda(content: bytes, field: str) -> None:
    # libxml2 expands entities in attribute values whatever it is told, so a document type is refused before
    # parsing. The encoding is imposed for the same reason: under another one the bytes of `<!DOCTYPE` would
    # not be these.
    if b"<!DOCTYPE" in content:
        raise CdaNotReadable(
            field=field, hint="Remove the document type: a CDA carries neither DTD nor entities."
        )
    root = _root_of(content, field)
    if root != CDA_ROOT:
        raise CdaNotReadable(
            field=field, hint="The root must be ClinicalDocument in the namespace urn:hl7-org:v3."
        )


def _root_of(content: bytes, field: str) -> str:
    parser = etree.XMLParser(
        target=_Outline(),
        encoding="utf-8",
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        # Lifts libxml2's 10 MB bound on one text: the body of a level 1 CDA is a single base64 text.
        huge_tree=True,
    )
    try:
        return str(etree.fromstring(content, parser))
    except _TooBig:
        hint = f"At most {MAX_ELEMENTS} elements, {MAX_DEPTH} levels deep."
    except etree.XMLSyntaxError as error:
        # The parser's own sentence may quote the document: only its place is told.
        line, column = error.position
        hint = f"The XML breaks at line {line}, column {column}; the encoding must be UTF-8."
    raise CdaNotReadable(field=field, hint=hint) from None


def _starts(*marks: bytes) -> Callable[[bytes, str], None]:
    def read(content: bytes, field: str) -> None:
        if not content.startswith(marks):
            raise ContentNotAsDeclared(field=field, hint="Its first bytes are those of another format.")

    return read


def _plain(content: bytes, field: str) -> None:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise ContentNotAsDeclared(field=field, hint="Plain text must be UTF-8.") from None
    if any(c < " " and c not in "\t\n\r\f" for c in text):
        raise ContentNotAsDeclared(field=field, hint="Plain text holds no control characters.")


READERS: dict[str, Callable[[bytes, str], None]] = {
    "text/xml": _cda,
    "application/pdf": _starts(b"%PDF-"),
    "image/jpeg": _starts(b"\xff\xd8\xff"),
    "image/tiff": _starts(b"II*\x00", b"MM\x00*"),
    "text/rtf": _starts(b"{\\rtf"),
    "text/plain": _plain,
}
