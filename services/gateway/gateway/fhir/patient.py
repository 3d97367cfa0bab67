"""FR Core Patient: a local identity of a structure, or the reference identity a person sees of themselves.

The INS leaves as FHIR only from an identity that is *qualifiée* (code VALI of the French table 0445);
récupérée and validée both leave as PROV, as PAM France has it. The exact RNIV status is in the REST
interface.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from socle.identity_ins.v1 import identity_ins_pb2 as pb

from . import instants, names
from .civil import GENDER_NAMES, write_birth_place, write_names
from .coding import write_ins
from .identifiers import write_identifiers
from .reliability import part, write_reliability

Json = dict[str, Any]


def write_identity(identity: pb.Identity, absorbed: Sequence[str] = ()) -> Json:
    """The Patient of a structure, under the id of the local identity; `absorbed` are those merged into it."""
    qualified = identity.status == pb.IDENTITY_STATUS_QUALIFIEE and identity.HasField("ins")
    # The profile with INS asks for a place of birth: whoever lacks one does not claim it.
    profile = names.FR_PATIENT_INS if qualified and identity.traits.birth_place else names.FR_PATIENT
    identifiers = write_identifiers(identity, qualified)
    patient = _write_traits(identity.id, profile, identity.traits, identifiers)
    patient["meta"] |= _version(identity)
    patient["extension"].insert(0, write_reliability(identity, qualified))
    patient["active"] = not identity.merged_into
    links = [_link(one, "replaces") for one in absorbed]
    if identity.merged_into:
        links.append(_link(identity.merged_into, "replaced-by"))
    if links:
        patient["link"] = links
    return patient


def _version(identity: pb.Identity) -> Json:
    version: Json = {"versionId": str(identity.version or 1)}
    if identity.HasField("updated_at"):
        version["lastUpdated"] = instants.text(identity.updated_at)
    return version


def _link(patient_id: str, kind: str) -> Json:
    return {"other": {"reference": f"Patient/{patient_id}", "type": "Patient"}, "type": kind}


def write_person(person: pb.Person) -> Json:
    """The Patient that a person, or a representative, sees: the registry's traits and INS.

    The INS comes from the registry, but nobody checked a paper in front of the person: PROV, and no claim to
    the profile that says otherwise.
    """
    reliability = [
        part("identityStatus", names.FR_STATUS, "PROV"),
        part("methodCollection", names.FR_COLLECTION, "INSI"),
    ]
    patient = _write_traits(person.person_id, names.FR_PATIENT, person.traits, [write_ins(person.ins)])
    patient["extension"].insert(0, {"url": names.FR_RELIABILITY, "extension": reliability})
    return patient


def _write_traits(patient_id: str, profile: str, traits: pb.Traits, identifiers: list[Json]) -> Json:
    return {
        "resourceType": "Patient",
        "id": patient_id,
        "meta": {"profile": [profile]},
        "extension": [write_birth_place(traits)] if traits.birth_place else [],
        "identifier": identifiers,
        "active": True,
        "name": write_names(traits),
        "gender": GENDER_NAMES.get(traits.sex, "unknown"),
        "birthDate": traits.birth_date,
    }
