"""A PostgreSQL cluster for each service: what the component postgresql-cnpg-per-service is made of."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import yaml

from socle_k8s.text import Plain, dumped, header
from socle_local.manifest import Service

Document = dict[str, Any]
NAMESPACE = "socle"
FOLDER = "components/postgresql-cnpg-per-service"
WHY = """\
# The other choice: a PostgreSQL cluster for each service; one is upgraded, restored or overloaded alone.
# Instead of postgresql-cnpg, with the same needs; Keycloak's database is then elsewhere, too
# (keycloak/database.yaml). Three instances a service: chosen for what the DMP weighs beside the others, or
# for who answers for which data.
"""


class Block(str):
    """A text of several lines, which is written as one reads it."""

    __slots__ = ()


Plain.add_representer(
    Block, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|")
)


def block(value: Any) -> Block:
    """A patch inside a Kustomization, as YAML."""
    return Block(yaml.dump(value, Dumper=Plain, sort_keys=False, width=200))


def files(owners: Iterable[Service]) -> dict[str, str]:
    """The component and a folder for each service that has a database: path below `deploy/k8s` -> text."""
    every = list(owners)
    origin = header("services/*/pyproject.toml")
    made = {
        f"{FOLDER}/services/{service.name}/kustomization.yaml": origin + dumped([cluster(service)])
        for service in every
    }
    return made | {f"{FOLDER}/kustomization.yaml": origin + WHY + dumped([component(every)])}


def cluster(service: Service) -> Document:
    """The Kustomization of a cluster of the service's own: the shared one under another name."""
    name = f"{service.name}-postgres"
    first = {
        "database": service.snake,
        "owner": service.snake,
        "secret": {"name": f"{service.name}-database"},
    }
    initdb = [replaced(f"/spec/bootstrap/initdb/{key}", value, "add") for key, value in first.items()]
    spread = "/spec/topologySpreadConstraints/0/labelSelector/matchLabels/cnpg.io~1cluster"
    archived = "/spec/plugins/0/parameters/barmanObjectName"
    return {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": ["../../../postgresql-cnpg/cluster"],
        "patches": [
            renamed("Cluster", name, [replaced(spread, name), replaced(archived, name), *initdb]),
            renamed("ObjectStore", name, []),
            renamed("ScheduledBackup", name, [replaced("/spec/cluster/name", name)]),
        ],
    }


def renamed(kind: str, name: str, others: list[Document]) -> Document:
    """A patch that gives the only object of a kind another name, and more."""
    patch = [replaced("/metadata/name", name), *others]
    return {"target": {"kind": kind}, "options": {"allowNameChange": True}, "patch": block(patch)}


def replaced(path: str, value: Any, operation: str = "replace") -> Document:
    return {"op": operation, "path": path, "value": value}


def component(owners: Iterable[Service]) -> Document:
    """The component: every cluster, and the services told of theirs."""
    every = list(owners)
    return {
        "apiVersion": "kustomize.config.k8s.io/v1alpha1",
        "kind": "Component",
        "resources": ["../postgresql-cnpg/shared", *(f"services/{service.name}" for service in every)],
        "configMapGenerator": [
            {
                "name": f"{service.name}-settings",
                "namespace": NAMESPACE,
                "behavior": "merge",
                "literals": [f"SOCLE_DATABASE_URL={address(service)}"],
            }
            for service in every
        ],
        "patches": [authority(service, kind) for service in every for kind in ("Deployment", "Job")],
    }


def address(service: Service) -> str:
    return f"postgresql://{service.snake}@{service.name}-postgres-rw:5432/{service.snake}"


def authority(service: Service, kind: str) -> Document:
    """Each cluster has an authority of its own: the pods of the service verify against that one."""
    name = service.name if kind == "Deployment" else f"{service.name}-migrate"
    volume = {"name": "postgres-ca", "secret": {"secretName": f"{service.name}-postgres-ca"}}
    patch = {
        "apiVersion": "apps/v1" if kind == "Deployment" else "batch/v1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": {"template": {"spec": {"volumes": [volume]}}},
    }
    return {"target": {"kind": kind, "name": name}, "patch": block(patch)}
