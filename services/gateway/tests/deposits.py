"""The sample lot of a hospital stay, and ways to spoil it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from socle.identity_ins.v1 import identity_ins_pb2

DEPOSIT = json.loads((Path(__file__).parent / "samples" / "deposit.json").read_text())
INS = identity_ins_pb2.Ins(matricule="279035121518989", oid="1.2.250.1.213.1.4.10")
OTHER_INS = "255081416802538"
Edit = Callable[[Any, Any, Any], object]


def deposit(edit: Edit | None = None) -> Any:
    """The sample, changed by `edit(document, binary, list)`."""
    bundle = json.loads(json.dumps(DEPOSIT))
    if edit:
        edit(*(entry["resource"] for entry in bundle["entry"]))
    return bundle


def without(element: str) -> Edit:
    """The DocumentReference lacks an element."""
    return lambda document, binary, lot: document.pop(element)


def attachment(**values: Any) -> Edit:
    """The attachment has these elements in place of its own."""
    return lambda document, binary, lot: document["content"][0]["attachment"].update(values)


def put(which: int, element: str, value: Any) -> Edit:
    """The resource (0 DocumentReference, 1 Binary, 2 List) has this element in place of its own."""
    return lambda *resources: resources[which].__setitem__(element, value)


def relates(*relations: tuple[str, Any]) -> list[Any]:
    """relatesTo of (code, target)."""
    return [{"code": code, "target": target} for code, target in relations]


def patch(url: str, path: str = "DocumentReference.status", value: str = "superseded") -> Any:
    """The entry that supersedes what a document of the lot replaces."""
    parts = [
        {"name": "type", "valueCode": "replace"},
        {"name": "path", "valueString": path},
        {"name": "value", "valueCode": value},
    ]
    parameters = {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": parts}]}
    return {"resource": parameters, "request": {"method": "PATCH", "url": url}}


def folder(*items: Any) -> Any:
    """A folder of these documents."""
    lot = json.loads(json.dumps(DEPOSIT["entry"][2]))
    lot["fullUrl"] = "urn:uuid:6f9a3c52-0000-4000-8000-00000000000f"
    kept = ("resourceType", "status", "mode", "subject", "date", "extension")
    lot["resource"] = {key: value for key, value in lot["resource"].items() if key in kept}
    lot["resource"] |= {
        "code": {
            "coding": [
                {"system": "https://profiles.ihe.net/ITI/MHD/CodeSystem/MHDlistTypes", "code": "folder"}
            ]
        },
        "identifier": [{"use": "usual", "value": "urn:oid:1.2.250.1.999.7.200"}],
        "title": "Suivi",
        "entry": [{"item": item} for item in items],
    }
    return lot
