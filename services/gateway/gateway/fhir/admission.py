"""A Patient that a structure sends: fr-core-patient or fr-core-patient-ins to the creation of an identity.

What is sent is what comes back: an element that is not kept is refused by name, or left aside when the
caller asked for that.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from chassis.errors import Violation
from socle.identity_ins.v1 import identity_ins_pb2 as pb

from . import names, reliability
from .civil import Civil
from .faults import Reading
from .identifiers import Identifiers, read_identifiers
from .reliability import Claim
from .structure import check_resource

Json = dict[str, Any]
ROOT = "Patient"
# `id`, `meta.versionId` and `meta.lastUpdated` are the server's to give; a narrative says what the rest says.
KNOWN = {
    "resourceType",
    "id",
    "meta",
    "text",
    "extension",
    "identifier",
    "active",
    "name",
    "gender",
    "birthDate",
}
META = {"profile", "versionId", "lastUpdated", "source"}


@dataclass(slots=True)
class Admission:
    """What is to be created; where each field of it was read; what was left aside."""

    request: pb.CreateIdentityRequest
    places: dict[str, str] = field(default_factory=dict)
    aside: list[Violation] = field(default_factory=list)

    def locate(self, place: str) -> str:
        """`traits.birth_first_names[1]` -> the FHIRPath of what it was read from; a strange path as it is."""
        known = sorted((one for one in self.places if _within(place, one)), key=len)
        return self.places[known[-1]] if known else ROOT if place == "traits" else place


def _within(place: str, field_: str) -> bool:
    return place == field_ or place.startswith((f"{field_}.", f"{field_}["))


def read_patient(resource: Any, domain: str, *, lenient: bool = False) -> Admission:
    """The creation that a Patient of the structure `domain` asks for; raises FhirInvalid with every fault."""
    reading = Reading(lenient=lenient)
    check_resource(resource, ROOT, reading)
    reading.close()
    reading.only(resource, KNOWN, ROOT)
    profiles = _profiles(resource, reading)
    civil = Civil(resource, ROOT, reading)
    claim = _extensions(resource, civil, reading)
    found = read_identifiers(resource, domain, ROOT, reading)
    with_ins = names.FR_PATIENT_INS in profiles
    traits = civil.read(with_ins=with_ins)
    if with_ins:
        _whole(resource, civil, claim, reading)
    if claim is not None:
        reliability.check_claim(claim, found.ins is not None, reading)
    elif found.ins is not None:
        problem = "carries an INS, and no fr-core-identity-reliability says that INSi gave it"
        reading.add(found.places["ins"], problem)
    reading.close()
    asked = _request(traits, found, claim or Claim(""))
    return Admission(asked, _places(civil, found, claim), reading.aside)


def _profiles(resource: Json, reading: Reading) -> set[str]:
    meta = resource.get("meta", {})
    reading.only(meta, META, f"{ROOT}.meta")
    if resource.get("active") is False:
        reading.add(f"{ROOT}.active", "is false: an identity that is created is active")
    return {str(profile).partition("|")[0] for profile in meta.get("profile", [])}


def _extensions(resource: Json, civil: Civil, reading: Reading) -> Claim | None:
    """The claim of reliability; the place of birth goes to `civil`."""
    claim: Claim | None = None
    placed = False
    for place, extension in enumerate(resource.get("extension", [])):
        at, url = f"{ROOT}.extension[{place}]", extension.get("url")
        if url == names.FR_RELIABILITY and claim is None:
            claim = reliability.read_reliability(extension, at, reading)
        elif url == names.BIRTH_PLACE and not placed:
            civil.birth_place(extension, at)
            placed = True
        elif url in (names.FR_RELIABILITY, names.BIRTH_PLACE):
            reading.add(at, "is given twice: one is needed, once")
        else:
            reading.leave(at, "is an extension that is not kept by this server")
    return claim


def _whole(resource: Json, civil: Civil, claim: Claim | None, reading: Reading) -> None:
    """What fr-core-patient-ins asks for beyond fr-core-patient."""
    if claim is None:
        reading.add(f"{ROOT}.extension", f"must hold {names.FR_RELIABILITY} (fr-core-patient-ins)")
    if "traits.birth_place" not in civil.places:
        reading.add(f"{ROOT}.extension", f"must hold {names.BIRTH_PLACE} (fr-core-patient-ins)")
    if not resource.get("identifier"):
        reading.add(f"{ROOT}.identifier", "must hold an identifier (fr-core-patient-ins)")


def _request(traits: pb.Traits, found: Identifiers, claim: Claim) -> pb.CreateIdentityRequest:
    return pb.CreateIdentityRequest(
        traits=traits,
        ipp=found.ipp,
        ins=found.ins,
        paper=claim.paper,
        paper_checked_on=claim.checked_on,
        collection_method=claim.method,
        billing_number=found.billing_number,
        ipp_authority=found.ipp_authority,
        fictitious=claim.fictitious,
    )


def _places(civil: Civil, found: Identifiers, claim: Claim | None) -> dict[str, str]:
    ins, ipp, billing = (found.places.get(name, "") for name in ("ins", "ipp", "billing_number"))
    places = civil.places | {
        "ins": ins,
        "ins.oid": f"{ins}.system",
        "ins.matricule": f"{ins}.value",
        "ipp": f"{ipp}.value",
        "ipp_authority": f"{ipp}.system",
        "billing_number": f"{billing}.value",
    }
    if claim is not None:
        places |= {"paper": claim.paper_at or claim.at, "paper_checked_on": claim.checked_at or claim.at}
        places |= {"fictitious": claim.at}
    return {name: place for name, place in places.items() if place and not place.startswith(".")}
