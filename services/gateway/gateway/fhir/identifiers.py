"""Identifiers of a Patient, by the slices of FR Core: the INS, the billing number, the number of the
structure.

An INS that is a NIR and a billing number have one system (1.2.250.1.213.1.4.8): only the type tells them
apart, so an identifier without its type is refused rather than guessed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from socle.identity_ins.v1 import identity_ins_pb2 as pb

from . import names
from .coding import write_ins
from .faults import Reading

Json = dict[str, Any]
OIDS = {kind: oid for oid, kind in names.INS_TYPES.items()}
KNOWN = {"use", "type", "system", "value"}
# Types that say what an identifier is, and that it has no place here.
NOT_KEPT = {
    "INS-C": "is an INS calculated from traits (INS-C), abolished in 2019: it identifies nobody any more",
    "NDP": "is the number of a dossier pharmaceutique, which is not kept here",
}
TYPES = f"{names.FR_IDENTIFIER_TYPE} or {names.IDENTIFIER_TYPE}"


@dataclass(slots=True)
class Identifiers:
    """What was found, and where each value stands."""

    ins: pb.Ins | None = None
    ipp: str = ""
    ipp_authority: str = ""
    billing_number: str = ""
    places: dict[str, str] = field(default_factory=dict)

    def keep(self, name: str, at: str, reading: Reading) -> bool:
        """Notes the place of a slice; a second one is a fault."""
        if name in self.places:
            reading.add(at, f"is a second {name.replace('_', ' ')}: one is needed, once")
            return False
        self.places[name] = at
        return True


def read_identifiers(
    patient: Json, domain: str, at: str, reading: Reading, only: frozenset[str] = frozenset()
) -> Identifiers:
    """The identifiers of a Patient sent by the structure `domain`, or those of the types `only`; faults go to
    `reading`.
    """
    found = Identifiers()
    for index, identifier in enumerate(patient.get("identifier", [])):
        where, kind = f"{at}.identifier[{index}]", type_of(identifier)
        if only and kind not in only:
            continue
        reading.only(identifier, KNOWN, where)
        if kind in OIDS:
            _read_ins(identifier, kind, found, where, reading)
        elif kind == names.BILLING:
            _read_billing(identifier, found, where, reading)
        elif kind == names.IPP:
            _read_ipp(identifier, domain, found, where, reading)
        elif kind in NOT_KEPT:
            reading.leave(where, NOT_KEPT[kind])
        elif kind:
            reading.leave(f"{where}.type", "is of a type that is not kept by this server")
        else:
            reading.add(f"{where}.type", f"is missing: its code ({TYPES}) tells an INS from a billing number")
    return found


def type_of(identifier: Json) -> str:
    """The code of the type, of one of the two systems; `?` for another system, empty without a type."""
    codings = identifier.get("type", {}).get("coding", [])
    known = {names.FR_IDENTIFIER_TYPE, names.IDENTIFIER_TYPE}
    codes = [str(one.get("code", "")) for one in codings if one.get("system") in known]
    return next(iter(codes), "?" if codings else "")


def _read_ins(identifier: Json, kind: str, found: Identifiers, at: str, reading: Reading) -> None:
    if identifier.get("use") == "old":
        reading.leave(at, "is a former INS, which only INSi gives")
        return
    if identifier.get("system") != f"{names.OID}{OIDS[kind]}":
        reading.add(f"{at}.system", f"must be {names.OID}{OIDS[kind]} for an identifier of type {kind}")
    wanted = "temp" if kind == "INS-NIA" else "official"
    if identifier.get("use") != wanted:
        reading.add(f"{at}.use", f"must be {wanted} for an identifier of type {kind}")
    if found.keep("ins", at, reading):
        found.ins = pb.Ins(matricule=_value(identifier, at, reading).upper(), oid=OIDS[kind])


def _read_billing(identifier: Json, found: Identifiers, at: str, reading: Reading) -> None:
    if identifier.get("system") != f"{names.OID}{names.BILLING_OID}":
        reading.add(f"{at}.system", f"must be {names.OID}{names.BILLING_OID} for a billing number (NH)")
    if identifier.get("use", "official") != "official":
        reading.add(f"{at}.use", "must be official for a billing number (NH)")
    if found.keep("billing_number", at, reading):
        found.billing_number = _value(identifier, at, reading)


def _read_ipp(identifier: Json, domain: str, found: Identifiers, at: str, reading: Reading) -> None:
    if identifier.get("use", "usual") != "usual":
        reading.add(f"{at}.use", "must be usual for the number of the structure (PI)")
    if not found.keep("ipp", at, reading):
        return
    found.ipp = _value(identifier, at, reading)
    system = str(identifier.get("system", ""))
    authority = system.removeprefix(names.OID)
    if authority not in ("", system):
        found.ipp_authority = authority
    elif system != f"{names.IPP_PREFIX}{domain}":
        wanted = f"urn:oid: and the OID of its authority, or {names.IPP_PREFIX}{domain}"
        reading.add(f"{at}.system", f"must be {wanted}")


def _value(identifier: Json, at: str, reading: Reading) -> str:
    value = str(identifier.get("value", ""))
    if not value:
        reading.add(f"{at}.value", "is missing")
    return value


def write_identifiers(identity: pb.Identity, qualified: bool) -> list[Json]:
    """The INS when it may leave, the number of the structure, the billing number."""
    written = [write_ins(identity.ins)] if qualified else []
    written.append(_typed("usual", names.IPP, ipp_system(identity), identity.ipp))
    if identity.billing_number:
        system = f"{names.OID}{names.BILLING_OID}"
        written.append(_typed("official", names.BILLING, system, identity.billing_number))
    return written


def ipp_system(identity: pb.Identity) -> str:
    """The name space of the number that the structure gave: its authority, or its domain here."""
    if identity.ipp_authority:
        return f"{names.OID}{identity.ipp_authority}"
    return f"{names.IPP_PREFIX}{identity.domain}"


def _typed(use: str, code: str, system: str, value: str) -> Json:
    kind = {"coding": [{"system": names.IDENTIFIER_TYPE, "code": code}]}
    return {"use": use, "type": kind, "system": system, "value": value}
