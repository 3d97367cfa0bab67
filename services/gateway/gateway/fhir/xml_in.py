"""FHIR XML to the JSON that the rest reads: parsed without entities, network or DTD, and nothing left out
unsaid.

The library's own reader drops what it does not expect (another namespace, text, attributes, the first of two
values) and fails on an unknown element. Here each is a fault with its place; the library says which elements
there are.
"""

from __future__ import annotations

import re
from typing import Any, NoReturn

from lxml import etree

from chassis.errors import InvalidInput, Violation

from .elements import Element, elements, is_resource
from .faults import Faults
from .xml_out import FHIR

Json = dict[str, Any]
XHTML = "http://www.w3.org/1999/xhtml"
SCHEMA_HINTS = "{http://www.w3.org/2001/XMLSchema-instance}"
DEEPEST = 64
# The first faults tell what is wrong with a document; a thousand more would not.
MOST_FAULTS = 50
INTEGER = re.compile(r"-?(0|[1-9]\d{0,9})", re.ASCII)
DECIMAL = re.compile(r"-?(0|[1-9]\d{0,17})(\.\d{1,17})?([eE][+-]?\d{1,3})?", re.ASCII)
INTEGERS = {"integer", "unsignedInt", "positiveInt"}
ENCODING = re.compile(rb"<\?xml[^>]*encoding\s*=\s*[\"']([A-Za-z0-9._-]+)", re.ASCII)
BOM = b"\xef\xbb\xbf"


class MalformedXml(InvalidInput):
    """The body is not well-formed XML of the kind that is read here."""


def from_xml(raw: bytes) -> Json:
    """The resource of an XML document, as its JSON; raises MalformedXml, or FhirInvalid with every fault."""
    root = parse(raw)
    faults = Faults()
    name = etree.QName(root)
    if name.namespace != FHIR:
        _refuse(name.localname[:64], f"must be in the namespace {FHIR}")
    if not is_resource(name.localname):
        _refuse(name.localname[:64], "is not a resource of FHIR R4")
    resource = _Reader(faults).resource(root, name.localname)
    faults.close()
    return resource


def parse(raw: bytes) -> etree._Element:
    """The root of a document in UTF-8 without document type; comments and instructions are left out."""
    raw = raw.removeprefix(BOM)
    declared = ENCODING.match(raw)
    if declared and declared[1].lower() not in (b"utf-8", b"us-ascii"):
        _refuse("line 1", "declares another encoding than UTF-8")
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        _refuse(f"byte {error.start}", "is not UTF-8")
    # Entities are how XML reads files, calls servers and grows without end: FHIR has no use for them.
    if b"<!DOCTYPE" in raw:
        _refuse("$this", "has a document type (<!DOCTYPE), which FHIR does not use and is not read here")
    parser = etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(raw, parser)
    except etree.XMLSyntaxError as error:
        _refuse(f"line {error.lineno}", f"is not well-formed: {str(error.msg)[:120]}")
    if _too_deep(root):
        _refuse("$this", f"has more than {DEEPEST} levels")
    return root


def _refuse(where: str, problem: str) -> NoReturn:
    raise MalformedXml(violations=[Violation(where, problem)])


def _too_deep(root: etree._Element) -> bool:
    level = 0
    for event, _ in etree.iterwalk(root, events=("start", "end")):
        level += 1 if event == "start" else -1
        if level > DEEPEST:
            return True
    return False


class _Reader:
    """Turns elements into JSON, type by type."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults

    def resource(self, node: etree._Element, at: str) -> Json:
        kind = etree.QName(node).localname
        self._attributes(node, at, set())
        return {"resourceType": kind, **self._children(node, kind, at)}

    def _fault(self, at: str, problem: str) -> None:
        self.faults.add(at, problem)
        if len(self.faults.found) >= MOST_FAULTS:
            self.faults.close()

    def _children(self, node: etree._Element, kind: str, at: str) -> Json:
        known = elements(kind)
        held: Json = {}
        if (node.text or "").strip() or any((child.tail or "").strip() for child in node):
            self._fault(at, "holds text: values go in the attribute `value`")
        for child in node:
            if found := self._known(child, known, kind, at):
                self._keep(child, found, held, at)
        return held

    def _known(self, child: etree._Element, known: dict[str, Element], kind: str, at: str) -> Element | None:
        name = etree.QName(child)
        expected = known.get(name.localname)
        space = XHTML if expected is not None and expected.kind == "xhtml" else FHIR
        if name.namespace != space:
            self._fault(f"{at}.{name.localname[:64]}", f"must be in the namespace {space}")
            return None
        if expected is None or (kind == "Extension" and name.localname == "url"):
            self._fault(f"{at}.{name.localname[:64]}", f"is not an element of {kind}")
            return None
        return expected

    def _keep(self, child: etree._Element, element: Element, held: Json, at: str) -> None:
        name = element.name
        at = f"{at}.{name}[{len(held.get(name, []))}]" if element.repeats else f"{at}.{name}"
        value, extra = self._value(child, element, at)
        if not element.repeats:
            if name in held or f"_{name}" in held:
                self._fault(at, "is given twice")
            held |= {} if value is None else {name: value}
            held |= {f"_{name}": extra} if extra else {}
            return
        values = held.setdefault(name, [])
        values.append(value)
        if extra or f"_{name}" in held:
            extras = held.setdefault(f"_{name}", [])
            extras += [None] * (len(values) - 1 - len(extras)) + [extra]

    def _value(self, child: etree._Element, element: Element, at: str) -> tuple[Any, Json | None]:
        """The value, and what a primitive carries beside it (JSON has it under `_name`)."""
        if element.kind == "xhtml":
            return etree.tostring(child, encoding="unicode", with_tail=False), None
        if element.kind == "Resource":
            return self._contained(child, at), None
        if element.primitive:
            return self._primitive(child, element.kind, at)
        own = self._attributes(child, at, {"id", "url"} if element.kind == "Extension" else {"id"})
        inner = own | self._children(child, element.kind, at)
        if not inner:
            self._fault(at, "may not be empty: leave it out")
        return inner, None

    def _contained(self, child: etree._Element, at: str) -> Json:
        self._attributes(child, at, set())
        if len(child) != 1 or not is_resource(etree.QName(child[0]).localname):
            self._fault(at, "must hold one resource of FHIR R4")
            return {}
        if etree.QName(child[0]).namespace != FHIR:
            self._fault(at, f"must hold a resource in the namespace {FHIR}")
        return self.resource(child[0], at)

    def _primitive(self, child: etree._Element, kind: str, at: str) -> tuple[Any, Json | None]:
        own = self._attributes(child, at, {"id", "value"})
        text = own.pop("value", None)
        extra = own | self._children(child, "Element", at)
        if text is None and not extra:
            self._fault(at, "has no attribute `value`")
        return None if text is None else self._typed(text, kind, at), extra or None

    def _typed(self, text: str, kind: str, at: str) -> Any:
        if kind == "boolean":
            if text not in ("true", "false"):
                self._fault(at, "must be true or false")
            return text == "true"
        if kind in INTEGERS:
            if not INTEGER.fullmatch(text):
                self._fault(at, "must be a whole number")
                return 0
            return int(text)
        if kind == "decimal":
            if not DECIMAL.fullmatch(text):
                self._fault(at, "must be a decimal number")
                return 0
            return float(text)
        return text

    def _attributes(self, node: etree._Element, at: str, allowed: set[str]) -> Json:
        found = {str(name): str(value) for name, value in node.attrib.items()}
        for name in found:
            if name not in allowed and not name.startswith(SCHEMA_HINTS):
                self._fault(at, f"may not have the attribute {etree.QName(name).localname[:64]}")
        return {name: value for name, value in found.items() if name in allowed}
