"""`python -m socle_k8s generate`: what the manifests repeat of the services' own `[tool.socle]` tables.

Who calls whom is written once, in a service's `pyproject.toml`; allow-lists of certificates and of the
network, addresses and mounted keys follow from it. The files are committed, so that reading and rendering
take no Python.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from socle_k8s import components
from socle_k8s.text import dumped, header
from socle_local.failures import PlatformFailedError
from socle_local.manifest import ROOT, Service, find_services
from socle_local.nats import user_of
from socle_local.personas import MACHINES
from socle_local.platform import SUBSCRIBER

Document = dict[str, Any]
FOLDER = Path("deploy", "k8s")
GRPC_PORT = 15050
# What `keeps` names, and the setting that says in which file of /run/socle/keys it is. Blobs are no key.
KEYS: Mapping[str, tuple[str, str]] = {
    "master_key": ("SOCLE_MASTER_KEY_FILE", "master-key.json"),
    "ledger_key": ("SOCLE_LEDGER_KEY_FILE", "ledger-key.pem"),
    "signing_master": ("SOCLE_SIGNING_MASTER_FILE", "signing-master.json"),
    "access_secrets": ("SOCLE_ACCESS_SECRETS_FILE", "access-secrets.json"),
    "platform_key": ("SOCLE_PLATFORM_KEY_FILE", "platform-key.pem"),
}


def files(root: Path = ROOT) -> dict[str, str]:
    """Every generated file below `deploy/k8s` of the repository at `root`: path -> text.

    Raises PlatformFailedError when a service's table cannot be read.
    """
    services = find_services(root)
    check_callers(services)
    made: dict[str, str] = {}
    for service in services:
        folder = f"base/services/{service.name}/made"
        origin = header(f"services/{service.name}/pyproject.toml")
        made[f"{folder}/facts.yaml"] = origin + dumped([facts(service)])
        made[f"{folder}/settings.env"] = origin + environment(service, services)
        made[f"{folder}/network.yaml"] = origin + dumped([network(service, services)])
    # A file each: the first Kustomize of version 5 takes one patch a file.
    for patch in dev_volumes(services):
        path = f"overlays/dev/made/{patch['metadata']['name']}.yaml"
        made[path] = header("services/*/pyproject.toml") + dumped([patch])
    return made | components.files(services)


def check_callers(services: Iterable[Service]) -> None:
    """Raises PlatformFailedError when a table names a caller that does not exist: mostly, one misspelt."""
    every = list(services)
    names = {service.name for service in every}
    for service in every:
        if unknown := sorted(set(service.callers) - names):
            raise PlatformFailedError(
                f"services/{service.name}/pyproject.toml lists the caller {unknown[0]!r}, and no service is"
                f" called so: write one of {', '.join(sorted(names))}."
            )


def write(root: Path = ROOT) -> list[str]:
    """Writes what differs; the paths that were written, below `deploy/k8s`."""
    changed = stale(root)
    for path in changed:
        file = root / FOLDER / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(files(root)[path], "utf-8")
    return changed


def stale(root: Path = ROOT) -> list[str]:
    """The files that are not, or are no longer, what the tables say."""
    return sorted(path for path, text in files(root).items() if text != read(root / FOLDER / path))


def read(file: Path) -> str | None:
    """The text of a file, or None when there is none."""
    return file.read_text("utf-8") if file.is_file() else None


def facts(service: Service) -> Document:
    """The two names of a service, for the shared component to fill in; never part of what is applied."""
    return {
        "apiVersion": "socle/v1",
        "kind": "Facts",
        "metadata": {"name": service.name, "annotations": {"config.kubernetes.io/local-config": "true"}},
        "module": service.module,
    }


def callers_of(service: Service, services: Iterable[Service]) -> list[str]:
    """The programs that may knock; an empty list in the table means every other program of the platform."""
    if not service.grpc:
        return []
    return sorted(service.callers or (other.name for other in services if other.name != service.name))


def callees_of(service: Service, services: Iterable[Service]) -> list[str]:
    """The services it may call: the callers' lists, read the other way round."""
    every = list(services)
    return sorted(other.name for other in every if service.name in callers_of(other, every))


def environment(service: Service, services: Iterable[Service]) -> str:
    """The settings of one service, as a file of variables."""
    every = list(services)
    addresses = {name: f"dns:///{name}:{GRPC_PORT}" for name in callees_of(service, every)}
    told = {"SOCLE_NATS_USER": service.snake, "SOCLE_SERVICES": compact(addresses)}
    if service.grpc:
        told["SOCLE_ALLOWED_PROGRAMS"] = compact(callers_of(service, every))
        told["SOCLE_DATABASE_URL"] = f"postgresql://{service.snake}@socle-postgres-rw:5432/{service.snake}"
    for kept in service.keeps:
        if kept in KEYS:
            variable, file = KEYS[kept]
            told[variable] = f"/run/socle/keys/{file}"
    return "".join(f"{name}={value}\n" for name, value in told.items())


def compact(value: Any) -> str:
    """JSON on one line, as the settings read it."""
    return json.dumps(value, separators=(",", ":"))


def network(service: Service, services: Iterable[Service]) -> Document:
    """Who may open a connection to the service, and to whom it may: its callers, and those it calls."""
    every = list(services)
    by_name = {other.name: other for other in every}
    port = [{"port": GRPC_PORT, "protocol": "TCP"}]
    ways: dict[str, Any] = {}
    if callers := callers_of(service, every):
        ways["ingress"] = [{"from": [peer(by_name[name]) for name in callers], "ports": port}]
    if callees := callees_of(service, every):
        ways["egress"] = [{"to": [peer(by_name[name]) for name in callees], "ports": port}]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": service.name, "labels": labels(service)},
        "spec": {
            "podSelector": {"matchLabels": labels(service)},
            "policyTypes": [way.capitalize() for way in ways],
            **ways,
        },
    }


def peer(service: Service) -> Document:
    """The pods of a service, its migration left out."""
    return {"podSelector": {"matchLabels": labels(service)}}


def labels(service: Service) -> dict[str, str]:
    """The labels that choose a service's pods, as the shared component gives them."""
    component = "service" if service.grpc else "front"
    return {"app.kubernetes.io/name": service.name, "app.kubernetes.io/component": component}


def dev_volumes(services: Iterable[Service]) -> list[Document]:
    """The passwords that PostgreSQL, NATS and the issuer of dev are given: one file an account."""
    every = list(services)
    databases = [(f"{s.name}-database", "password", f"{s.name}/password") for s in every if s.grpc]
    users = [*((s.name, s.snake) for s in every), (SUBSCRIBER, user_of(SUBSCRIBER))]
    clients = [*(s.name for s in every), *(machine.name for machine in MACHINES)]
    return [
        volume("StatefulSet", "postgres", "databases", databases),
        volume(
            "StatefulSet", "nats", "users", [(f"{n}-nats", "password", f"{u}/password") for n, u in users]
        ),
        volume("Deployment", "issuer", "clients", [(f"{n}-oidc", "client-secret", n) for n in clients]),
    ]


def volume(kind: str, name: str, called: str, taken: Iterable[tuple[str, str, str]]) -> Document:
    """A patch that fills one volume of a workload with keys of several Secrets: (Secret, key, path)."""
    sources = [
        {"secret": {"name": secret, "items": [{"key": key, "path": path}]}} for secret, key, path in taken
    ]
    filled = {"name": called, "projected": {"defaultMode": 0o440, "sources": sources}}
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": {"template": {"spec": {"volumes": [filled]}}},
    }
