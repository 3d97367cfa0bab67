"""Whom a lot is meant for: references of the intended recipients to numbers and addresses, and back."""

from __future__ import annotations

from typing import Any

from socle.dmp.v1 import dmp_pb2

from . import names
from .authors import Contained
from .faults import Faults

Json = dict[str, Any]
UNKNOWN = "UnknownRecipient"
URLS = {names.PDSM_RECIPIENT, names.MHD_RECIPIENT}


def read_recipients(resource: Json, at: str, faults: Faults) -> list[str]:
    """PS_IdNat, Struct_IdNat or secure address of each; one that has none of them is a warning, not a fault:
    the documents are in the record all the same.
    """
    contained = Contained(resource)
    found = []
    for index, extension in enumerate(resource.get("extension", [])):
        if extension.get("url") not in URLS:
            continue
        known = _recipient(extension.get("valueReference", {}), contained)
        if known:
            found.append(known)
        else:
            text = "has no national number and no address here: the lot is stored without this recipient"
            faults.warn(f"{at}.extension[{index}].value", UNKNOWN, text)
    return found


def _recipient(reference: Json, contained: Contained) -> str:
    aside = Faults()
    found = contained.find(reference, "", aside)
    person = contained.follow(found, "practitioner", "Practitioner", "", aside)
    organisation = contained.follow(found, "organization", "Organization", "", aside)
    for one in (found, person, organisation):
        if known := _number(one) or _address(one):
            return known
    return ""


def _number(resource: Json) -> str:
    systems = {names.PROFESSIONALS, names.STRUCTURES}
    values = (one.get("value", "") for one in resource.get("identifier", []) if one.get("system") in systems)
    return next((value for value in values if value), "")


def _address(resource: Json) -> str:
    values = (one.get("value", "") for one in resource.get("telecom", []) if one.get("system") == "email")
    return next((value for value in values if value), "")


def write_recipients(lot: dmp_pb2.Lot, contained: list[Json]) -> list[Json]:
    """The extensions of a List; an address stands in a contained Practitioner."""
    return [
        {"url": names.PDSM_RECIPIENT, "valueReference": _write(one, f"recipient{index}", contained)}
        for index, one in enumerate(lot.intended_recipients)
    ]


def _write(recipient: str, key: str, contained: list[Json]) -> Json:
    if "@" in recipient:
        address = {"system": "email", "value": recipient}
        contained.append({"resourceType": "Practitioner", "id": key, "telecom": [address]})
        return {"reference": f"#{key}"}
    # Struct_IdNat begins with 1 to 4 and has no slash; PS_IdNat begins with 8, or has the slash of an
    # internal number.
    structure = recipient[:1] in "1234" and "/" not in recipient
    system = names.STRUCTURES if structure else names.PROFESSIONALS
    kind = "Organization" if structure else "Practitioner"
    return {"type": kind, "identifier": {"system": system, "value": recipient}}
