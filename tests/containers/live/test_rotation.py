"""Certificates replaced under running pods, as cert-manager and the kubelet do it, while calls go on."""

import asyncio
import time
from pathlib import Path

from socle_k8s.secrets import AUTHORITY, all_secrets
from tests.containers.cluster import Cluster
from tests.containers.live.certificates import Client, serial_of
from tests.containers.live.traffic import going_on
from tests.containers.manifests import Manifests
from tests.containers.platform import NAMESPACE, ContainerPlatform
from tests.reach import Actors

# Seconds; services look once a second, PostgreSQL and NATS every five.
PATIENCE = 30.0
PORTS = ("grpc", "http", "postgres", "nats")


def renewed(platform: ContainerPlatform) -> Manifests:
    """The manifests with every certificate issued anew by the same authority; all else as it was."""
    documents = platform.manifests.documents
    secrets = {one["metadata"]["name"]: dict(one) for one in documents if one["kind"] == "Secret"}
    fresh = {
        one["metadata"]["name"]: one
        for one in all_secrets(platform.services, NAMESPACE, secrets[AUTHORITY])
        if one["metadata"]["name"].endswith("-tls")
    }
    return Manifests.of(
        fresh.get(one["metadata"]["name"], one) if one["kind"] == "Secret" else one for one in documents
    )


def servers(cluster: Cluster) -> dict[str, tuple[str, int]]:
    """Who shows a certificate: the Secret it comes from, the name and the port it is dialled by."""
    found = {}
    for pod in cluster.lasting:
        secrets = {
            one["name"]: one["secret"]["secretName"]
            for one in pod.pod.workload.pod["volumes"]
            if "secret" in one
        }
        port = next((pod.pod.ports[name] for name in PORTS if name in pod.pod.ports), 0)
        secured = pod.variables(pod.pod.containers[0]).get("SOCLE_HTTP_TLS", "true") == "true" or port != 8080
        if "tls" in secrets and port and secured:
            found[secrets["tls"]] = (pod.pod.aliases[0], port)
    return found


async def test_new_certificates_are_shown_without_a_restart_or_a_failed_call(
    pods: ContainerPlatform, actors: Actors, tmp_path: Path
) -> None:
    cluster, fresh = pods.cluster, renewed(pods)
    shown = servers(cluster)
    assert {"dmp-tls", "eprescription-tls", "identity-ins-tls", "nats-tls", "postgres-tls"} <= set(shown)
    client = Client.of(pods.manifests.store.secret("gateway-tls", "the tests"), tmp_path)
    wanted = {secret: serial_of(fresh.store.secret(secret, "the tests")["tls.crt"]) for secret in shown}
    before = {secret: client.serial(*place) for secret, place in shown.items()}
    assert not set(before.values()) & set(wanted.values())
    async with going_on(actors) as traffic:
        for pod in cluster.lasting:
            await asyncio.to_thread(pod.remount, fresh)
        after = await until_shown(client, shown, wanted)
        # Connections opened before the change, and those opened since, go on a while.
        await asyncio.sleep(3)
    assert after == wanted
    assert (traffic.failures, traffic.answered > 50) == ([], True)
    assert [one.pod.name for one in cluster.lasting if one.restarts != one.restarts_before_ready] == []


async def until_shown(
    client: Client, shown: dict[str, tuple[str, int]], wanted: dict[str, int]
) -> dict[str, int]:
    """The serial numbers that are shown, once they are the wanted ones or the time is over."""
    limit = time.monotonic() + PATIENCE
    while True:
        after = {secret: await asyncio.to_thread(client.serial, *place) for secret, place in shown.items()}
        if after == wanted or time.monotonic() > limit:
            return after
        await asyncio.sleep(0.5)
