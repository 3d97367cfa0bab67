"""What must stand in a cluster before an overlay can: the kinds of objects that operators bring."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from socle_k8s.cluster import Cluster
from socle_local.failures import PlatformFailedError

Document = dict[str, Any]

# By the group of their kinds, what to install.
OPERATORS: Mapping[str, str] = {
    "barmancloud.cnpg.io": "the Barman Cloud plugin of CloudNativePG, which archives PostgreSQL",
    "cert-manager.io": "cert-manager, which issues the certificates",
    "external-secrets.io": "External Secrets, which brings the secrets from OpenBao",
    "gateway.networking.k8s.io": "Gateway API and a controller of it, which lets requests in",
    "generators.external-secrets.io": "External Secrets, which brings the secrets from OpenBao",
    "k8s.keycloak.org": "the Keycloak operator, which runs the identity provider",
    "monitoring.coreos.com": "the Prometheus operator, which reads the rules and measures",
    "postgresql.cnpg.io": "CloudNativePG, which runs PostgreSQL",
    "trust.cert-manager.io": "trust-manager, which hands out the authority's certificate",
}


def require(cluster: Cluster, documents: Iterable[Document]) -> None:
    """Raises PlatformFailedError with one sentence for each operator that is missing."""
    served = json.loads(cluster.ask("get", "--raw", "/apis"))["groups"]
    sentences = missing(
        {version["groupVersion"] for group in served for version in group["versions"]}, documents
    )
    if sentences:
        raise PlatformFailedError("\n".join(["This cluster is not ready for this overlay.", *sentences]))


def missing(served: set[str], documents: Iterable[Document]) -> list[str]:
    """A sentence for each `group/version` that the documents use and the cluster does not serve."""
    wanted: dict[str, set[str]] = {}
    for document in documents:
        version = document["apiVersion"]
        if "/" in version and version not in served:
            wanted.setdefault(version, set()).add(document["kind"])
    groups = {name.split("/")[0] for name in served}
    return [sentence(version, kinds, groups) for version, kinds in sorted(wanted.items())]


def sentence(version: str, kinds: set[str], groups: set[str]) -> str:
    """What is missing, what for, and what to do."""
    group = version.partition("/")[0]
    what = OPERATORS.get(group, f"whatever brings the group {group}")
    many = ", ".join(sorted(kinds))
    if group in groups:
        return f"{what[0].upper()}{what[1:]}, is too old or too new: it does not serve {version} ({many})."
    return f"Install {what}: it does not serve {version} ({many})."
