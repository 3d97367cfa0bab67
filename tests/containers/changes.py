"""Settings that a run must replace because something of a real cluster is not there: each with its reason."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from tests.containers.fields import NotTranslated
from tests.containers.values import Doc


@dataclass(frozen=True, slots=True)
class Change:
    """A variable of the ConfigMaps, the value it has in this run (None: it is not given), and why."""

    variable: str
    value: str | None
    why: str


DEV = (
    Change(
        "SOCLE_PUBLIC_URL",
        "http://gateway:8080",
        "links in answers lead where the tests reach the gateway, not to a `kubectl port-forward`",
    ),
)


def changed(documents: Iterable[Doc], changes: Sequence[Change]) -> list[Doc]:
    """The documents with the variables replaced wherever a ConfigMap has them.

    Raises NotTranslated for one that no ConfigMap has: a replaced setting that is gone must not stay listed.
    """
    made, unused = deepcopy(list(documents)), {one.variable for one in changes}
    for document in made:
        data: dict[str, Any] = document.get("data") or {} if document["kind"] == "ConfigMap" else {}
        for one in changes:
            if one.variable in data:
                unused.discard(one.variable)
                data.pop(one.variable)
                data.update({one.variable: one.value} if one.value is not None else {})
    if unused:
        raise NotTranslated(f"{', '.join(sorted(unused))}: replaced for this run, and set by no ConfigMap")
    return made
