"""The Secrets of the dev overlay: certificates, passwords, client secrets and keys, fresh each time.

They exist in memory and in the cluster. The authority of the certificates is kept in the cluster too, so that
a service added later gets one that its neighbours believe.
"""

from __future__ import annotations

import secrets
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import trustme

from socle_k8s.generate import KEYS
from socle_local.manifest import Service
from socle_local.personas import MACHINES
from socle_local.platform import SUBSCRIBER
from socle_local.stores import new_ring, new_signing_key

Document = dict[str, Any]
AUTHORITY = "socle-authority"
DATABASE_AUTHORITY = "socle-postgres-ca"
SECRET_BYTES = 24
MAKERS: Mapping[str, Callable[[], bytes]] = {
    "master_key": new_ring,
    "signing_master": new_ring,
    "access_secrets": new_ring,
    "ledger_key": new_signing_key,
    "platform_key": new_signing_key,
}
# Beside the services: what each server is called by its clients.
SERVERS = {"postgres": "socle-postgres-rw", "nats": "nats"}


def all_secrets(
    services: Iterable[Service], namespace: str, former: Document | None = None
) -> Iterator[Document]:
    """Every Secret that the dev overlay mounts. `former` is the authority's Secret of an earlier day."""
    every = list(services)
    authority = restored(former) if former else trustme.CA(organization_name="Socle, development cluster")
    authority_cert = authority.cert_pem.bytes()
    kept = {"ca.crt": authority_cert, "ca.key": authority.private_key_pem.bytes()}
    yield secret(AUTHORITY, namespace, kept)
    yield secret(DATABASE_AUTHORITY, namespace, {"ca.crt": authority_cert})
    for program, name in [*((s.name, s.name) for s in every), *SERVERS.items()]:
        yield secret(
            f"{program}-tls", namespace, certificate(authority, name, namespace), "kubernetes.io/tls"
        )
    for service in every:
        yield from accounts(service, namespace)
    yield secret(f"{SUBSCRIBER}-nats", namespace, {"password": password()})
    for machine in MACHINES:
        yield secret(f"{machine.name}-oidc", namespace, {"client-secret": password()})


def accounts(service: Service, namespace: str) -> Iterator[Document]:
    """What one service proves itself with, and the keys it keeps."""
    if service.grpc:
        account = {"username": service.snake.encode(), "password": password()}
        yield secret(f"{service.name}-database", namespace, account, "kubernetes.io/basic-auth")
    yield secret(f"{service.name}-nats", namespace, {"password": password()})
    yield secret(f"{service.name}-oidc", namespace, {"client-secret": password()})
    if keys := {KEYS[kept][1]: MAKERS[kept]() for kept in service.keeps if kept in KEYS}:
        yield secret(f"{service.name}-keys", namespace, keys)


def certificate(authority: trustme.CA, name: str, namespace: str) -> dict[str, bytes]:
    """A certificate in cert-manager's layout. The short name comes first: clients check that one."""
    leaf = authority.issue_cert(name, f"{name}.{namespace}.svc", "localhost", "127.0.0.1", common_name=name)
    chain = b"".join(blob.bytes() for blob in leaf.cert_chain_pems)
    return {
        "tls.crt": chain,
        "tls.key": leaf.private_key_pem.bytes(),
        "ca.crt": authority.cert_pem.bytes(),
    }


def restored(former: Document) -> trustme.CA:
    """The authority kept in a Secret."""
    cert, key = (b64decode(former["data"][name]) for name in ("ca.crt", "ca.key"))
    return trustme.CA.from_pem(cert, key)


def password() -> bytes:
    """A fresh password, of characters that no file, address or shell gives a meaning to."""
    return secrets.token_urlsafe(SECRET_BYTES).encode()


def secret(name: str, namespace: str, data: Mapping[str, bytes], kind: str = "Opaque") -> Document:
    """A Secret as the API takes it."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {"app.kubernetes.io/part-of": "socle", "app.kubernetes.io/managed-by": "socle-k8s"},
        },
        "type": kind,
        "data": {key: b64encode(value).decode() for key, value in data.items()},
    }
