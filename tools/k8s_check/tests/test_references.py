"""A name that is the name of nothing is seen, and so is a list that is out of date."""

from __future__ import annotations

import pytest

from tools.k8s_check import references
from tools.k8s_check.model import Document

from .given import container, deployment, parsed, pod

SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: dmp}
spec:
  selector: {app.kubernetes.io/name: dmp}
  ports: [{name: grpc, port: 15050, targetPort: main}]
"""


def found(documents: list[Document], *external: str) -> list[tuple[str, str]]:
    listed = dict.fromkeys(external, "somebody")
    return [(f.rule, f.message.partition(" is ")[0]) for f in references.check(documents, listed)]


@pytest.mark.parametrize(
    ("volume", "missing"),
    [
        ({"secret": {"secretName": "dmp-tls"}}, "Secret/dmp-tls"),
        ({"configMap": {"name": "law"}}, "ConfigMap/law"),
        ({"persistentVolumeClaim": {"claimName": "blobs"}}, "PersistentVolumeClaim/blobs"),
        ({"projected": {"sources": [{"secret": {"name": "a"}}]}}, "Secret/a"),
    ],
)
def test_check_a_volume_of_nothing_then_it_is_found(volume: Document, missing: str) -> None:
    document = deployment("dmp", "service")
    pod(document)["volumes"] = [{"name": "one", **volume}]
    assert found([document]) == [("reference", missing)]
    assert found([document], missing) == []


def test_check_a_mount_of_no_volume_then_it_is_found() -> None:
    document = deployment("dmp", "service")
    container(document)["volumeMounts"] = [{"name": "cache", "mountPath": "/cache"}]
    assert found([document]) == [("reference", "Volume/cache")]


def test_check_an_environment_of_nothing_then_it_is_found() -> None:
    document = deployment("dmp", "service")
    container(document)["envFrom"] = [{"configMapRef": {"name": "dmp-settings"}}]
    container(document)["env"] = [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "b", "key": "c"}}}]
    assert found([document]) == [("reference", "ConfigMap/dmp-settings"), ("reference", "Secret/b")]


def test_check_a_provider_of_what_nobody_mentions_then_it_is_found() -> None:
    assert [rule for rule, _ in found([deployment("dmp", "service")], "Secret/old")] == ["external"]


def test_check_a_certificate_then_its_secret_is_provided() -> None:
    document = deployment("dmp", "service")
    pod(document)["volumes"] = [{"name": "tls", "secret": {"secretName": "dmp-tls"}}]
    certificate = (
        "{kind: Certificate, metadata: {name: dmp}, spec: {secretName: dmp-tls, issuerRef: {name: ca}}}"
    )
    issuer = "{kind: Issuer, metadata: {name: ca}, spec: {selfSigned: {}}}"
    assert found([document, *parsed(certificate), *parsed(issuer)]) == []
    assert found([document, *parsed(certificate)]) == [("reference", "Issuer/ca")]


@pytest.mark.parametrize("spoiled", ["targetPort: main", "name: dmp}\n  ports"])
def test_check_a_service_that_finds_no_pod_then_it_is_found(spoiled: str) -> None:
    sound, document = parsed(SERVICE), deployment("dmp", "service")
    assert found([document, *sound]) == []
    wrong = parsed(
        SERVICE.replace(spoiled, spoiled.replace("main", "other").replace("name: dmp", "name: dmq"))
    )
    assert [rule for rule, _ in found([document, *wrong])] == ["service"]
