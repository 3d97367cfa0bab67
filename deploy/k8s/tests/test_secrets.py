"""The Secrets of dev: all that its pods mount, fresh, and never made twice."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
from base64 import b64decode
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from socle_k8s.generate import KEYS
from socle_k8s.install import add_secrets
from socle_k8s.secrets import AUTHORITY, all_secrets
from socle_local.manifest import find_services

from .given import BASE, DEV, Document, FakeKubectl, documents, pod_specs

SERVICES = find_services()
NAMESPACE = "socle"


@pytest.fixture(scope="module")
def made() -> dict[str, Document]:
    """The Secrets by name."""
    return {one["metadata"]["name"]: one for one in all_secrets(SERVICES, NAMESPACE)}


def value(secret: Document, key: str) -> bytes:
    """One value of a Secret."""
    return b64decode(secret["data"][key])


def mounted() -> Iterator[tuple[str, set[str]]]:
    """What the pods of dev mount: the name of a Secret, the keys that are asked of it by name."""
    shared = dict(pod_specs(documents(BASE / "service" / "deployment.yaml")))["SERVICE"]
    for service in SERVICES:
        for volume in shared["volumes"]:
            if "secret" in volume and (service.grpc or volume["name"] not in ("database", "postgres-ca")):
                yield wanted(volume["secret"], service.name)
        if KEYS.keys() & set(service.keeps):
            yield f"{service.name}-keys", {KEYS[kept][1] for kept in service.keeps if kept in KEYS}
    files = [DEV / f"{name}.yaml" for name in ("postgres", "nats", "issuer")]
    for _, pod in pod_specs(documents(*files, *(DEV / "made").iterdir())):
        for volume in pod["volumes"]:
            sources = volume.get("projected", {}).get("sources", [])
            yield from (wanted(source["secret"], "") for source in sources)
            if "secret" in volume:
                yield wanted(volume["secret"], "")


def wanted(secret: Document, service: str) -> tuple[str, set[str]]:
    """A volume's Secret, whose name may stand for each service's."""
    name = secret.get("secretName") or secret["name"]
    return name.replace("SERVICE", service), {item["key"] for item in secret.get("items", [])}


def test_every_secret_that_dev_mounts_is_made_and_nothing_but_the_authority_beside(
    made: dict[str, Document],
) -> None:
    asked = list(mounted())
    assert {name for name, _ in asked} == made.keys() - {AUTHORITY}
    for name, keys in asked:
        assert keys <= made[name]["data"].keys(), name


def test_a_service_has_an_account_and_a_file_for_each_key_it_keeps(made: dict[str, Document]) -> None:
    for service in SERVICES:
        if service.grpc:
            assert made[f"{service.name}-database"]["type"] == "kubernetes.io/basic-auth"
            assert value(made[f"{service.name}-database"], "username") == service.snake.encode()
    rings = json.loads(value(made["eprescription-keys"], "signing-master.json"))
    assert len(b64decode(rings["versions"]["1"])) == 32
    assert value(made["dmp-keys"], "ledger-key.pem").startswith(b"-----BEGIN PRIVATE KEY-----")


@pytest.mark.parametrize(
    ("secret", "name"),
    [(f"{one.name}-tls", one.name) for one in SERVICES]
    + [("postgres-tls", "socle-postgres-rw"), ("nats-tls", "nats")],
)
@pytest.mark.parametrize("called", ["{}", "{}.socle.svc"])
def test_a_certificate_is_good_for_the_name_its_clients_use(
    made: dict[str, Document], tmp_path: Path, secret: str, name: str, called: str
) -> None:
    for key in ("tls.crt", "tls.key"):
        (tmp_path / key).write_bytes(value(made[secret], key))
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(tmp_path / "tls.crt", tmp_path / "tls.key")
    client = ssl.create_default_context(cadata=value(made[secret], "ca.crt").decode())
    shake_hands(server, client, called.format(name))
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        shake_hands(server, client, "another")


def shake_hands(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> None:
    """A TLS handshake in memory, by a client that wants to speak to `name`."""
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    asking = client.wrap_bio(back, there, server_hostname=name)
    answering = server.wrap_bio(there, back, server_side=True)
    for _ in range(3):
        for side in (asking, answering):
            with suppress(ssl.SSLWantReadError):
                side.do_handshake()
    assert asking.version() == answering.version() == "TLSv1.3"


def test_printed_twice_no_secret_is_the_same(made: dict[str, Document]) -> None:
    again = {one["metadata"]["name"]: one for one in all_secrets(SERVICES, NAMESPACE)}
    same = [
        (name, key)
        for name, secret in made.items()
        for key, one in secret["data"].items()
        if again[name]["data"][key] == one
    ]
    assert {key for _, key in same} == {"username"}


def test_a_later_certificate_is_signed_by_the_authority_of_before(made: dict[str, Document]) -> None:
    later = {one["metadata"]["name"]: one for one in all_secrets(SERVICES, NAMESPACE, made[AUTHORITY])}
    assert value(later["dmp-tls"], "ca.crt") == value(made["dmp-tls"], "ca.crt")
    assert value(later["dmp-tls"], "tls.crt") != value(made["dmp-tls"], "tls.crt")


def test_install_makes_the_missing_secrets_and_leaves_the_others_alone(
    kubectl: FakeKubectl, made: dict[str, Document]
) -> None:
    from socle_k8s.cluster import Cluster

    there = [secret for name, secret in made.items() if name not in ("dmp-tls", "dmp-keys")]
    kubectl.hold("secrets", *there)
    kubectl.answer(f"get secret {AUTHORITY}", out=json.dumps(made[AUTHORITY]))
    kubectl.answer("create", out="created")
    assert add_secrets(Cluster.found()) == ["dmp-tls", "dmp-keys"]
    created = {one["metadata"]["name"]: one for one in kubectl.given("create")}
    assert created.keys() == {"dmp-tls", "dmp-keys"}
    assert value(created["dmp-tls"], "ca.crt") == value(made[AUTHORITY], "ca.crt")
    assert not kubectl.given("apply")


def test_with_all_secrets_there_nothing_is_made(kubectl: FakeKubectl, made: dict[str, Document]) -> None:
    from socle_k8s.cluster import Cluster

    kubectl.hold("secrets", *made.values())
    kubectl.answer(f"get secret {AUTHORITY}", out=json.dumps(made[AUTHORITY]))
    assert add_secrets(Cluster.found()) == []


def test_the_command_prints_what_kubectl_takes_and_refuses_another_overlay() -> None:
    command = [sys.executable, "-m", "socle_k8s", "secrets", "--namespace", "elsewhere"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert (
        printed.count("\nkind: Secret\n")
        == printed.count("namespace: elsewhere\n")
        == len(list(all_secrets(SERVICES, NAMESPACE)))
    )
    refused = subprocess.run(
        [*command, "--overlay", "production"], capture_output=True, text=True, check=False
    )
    assert refused.returncode == 1
    assert "External Secrets" in refused.stderr
