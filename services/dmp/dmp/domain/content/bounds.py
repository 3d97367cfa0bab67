"""A CDA is looked at before it is built."""

from __future__ import annotations

from chassis import bounded_xml
from dmp.domain.errors import CdaNotReadable

Element = bounded_xml.Element
tree = bounded_xml.tree
NAMESPACE = "urn:hl7-org:v3"
CDA_ROOT = f"{{{NAMESPACE}}}ClinicalDocument"
# Bounds on what one deposit may cost to read; the largest published CDA samples stay under a tenth of it.
MAX_ELEMENTS = 200_000


def check_cda(content: bytes, field: str) -> None:
    """Raises CdaNotReadable unless the content is a well-formed CDA R2 within the bounds."""
    try:
        root = bounded_xml.root_of(content, MAX_ELEMENTS)
    except bounded_xml.NotReadable as refusal:
        raise CdaNotReadable(field=field, hint=str(refusal)) from None
    if root != CDA_ROOT:
        raise CdaNotReadable(
            field=field, hint="The root must be ClinicalDocument in the namespace urn:hl7-org:v3."
        )
