"""$match: a person as far as known, and which Patients it may be, each with its reasons."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from socle.identity_ins.v1 import identity_ins_pb2 as pb
from socle.identity_ins.v1 import vigilance_pb2 as vigilance

from . import names
from .civil import Civil
from .faults import Reading
from .identifiers import OIDS, read_identifiers
from .parameters import Given
from .patient import write_identity

Json = dict[str, Any]
PARAMETERS = {"resource": "resource", "onlyCertainMatches": "valueBoolean", "count": "valueInteger"}
MOST = 50
# Identifiers of other types say nothing that is compared.
COMPARED = frozenset({*OIDS, names.IPP})
# Field of the contract -> element of the Patient that was given.
ELEMENTS = {
    "birth_name": "name",
    "birth_first_names": "name",
    "used_name": "name",
    "used_first_name": "name",
    "sex": "gender",
    "birth_date": "birthDate",
    "birth_place": "extension",
    "ins": "identifier",
    "ipp": "identifier",
}


def read_match(body: Any, domain: str) -> tuple[vigilance.MatchIdentitiesRequest, str]:
    """The question, and where the Patient stands; raises FhirInvalid with every fault."""
    # A patient that is looked for may hold more than is compared: the rest is of no harm.
    reading = Reading(lenient=True)
    given = Given(body, PARAMETERS, reading)
    given.need("resource")
    count = given.values.get("count", 0)
    if "count" in given.values and not 1 <= count <= MOST:
        reading.add(given.places["count"], f"must be from 1 to {MOST}")
    reading.close()
    at = given.places["resource"]
    described = _describe(given.values["resource"], domain, at, reading)
    if not described.birth_name and not described.birth_date:
        reading.add(at, "must hold a name or a birthDate: there is nothing to compare")
    reading.close()
    certain = bool(given.values.get("onlyCertainMatches", False))
    return vigilance.MatchIdentitiesRequest(description=described, count=count, only_certain=certain), at


def _describe(patient: Json, domain: str, at: str, reading: Reading) -> vigilance.Description:
    described = vigilance.Description(
        sex=_sex(patient), birth_date=str(patient.get("birthDate", "")), birth_place=_place(patient, at)
    )
    _names(described, patient, at)
    found = read_identifiers(patient, domain, at, reading, COMPARED)
    described.ipp = found.ipp
    if found.ins is not None:
        described.ins.CopyFrom(found.ins)
    return described


def _sex(patient: Json) -> pb.Sex.ValueType:
    known = {"male": pb.SEX_MALE, "female": pb.SEX_FEMALE}
    return known.get(str(patient.get("gender")), pb.SEX_UNSPECIFIED)


def _names(described: vigilance.Description, patient: Json, at: str) -> None:
    """The birth name is the official one; a name of no stated use counts as such."""
    for name in patient.get("name", []):
        family, given = str(name.get("family", "")), [str(one) for one in name.get("given", [])]
        if name.get("use") in ("official", None) and not described.birth_name:
            described.birth_name = family
            described.birth_first_names.extend(_list(name, at) or given)
        elif name.get("use") == "usual" and not described.used_name:
            described.used_name, described.used_first_name = family, "".join(given[:1])


def _list(name: Json, at: str) -> list[str]:
    # The words of the list, the first one being what `given` says it is.
    civil = Civil({"name": [{**name, "use": "official"}]}, at, Reading(lenient=True))
    held = {one.get("url") for one in name.get("extension", [])}
    if names.FR_BIRTH_GIVEN_NAMES not in held or len(name.get("given", [])) != 1:
        return []
    return list(civil.read(with_ins=False).birth_first_names)


def _place(patient: Json, at: str) -> str:
    found = (one for one in patient.get("extension", []) if one.get("url") == names.BIRTH_PLACE)
    civil = Civil({}, at, Reading(lenient=True))
    for extension in found:
        civil.birth_place(extension, at)
    return civil.traits.birth_place


def located(field: str, at: str) -> str:
    """The element that a field of the contract was read from."""
    name = field.removeprefix("description.").partition(".")[0].partition("[")[0]
    return f"{at}.{ELEMENTS[name]}" if name in ELEMENTS else field


def write_matches(base: str, candidates: Iterable[pb.Candidate]) -> Json:
    """The searchset of $match, best first."""
    bundle: Json = {"resourceType": "Bundle", "type": "searchset"}
    if entries := [_entry(base, candidate) for candidate in candidates]:
        bundle["entry"] = entries
    return bundle


def _entry(base: str, candidate: pb.Candidate) -> Json:
    grade = {"url": names.MATCH_GRADE, "valueCode": candidate.grade}
    search: Json = {
        "extension": [grade, *map(_reason, candidate.fields)],
        "mode": "match",
        "score": round(candidate.score, 4),
    }
    patient = write_identity(candidate.identity)
    return {"fullUrl": f"{base}/Patient/{patient['id']}", "resource": patient, "search": search}


def _reason(field: pb.FieldAgreement) -> Json:
    """How one field agrees: what it is called, how near, and what it adds to the score."""
    parts: list[Json] = [
        {"url": "field", "valueCode": field.field.replace("_", "-")},
        {"url": "agreement", "valueCode": field.agreement},
        {"url": "similarity", "valueDecimal": round(field.similarity, 4)},
        {"url": "weight", "valueDecimal": round(field.weight, 4)},
    ]
    return {"url": names.MATCH_REASON, "extension": parts}
