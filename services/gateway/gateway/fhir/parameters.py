"""Parameters in and out of operations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .faults import Reading
from .structure import PATIENTS, check_parameters

Json = dict[str, Any]
ROOT = "Parameters"


class Given:
    """The parameters of a call, by name, each of the type that its operation declares."""

    def __init__(
        self,
        body: Any,
        known: Mapping[str, str],
        faults: Reading,
        *,
        many: frozenset[str] = frozenset(),
        kinds: frozenset[str] = PATIENTS,
    ) -> None:
        """`known` says where the value of each stands: `valueString`, `resource`, `part`... Those of `many`
        may come several times: their values, and places, are lists. `kinds` are the resources there may be.
        """
        self.faults, self.many = faults, many
        self.values: dict[str, Any] = {}
        self.places: dict[str, str] = {}
        self.each: dict[str, list[str]] = {}
        before = len(faults.found)
        check_parameters(body, faults, kinds)
        if len(faults.found) > before:
            faults.close()
        faults.only(body, {"resourceType", "id", "meta", "parameter"}, ROOT)
        for index, one in enumerate(body.get("parameter", [])):
            self._take(one, known, f"{ROOT}.parameter[{index}]")

    def _take(self, one: Json, known: Mapping[str, str], at: str) -> None:
        name = str(one.get("name", ""))
        if name not in known:
            self.faults.add(f"{at}.name", f"must be one of {', '.join(sorted(known)) or 'none'}")
        elif name in self.values and name not in self.many:
            self.faults.add(at, f"gives {name} a second time")
        elif set(one) != {"name", known[name]}:
            self.faults.add(at, f"must hold name and {known[name]}, and nothing else")
        else:
            value = "value" if known[name].startswith("value") else known[name]
            self.places.setdefault(name, f"{at}.{value}")
            self.each.setdefault(name, []).append(f"{at}.{value}")
            if name in self.many:
                self.values.setdefault(name, []).append(one[known[name]])
            else:
                self.values[name] = one[known[name]]

    def need(self, *names: str) -> None:
        """Adds a fault for each of these that is not given."""
        for name in names:
            if name not in self.values:
                self.faults.add(ROOT, f"must hold the parameter {name}")

    def text(self, name: str) -> str:
        """A value that is a string, or nothing."""
        return str(self.values.get(name, ""))


def write_parameters(*given: Json) -> Json:
    """A Parameters resource."""
    return {"resourceType": ROOT, "parameter": list(given)}
