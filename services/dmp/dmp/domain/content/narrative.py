"""The narrative of a CDA section as HTML: what a person reads of a structured document.

Source: HL7 CDA R2, 4.3.5 (narrative block). Elements are translated one by one, those unknown give their
text; links are dropped, because a page of the record leads nowhere else.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import nh3
from lxml import etree
from markupsafe import Markup

from . import bounds
from .bounds import Element
from .sniffing import JPEG, MARKS

V3 = {"v": bounds.NAMESPACE}
PNG = "image/png"
PICTURES = {JPEG: MARKS[JPEG], PNG: (b"\x89PNG\r\n\x1a\n",)}
# Bytes of the pictures of one page, all together: a browser must hold them at once.
MAX_PICTURES = 5 * 1024 * 1024
# A cell that spans more is a mistake or an attempt to hang the browser.
MAX_SPAN = 100
# Characters of a caption said again of each of its pictures; the whole of it stands below them.
LONGEST_ALT = 500
SAME = frozenset({"table", "thead", "tbody", "tfoot", "tr", "th", "td", "br", "sub", "sup"})
RENAMED = {"paragraph": "p", "item": "li", "content": "span", "footnote": "small", "caption": "caption"}
EMPHASIS = {"Bold": "strong", "Italics": "em", "Underline": "u", "Emphasis": "em"}
# Empty on purpose, or pointing elsewhere.
LEFT_OUT = frozenset({"footnoteRef", "col", "colgroup"})
CELL = frozenset({"colspan", "rowspan"})
ALLOWED = {*SAME, *RENAMED.values(), *EMPHASIS.values(), "ul", "ol", "img", "div"}
ATTRIBUTES = {"td": set(CELL), "th": set(CELL), "img": {"src", "alt"}}


@dataclass(slots=True)
class Pictures:
    """The pictures that a document holds, by their ID; those already given count against the bound."""

    held: dict[str, Element]
    left: int = field(default=MAX_PICTURES)

    @classmethod
    def of(cls, root: Element) -> Pictures:
        """Those of every observationMedia."""
        found = root.iter(f"{{{bounds.NAMESPACE}}}observationMedia")
        return cls({one.get("ID", ""): one for one in found if one.get("ID")})

    def take(self, name: str) -> str:
        """The picture as a data URI; "" when there is none, or the page has enough of them."""
        uri = self._read(name)
        if not uri:
            # A document may name it a hundred thousand times: megabytes are not decoded for each.
            self.held.pop(name, None)
        return uri

    def _read(self, name: str) -> str:
        media = self.held.get(name)
        value = media.find("v:value", V3) if media is not None else None
        if value is None or value.get("mediaType") not in PICTURES:
            return ""
        try:
            content = base64.b64decode("".join("".join(map(str, value.itertext())).split()), validate=True)
        except (binascii.Error, ValueError):
            return ""
        mime_type = value.get("mediaType", "")
        if not content.startswith(PICTURES[mime_type]) or len(content) > self.left:
            return ""
        self.left -= len(content)
        return data_uri(mime_type, content)


def data_uri(mime_type: str, content: bytes) -> str:
    """A picture that a page carries in itself."""
    return f"data:{mime_type};base64,{base64.b64encode(content).decode()}"


def html_of(text: Element, pictures: Pictures) -> Markup:
    """The narrative of a section, sanitised; `pictures` are those of the whole document."""
    whole = etree.Element("div")
    _copy(text, whole, pictures)
    written = etree.tostring(whole, encoding="unicode", method="html")
    # Nothing unwanted was written; this holds if the translation above is ever wrong.
    clean = nh3.clean(
        written,
        tags=ALLOWED,
        attributes=ATTRIBUTES,
        attribute_filter=_only_pictures,
        url_schemes={"data"},
        link_rel=None,
    )
    return Markup(clean)  # noqa: S704 (sanitised on the line before)


def _only_pictures(_tag: str, name: str, value: str) -> str | None:
    if name == "src" and not value.startswith(tuple(f"data:{kind};base64," for kind in PICTURES)):
        return None
    return value


def _copy(source: Element, target: Element, pictures: Pictures) -> None:
    """The text and the translated elements of `source`, at the end of `target`."""
    last, said = None, [source.text or ""]
    for inner in source:
        for made in _made(inner, pictures):
            _say(target, last, said)
            target.append(made)
            last = made
        said.append(inner.tail or "")
    _say(target, last, said)


def _made(source: Element, pictures: Pictures) -> Iterator[Element]:
    name = etree.QName(source).localname
    if name in LEFT_OUT:
        return
    made = MAKERS.get(name, _plain)(source, name)
    if name == "renderMultiMedia":
        yield from _pictures(source, pictures)
        return
    _copy(source, _innermost(made), pictures)
    yield made


def _plain(source: Element, name: str) -> Element:
    """A name that is HTML's too, one that has its like, or a mere span."""
    made = etree.Element(name if name in SAME else RENAMED.get(name, "span"))
    for side in CELL:
        span = source.get(side, "")
        if span.isdecimal() and 1 < int(span[:4]) <= MAX_SPAN:
            made.set(side, span)
    return made


def _list(source: Element, _name: str) -> Element:
    return etree.Element("ol" if source.get("listType") == "ordered" else "ul")


def _emphasised(source: Element, _name: str) -> Element:
    """Nested as often as there are styles that count, each once; any other style is left to the page."""
    made = etree.Element("span")
    for style in dict.fromkeys(source.get("styleCode", "").split()):
        if style in EMPHASIS:
            etree.SubElement(_innermost(made), EMPHASIS[style])
    return made


def _caption(source: Element, name: str) -> Element:
    """HTML knows captions of tables only."""
    parent = source.getparent()
    within = etree.QName(parent).localname if parent is not None else ""
    return etree.Element(name if within == "table" else "li" if within == "list" else "div")


MAKERS: dict[str, Callable[[Element, str], Element]] = {
    "list": _list,
    "content": _emphasised,
    "caption": _caption,
}


def _pictures(source: Element, pictures: Pictures) -> Iterator[Element]:
    caption = " ".join("".join(str(part) for part in source.itertext()).split())
    names = dict.fromkeys(source.get("referencedObject", "").split())
    shown = [uri for uri in map(pictures.take, names) if uri]
    for uri in shown:
        yield etree.Element("img", src=uri, alt=caption[:LONGEST_ALT])
    if len(shown) < len(names):
        missing = etree.Element("em")
        missing.text = "[image non affichée / picture not shown]"
        yield missing
    if caption:
        below = etree.Element("div")
        below.text = caption
        yield below


def _innermost(made: Element) -> Element:
    while len(made):
        made = made[-1]
    return made


def _say(target: Element, last: Element | None, said: list[str]) -> None:
    """All that came since the last element, at once: added piece by piece it would be copied for each."""
    text = "".join(said)
    said.clear()
    if text and last is not None:
        last.tail = text
    elif text:
        target.text = text
