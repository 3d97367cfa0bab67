"""How far an identity can be relied on (fr-core-identity-reliability), both ways.

The status is two facts: the INS was confirmed by INSi, a high-confidence paper was checked. Two code systems
say it, and their `VALI` are not the same: each has its table.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from socle.identity_ins.v1 import identity_ins_pb2 as pb

from . import instants, names
from .faults import Reading

Json = dict[str, Any]
Codes = dict[str, "pb.IdentityStatus.ValueType"]
PROVISOIRE, RECUPEREE = pb.IDENTITY_STATUS_PROVISOIRE, pb.IDENTITY_STATUS_RECUPEREE
VALIDEE, QUALIFIEE = pb.IDENTITY_STATUS_VALIDEE, pb.IDENTITY_STATUS_QUALIFIEE
# FR Core 2.1 and 2.2: table 0445 of HL7 v2, where VALI means qualifiée and all the rest is PROV.
PUBLISHED: Codes = {"PROV": PROVISOIRE, "VALI": QUALIFIEE}
# FR Core 2.3: the four statuses of the RNIV, where VALI means validée.
RNIV: Codes = {"PROV": PROVISOIRE, "RECUP": RECUPEREE, "VALI": VALIDEE, "QUAL": QUALIFIEE}
STATUSES = {names.FR_STATUS: PUBLISHED, names.FR_RNIV_STATUS: RNIV}
METHODS = {
    "SM": pb.COLLECTION_METHOD_TYPED,
    "CV": pb.COLLECTION_METHOD_CARTE_VITALE,
    "INSI": pb.COLLECTION_METHOD_INSI,
    "CB": pb.COLLECTION_METHOD_BAR_CODE,
    "RFID": pb.COLLECTION_METHOD_RFID,
    "AV": pb.COLLECTION_METHOD_APPLI_CARTE_VITALE,
}
METHOD_CODES = {method: code for code, method in METHODS.items()}
# Attribute of an identity -> code of the comment on its status: homonym confirmed, or only detected.
COMMENTS = {"homonyme": "HOMA", "homonyme_detectee": "HOMD", "douteuse": "DOUT", "fictive": "FICT"}
# FR Core renamed the date on which INSi was asked.
ASKED_ON = {"dateCollection", "dateInterrogationINSi"}
PARTS = {"identityStatus", "methodCollection", "comment", "validationDate", "validationMode", *ASKED_ON}
# What vigilance says is said on an identity that exists, by someone, with a reason.
LATER = "is for identity vigilance to say: create the identity without it, then mark it"


@dataclass(slots=True)
class Claim:
    """What a sender says of an identity, and where: FHIRPath of the status, the paper and its date."""

    at: str
    status: pb.IdentityStatus.ValueType = PROVISOIRE
    system: str = names.FR_STATUS
    paper: str = ""
    checked_on: str = ""
    method: pb.CollectionMethod.ValueType = pb.COLLECTION_METHOD_UNSPECIFIED
    fictitious: bool = False
    paper_at: str = ""
    checked_at: str = ""


def read_reliability(extension: Json, at: str, reading: Reading) -> Claim:
    """The claim that the extension makes; faults go to `reading`."""
    reading.only(extension, {"url", "extension"}, at)
    claim = Claim(at)
    seen: set[str] = set()
    for place, part in enumerate(extension.get("extension", [])):
        where, url = f"{at}.extension[{place}]", str(part.get("url", ""))
        name = "dateCollection" if url in ASKED_ON else url
        if url not in PARTS:
            reading.leave(where)
        elif name in seen and name != "comment":
            reading.add(where, f"{name} is given twice")
        else:
            _read_part(claim, url, part, f"{where}.value", reading)
        seen.add(name)
    if "identityStatus" not in seen:
        reading.add(at, "must hold identityStatus")
    if claim.checked_on and not claim.paper:
        reading.add(claim.checked_at, "says when a paper was checked: say which one in validationMode")
    return claim


def _read_part(claim: Claim, url: str, part: Json, at: str, reading: Reading) -> None:
    if url == "identityStatus":
        claim.at = at
        claim.system, code = _coding(part, at, set(STATUSES), reading)
        claim.status = _status(claim.system, code, at, reading)
    elif url == "validationMode":
        _, claim.paper = _coding(part, at, {names.FR_VALIDATION_MODE}, reading)
        claim.paper_at = at
    elif url == "validationDate":
        claim.checked_on, claim.checked_at = _day(part, at, reading), at
    elif url in ASKED_ON:
        # INSi is asked again at the creation: the date is read, and that of the new question takes its place.
        _day(part, at, reading)
    elif url == "methodCollection":
        _, code = _coding(part, at, {names.FR_COLLECTION}, reading)
        claim.method = METHODS.get(code, claim.method)
        if code and code not in METHODS:
            reading.add(at, f"must have one of the codes {', '.join(METHODS)}")
    else:
        _read_comment(claim, part, at, reading)


def _coding(part: Json, at: str, systems: set[str], reading: Reading) -> tuple[str, str]:
    coding = part.get("valueCoding", {})
    system, code = str(coding.get("system", "")), str(coding.get("code", ""))
    if not code:
        reading.add(at, "must be a Coding with its system and its code")
    elif system not in systems:
        reading.add(at, f"must have the system {' or '.join(sorted(systems))}")
    return system, code if system in systems else ""


def _status(system: str, code: str, at: str, reading: Reading) -> pb.IdentityStatus.ValueType:
    codes = STATUSES.get(system, {})
    if code and code not in codes:
        reading.add(at, f"must have one of the codes {', '.join(codes)} of its system")
    return codes.get(code, PROVISOIRE)


def _day(part: Json, at: str, reading: Reading) -> str:
    text = str(part.get("valueDate") or part.get("valueDateTime") or "")[:10]
    try:
        date.fromisoformat(text)
    except ValueError:
        reading.add(at, "must be a date: year, month and day")
        return ""
    return text


def _read_comment(claim: Claim, part: Json, at: str, reading: Reading) -> None:
    _, code = _coding(part, at, {names.FR_STATUS_COMMENT}, reading)
    if code == "FICT":
        claim.fictitious = True
    elif code in COMMENTS.values():
        reading.add(at, f"{code} {LATER}")
    elif code:
        reading.leave(at, f"the comment {code} is not kept by this server")


def check_claim(claim: Claim, has_ins: bool, reading: Reading) -> None:
    """Whether the status agrees with the INS and the paper that come with it (fr-core-1 in the sense of the
    RNIV: an INS vouched for has a status that says so, and the reverse).
    """
    problems = {
        PROVISOIRE: (has_ins, "says that no INS was retrieved: leave the INS out, or send the status it has"),
        VALIDEE: (has_ins, "means validée here, without INS: qualifiée is QUAL"),
        RECUPEREE: (not has_ins, "says that the INS was retrieved: give it"),
        QUALIFIEE: (not has_ins, "means qualifiée: exactly one INS is needed (fr-core-1, fr-core-2)"),
    }
    wrong, problem = problems[claim.status]
    if wrong:
        reading.add(claim.at, problem)
    if claim.status in (VALIDEE, QUALIFIEE) and not claim.paper:
        reading.add(claim.at, "says that an identity paper was checked: say which one in validationMode")
    # In table 0445 an identity validée is sent as PROV: the paper is then how one knows.
    if claim.paper and (claim.status == RECUPEREE or _is_rniv_prov(claim)):
        reading.add(claim.at, "says that no identity paper was checked: leave validationMode out")
    if claim.fictitious and (claim.status != PROVISOIRE or claim.paper):
        reading.add(claim.at, "an identity fictive (FICT) can only be PROV, without INS and paper")


def _is_rniv_prov(claim: Claim) -> bool:
    return claim.status == PROVISOIRE and claim.system == names.FR_RNIV_STATUS


def write_reliability(identity: pb.Identity, qualified: bool) -> Json:
    """The extension of a local identity, in the codes of the published FR Core."""
    parts = [part("identityStatus", names.FR_STATUS, "VALI" if qualified else "PROV"), *_collection(identity)]
    if identity.HasField("paper_checked_at"):
        day = instants.text(identity.paper_checked_at)[:10]
        parts.append({"url": "validationDate", "valueDate": day})
        parts.append(part("validationMode", names.FR_VALIDATION_MODE, identity.paper))
    codes = (COMMENTS.get(attribute) for attribute in identity.attributes)
    parts.extend(part("comment", names.FR_STATUS_COMMENT, code) for code in codes if code)
    return {"url": names.FR_RELIABILITY, "extension": parts}


def _collection(identity: pb.Identity) -> Iterator[Json]:
    """Nothing for what was typed, as every identity is unless something else is said."""
    code = METHOD_CODES.get(identity.collection_method, "SM")
    if code == "SM":
        return
    yield part("methodCollection", names.FR_COLLECTION, code)
    asked = identity.verified_at if identity.HasField("verified_at") else identity.retrieved_at
    if code == "INSI" and identity.HasField("retrieved_at"):
        yield {"url": "dateCollection", "valueDate": instants.text(asked)[:10]}


def part(url: str, system: str, code: str) -> Json:
    """One part that is a Coding."""
    return {"url": url, "valueCoding": {"system": system, "code": code}}
