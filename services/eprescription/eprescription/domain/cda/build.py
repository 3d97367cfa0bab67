"""Elements of a CDA, made without a template language: what is written is always well formed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime
from uuid import NAMESPACE_OID, UUID, uuid5
from zoneinfo import ZoneInfo

from lxml import etree

from .codes import SYSTEM_NAMES

Element = etree._Element
Child = Element | str | None
V3 = "urn:hl7-org:v3"
PHARM = "urn:ihe:pharm:medication"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
# lxml takes None for the namespace without a prefix; its types do not say so.
NAMESPACES: dict[str, str] = {None: V3, "pharm": PHARM, "xsi": XSI}  # type: ignore[dict-item]
PARIS = ZoneInfo("Europe/Paris")
# What no XML document may hold (XML 1.0, 2.2): a control character typed in a note must not stop a document.
FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def el(tag: str, *children: Child, **attributes: str) -> Element:
    """An element of HL7 v3, or of IHE Pharmacy when the tag begins with `pharm:`; `type_` is `xsi:type`."""
    prefix, _, name = tag.rpartition(":")
    made = etree.Element(f"{{{PHARM if prefix == 'pharm' else V3}}}{name}", nsmap=NAMESPACES)
    for key, value in attributes.items():
        made.set(f"{{{XSI}}}type" if key == "type_" else key, clean(value))
    for child in children:
        _append(made, child)
    return made


def _append(parent: Element, child: Child) -> None:
    if child is None:
        return
    if not isinstance(child, str):
        parent.append(child)
    elif len(parent):
        parent[-1].tail = (parent[-1].tail or "") + clean(child)
    else:
        parent.text = (parent.text or "") + clean(child)


def clean(text: str) -> str:
    """The text without what XML cannot hold."""
    return FORBIDDEN.sub(" ", text)


def templates(*roots: str) -> Iterator[Element]:
    return (el("templateId", root=root) for root in roots)


def code(
    system: str, known: str, label: str = "", /, *children: Child, tag: str = "code", **more: str
) -> Element:
    """A coded value with its system; without a label, none is written."""
    told = {"displayName": label} if label else {}
    named = {"codeSystemName": SYSTEM_NAMES[system]} if system in SYSTEM_NAMES else {}
    return el(tag, *children, code=known, **told, codeSystem=system, **named, **more)


def reference(id: str, tag: str = "text") -> Element:
    """Points to the narrative of the section."""
    return el(tag, el("reference", value=f"#{id}"))


def completed() -> Element:
    return el("statusCode", code="completed")


def lines_of(text: str, tag: str, **attributes: str) -> Element:
    """A text of several lines in a narrative: white space is not kept there, `br` is."""
    parts: list[Child] = []
    for n, line in enumerate(clean(text).replace("\r\n", "\n").split("\n")):
        parts += [el("br")] if n else []
        parts.append(line)
    return el(tag, *parts, **attributes)


def stamp(moment: datetime) -> str:
    """To the second, with the offset of Paris."""
    return moment.astimezone(PARIS).strftime("%Y%m%d%H%M%S%z")


def day(value: date) -> str:
    return value.strftime("%Y%m%d")


def part_id(document: str, part: str) -> str:
    """The identifier of a part: the same document written again has the same ones."""
    return str(uuid5(uuid5(NAMESPACE_OID, str(UUID(document))), part)).upper()


def serialised(root: Element) -> bytes:
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8"))
