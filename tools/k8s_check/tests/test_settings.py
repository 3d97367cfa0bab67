"""The services' own Settings refuse what the manifests get wrong."""

from __future__ import annotations

import os

import pytest

from tools.k8s_check import connections, settings
from tools.k8s_check.model import Document

from .given import container, deployment, parsed

TOLD = {
    "SOCLE_PROFILE": "production",
    "SOCLE_GRPC_LISTEN": "0.0.0.0:15050",
    "SOCLE_TLS_CERT_FILE": "/run/socle/tls/tls.crt",
    "SOCLE_TLS_KEY_FILE": "/run/socle/tls/tls.key",
    "SOCLE_TLS_CA_FILE": "/run/socle/tls/ca.crt",
}


def told(more: dict[str, str], without: str = "") -> list[Document]:
    """identity-ins with these settings."""
    document = deployment("identity-ins", "service")
    variables = {key: value for key, value in (TOLD | more).items() if key != without}
    container(document).update(
        command=["python", "-m", "identity_ins.app"],
        envFrom=[{"configMapRef": {"name": "own"}}],
        volumeMounts=[{"name": "tls", "mountPath": "/run/socle/tls"}],
    )
    return [document, {"kind": "ConfigMap", "metadata": {"name": "own"}, "data": variables}]


def messages(documents: list[Document]) -> str:
    return "\n".join(finding.message for finding in settings.check(documents))


def test_check_sound_settings_then_nothing_is_found() -> None:
    assert messages(told({})) == ""


@pytest.mark.parametrize(
    ("more", "without", "word"),
    [
        ({"SOCLE_DRAIN_SECOND": "1"}, "", "SOCLE_DRAIN_SECOND is no setting"),
        ({"SOCLE_DATABASE_POOL": "many"}, "", "database_pool"),
        ({}, "SOCLE_TLS_CERT_FILE", "go together"),
        ({"SOCLE_OIDC_CLIENT_SECRET_FILE": "/run/socle/oidc/client-secret"}, "", "is on no volume"),
        ({"SOCLE_SERVICES": '{"dmp":"dns:///dmp:15050"}'}, "", "no Service has the address dns:///dmp:15050"),
    ],
)
def test_check_a_wrong_setting_then_it_is_found(more: dict[str, str], without: str, word: str) -> None:
    assert word in messages(told(more, without))


def test_check_then_nothing_of_this_process_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOCLE_DATABASE_POOL", "many")
    assert messages(told({})) == ""
    assert os.environ["SOCLE_DATABASE_POOL"] == "many"


PLATFORM = """
{kind: Cluster, apiVersion: postgresql.cnpg.io/v1, metadata: {name: pg},
 spec: {postgresql: {parameters: {max_connections: "MOST"}}}}
---
{kind: DatabaseRole, metadata: {name: identity-ins}, spec: {cluster: {name: pg}, connectionLimit: 60}}
---
{kind: HorizontalPodAutoscaler, metadata: {name: a},
 spec: {maxReplicas: REPLICAS, scaleTargetRef: {name: identity-ins}}}
"""


@pytest.mark.parametrize(
    ("most", "replicas", "where"),
    [("80", "4", []), ("79", "4", ["Cluster/pg"]), ("80", "5", ["Deployment/identity-ins"])],
)
def test_check_connections_then_who_may_open_too_many_is_found(
    most: str, replicas: str, where: list[str]
) -> None:
    text = PLATFORM.replace("MOST", most).replace("REPLICAS", replicas)
    assert [f.where for f in connections.check([*told({}), *parsed(text)])] == where
