"""NetworkPolicies as the API defines them: whether a flow between two pods is let through."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.containers.fields import NotTranslated
from tests.containers.values import Doc

NAMESPACE_NAME = "kubernetes.io/metadata.name"


@dataclass(frozen=True, slots=True)
class Party:
    """A pod as a policy sees it; several pods of one workload are one party. `ports` by name."""

    name: str
    namespace: str
    labels: Mapping[str, str]
    ports: Mapping[str, int]


@dataclass(frozen=True, slots=True, order=True)
class Flow:
    """A TCP connection that `source` opened to `port` of `target`, all by name."""

    source: str
    target: str
    port: int

    def __str__(self) -> str:
        return f"{self.source} -> {self.target}:{self.port}"


def selects(selector: Doc | None, labels: Mapping[str, str]) -> bool:
    """Whether a label selector matches; an empty one matches everything, an absent one nothing."""
    if selector is None:
        return False
    equal: Mapping[str, str] = selector.get("matchLabels") or {}
    return equal.items() <= labels.items() and all(
        _matches(one, labels) for one in selector.get("matchExpressions") or ()
    )


def _matches(expression: Doc, labels: Mapping[str, str]) -> bool:
    key, operator, values = expression["key"], expression["operator"], expression.get("values") or ()
    if operator == "Exists":
        return key in labels
    if operator == "DoesNotExist":
        return key not in labels
    if operator == "In":
        return labels.get(key) in values
    if operator == "NotIn":
        return labels.get(key) not in values
    raise NotTranslated(f"NetworkPolicy: operator {operator} is not known to this runner")


class Policies:
    """The policies of one namespace."""

    def __init__(self, documents: Iterable[Doc]) -> None:
        self._specs: list[Doc] = [one["spec"] for one in documents]

    def closed(self, party: Party) -> set[str]:
        """The directions in which some policy selects the pod: in another, everything is let through."""
        return {kind for spec in self._of(party) for kind in _types(spec)}

    def allows(self, source: Party, target: Party, port: int) -> bool:
        """Whether both ends let a TCP connection through: its egress and the other's ingress."""
        return self._passes("Egress", source, target, target, port) and self._passes(
            "Ingress", target, source, target, port
        )

    def allowed(self, parties: Iterable[Party]) -> list[Flow]:
        """Every flow between two of these pods that is let through, on the ports they declare."""
        everyone = list(parties)
        return sorted(
            Flow(source.name, target.name, port)
            for source in everyone
            for target in everyone
            for port in set(target.ports.values())
            if source is not target and self.allows(source, target, port)
        )

    def _of(self, party: Party) -> list[Doc]:
        return [spec for spec in self._specs if selects(spec.get("podSelector", {}), party.labels)]

    def _passes(self, direction: str, own: Party, other: Party, listener: Party, port: int) -> bool:
        specs = [spec for spec in self._of(own) if direction in _types(spec)]
        if not specs:
            return True
        key, peers = ("egress", "to") if direction == "Egress" else ("ingress", "from")
        return any(
            _has_port(rule, listener, port) and _has_peer(rule.get(peers), own, other)
            for spec in specs
            for rule in spec.get(key) or ()
        )


def _types(spec: Doc) -> list[str]:
    """The directions a policy speaks of, by the API's own default."""
    return list(spec.get("policyTypes") or (["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]))


def _has_port(rule: Doc, listener: Party, port: int) -> bool:
    ports = rule.get("ports")
    return not ports or any(_is_port(one, listener, port) for one in ports)


def _is_port(rule: Doc, listener: Party, port: int) -> bool:
    if rule.get("protocol", "TCP") != "TCP":
        return False
    wanted: Any = rule.get("port")
    if wanted is None:
        return True
    first = listener.ports.get(wanted) if isinstance(wanted, str) else wanted
    return first is not None and first <= port <= rule.get("endPort", first)


def _has_peer(peers: list[Doc] | None, own: Party, other: Party) -> bool:
    return not peers or any(_is_peer(one, own, other) for one in peers)


def _is_peer(peer: Doc, own: Party, other: Party) -> bool:
    if "ipBlock" in peer:
        # Addresses of pods are nobody's to foresee: a block is for what lies outside the cluster.
        return False
    if "namespaceSelector" in peer:
        if not selects(peer["namespaceSelector"], {NAMESPACE_NAME: other.namespace}):
            return False
    elif own.namespace != other.namespace:
        return False
    return selects(peer.get("podSelector", {}), other.labels)
