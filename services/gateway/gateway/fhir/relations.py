"""How a document stands to others (relatesTo) and to orders and studies (context.related), both ways."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from socle.dmp.v1 import dmp_pb2

from . import names
from .coding import first
from .faults import Faults

Json = dict[str, Any]
KINDS = {"replaces": dmp_pb2.RELATION_KIND_REPLACES, "appends": dmp_pb2.RELATION_KIND_APPENDS}
KIND_NAMES = {kind: name for name, kind in KINDS.items()}
# Relations of FHIR that a record does not hold (XFRM and signature associations): MHD says it as a warning.
NOT_KEPT = {"transforms", "signs"}
NOT_PROCESSED = "PartialTransformContentNotProcessed"
NO_DOCUMENTS: Mapping[str, str] = {}
EXPECTED = "must name a document of the record: DocumentReference/id, or its masterIdentifier in `identifier`"
KIND = "DocumentReference"


def read_relations(
    resource: Json, at: str, faults: Faults, carried: Mapping[str, str] = NO_DOCUMENTS
) -> list[dmp_pb2.Relation]:
    """The relations of a document; `carried` are the unique ids of the documents of its Bundle by fullUrl."""
    found: list[dmp_pb2.Relation] = []
    for index, one in enumerate(resource.get("relatesTo", [])):
        where = f"{at}.relatesTo[{index}]"
        code = one.get("code")
        if code in NOT_KEPT:
            faults.warn(where, NOT_PROCESSED, f"{code} is not kept: the document is stored without it")
        elif code not in KINDS:
            faults.add(f"{where}.code", f"must be one of {', '.join([*KINDS, *sorted(NOT_KEPT)])}")
        else:
            target = read_target(one.get("target"), f"{where}.target", faults, carried)
            found.append(dmp_pb2.Relation(kind=KINDS[code], document_id=target[0], unique_id=target[1]))
    _check_replacements(found, at, faults)
    return found


def _check_replacements(found: list[dmp_pb2.Relation], at: str, faults: Faults) -> None:
    replaced = [one for one in found if one.kind == dmp_pb2.RELATION_KIND_REPLACES]
    if len(replaced) > 1:
        problem = f"replaces {len(replaced)} documents: a document replaces one at most"
        faults.add(f"{at}.relatesTo", problem, "XDSReplaceFailed")


def read_target(
    reference: Json | None, at: str, faults: Faults, carried: Mapping[str, str] = NO_DOCUMENTS
) -> tuple[str, str]:
    """(id of this server, unique id) of a document: one of them is set, none when a fault was added."""
    reference = reference or {}
    literal, identifier = reference.get("reference", ""), reference.get("identifier", {})
    if literal in carried:
        return "", carried[literal]
    if literal:
        return read_address(literal, at, faults)
    if identifier.get("value") and identifier.get("system", names.URI) == names.URI:
        return "", str(identifier["value"])
    faults.add(at, EXPECTED)
    return "", ""


def read_address(text: str, at: str, faults: Faults) -> tuple[str, str]:
    """`DocumentReference/id`, absolute or relative, or `DocumentReference?identifier=system|value`."""
    head, query, search = text.partition("?")
    kind, _, key = head.partition("/_history/")[0].rpartition("/")
    if not query and kind.rpartition("/")[2] == KIND and key:
        return key, ""
    system, _, value = parse_qs(search).get("identifier", [""])[0].rpartition("|")
    if head.rpartition("/")[2] == KIND and value and system in ("", names.URI):
        return "", value
    faults.add(at, EXPECTED)
    return "", ""


def write_relations(relations: list[dmp_pb2.Relation]) -> list[Json]:
    """relatesTo of what a document replaces and completes."""
    return [
        {"code": KIND_NAMES[one.kind], "target": _write_target(one)}
        for one in relations
        if one.kind in KIND_NAMES
    ]


def _write_target(relation: dmp_pb2.Relation) -> Json:
    target: Json = {"type": KIND}
    if relation.document_id:
        target["reference"] = f"{KIND}/{relation.document_id}"
    if relation.unique_id:
        target["identifier"] = {"system": names.URI, "value": relation.unique_id}
    return target


def read_references(context: Json, at: str, faults: Faults) -> list[dmp_pb2.Reference]:
    """Orders, accessions and studies (XDS referenceIdList): logical references only."""
    found: list[dmp_pb2.Reference] = []
    for index, one in enumerate(context.get("related", [])):
        identifier = one.get("identifier", {})
        if not identifier.get("value"):
            faults.add(
                f"{at}.related[{index}].identifier", "is missing: an order or a study is given by its own"
            )
            continue
        kind = first(identifier.get("type", {}).get("coding")).get("code", "")
        reference = dmp_pb2.Reference(
            system=identifier.get("system", ""), value=identifier["value"], kind=kind
        )
        found.append(reference)
    return found


def write_references(references: list[dmp_pb2.Reference]) -> list[Json]:
    """context.related, in the shape that MHD gives to a referenceIdList."""
    return [{"identifier": _write_reference(one)} for one in references]


def _write_reference(reference: dmp_pb2.Reference) -> Json:
    written: Json = {"value": reference.value}
    if reference.system:
        written["system"] = reference.system
    if reference.kind:
        written["type"] = {"coding": [{"system": names.URI, "code": reference.kind}]}
    return written
