"""XML of strangers read without danger: bounded first, without a tree, and only then built."""

from __future__ import annotations

from lxml import etree

Element = etree._Element
# Those that come are some twenty levels deep.
MAX_DEPTH = 100


class NotReadable(Exception):
    """What to do about it, in a sentence that quotes nothing of the document."""


class _TooBig(Exception):
    pass


class _Outline:
    """lxml parser target that keeps the name of the root and counts: no tree, so no memory to exhaust."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.root = ""
        self.depth = 0
        self.elements = 0

    def start(self, tag: str | bytes, attrib: dict[str | bytes, str | bytes]) -> None:
        self.root = self.root or str(tag)
        self.depth += 1
        self.elements += 1
        if self.depth > MAX_DEPTH or self.elements > self.most:
            raise _TooBig

    def end(self, tag: str | bytes) -> None:
        self.depth -= 1

    def data(self, data: str | bytes) -> None:
        """Text is not looked at here."""

    def comment(self, text: str | bytes) -> None:
        """Nor are comments."""

    def close(self) -> str:
        return self.root


def root_of(content: bytes, most: int) -> str:
    """Name of the root (Clark notation) of well-formed XML of `most` elements at most. Raises NotReadable."""
    # libxml2 expands entities in attribute values whatever it is told, so a document type is refused before
    # parsing. The encoding is imposed for the same reason: under another one the bytes of `<!DOCTYPE` would
    # not be these.
    if b"<!DOCTYPE" in content:
        raise NotReadable("Remove the document type: neither a DTD nor entities are read.")
    try:
        return str(etree.fromstring(content, _parser(_Outline(most))))
    except _TooBig:
        hint = f"At most {most} elements, {MAX_DEPTH} levels deep."
    except etree.XMLSyntaxError as error:
        # The parser's own sentence may quote the document: only its place is told.
        line, column = error.position
        hint = f"The XML breaks at line {line}, column {column}; the encoding must be UTF-8."
    raise NotReadable(hint)


def tree(content: bytes) -> Element:
    """The root of a content that `root_of` let through."""
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
        # Lifts libxml2's 10 MB bound on one text: an enclosed file is a single base64 text.
        huge_tree=True,
    )
