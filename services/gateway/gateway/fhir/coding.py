"""Codes and identifiers, both ways."""

from __future__ import annotations

from typing import Any

from socle.dmp.v1 import dmp_pb2
from socle.identity_ins.v1 import identity_ins_pb2

from . import names
from .faults import Faults

Json = dict[str, Any]


def first(items: list[Json] | None) -> Json:
    """The first element of a list that may be absent or empty; {} when it is."""
    return items[0] if items else {}


def read_coding(coding: Json | None) -> dmp_pb2.Coding | None:
    """A FHIR Coding; None when it has no code."""
    if not coding or "code" not in coding:
        return None
    return dmp_pb2.Coding(
        system=coding.get("system", ""), code=coding["code"], display=coding.get("display", "")
    )


def read_concept(concept: Json | None, at: str, faults: Faults | None = None) -> dmp_pb2.Coding | None:
    """The first coding of a CodeableConcept; a missing one is a fault when `faults` is given."""
    found = read_coding(first((concept or {}).get("coding")))
    if found is None and faults is not None:
        faults.add(at, "is missing: give a coding with its system and its code")
    return found


def write_coding(coding: dmp_pb2.Coding) -> Json:
    """A FHIR Coding, without the parts that are not known."""
    return _coded(coding.system, coding.code, coding.display)


def _coded(system: str, code: str, display: str) -> Json:
    if system and code and display:
        return {"system": system, "code": code, "display": display}
    parts = {"system": system, "code": code, "display": display}
    return {key: value for key, value in parts.items() if value}


def write_concept(coding: dmp_pb2.Coding) -> Json:
    """A CodeableConcept of one coding."""
    return {"coding": [write_coding(coding)]}


def read_ins(system: str, value: str) -> identity_ins_pb2.Ins | None:
    """The INS that an identifier carries; None when its system is not an authority of the INS."""
    oid = system.removeprefix("urn:oid:")
    if oid not in names.INS_TYPES:
        return None
    return identity_ins_pb2.Ins(matricule=value.upper(), oid=oid)


def write_ins(ins: identity_ins_pb2.Ins) -> Json:
    """An INS as FR Core wants it; a NIA is temporary by nature."""
    kind = names.INS_TYPES.get(ins.oid, "INS-NIR")
    return {
        "use": "temp" if kind == "INS-NIA" else "official",
        "type": {"coding": [{"system": names.FR_IDENTIFIER_TYPE, "code": kind}]},
        "system": f"urn:oid:{ins.oid}",
        "value": ins.matricule,
    }


def read_labels(labels: list[Json], at: str, faults: Faults) -> list[str]:
    """Confidentiality codes of one document, the level (N, R, V) first."""
    codes = []
    for index, label in enumerate(labels):
        found = read_concept(label, f"{at}[{index}]", faults)
        if found is None:
            continue
        system = names.CONFIDENTIALITY if found.code in names.LEVELS else names.VISIBILITY
        if found.code not in names.LEVELS | names.FLAGS:
            faults.add(f"{at}[{index}].coding[0].code", _unknown_label())
        elif found.system != system:
            faults.add(f"{at}[{index}].coding[0].system", f"must be {system} for the code {found.code}")
        codes.append(found.code)
    if sum(code in names.LEVELS for code in codes) != 1:
        faults.add(at, "must hold exactly one of the levels N, R, V")
    return sorted(codes, key=lambda code: code not in names.LEVELS)


def _unknown_label() -> str:
    return f"must be one of {', '.join([*names.LEVELS, *names.FLAGS])}"


def write_label(code: str) -> Json:
    """A security label of a document."""
    system = names.CONFIDENTIALITY if code in names.LEVELS else names.VISIBILITY
    display = (names.LEVELS | names.FLAGS).get(code, "")
    return {"coding": [_coded(system, code, display)]}
