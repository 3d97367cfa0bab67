"""The answer of a search."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from .search import Query, first_link, next_link, self_link

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Included:
    """Resources of one type that `_include` asked for; one that matches by itself is not said again."""

    kind: str
    resources: Sequence[Json] = ()


NOTHING = Included("")


def searchset(
    base: str, kind: str, query: Query, found: Iterable[Json], place: str, included: Included = NOTHING
) -> Json:
    """A searchset; `place` is where the next page begins, empty on the last one.

    There is no `total`: counting what one may not see would tell that it is there, and counting the rest
    reads it all.
    """
    links = links_of(base, kind, query, place)
    entries = [
        {"fullUrl": f"{base}/{kind}/{one['id']}", "resource": one, "search": {"mode": "match"}}
        for one in found
    ]
    entries += [
        {"fullUrl": f"{base}/{included.kind}/{one['id']}", "resource": one, "search": {"mode": "include"}}
        for one in included.resources
    ]
    bundle: Json = {"resourceType": "Bundle", "type": "searchset", "link": links}
    if entries:
        bundle["entry"] = entries
    return bundle


def links_of(base: str, kind: str, query: Query, place: str) -> list[Json]:
    """Links of a page: itself, the first one, and the next one when there is one."""
    links = [
        {"relation": "self", "url": self_link(base, kind, query)},
        {"relation": "first", "url": first_link(base, kind, query)},
    ]
    return [*links, {"relation": "next", "url": next_link(base, kind, query, place)}] if place else links
