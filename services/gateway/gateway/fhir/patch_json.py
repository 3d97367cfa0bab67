"""JSON Patch (RFC 6902) of a DocumentReference: its three elements only, one operation after the other."""

from __future__ import annotations

import copy
from typing import Any, NoReturn

import jsonpatch
from jsonpointer import JsonPointer, JsonPointerException

from chassis.errors import Violation

from .patch import MOST, PATCHABLE, Json, OtherElement, PatchInvalid, PatchTestFailed

# `copy` is left out: it doubles what is there at each operation, and no change of a document needs it.
OPERATIONS = ("add", "remove", "replace", "move", "test")
ARCHIVING = (
    'send [{"op": "test", "path": "/extension/0/url", "value": "<url of isArchived>"}, '
    '{"op": "replace", "path": "/extension/0/valueBoolean", "value": true}]'
)


def apply(operations: Any, resource: Json) -> Json:
    """The resource once patched; it is left as it is.

    Raises PatchInvalid with the operation at fault, OtherElement, or PatchTestFailed.
    """
    if not isinstance(operations, list) or not 0 < len(operations) <= MOST:
        _refuse("$this", f"must be a list of 1 to {MOST} operations (RFC 6902)")
    for index, operation in enumerate(operations):
        _check(operation, f"$this[{index}]")
    patched = copy.deepcopy(resource)
    for index, operation in enumerate(operations):
        patched = _applied(operation, patched, f"$this[{index}]")
    return patched


def _refuse(at: str, problem: str) -> NoReturn:
    raise PatchInvalid(violations=[Violation(at, problem)])


def _check(operation: Any, at: str) -> None:
    if not isinstance(operation, dict):
        _refuse(at, "must be an object with op and path")
    kind = operation.get("op")
    if kind not in OPERATIONS:
        _refuse(f"{at}.op", f"must be one of {', '.join(OPERATIONS)}")
    if kind in ("add", "replace", "test") and "value" not in operation:
        _refuse(f"{at}.value", "is missing")
    members = ["path", "from"] if kind == "move" else ["path"]
    for member in members:
        first = _first_step(operation.get(member), f"{at}.{member}")
        if kind != "test" and first not in PATCHABLE:
            raise OtherElement.of([first or "the whole resource"])


def _first_step(path: Any, at: str) -> str:
    if not isinstance(path, str):
        _refuse(at, "is missing: give a JSON pointer (RFC 6901)")
    if "[" in path or "where(" in path:
        _refuse(at, f"is not a JSON pointer (RFC 6901), which has no conditions in brackets: {ARCHIVING}")
    try:
        parts = JsonPointer(path).parts
    except JsonPointerException:
        _refuse(at, "is not a JSON pointer (RFC 6901), such as /securityLabel/-")
    return str(parts[0])[:64] if parts else ""


def _applied(operation: Json, resource: Json, at: str) -> Json:
    try:
        patched: Json = jsonpatch.JsonPatch([operation]).apply(resource)
    except jsonpatch.JsonPatchTestFailed:
        raise PatchTestFailed(
            field=f"{at}.value", hint="Read the document again: the patch was made for another state of it."
        ) from None
    except (jsonpatch.JsonPatchException, JsonPointerException, TypeError, LookupError):
        # The library says it with the value that was sent, which an answer does not repeat.
        _refuse(f"{at}.path", "points to nothing in the document as it is")
    return patched
