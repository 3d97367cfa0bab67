"""XML read without danger: bounded first, without a tree, and only then built."""

from __future__ import annotations

from lxml import etree

from dmp.domain.errors import CdaNotReadable

Element = etree._Element
NAMESPACE = "urn:hl7-org:v3"
CDA_ROOT = f"{{{NAMESPACE}}}ClinicalDocument"
# Bounds on what one deposit may cost to read; the largest published CDA samples stay under a tenth of both.
MAX_DEPTH = 100
MAX_ELEMENTS = 200_000


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


def check_cda(content: bytes, field: str) -> None:
    """Raises CdaNotReadable unless the content is a well-formed CDA R2 within the bounds."""
    # libxml2 expands entities in attribute values whatever it is told, so a document type is refused before
    # parsing. The encoding is imposed for the same reason: under another one the bytes of `<!DOCTYPE` would
    # not be these.
    if b"<!DOCTYPE" in content:
        raise CdaNotReadable(
            field=field, hint="Remove the document type: a CDA carries neither DTD nor entities."
        )
    if _root_of(content, field) != CDA_ROOT:
        raise CdaNotReadable(
            field=field, hint="The root must be ClinicalDocument in the namespace urn:hl7-org:v3."
        )


def _root_of(content: bytes, field: str) -> str:
    try:
        return str(etree.fromstring(content, _parser(_Outline())))
    except _TooBig:
        hint = f"At most {MAX_ELEMENTS} elements, {MAX_DEPTH} levels deep."
    except etree.XMLSyntaxError as error:
        # The parser's own sentence may quote the document: only its place is told.
        line, column = error.position
        hint = f"The XML breaks at line {line}, column {column}; the encoding must be UTF-8."
    raise CdaNotReadable(field=field, hint=hint) from None


def tree(content: bytes) -> etree._Element:
    """The root of a content that `check_cda` let through."""
    return etree.fromstring(content, _parser())


def _parser(target: _Outline | None = None) -> etree.XMLParser:
    return etree.XMLParser(
        target=target,
        encoding="utf-8",
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        remove_comments=True,
        remove_pis=True,
        # Lifts libxml2's 10 MB bound on one text: the body of a level 1 CDA is a single base64 text.
        huge_tree=True,
    )
