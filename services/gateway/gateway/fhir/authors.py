"""Who made a document: contained resources, or logical references, to the XDS author and back."""

from __future__ import annotations

from typing import Any

from socle.dmp.v1 import dmp_pb2

from . import names
from .coding import first, read_concept, write_concept
from .faults import Faults

Json = dict[str, Any]
KINDS = {"PractitionerRole", "Practitioner", "Organization", "Patient", "RelatedPerson", "Device"}


class Contained:
    """The resources that a resource carries in itself, by their local id."""

    def __init__(self, resource: Json) -> None:
        self._by_id: dict[str, Json] = {
            f"#{inner.get('id')}": inner for inner in resource.get("contained", [])
        }

    def find(self, reference: Json, at: str, faults: Faults, kinds: set[str] = KINDS) -> Json:
        """The contained resource; a logical reference (by identifier) is read as a resource of its type.

        Adds a fault and returns {} when the reference leads nowhere, or to a resource of another kind.
        """
        target = reference.get("reference", "")
        found = self._by_id.get(target)
        if found is None and "identifier" in reference and "type" in reference:
            found = _logical(reference)
        if found is None:
            faults.add(at, _lost(target))
        elif found.get("resourceType") not in kinds:
            faults.add(at, f"must lead to one of {', '.join(sorted(kinds))}")
            found = None
        return found or {}

    def follow(self, resource: Json, element: str, kind: str, at: str, faults: Faults) -> Json:
        """What an optional reference of a contained resource leads to, {} when there is none."""
        reference = resource.get(element)
        return self.find(reference, f"{at}.resolve().{element}", faults, {kind}) if reference else {}


def _lost(target: str) -> str:
    if target.startswith("#"):
        return f"points to {target}, which is not in `contained`"
    return "must point to a contained resource, or give `type` and `identifier`"


def _logical(reference: Json) -> Json:
    read = {"resourceType": reference["type"], "identifier": [reference["identifier"]]}
    if display := reference.get("display"):
        read["name" if reference["type"] == "Organization" else "display"] = display
    return read


def read_author(
    reference: Json, contained: Contained, at: str, faults: Faults, organisation: Json | None = None
) -> dmp_pb2.Author:
    """An author; `organisation` is where it stands beside the author (ihe-authorOrg of a lot)."""
    found = contained.find(reference, at, faults)
    author = dmp_pb2.Author()
    match found.get("resourceType"):
        case "PractitionerRole":
            _read_role(found, contained, at, faults, author)
        case "Practitioner":
            _read_person(found, names.PROFESSIONALS, at, faults, author)
        case "Organization":
            _read_organisation(found, at, faults, author)
        case "Patient" | "RelatedPerson":
            _read_name(found, author)
        case "Device":
            author.family_name = _device_name(found)
    if organisation and not author.organisation:
        _read_organisation(contained.find(organisation, at, faults, {"Organization"}), at, faults, author)
    return author


def _read_role(role: Json, contained: Contained, at: str, faults: Faults, author: dmp_pb2.Author) -> None:
    person = contained.follow(role, "practitioner", "Practitioner", at, faults)
    # The draft guide of the DMP puts the professional's number on the role itself: both are read.
    _read_person(
        person if person.get("identifier") else {**person, **_numbers(role)},
        names.PROFESSIONALS,
        at,
        faults,
        author,
    )
    if organisation := contained.follow(role, "organization", "Organization", at, faults):
        _read_organisation(organisation, at, faults, author)
    for element, field in (("code", author.role), ("specialty", author.specialty)):
        concepts = role.get(element, [])
        if concepts and (found := read_concept(concepts[0], f"{at}.resolve().{element}")):
            field.CopyFrom(found)


def _numbers(role: Json) -> Json:
    return {"identifier": role["identifier"]} if "identifier" in role else {}


def _read_person(person: Json, system: str, at: str, faults: Faults, author: dmp_pb2.Author) -> None:
    number = _identifier(person, system)
    if number is None:
        faults.add(at, f"needs a professional with an identifier of system {system} (PS_IdNat)")
    author.professional = number or ""
    _read_name(person, author)


def _read_name(person: Json, author: dmp_pb2.Author) -> None:
    name = first(person.get("name"))
    author.family_name = name.get("family", "")
    author.given_name = " ".join(name.get("given", []))


def _read_organisation(organisation: Json, at: str, faults: Faults, author: dmp_pb2.Author) -> None:
    if not organisation:
        return
    number = _identifier(organisation, names.STRUCTURES)
    if number is None:
        faults.add(at, f"needs a structure with an identifier of system {names.STRUCTURES} (Struct_IdNat)")
    author.organisation = number or ""
    author.organisation_name = organisation.get("name", "")


def _identifier(resource: Json, system: str) -> str | None:
    values = (one.get("value") for one in resource.get("identifier", []) if one.get("system") == system)
    return next((value for value in values if value), None)


def _device_name(device: Json) -> str:
    named = first(device.get("deviceName")).get("name")
    return str(named or device.get("display") or device.get("modelNumber") or "")


def write_author(author: dmp_pb2.Author, key: str, contained: list[Json]) -> Json:
    """A reference to the author, whose resources are added to `contained` under ids that begin with `key`."""
    if author.professional:
        return _write_role(author, key, contained)
    if author.organisation:
        return write_organisation(author, key, contained)
    contained.append({"resourceType": "Patient", "id": key, "name": [_write_name(author)]})
    return {"reference": f"#{key}"}


def write_organisation(author: dmp_pb2.Author, key: str, contained: list[Json]) -> Json:
    """A reference to the structure alone."""
    organisation: Json = {
        "resourceType": "Organization",
        "id": f"{key}-org",
        "identifier": [{"system": names.STRUCTURES, "value": author.organisation}],
    }
    if author.organisation_name:
        organisation["name"] = author.organisation_name
    contained.append(organisation)
    return {"reference": f"#{key}-org"}


def _write_role(author: dmp_pb2.Author, key: str, contained: list[Json]) -> Json:
    number = [{"system": names.PROFESSIONALS, "value": author.professional}]
    person: Json = {"resourceType": "Practitioner", "id": f"{key}-ps", "identifier": number}
    if author.family_name or author.given_name:
        person["name"] = [_write_name(author)]
    role: Json = {"resourceType": "PractitionerRole", "id": key, "practitioner": {"reference": f"#{key}-ps"}}
    contained.append(person)
    if author.organisation:
        role["organization"] = write_organisation(author, key, contained)
    if author.HasField("role"):
        role["code"] = [write_concept(author.role)]
    if author.HasField("specialty"):
        role["specialty"] = [write_concept(author.specialty)]
    contained.append(role)
    return {"reference": f"#{key}"}


def _write_name(author: dmp_pb2.Author) -> Json:
    name: Json = {"family": author.family_name} if author.family_name else {"text": "Patient"}
    if author.given_name:
        name["given"] = author.given_name.split(" ")
    return name
