"""The patch that goes with a replacement in ITI-65: `Parameters` that make the replaced one superseded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from .faults import Faults
from .relations import read_address

Json = dict[str, Any]
# One operation of a FHIRPath patch: its parts by name, with the value each may have.
EXPECTED = {"type": {"replace"}, "path": {"DocumentReference.status"}, "value": {"superseded"}}


class Target(NamedTuple):
    """A document by its id here, or by its unique id; both empty when neither could be read."""

    document_id: str = ""
    unique_id: str = ""


def read_patch(url: str, at: str, faults: Faults) -> Target:
    """What the address of a PATCH entry names."""
    return Target(*read_address(url, at.removesuffix(".resource") + ".request.url", faults))


def check_patch(
    parameters: Json, target: Target, replaced: Sequence[Target], at: str, faults: Faults
) -> None:
    """A transaction may supersede what one of its documents replaces, and change nothing else: other
    changes have their own request, which asks for their own rights.
    """
    if target != Target() and target not in replaced:
        where = at.removesuffix(".resource") + ".request.url"
        problem = "must be what a DocumentReference of this Bundle replaces, named as its relatesTo does"
        faults.add(where, problem, "XDSReplaceFailed")
    operations = parameters.get("parameter", [])
    if len(operations) != 1 or operations[0].get("name") != "operation":
        faults.add(f"{at}.parameter", "must hold exactly one operation")
        return
    parts = {part.get("name"): _value(part) for part in operations[0].get("part", [])}
    for name, allowed in EXPECTED.items():
        if parts.get(name) not in allowed:
            place = f"{at}.parameter[0].part.where(name='{name}')"
            faults.add(place, f"must be {' or '.join(sorted(allowed))}")
    for name in sorted(str(one) for one in parts.keys() - EXPECTED.keys()):
        faults.add(f"{at}.parameter[0].part", f"holds {name!a}, which this patch does not have")


def _value(part: Json) -> Any:
    return next((value for key, value in part.items() if key.startswith("value")), None)
