"""Resources as FHIR XML.

The library's own writer turns `Z` into `+00:00` and decimals into floats, so that what one writes in XML is
not what one writes in JSON. This one takes the values as they are; the library gives the order of the
elements.
"""

from __future__ import annotations

import re
from typing import Any

from lxml import etree

from .elements import Element, elements

Json = dict[str, Any]
FHIR = "http://hl7.org/fhir"
# lxml takes None for "without prefix"; its type hints do not know.
UNPREFIXED: Any = {None: FHIR}
# Characters that XML 1.0 cannot hold, even escaped; JSON can.
FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def to_xml(resource: Json) -> bytes:
    """A resource as an XML document, in UTF-8."""
    root = _resource(resource)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def _resource(resource: Json) -> etree._Element:
    kind = str(resource["resourceType"])
    node = etree.Element(f"{{{FHIR}}}{kind}", nsmap=UNPREFIXED)
    held = {name: value for name, value in resource.items() if name != "resourceType"}
    _fill(node, held, kind)
    return node


def _fill(node: etree._Element, held: Json, kind: str) -> None:
    known = elements(kind)
    if strange := held.keys() - known.keys():
        raise ValueError(f"{kind} has no element {', '.join(sorted(strange))}")
    for element in sorted((known[name] for name in held), key=_place):
        value = held[element.name]
        for one in value if element.repeats else [value]:
            _add(node, element, one, kind)


def _place(element: Element) -> int:
    return element.place


def _add(node: etree._Element, element: Element, value: Any, kind: str) -> None:
    if kind == "Extension" and element.name == "url":
        node.set("url", _text(value))
        return
    inner = etree.SubElement(node, f"{{{FHIR}}}{element.name}")
    if element.kind == "Resource":
        inner.append(_resource(value))
    elif element.primitive:
        inner.set("value", _text(value))
    else:
        _fill(inner, value, element.kind)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return FORBIDDEN.sub("\ufffd", str(value))
