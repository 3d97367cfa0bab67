"""XML Patch (RFC 5261) of a DocumentReference in FHIR XML: the selectors that FHIR needs, hardened.

The selectors of the RFC are a small part of XPath. Those that only name elements, places and one attribute or
child are read; the rest of XPath would let a caller make the server search for as long as they like.
"""

from __future__ import annotations

import copy
import re
from typing import Any, NoReturn

from lxml import etree

from chassis.errors import Violation

from .patch import KIND, MOST, PATCHABLE, Json, OtherElement, PatchInvalid
from .xml_in import from_xml, parse
from .xml_out import FHIR, to_xml

NAME = r"(?:[A-Za-z_][\w.-]{0,63}:)?[A-Za-z_][\w.-]{0,63}"
TEST = rf"(?:@|{NAME}/@|{NAME}/{NAME}/@)?{NAME}\s*=\s*(?:'[^']{{0,200}}'|\"[^\"]{{0,200}}\")"
STEP = rf"{NAME}(?:\[(?:[0-9]{{1,3}}|{TEST})\]){{0,2}}"
SELECTOR = re.compile(
    rf"/?(?P<root>{NAME})(?P<steps>(?:/{STEP}){{0,6}})(?:/@(?P<attribute>{NAME}))?", re.ASCII
)
# FHIR has no attribute of another namespace, but in narratives, which no patch touches.
ADDED_ATTRIBUTE = re.compile(r"@([A-Za-z_][\w.-]{0,63})", re.ASCII)
ACTIONS = ("add", "replace", "remove")
Element = etree._Element


def apply(raw: bytes, resource: Json) -> Json:
    """The resource once patched, as JSON.

    Raises MalformedXml, PatchInvalid, OtherElement or FhirInvalid.
    """
    diff = parse(raw)
    if etree.QName(diff).localname != "diff" or not 0 < len(diff) <= MOST:
        _refuse("diff", f"must be <diff> with 1 to {MOST} of {', '.join(ACTIONS)} (RFC 5261)")
    root = etree.fromstring(to_xml(resource))
    for index, action in enumerate(diff):
        _apply_one(action, root, f"diff[{index}]")
    return from_xml(etree.tostring(root))


def normal(resource: Json) -> Json:
    """A resource as it comes back from XML: what a patched one is to be compared with."""
    return from_xml(to_xml(resource))


def _refuse(at: str, problem: str) -> NoReturn:
    raise PatchInvalid(violations=[Violation(at, problem)])


def _apply_one(action: Element, root: Element, at: str) -> None:
    kind = etree.QName(action).localname
    if kind not in ACTIONS:
        _refuse(at, f"must be one of {', '.join(ACTIONS)}")
    node, attribute = _located(action, root, at)
    if kind == "add":
        _add(action, node, at)
    elif kind == "remove":
        _remove(node, attribute)
    elif attribute:
        node.set(attribute, action.text or "")
    else:
        _replace(action, node, at)


def _located(action: Element, root: Element, at: str) -> tuple[Element, str]:
    """The one element a selector names, and its attribute when it names one."""
    selector = action.get("sel", "")
    found = SELECTOR.fullmatch(selector)
    if found is None:
        _refuse(
            f"{at}.sel",
            f"is not read here: write it as f:{KIND}/f:status/@value, f being the prefix of {FHIR}",
        )
    _touches_patchable(action, found)
    spaces = {prefix: uri for prefix, uri in action.nsmap.items() if prefix}
    try:
        nodes: Any = root.xpath(f"/{found['root']}{found['steps']}", namespaces=spaces)
    except etree.XPathError:
        _refuse(f"{at}.sel", f"has a prefix that is not declared: add xmlns:f={FHIR!r} to <diff>")
    if not isinstance(nodes, list) or len(nodes) != 1:
        _refuse(f"{at}.sel", f"must name exactly one element; it names {len(nodes)}")
    attribute = found["attribute"] or ""
    if attribute and attribute not in nodes[0].attrib:
        _refuse(f"{at}.sel", "names an attribute that is not there")
    return nodes[0], attribute


def _touches_patchable(action: Element, selector: re.Match[str]) -> None:
    steps = re.findall(r"/(?:[\w.-]+:)?([\w.-]+)", re.sub(r"\[[^\]]*\]", "", selector["steps"]))
    touched = steps[:1] or [etree.QName(one).localname for one in action]
    if strange := [name[:64] for name in touched if name not in PATCHABLE]:
        raise OtherElement.of(strange)
    if not touched:
        raise OtherElement.of(["the whole resource"])


def _content(action: Element, at: str) -> list[Any]:
    """The elements an action carries, as copies; text among them would be lost, so it is a fault."""
    if (action.text or "").strip() or any((one.tail or "").strip() for one in action):
        _refuse(at, "must hold elements here, and no text")
    copies = [copy.deepcopy(one) for one in action]
    for one in copies:
        one.tail = None
    return copies


def _add(action: Element, node: Element, at: str) -> None:
    if kind := action.get("type"):
        attribute = ADDED_ATTRIBUTE.fullmatch(kind)
        if attribute is None or attribute[1] in node.attrib:
            problem = "must be @ and the name, without a prefix, of an attribute that is not there yet"
            _refuse(f"{at}.type", problem)
        node.set(attribute[1], action.text or "")
        return
    content, position = _content(action, at), action.get("pos", "")
    if position in ("", "prepend"):
        for place, one in enumerate(content):
            node.insert(place if position else len(node), one)
        return
    if position not in ("before", "after"):
        _refuse(f"{at}.pos", "must be before, after or prepend")
    parent = node.getparent()
    if parent is None:
        _refuse(f"{at}.pos", "may not stand beside the whole resource")
    place = parent.index(node) + (position == "after")
    parent[place:place] = content


def _remove(node: Element, attribute: str) -> None:
    if attribute:
        del node.attrib[attribute]
    elif (parent := node.getparent()) is not None:
        parent.remove(node)


def _replace(action: Element, node: Element, at: str) -> None:
    content, parent = _content(action, at), node.getparent()
    if len(content) != 1 or parent is None:
        _refuse(at, "must hold one element in place of the one it names")
    parent.replace(node, content[0])
