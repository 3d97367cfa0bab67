"""A CDA is looked at before it is built."""

from __future__ import annotations

from codecs import BOM_UTF8

from chassis import bounded_xml

from .build import V3, Element
from .errors import DocumentNotReadable

ROOT = f"{{{V3}}}ClinicalDocument"
# Bounds on what one request may cost; the official examples have 3,000 elements.
MAX_ELEMENTS = 50_000


def tree(content: bytes) -> Element:
    """The root of a CDA R2; raises DocumentNotReadable, which quotes nothing of the document."""
    content = content.removeprefix(BOM_UTF8)
    try:
        root = bounded_xml.root_of(content, MAX_ELEMENTS)
    except bounded_xml.NotReadable as refusal:
        raise DocumentNotReadable(hint=str(refusal)) from None
    if root != ROOT:
        raise DocumentNotReadable(hint="The root must be ClinicalDocument in the namespace urn:hl7-org:v3.")
    return bounded_xml.tree(content)
