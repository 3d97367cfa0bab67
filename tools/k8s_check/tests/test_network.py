"""The network is read as the cluster reads it, and compared with the list of callers."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tools.k8s_check import network
from tools.k8s_check.model import Document

from .given import DMP, GATEWAY, SERVICES, deployment, parsed, platform


def rules(documents: list[Document]) -> set[str]:
    return {finding.rule for finding in network.check(documents, SERVICES)}


def test_check_a_sound_network_then_nothing_is_found() -> None:
    assert rules(platform()) == set()


@pytest.mark.parametrize(
    ("rule", "spoil"),
    [
        ("default-deny", lambda p: p["default-deny"]["spec"].update(ingress=[{}])),
        ("default-deny", lambda p: p["default-deny"]["spec"].update(policyTypes=["Ingress"])),
        ("callers", lambda p: p["dmp"]["spec"].update(ingress=[])),
        ("callers", lambda p: p["dmp"]["spec"]["ingress"][0].update(ports=[{"port": 1}])),
        ("callers", lambda p: p["gateway"]["spec"].update(egress=[])),
        ("wide", lambda p: p["dmp"]["spec"]["ingress"].append({"ports": [{"port": 1}]})),
        ("wide", lambda p: p["gateway"]["spec"]["egress"][0].pop("ports")),
        (
            "wide",
            lambda p: p["dmp"]["spec"]["ingress"][0]["from"].append({"ipBlock": {"cidr": "10.0.0.0/8"}}),
        ),
        (
            "wide",
            lambda p: p["gateway"]["spec"]["egress"][0]["to"].append({"ipBlock": {"cidr": "0.0.0.0/0"}}),
        ),
    ],
)
def test_check_a_spoiled_policy_then_it_is_found(
    rule: str, spoil: Callable[[dict[str, Document]], object]
) -> None:
    documents = platform()
    spoil(
        {
            document["metadata"]["name"]: document
            for document in documents
            if "policyTypes" in document["spec"]
        }
    )
    assert rule in rules(documents)


def test_check_a_caller_too_many_then_who_it_is_is_said() -> None:
    documents = [*platform(), deployment("stranger", "service")]
    stranger = {"podSelector": {"matchLabels": {"app.kubernetes.io/name": "stranger"}}}
    by_name = {d["metadata"]["name"]: d for d in documents if d["kind"] == "NetworkPolicy"}
    by_name["dmp"]["spec"]["ingress"][0]["from"].append(stranger)
    by_name["gateway"]["spec"]["podSelector"] = {}
    known = [DMP, GATEWAY, type(DMP)("stranger", "stranger", 1, grpc=True)]
    messages = [f.message for f in network.check(documents, known) if f.where == "Deployment/dmp"]
    assert messages == ["Deployment/stranger reaches it, its `callers` say otherwise"]


def test_check_a_service_without_its_database_then_it_is_found() -> None:
    cluster = """
apiVersion: postgresql.cnpg.io/v1
kind: Cluster
metadata: {name: socle-postgres}
spec: {inheritedMetadata: {labels: {app.kubernetes.io/name: postgres, app.kubernetes.io/component: database}}}
"""
    found = list(network.check([*platform(), *parsed(cluster)], SERVICES))
    assert [(f.rule, f.message) for f in found] == [
        ("third-party", "Deployment/dmp cannot reach its port 5432")
    ]
