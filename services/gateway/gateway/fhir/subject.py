"""Whom a resource or a search speaks of: an INS, or the id of a Patient of this server."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qs

from socle.identity_ins.v1 import identity_ins_pb2

from . import names
from .coding import first, read_ins, write_ins
from .faults import Faults

Json = dict[str, Any]
EXPECTED = (
    "must carry the INS: an identifier with a system urn:oid:1.2.250.1.213.1.4.8 to .11 and 15 characters"
)


@dataclass(frozen=True, slots=True)
class Subject:
    """An INS, or one of the two ids. `at`: the FHIRPath expression or search parameter it was read from."""

    at: str
    matricule: str = ""
    oid: str = ""
    patient_id: str = ""
    person_id: str = ""

    @property
    def ins(self) -> identity_ins_pb2.Ins:
        """The INS as the contracts carry it."""
        return identity_ins_pb2.Ins(matricule=self.matricule, oid=self.oid)


def same(left: Subject, right: Subject) -> bool:
    """They speak of the same patient, wherever they were read."""
    return replace(left, at="") == replace(right, at="")


def read_subject(reference: Json | None, resource: Json, at: str, faults: Faults) -> Subject | None:
    """The patient of a resource: by identifier, `Patient?identifier=system|value`, `Patient/id`, or
    contained.

    Adds a fault and returns None when it is none of these.
    """
    reference = reference or {}
    target = reference.get("reference", "")
    found = _from_identifier(reference.get("identifier"), at)
    if found is None and target.startswith("Patient?"):
        found = token(parse_qs(target.removeprefix("Patient?")).get("identifier", [""])[0], at)
    if found is None and "Patient/" in target:
        found = Subject(at, patient_id=target.rpartition("Patient/")[2])
    if found is None and target.startswith("#"):
        contained = (one for one in resource.get("contained", []) if f"#{one.get('id')}" == target)
        identifiers = first(list(contained)).get("identifier", [])
        found = next((one for one in (_from_identifier(each, at) for each in identifiers) if one), None)
    if found is None:
        faults.add(at, EXPECTED)
    return found


def token(text: str, at: str) -> Subject | None:
    """Reads `system|value`; None when it is not an INS."""
    system, bar, value = text.partition("|")
    ins = read_ins(system, value) if bar and value else None
    return Subject(at, matricule=ins.matricule, oid=ins.oid) if ins else None


def opaque(person_id: str) -> str:
    """A person as `system|value` that may stand in an address: it says nothing to whoever reads a log."""
    return f"{names.PERSON}|{person_id}"


def opaque_token(text: str, at: str) -> Subject | None:
    """Reads what `opaque` wrote; None when it is something else."""
    system, _, value = text.partition("|")
    return Subject(at, person_id=value) if system == names.PERSON and value else None


def _from_identifier(identifier: Json | None, at: str) -> Subject | None:
    if not identifier:
        return None
    return token(f"{identifier.get('system', '')}|{identifier.get('value', '')}", at)


def write_subject(person_id: str, ins: identity_ins_pb2.Ins | None) -> Json:
    """The patient by the INS, or by the platform's opaque id where the INS is not at hand."""
    identifier = write_ins(ins) if ins else {"system": names.PERSON, "value": person_id}
    return {"type": "Patient", "identifier": identifier}
