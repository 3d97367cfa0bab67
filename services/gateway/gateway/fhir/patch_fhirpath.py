"""FHIRPath Patch (FHIR R4, 3.1.0.9): operations in a Parameters resource, on the few paths a document opens.

Only paths of one meaning are read: elements by name, by place, an extension by its url, a label by its code.
That is what a document's three elements need; the whole language would run a program of the caller's.
"""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass
from typing import Any, NoReturn

from chassis.errors import Violation

from .patch import KIND, MOST, PATCHABLE, Json, OtherElement, PatchInvalid

OPERATIONS = ("add", "insert", "delete", "replace", "move")
QUOTED = r"'(?P<{}>[^'()]{{1,200}})'"
STEP = re.compile(
    r"\.(?P<name>[A-Za-z]+)"
    r"(?:\[(?P<place>[0-9]{1,3})\]"
    r"|\.(?P<end>first|last)\(\)"
    rf"|\({QUOTED.format('url')}\)"
    rf"|\.where\(url ?= ?{QUOTED.format('where_url')}\)"
    rf"|\.where\(coding\.code ?= ?{QUOTED.format('where_code')}\)"
    rf"|\.where\(coding\.exists\(code ?= ?{QUOTED.format('exists_code')}\)\))?"
)
REPEATS = {"extension", "securityLabel", "coding"}


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a value stands: its container, and its key or index there."""

    holder: Any
    key: Any

    @property
    def value(self) -> Any:
        """What stands there."""
        return self.holder[self.key]


def apply(parameters: Any, resource: Json) -> Json:
    """The resource once patched; it is left as it is. Raises PatchInvalid or OtherElement."""
    if not isinstance(parameters, dict) or parameters.get("resourceType") != "Parameters":
        _refuse("$this", "must be Parameters: operations of a FHIRPath patch")
    operations = parameters.get("parameter")
    if not isinstance(operations, list) or not 0 < len(operations) <= MOST:
        _refuse("Parameters.parameter", f"must hold 1 to {MOST} operations")
    read = [_read(one, f"Parameters.parameter[{index}]") for index, one in enumerate(operations)]
    patched = copy.deepcopy(resource)
    for index, parts in enumerate(read):
        _apply_one(parts, patched, f"Parameters.parameter[{index}]")
    return patched


def _refuse(at: str, problem: str) -> NoReturn:
    raise PatchInvalid(violations=[Violation(at, problem)])


def _read(operation: Any, at: str) -> Json:
    """The parts of an operation by name; checks that it touches what may be touched."""
    if not isinstance(operation, dict) or operation.get("name") != "operation":
        _refuse(at, 'must be a parameter named "operation"')
    parts = {}
    given = operation.get("part")
    for part in given if isinstance(given, list) else []:
        if not isinstance(part, dict) or not isinstance(part.get("name"), str):
            _refuse(f"{at}.part", "must have a name and a value")
        values = [value for name, value in part.items() if name.startswith("value")]
        if len(values) != 1 or "part" in part:
            _refuse(f"{at}.part", "must hold one value[x] each")
        parts[part["name"]] = values[0]
    if parts.get("type") not in OPERATIONS:
        _refuse(f"{at}.part", f"type must be one of {', '.join(OPERATIONS)}")
    _touches_patchable(parts, at)
    return parts


def _touches_patchable(parts: Json, at: str) -> None:
    path = parts.get("path")
    if not isinstance(path, str) or not (path == KIND or path.startswith(f"{KIND}.")):
        _refuse(f"{at}.part", f"path must begin with {KIND}")
    first = re.split(r"[.\[(]", path)[1:2] or [str(parts.get("name", ""))]
    if first[0] not in PATCHABLE:
        raise OtherElement.of([first[0][:64] or "the whole resource"])


def _apply_one(parts: Json, resource: Json, at: str) -> None:
    kind, path = parts["type"], parts["path"]
    if kind == "add":
        _add(parts, resource, at)
    elif kind == "delete":
        _delete(_spots(path, resource, at), at)
    elif kind == "replace":
        spot = _only(_spots(path, resource, at), at)
        spot.holder[spot.key] = _valued(parts, at)
    else:
        _rearrange(kind, parts, resource, at)


def _valued(parts: Json, at: str) -> Any:
    if "value" not in parts:
        _refuse(f"{at}.part", "value is missing")
    return parts["value"]


def _add(parts: Json, resource: Json, at: str) -> None:
    spot = _only(_spots(parts["path"], resource, at), at) if parts["path"] != KIND else Spot([resource], 0)
    name, value = parts.get("name"), _valued(parts, at)
    if not isinstance(name, str) or not isinstance(spot.value, dict):
        _refuse(f"{at}.part", "name must say which element of the path is added")
    if name in REPEATS:
        spot.value.setdefault(name, []).append(value)
    elif name in spot.value:
        _refuse(f"{at}.part", f"{name[:64]} is there already: replace it")
    else:
        spot.value[name] = value


def _delete(spots: list[Spot], at: str) -> None:
    if not spots:
        return  # The standard: deleting what is not there is no error.
    spot = _only(spots, at)
    del spot.holder[spot.key]


def _rearrange(kind: str, parts: Json, resource: Json, at: str) -> None:
    spots = _spots(parts["path"], resource, at, whole=True)
    held = _only(spots, at).value
    names = ("index",) if kind == "insert" else ("source", "destination")
    places = [parts.get(name) for name in names]
    room = len(held) + (kind == "insert") if isinstance(held, list) else 0
    if not all(type(place) is int and 0 <= place < room for place in places):
        _refuse(f"{at}.part", f"{' and '.join(names)} must be a place in the list that path names")
    if kind == "insert":
        held.insert(places[0], _valued(parts, at))
    else:
        held.insert(places[1], held.pop(places[0]))


def _only(spots: list[Spot], at: str) -> Spot:
    if len(spots) != 1:
        _refuse(f"{at}.part", f"path must name exactly one element; it names {len(spots)}")
    return spots[0]


def _spots(path: str, resource: Json, at: str, *, whole: bool = False) -> list[Spot]:
    """What a path names; `whole` keeps a last list as one, for what is done to lists."""
    rest, spots = path.removeprefix(KIND), [Spot([resource], 0)]
    while rest:
        step = STEP.match(rest)
        if step is None or (step["url"] and step["name"] != "extension"):
            _refuse(
                f"{at}.part",
                "path is not read here: name elements (DocumentReference.status), places (securityLabel[1]), "
                "securityLabel.where(coding.code = '...') or extension('<url>').value",
            )
        rest = rest[step.end() :]
        spots = [found for spot in spots for found in _step(spot, step, keep=whole and not rest)]
    return spots


def _step(spot: Spot, step: re.Match[str], *, keep: bool) -> list[Spot]:
    held, name = spot.value, step["name"]
    if not isinstance(held, dict):
        return []
    if name == "value" and name not in held:
        name = next((key for key in held if key.startswith("value")), name)
    if name not in held:
        return []
    inner = held[name]
    if keep or not isinstance(inner, list):
        return [Spot(held, name)]
    return [Spot(inner, place) for place in _chosen(inner, step)]


def _chosen(items: list[Any], step: re.Match[str]) -> list[int]:
    everything = list(range(len(items)))
    if step["place"] is not None:
        return everything[int(step["place"]) :][:1]
    if step["end"]:
        return everything[:1] if step["end"] == "first" else everything[-1:]
    if url := step["url"] or step["where_url"]:
        return [place for place in everything if _url(items[place]) == url]
    code = step["where_code"] or step["exists_code"]
    return [place for place in everything if code is None or code in _codes(items[place])]


def _url(extension: Any) -> Any:
    return extension.get("url") if isinstance(extension, dict) else None


def _codes(concept: Any) -> list[Any]:
    codings = concept.get("coding", []) if isinstance(concept, dict) else []
    return [one.get("code") for one in codings if isinstance(one, dict)]
