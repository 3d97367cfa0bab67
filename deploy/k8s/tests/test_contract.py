"""The contract of a pod: what settings name is mounted, what is mounted is named, nothing is open."""

from __future__ import annotations

from itertools import chain
from pathlib import PurePosixPath

import pytest

from socle_local.manifest import find_services

from .given import BASE, DEV, Document, documents, pod_specs, variables

SHARED = documents(*(BASE / "service" / f"{name}.yaml" for name in ("deployment", "service", "migration")))
PODS = dict(pod_specs(SHARED))
DEPLOYMENT, MIGRATION = PODS["SERVICE"], PODS["SERVICE-migrate"]
BACKING = documents(*(DEV / f"{name}.yaml" for name in ("postgres", "nats", "issuer")))
(RESTRICTED,) = documents(DEV / "restricted.yaml")
KEYS = PurePosixPath("/run/socle/keys")


def mounts(pod: Document) -> dict[PurePosixPath, str]:
    """Where the one container of a pod sees its volumes."""
    (container,) = pod["containers"]
    return {PurePosixPath(one["mountPath"]): one["name"] for one in container["volumeMounts"]}


def told_files() -> set[PurePosixPath]:
    """Every file that a setting of the base or of a service names."""
    settings = [BASE / "settings.env", *BASE.glob("services/*/made/settings.env")]
    values = chain.from_iterable(variables(path).values() for path in settings)
    return {PurePosixPath(value) for value in values if value.startswith("/")}


def test_every_file_that_a_setting_names_is_in_a_mounted_secret() -> None:
    names = told_files()
    assert len(names) > 8
    for name in names - {one for one in names if one.parent == KEYS}:
        assert name.parent in mounts(DEPLOYMENT), name


def test_every_mounted_secret_is_named_by_a_setting() -> None:
    parents = {name.parent for name in told_files()}
    assert {place for place, name in mounts(DEPLOYMENT).items() if name != "tmp"} == parents - {KEYS}


def test_the_migration_sees_the_database_and_no_other_secret() -> None:
    assert set(mounts(MIGRATION).values()) == {"tmp", "database", "postgres-ca"}
    assert MIGRATION["containers"][0]["envFrom"] == DEPLOYMENT["containers"][0]["envFrom"]


@pytest.mark.parametrize("pod", [DEPLOYMENT, MIGRATION], ids=["service", "migration"])
def test_every_mount_has_its_volume_and_every_secret_is_the_services_own(pod: Document) -> None:
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert set(mounts(pod).values()) == set(volumes)
    for name, volume in volumes.items():
        if name == "postgres-ca":
            # The operator's Secret holds the authority's own key beside its certificate.
            assert volume["secret"]["secretName"] == "socle-postgres-ca"
            assert volume["secret"]["items"] == [{"key": "ca.crt", "path": "ca.crt"}]
        elif name != "tmp":
            assert volume["secret"]["secretName"] == f"SERVICE-{name}"


def test_the_ports_are_those_of_the_settings() -> None:
    told = variables(BASE / "settings.env")
    ports = {one["name"]: one["containerPort"] for one in DEPLOYMENT["containers"][0]["ports"]}
    assert told["SOCLE_GRPC_LISTEN"] == f"0.0.0.0:{ports['grpc']}"
    assert told["SOCLE_HEALTH_LISTEN"] == f"0.0.0.0:{ports['health']}"
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert DEPLOYMENT["containers"][0][probe]["grpc"]["port"] == ports["health"]
    assert DEPLOYMENT["containers"][0]["livenessProbe"]["grpc"]["service"] == "live"
    assert "service" not in DEPLOYMENT["containers"][0]["readinessProbe"]["grpc"]


def test_a_pod_has_the_time_to_drain_before_it_is_killed() -> None:
    told = variables(BASE / "settings.env")
    drained = int(told["SOCLE_DRAIN_DELAY_SECONDS"]) + int(told["SOCLE_DRAIN_SECONDS"])
    assert drained < DEPLOYMENT["terminationGracePeriodSeconds"]


def restricted(pod: Document) -> None:
    """Asserts what the restricted standard and the house ask of a pod."""
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False
    security = pod["securityContext"]
    assert security["runAsNonRoot"] is True
    assert security["runAsUser"] == security["runAsGroup"] == security["fsGroup"] == 65532
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


@pytest.mark.parametrize("pod", [DEPLOYMENT, MIGRATION], ids=["service", "migration"])
def test_a_pod_is_restricted_and_limited_in_memory_alone(pod: Document) -> None:
    restricted(pod)
    (container,) = pod["containers"]
    assert set(container["resources"]["limits"]) == {"memory"}
    assert set(container["resources"]["requests"]) == {"cpu", "memory"}


def test_what_stands_behind_the_services_in_dev_is_restricted_too() -> None:
    restricted(RESTRICTED["spec"]["template"]["spec"])
    backing = [one for one in BACKING if "template" in one["spec"]]
    assert {one["metadata"]["name"] for one in backing} == {"postgres", "nats", "issuer"}
    for one in backing:
        # The patch finds the pods by this label, and their container by this name.
        assert one["metadata"]["labels"]["app.kubernetes.io/component"] == "backing"
        assert [container["name"] for container in one["spec"]["template"]["spec"]["containers"]] == [
            "server"
        ]


def test_the_service_sends_no_call_to_its_migration() -> None:
    kinds = {one["kind"]: one for one in SHARED}
    chosen = kinds["Service"]["spec"]["selector"]
    assert chosen == kinds["Deployment"]["spec"]["selector"]["matchLabels"]
    assert chosen != kinds["Job"]["spec"]["template"]["metadata"]["labels"]
    assert kinds["Service"]["spec"]["clusterIP"] == "None"


def test_the_namespace_refuses_what_is_not_restricted_and_every_connection() -> None:
    (namespace,) = documents(BASE / "namespace.yaml")
    labels = namespace["metadata"]["labels"]
    for mode in ("enforce", "audit", "warn"):
        assert labels[f"pod-security.kubernetes.io/{mode}"] == "restricted"
    deny = documents(BASE / "network.yaml")[0]["spec"]
    assert deny == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_the_front_asks_its_own_replica_alone_whether_it_is_ready() -> None:
    ((_, pod),) = pod_specs(documents(BASE / "front" / "deployment.yaml"))
    (container,) = pod["containers"]
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz/own"
    assert container["livenessProbe"]["httpGet"]["path"] == "/livez"
    port = variables(BASE / "settings.env")["SOCLE_HTTP_LISTEN"].rpartition(":")[2]
    assert {"name": "http", "containerPort": int(port)} in container["ports"]


def test_the_volumes_of_dev_give_each_server_the_accounts_of_every_service() -> None:
    filled = {one["metadata"]["name"]: one for one in documents(*(DEV / "made").iterdir())}
    paths = {
        name: {
            item["path"]
            for volume in one["spec"]["template"]["spec"]["volumes"]
            for source in volume["projected"]["sources"]
            for item in source["secret"]["items"]
        }
        for name, one in filled.items()
    }
    services = find_services()
    assert paths["postgres"] == {f"{one.name}/password" for one in services if one.grpc}
    assert paths["nats"] == {"subscriber/password", *(f"{one.snake}/password" for one in services)}
    assert paths["issuer"] >= {one.name for one in services}
