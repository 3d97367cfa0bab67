"""The shape of incoming resources: FHIR R4 by the library, then what JSON alone can tell apart.

`fhir.resources` reads leniently ("12" for 12, "true" for true); FHIR does not. So what the library read is
compared with what was sent. Its models take half a second to load: they are imported at the first use, which
the start-up warms.
"""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from typing import Any

from .elements import model
from .faults import Faults

Json = dict[str, Any]
CONTAINED = {"Patient", "RelatedPerson", "Practitioner", "PractitionerRole", "Organization", "Device"}
ENTRIES = {"List", "DocumentReference", "Binary", "Parameters"}
PRESCRIPTION = {"MedicationRequest", "DeviceRequest", "MedicationDispense"}
PATIENTS = frozenset({"Patient"})
# Contained in a request or in a dispense.
HELD = {"Medication", "MedicationRequest", "Patient"}
# Fifty documents with their bytes and patches, and their folders, are fewer.
MOST_ENTRIES = 200


def check_bundle(bundle: Json, faults: Faults) -> None:
    """Adds to `faults` every way in which the body is not a FHIR Bundle; bytes of documents are not looked
    at.
    """
    if not _is(bundle, "Bundle", faults) or not _entries_known(bundle, faults):
        return
    entries = [{**entry, "resource": _without_data(entry["resource"])} for entry in bundle["entry"]]
    _validate("Bundle", {**bundle, "entry": entries}, faults)


def check_document(resource: Json, faults: Faults) -> None:
    """Adds to `faults` every way in which the body is not a FHIR DocumentReference."""
    if _is(resource, "DocumentReference", faults) and _contained_known(resource, "DocumentReference", faults):
        _validate("DocumentReference", resource, faults)


def check_resource(resource: Json, kind: str, faults: Faults) -> None:
    """Adds to `faults` every way in which the body is not one FHIR resource of this kind."""
    if _is(resource, kind, faults):
        if "contained" in resource:
            faults.add(f"{kind}.contained", "is not read here: leave it out")
        else:
            _validate(kind, resource, faults)


def check_parameters(resource: Json, faults: Faults, kinds: frozenset[str] = PATIENTS) -> None:
    """Adds to `faults` every way in which the body is not Parameters of values and of these resources."""
    if not _is(resource, "Parameters", faults):
        return
    before = len(faults.found)
    given = resource.get("parameter", [])
    for index, one in enumerate(given if isinstance(given, list) else []):
        inner = one.get("resource") if isinstance(one, dict) else None
        at = f"Parameters.parameter[{index}].resource"
        if inner is not None and not (isinstance(inner, dict) and _among(inner, kinds)):
            faults.add(at, f"must be a {' or a '.join(sorted(kinds))}")
        elif inner is not None:
            _contained_of(inner, at, faults)
    if len(faults.found) == before:
        _validate("Parameters", resource, faults)


def check_collection(bundle: Json, kinds: frozenset[str], faults: Faults) -> None:
    """Adds to `faults` every way in which the body is not a Bundle of type collection of these resources."""
    if not _is(bundle, "Bundle", faults):
        return
    before = len(faults.found)
    entries = bundle.get("entry")
    if not isinstance(entries, list) or not entries or len(entries) > MOST_ENTRIES:
        faults.add("Bundle.entry", f"must be a list of 1 to {MOST_ENTRIES} entries")
        return
    for index, entry in enumerate(entries):
        at = f"Bundle.entry[{index}].resource"
        inner = entry.get("resource") if isinstance(entry, dict) else None
        if not isinstance(inner, dict) or not _among(inner, kinds):
            faults.add(at, f"must be a {' or a '.join(sorted(kinds))}")
        else:
            _contained_of(inner, at, faults)
    if len(faults.found) == before:
        _validate("Bundle", bundle, faults)


def _contained_of(inner: Json, at: str, faults: Faults) -> None:
    """A request or a dispense may hold its Medication; an additional line, the request that it stands for."""
    if "contained" not in inner:
        return
    if inner.get("resourceType") not in PRESCRIPTION:
        faults.add(f"{at}.contained", "is not read here: leave it out")
    else:
        _contained_known(inner, at, faults, HELD)


def warm() -> None:
    """Loads the models, so that the first deposit does not wait for them."""
    model("Bundle").model_validate({"resourceType": "Bundle", "type": "transaction"})
    for kind in sorted(CONTAINED | {"DocumentReference", "List", "Binary", "Parameters"} | PRESCRIPTION):
        model(kind)


def _is(resource: Any, kind: str, faults: Faults) -> bool:
    if isinstance(resource, dict) and resource.get("resourceType") == kind:
        return True
    faults.add("resourceType" if isinstance(resource, dict) else "$this", f"the body must be a {kind}")
    return False


def _entries_known(bundle: Json, faults: Faults) -> bool:
    """The library stops at a resource type it does not know: say which entry before it does."""
    before = len(faults.found)
    entries = bundle.get("entry")
    if not isinstance(entries, list) or not entries:
        faults.add(
            "Bundle.entry", "must be a list of entries: a List, its DocumentReferences and their Binaries"
        )
        return False
    if len(entries) > MOST_ENTRIES:
        faults.add("Bundle.entry", f"holds more than {MOST_ENTRIES} entries: send several lots")
        return False
    for index, entry in enumerate(entries):
        at = f"Bundle.entry[{index}]"
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if not isinstance(resource, dict):
            faults.add(f"{at}.resource", "is missing")
        elif not _among(resource, ENTRIES):
            faults.add(f"{at}.resource.resourceType", f"must be one of {', '.join(sorted(ENTRIES))}")
        else:
            _contained_known(resource, f"{at}.resource", faults)
    return len(faults.found) == before


def _among(resource: Json, kinds: Collection[str]) -> bool:
    kind = resource.get("resourceType")
    return isinstance(kind, str) and kind in kinds


def _contained_known(resource: Json, at: str, faults: Faults, kinds: set[str] = CONTAINED) -> bool:
    contained = resource.get("contained", [])
    if not isinstance(contained, list):
        faults.add(f"{at}.contained", "must be a list")
        return False
    strange = [
        index
        for index, inner in enumerate(contained)
        if not isinstance(inner, dict) or not _among(inner, kinds)
    ]
    for index in strange:
        faults.add(f"{at}.contained[{index}].resourceType", f"must be one of {', '.join(sorted(kinds))}")
    return not strange


def _without_data(resource: Json) -> Json:
    if resource["resourceType"] != "Binary":
        return resource
    return {key: value for key, value in resource.items() if key != "data"}


def _validate(kind: str, body: Json, faults: Faults) -> None:
    from pydantic import ValidationError

    try:
        read = model(kind).model_validate(body)
    except ValidationError as error:
        for fault in error.errors(include_url=False, include_input=False, include_context=False):
            faults.add(expression(kind, fault["loc"]), _plain(fault["type"], fault["msg"]))
    except (AttributeError, KeyError, TypeError):
        # The library looks the type of a nested resource up without care for one that it does not know.
        faults.add(kind, "holds a resource whose resourceType is not one of FHIR R4")
    else:
        _compare(body, read, kind, faults)


def expression(root: str, path: tuple[int | str, ...]) -> str:
    """`("entry", 1, "resource")` -> `Bundle.entry[1].resource`; the library's own `root` is no element."""
    steps = (step for step in path if step != "root")
    return root + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)


def _plain(kind: str, message: str) -> str:
    """A sentence for the sender; the library's own when it is one."""
    known = {
        "extra_forbidden": "is not an element of this resource",
        "json_invalid": "must be a JSON object",
        "list_type": "must be a list",
        "string_type": "must be a string",
        "string_pattern_mismatch": "is empty or holds characters that FHIR refuses",
    }
    if kind.endswith("missing") or message.endswith("is required."):
        return "is missing"
    return known.get(kind, message.removeprefix("Value error, ").rstrip("."))


def _compare(sent: Any, read: Any, at: str, faults: Faults) -> None:
    """Adds the places where the library was kinder than FHIR: JSON types, empty objects and lists."""
    if isinstance(sent, dict | list) and not sent:
        faults.add(at, "may not be empty: leave it out")
    elif isinstance(sent, dict):
        for key, value in sent.items():
            if key != "resourceType" and not key.startswith("_"):
                _compare(value, getattr(read, key, None), f"{at}.{key}", faults)
    elif isinstance(sent, list):
        for index, value in enumerate(sent):
            inner = read[index] if isinstance(read, list) and index < len(read) else None
            _compare(value, inner, f"{at}[{index}]", faults)
    elif problem := _other_type(sent, read):
        faults.add(at, problem)


def _other_type(sent: Any, read: Any) -> str:
    """What is wrong with the JSON type of a primitive, by what it was read as."""
    if sent is None:
        return "may not be null: leave it out"
    if isinstance(read, bool) != isinstance(sent, bool):
        return "must be a JSON boolean" if isinstance(read, bool) else "may not be a JSON boolean"
    if isinstance(read, int) and not isinstance(sent, int):
        return "must be a JSON number without decimals"
    if isinstance(sent, int | float) and not isinstance(read, int | float | Decimal):
        return "must be a string"
    if isinstance(sent, str) and isinstance(read, Decimal):
        return "must be a JSON number"
    return ""
