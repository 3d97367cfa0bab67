"""The network as the policies leave it: who can open a connection to whom."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from socle_k8s.generate import callers_of
from socle_local.manifest import Service
from tools.k8s_check.model import Document, Finding, Workload, clusters, of_kind, where, workloads

GRPC_PORT = 15050
# Where a cloud gives the credentials of the machine to whoever asks.
METADATA = "169.254.0.0/16"
NAME, COMPONENT = "app.kubernetes.io/name", "app.kubernetes.io/component"


class Access(NamedTuple):
    """The port of a third party, the components that may reach it, and those that must."""

    port: int
    may: frozenset[str]
    must: frozenset[str]


THIRD_PARTIES: Mapping[str, Access] = {
    "postgres": Access(
        5432, frozenset({"identity-provider", "database"}), frozenset({"service", "migration"})
    ),
    "nats": Access(4222, frozenset(), frozenset({"service", "front"})),
    "clamav": Access(3310, frozenset({"service"}), frozenset()),
    # By the public door alone.
    "keycloak": Access(8443, frozenset(), frozenset()),
}


@dataclass(frozen=True, slots=True)
class Network:
    """The pods and the policies of one namespace."""

    pods: tuple[Workload, ...]
    policies: tuple[Document, ...]

    @classmethod
    def of(cls, documents: Iterable[Document]) -> Network:
        every = list(documents)
        pods = [*workloads(every), *(instances(cluster) for cluster in clusters(every))]
        return cls(tuple(pods), tuple(of_kind(every, "NetworkPolicy")))

    def reaches(self, source: Workload, target: Workload, port: int) -> bool:
        """Whether both ends allow the connection."""
        return self._way("Egress", source, target, target, port) and self._way(
            "Ingress", target, source, target, port
        )

    def _way(self, way: str, held: Workload, other: Workload, target: Workload, port: int) -> bool:
        policies = [p for p in self.policies if way in p["spec"]["policyTypes"] and concerns(p, held)]
        rules = [rule for policy in policies for rule in policy["spec"].get(way.lower(), ())]
        side = "to" if way == "Egress" else "from"
        return not policies or any(opens(rule, side, other, target, port) for rule in rules)


def instances(cluster: Document) -> Workload:
    """The pods that the operator makes of a Cluster, by the labels it hands on to them."""
    labels = cluster["spec"].get("inheritedMetadata", {}).get("labels", {})
    ports = [{"name": "postgresql", "containerPort": 5432}]
    return Workload("Cluster", cluster["metadata"]["name"], labels, {"containers": [{"ports": ports}]})


def concerns(policy: Document, pod: Workload) -> bool:
    return selects(policy["spec"].get("podSelector", {}), pod.labels)


def selects(selector: Document, labels: Mapping[str, str]) -> bool:
    """Whether a label selector chooses these labels; an empty one chooses everything."""
    exact = all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())
    return exact and all(holds(expression, labels) for expression in selector.get("matchExpressions", ()))


def holds(expression: Document, labels: Mapping[str, str]) -> bool:
    value = labels.get(expression["key"])
    match expression["operator"]:
        case "In":
            return value in expression["values"]
        case "NotIn":
            return value not in expression["values"]
        case "Exists":
            return value is not None
        case _:
            return value is None


def opens(rule: Document, side: str, other: Workload, target: Workload, port: int) -> bool:
    """Whether a rule lets `other` through to this port of `target`; without a list of peers or ports, any."""
    peers = rule.get(side)
    ports = rule.get("ports")
    named = [target.port(entry["port"]) if "port" in entry else port for entry in ports or ()]
    return (not peers or any(admits(peer, other) for peer in peers)) and (not ports or port in named)


def admits(peer: Document, pod: Workload) -> bool:
    """Whether a peer of the same namespace is meant; blocks of addresses are judged by `wide`."""
    if "namespaceSelector" in peer or "podSelector" not in peer:
        return False
    return selects(peer["podSelector"], pod.labels)


def check(documents: Iterable[Document], services: Iterable[Service]) -> Iterator[Finding]:
    """Every rule below."""
    every = list(documents)
    network = Network.of(every)
    yield from denied_by_default(network)
    yield from wide(network)
    yield from called_by_callers_only(network, services)
    yield from third_parties(network)


def denied_by_default(network: Network) -> Iterator[Finding]:
    """`default-deny`: one policy for every pod that allows nothing, both ways.

    The incident it prevents: a pod that somebody starts for an afternoon reads every record by the network.
    """
    both = {"Ingress", "Egress"}
    for policy in network.policies:
        spec = policy["spec"]
        if (
            not spec.get("podSelector")
            and both == set(spec["policyTypes"])
            and not both & {way.capitalize() for way in spec}
        ):
            return
    yield Finding("default-deny", "NetworkPolicy", "no policy denies every pod everything, both ways")


def wide(network: Network) -> Iterator[Finding]:
    """`wide`: a rule names who is meant; one that leaves by address keeps off the machine's own credentials.

    The incident it prevents: `from: []` is read as "nobody" and means everybody.
    """
    for policy in network.policies:
        for side, way in (("from", "ingress"), ("to", "egress")):
            for rule in policy["spec"].get(way, ()):
                if not rule.get(side) or not rule.get("ports"):
                    yield Finding("wide", where(policy), f"an {way} rule names no peer or no port")
                yield from open_blocks(policy, rule.get(side, ()), way)


def open_blocks(policy: Document, peers: Iterable[Document], way: str) -> Iterator[Finding]:
    for block in (peer["ipBlock"] for peer in peers if "ipBlock" in peer):
        if way == "ingress":
            yield Finding("wide", where(policy), f"{block['cidr']} may come in: name a namespace instead")
        elif block["cidr"].endswith("/0") and METADATA not in block.get("except", ()):
            yield Finding("wide", where(policy), f"{block['cidr']} without `except: [{METADATA}]`")


def called_by_callers_only(network: Network, services: Iterable[Service]) -> Iterator[Finding]:
    """`callers`: the network opens a service to its `callers`, to each of them, and to nobody else.

    The incident it prevents: the list of certificates is narrowed and the network's is forgotten, or a new
    caller is let in by one and kept out by the other.
    """
    every = list(services)
    called = {service.name: set(callers_of(service, every)) for service in every}
    targets = [pod for pod in network.pods if pod.labels.get(COMPONENT) == "service"]
    for target in targets:
        callers = called[target.labels[NAME]]
        for source in (pod for pod in network.pods if pod is not target):
            wanted = source.labels.get(NAME) in callers and source.labels.get(COMPONENT) != "migration"
            if network.reaches(source, target, GRPC_PORT) != wanted:
                verb = "cannot reach" if wanted else "reaches"
                yield Finding(
                    "callers", target.where, f"{source.where} {verb} it, its `callers` say otherwise"
                )


def third_parties(network: Network) -> Iterator[Finding]:
    """`third-party`: a database, a bus, a scanner is reached by those who use it, and they do reach it.

    The incident it prevents: the door to the outside world, once taken, asks the database directly.
    """
    for target in network.pods:
        access = THIRD_PARTIES.get(target.labels.get(NAME, ""))
        if access:
            for source in (pod for pod in network.pods if pod is not target):
                yield from wrongly_open(network, source, target, access)


def wrongly_open(network: Network, source: Workload, target: Workload, access: Access) -> Iterator[Finding]:
    component = source.labels.get(COMPONENT, "")
    reached = network.reaches(source, target, access.port)
    if reached and component not in access.may | access.must:
        yield Finding("third-party", target.where, f"{source.where} reaches its port {access.port}")
    if component in access.must and not reached:
        yield Finding("third-party", target.where, f"{source.where} cannot reach its port {access.port}")
