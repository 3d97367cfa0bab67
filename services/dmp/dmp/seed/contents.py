"""What a fictitious document says: the same bytes for the same document, made again when they are wanted."""

from __future__ import annotations

from functools import cache

from .words import LINES

# In the place of an identifier.
NOBODY = b"00000000-0000-0000-0000-000000000000"
PDF, TEXT = "application/pdf", "text/plain"
# About four kilobytes.
LINES_OF_ONE = 55
PAGES = ["\n".join((LINES[first:] + LINES[:first]) * 6)[: LINES_OF_ONE * 70] for first in range(len(LINES))]
# Of each object of the PDF; the text stands on one page, in a font that every reader has.
OBJECTS = (
    "<< /Type /Catalog /Pages 2 0 R >>",
    "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
    "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources 6 0 R >>",
    "",
    "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    "<< /Font << /F1 5 0 R >> >>",
)


def content_of(document_id: str, mime_type: str) -> bytes:
    """The bytes of a document: text in UTF-8, or a PDF of one page."""
    pattern = _pattern(int(document_id[-2:], 16) % len(PAGES), mime_type)
    return pattern.replace(NOBODY, document_id.encode())


@cache
def _pattern(page: int, mime_type: str) -> bytes:
    """As long as every document made of it, whatever its identifier: the places in a PDF stay right."""
    text = f"Document fictif {NOBODY.decode()}\n{PAGES[page]}"
    return _pdf(text) if mime_type == PDF else text.encode()


def _pdf(text: str) -> bytes:
    shown = text.replace("\\", "").replace("(", "").replace(")", "").replace("\n", ") Tj T* (")
    stream = f"BT /F1 9 Tf 12 TL 40 800 Td ({shown}) Tj ET".encode("cp1252", "replace")
    parts, places = [b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"], []
    for number, object_ in enumerate(OBJECTS, 1):
        places.append(sum(map(len, parts)))
        body = object_.encode() or b"<< /Length %d >>\nstream\n%b\nendstream" % (len(stream), stream)
        parts.append(b"%d 0 obj\n%b\nendobj\n" % (number, body))
    start = sum(map(len, parts))
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    parts.append(b"xref\n0 7\n0000000000 65535 f \n" + table)
    parts.append(b"trailer\n<< /Size 7 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % start)
    return b"".join(parts)
