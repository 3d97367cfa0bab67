"""NetworkPolicies, judged by what was seen to flow while the integration tests ran.

Docker enforces none of them; but a connection that was seen and is not allowed would have been refused in a
cluster, and one that is allowed and was never seen is a door nobody needs.
"""

from rich.table import Table

from tests.containers.cluster import Cluster
from tests.containers.explained import UNSEEN
from tests.containers.reports import REPORTS


def test_every_connection_that_was_seen_is_allowed(cluster: Cluster) -> None:
    parties = {one.name: one for one in cluster.parties()}
    seen = cluster.flows()
    refused = [
        str(flow)
        for flow in sorted(seen)
        if not cluster.policies.allows(parties[flow.source], parties[flow.target], flow.port)
    ]
    assert seen, "no connection was seen: the sandboxes watch nothing"
    assert refused == []


def test_every_allowed_connection_was_seen(cluster: Cluster) -> None:
    seen, allowed = cluster.flows(), cluster.policies.allowed(cluster.parties())
    shown = Table("from", "to", "port", "seen", title="Connections that the NetworkPolicies allow")
    for flow in allowed:
        why = UNSEEN.get((flow.source, flow.target, flow.port), "[bold red]no[/]")
        shown.add_row(flow.source, flow.target, str(flow.port), "yes" if flow in seen else why)
    REPORTS.append(shown)
    never = [flow for flow in allowed if flow not in seen]
    assert [str(flow) for flow in never if (flow.source, flow.target, flow.port) not in UNSEEN] == []
    stale = [key for key in UNSEEN if key not in {(one.source, one.target, one.port) for one in never}]
    assert stale == [], "explained as never seen, and seen or no longer allowed"


def test_every_pod_is_closed_in_both_directions(cluster: Cluster) -> None:
    open_ones = {
        one.name for one in cluster.parties() if cluster.policies.closed(one) != {"Ingress", "Egress"}
    }
    assert open_ones == set()


def test_nothing_listens_on_a_port_that_is_not_declared(cluster: Cluster) -> None:
    undeclared = {
        pod.pod.name: sorted(extra)
        for pod in cluster.lasting
        if (extra := pod.seen.listening - set(pod.pod.ports.values()))
    }
    assert undeclared == {}
