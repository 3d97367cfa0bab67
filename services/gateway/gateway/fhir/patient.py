"""FR Core Patient: a local identity of a structure, or the reference identity a person sees of themselves.

The INS leaves as FHIR only from an identity that is *qualifiée* (code VALI of the French table 0445);
récupérée and validée both leave as PROV, as PAM France has it. The exact RNIV status is in the REST
interface.
"""

from __future__ import annotations

from typing import Any

from socle.identity_ins.v1 import identity_ins_pb2

from . import instants, names
from .coding import write_ins

Json = dict[str, Any]
GENDERS = {
    "male": identity_ins_pb2.SEX_MALE,
    "female": identity_ins_pb2.SEX_FEMALE,
    "unknown": identity_ins_pb2.SEX_UNKNOWN,
}
GENDER_NAMES = {value: name for name, value in GENDERS.items()}
# Attribute of an identity -> code of the comment on its status.
COMMENTS = {"homonyme": "HOMD", "douteuse": "DOUT", "fictive": "FICT"}


def write_identity(identity: identity_ins_pb2.Identity) -> Json:
    """The Patient of a structure, under the id of the local identity."""
    qualified = identity.status == identity_ins_pb2.IDENTITY_STATUS_QUALIFIEE and identity.HasField("ins")
    identifiers = [_write_ipp(identity)]
    if qualified:
        identifiers.insert(0, write_ins(identity.ins))
    profile = names.FR_PATIENT_INS if qualified else names.FR_PATIENT
    patient = _write_traits(identity.id, profile, identity.traits, identifiers)
    patient["meta"]["versionId"] = str(identity.version or 1)
    patient["extension"].insert(0, _write_reliability(identity, qualified))
    return patient


def write_person(person: identity_ins_pb2.Person) -> Json:
    """The Patient that a person, or a representative, sees: the registry's traits and INS.

    The INS comes from the registry, but nobody checked a paper in front of the person: PROV, and no claim to
    the profile that says otherwise.
    """
    reliability = [
        _part("identityStatus", names.FR_STATUS, "PROV"),
        _part("methodCollection", names.FR_COLLECTION, "INSI"),
    ]
    patient = _write_traits(person.person_id, names.FR_PATIENT, person.traits, [write_ins(person.ins)])
    patient["extension"].insert(0, {"url": names.FR_RELIABILITY, "extension": reliability})
    return patient


def _write_traits(
    patient_id: str, profile: str, traits: identity_ins_pb2.Traits, identifiers: list[Json]
) -> Json:
    return {
        "resourceType": "Patient",
        "id": patient_id,
        "meta": {"profile": [profile]},
        "extension": [_write_birth_place(traits.birth_place)] if traits.birth_place else [],
        "identifier": identifiers,
        "active": True,
        "name": _write_names(traits),
        "gender": GENDER_NAMES.get(traits.sex, "unknown"),
        "birthDate": traits.birth_date,
    }


def _write_reliability(identity: identity_ins_pb2.Identity, qualified: bool) -> Json:
    parts = [_part("identityStatus", names.FR_STATUS, "VALI" if qualified else "PROV")]
    if identity.HasField("retrieved_at"):
        parts.append(_part("methodCollection", names.FR_COLLECTION, "INSI"))
    if identity.HasField("paper_checked_at"):
        parts.append({"url": "validationDate", "valueDate": instants.text(identity.paper_checked_at)[:10]})
        parts.append(_part("validationMode", names.FR_VALIDATION_MODE, identity.paper))
    codes = (COMMENTS.get(attribute) for attribute in identity.attributes)
    parts.extend(_part("comment", names.FR_STATUS_COMMENT, code) for code in codes if code)
    return {"url": names.FR_RELIABILITY, "extension": parts}


def _part(url: str, system: str, code: str) -> Json:
    return {"url": url, "valueCoding": {"system": system, "code": code}}


def _write_birth_place(commune: str) -> Json:
    code = {"url": names.FR_INSEE_CODE, "valueCoding": {"system": names.COMMUNE, "code": commune}}
    return {"url": names.BIRTH_PLACE, "valueAddress": {"extension": [code]}}


def _write_ipp(identity: identity_ins_pb2.Identity) -> Json:
    return {
        "use": "usual",
        "type": {"coding": [{"system": names.IDENTIFIER_TYPE, "code": "PI"}]},
        "system": f"{names.IPP_PREFIX}{identity.domain}",
        "value": identity.ipp,
    }


def _write_names(traits: identity_ins_pb2.Traits) -> list[Json]:
    """The official name holds the first birth first name only; the list goes in an extension, as FR Core has
    it.
    """
    official: Json = {
        "extension": [{"url": names.FR_BIRTH_GIVEN_NAMES, "valueString": " ".join(traits.birth_first_names)}],
        "use": "official",
        "family": traits.birth_name,
        "given": list(traits.birth_first_names[:1]),
    }
    used: Json = {"use": "usual"}
    if traits.used_name:
        used["family"] = traits.used_name
    if traits.used_first_name:
        used["given"] = [traits.used_first_name]
    return [official, used] if len(used) > 1 else [official]
