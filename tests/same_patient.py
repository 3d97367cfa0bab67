"""Whether two Patients say the same: every fact of one, by its place, is a fact of the other."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]
Fact = tuple[str, str]
# The server's own to give.
IGNORED = {"id", "meta"}


def differences(sent: Json, returned: Json) -> list[str]:
    """What is in one and not in the other, in words; empty when they mean the same.

    The order of names, identifiers and extensions means nothing; that of first names does.
    """
    left, right = Counter(_facts(_kept(sent))), Counter(_facts(_kept(returned)))
    lost = [f"lost: {at} = {value}" for at, value in sorted((left - right).elements())]
    return lost + [f"added: {at} = {value}" for at, value in sorted((right - left).elements())]


def _kept(patient: Json) -> Json:
    return {name: value for name, value in patient.items() if name not in IGNORED}


def _facts(value: Any, at: str = "Patient") -> Iterator[Fact]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _facts(inner, f"{at}.{name}")
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from _facts(item, f"{at}[{_label(item, place)}]")
    else:
        yield at, repr(value)


def _label(item: Any, place: int) -> str:
    """What tells an item from its neighbours, whatever their order; its place when it is a plain value."""
    if not isinstance(item, dict):
        return str(place)
    if "url" in item:
        return str(item["url"]).rpartition("/")[2]
    if "coding" in item.get("type", {}):
        return str(item["type"]["coding"][0].get("code"))
    return str(item.get("use") or item.get("code") or place)
