"""The patients that a resource contains: as their producer knew them, and never someone else.

A List or a DocumentReference carries its patient twice: in `subject`, which decides whose record it goes to,
and in a contained Patient (`sourcePatientInfo`, an author). If the two could differ, the document of one
person would lie in the record of another, and look right to whoever reads the metadata.
"""

from __future__ import annotations

from typing import Any

from . import names
from .coding import read_ins
from .faults import Faults
from .identifiers import type_of
from .subject import Subject

Json = dict[str, Any]
CODE = "XDSPatientIdDoesNotMatch"
OTHER = "is the INS of another patient than the subject"


def check_patients(resource: Json, at: str, subject: Subject, faults: Faults) -> list[Subject]:
    """Adds a fault for each INS that is not the subject's. Where the subject is a Patient of this server,
    gives back those found, for whoever knows the INS of that Patient.
    """
    _check_reference(resource, at, faults)
    found = _patients(resource, at)
    if not subject.matricule:
        return found
    for one in found:
        if (one.matricule, one.oid) != (subject.matricule, subject.oid):
            faults.add(one.at, OTHER, CODE)
    return []


def _patients(resource: Json, at: str) -> list[Subject]:
    return [
        Subject(f"{at}.contained[{index}].identifier[{place}]", ins.matricule, ins.oid)
        for index, inner in enumerate(resource.get("contained", []))
        if inner.get("resourceType") == "Patient"
        for place, identifier in enumerate(inner.get("identifier", []))
        # A billing number has the authority of the NIR too, and may be that of a parent.
        if type_of(identifier) != names.BILLING
        and (ins := read_ins(identifier.get("system", ""), identifier.get("value", "")))
    ]


def _check_reference(resource: Json, at: str, faults: Faults) -> None:
    """sourcePatientInfo leads to a contained Patient, or is the subject itself."""
    given = resource.get("context", {}).get("sourcePatientInfo")
    if given is None or given == resource.get("subject"):
        return
    target = given.get("reference", "")
    inner = {f"#{one.get('id')}": one.get("resourceType") for one in resource.get("contained", [])}
    if inner.get(target) != "Patient":
        faults.add(f"{at}.context.sourcePatientInfo", "must point to a contained Patient, or be the subject")
