"""`make k8s-journey`: the dev overlay in a cluster, with this machine's images, and the first journey."""

from __future__ import annotations

import asyncio
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from socle_k8s.cluster import Cluster
from socle_k8s.forward import forwarded
from socle_k8s.images import load
from socle_k8s.install import DEV, install, tagged
from socle_k8s.render import render
from socle_k8s.secrets import AUTHORITY
from socle_local import demo
from socle_local.failures import PlatformFailedError
from socle_local.journey import Reach, UnexpectedAnswerError
from socle_local.platform import SUBSCRIBER


def journey(tag: str, *, bring_images: bool, console: Console, seconds: float) -> bool:
    """Installs, waits, plays; whether every step went as it should.

    Raises PlatformFailedError when it does not come to the playing.
    """
    documents = tagged(render(DEV), tag)
    if bring_images:
        load(Cluster.found(), documents, console)
    cluster = install(DEV, documents, console, seconds)
    with reached(cluster) as reach:
        try:
            played = asyncio.run(demo.perform(reach, console))
        except UnexpectedAnswerError as refused:
            raise PlatformFailedError(f"The journey did not begin: {refused}") from None
    console.print(demo.summary(played))
    return all(one.went_well for one in played)


@contextmanager
def reached(cluster: Cluster) -> Iterator[Reach]:
    """The dev platform of a cluster through three ports of loopback, as NATS's subscriber."""
    with (
        forwarded(cluster, "gateway", 8080) as gateway,
        forwarded(cluster, "issuer", 8081) as issuer,
        forwarded(cluster, "nats", 4222) as nats,
    ):
        yield Reach(
            gateway=f"http://127.0.0.1:{gateway}",
            issuer=f"http://127.0.0.1:{issuer}",
            nats=f"tls://127.0.0.1:{nats}",
            nats_password=secret_value(cluster, f"{SUBSCRIBER}-nats", "password"),
            nats_user=SUBSCRIBER,
            nats_ca=secret_value(cluster, AUTHORITY, "ca.crt"),
        )


def secret_value(cluster: Cluster, name: str, key: str) -> str:
    """One value of a Secret. Raises PlatformFailedError when it is not there."""
    found = cluster.get("secret", name)
    if found is None or key not in found["data"]:
        raise PlatformFailedError(
            f"The namespace {cluster.namespace} has no Secret {name} with the key {key}: `make k8s-install"
            " OVERLAY=dev` makes it."
        )
    return b64decode(found["data"][key]).decode()
