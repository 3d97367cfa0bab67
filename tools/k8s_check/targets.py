"""What is checked: every overlay, and the combination of components that the guide offers beside them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from socle_k8s import render
from tools.k8s_check.model import Document
from tools.paths import ROOT

K8S = ROOT / "deploy" / "k8s"
OVERLAYS = ("dev", "staging", "production")
# A PostgreSQL cluster for each service; identity provider, door and scanner are the hospital's own.
PER_SERVICE = (
    "postgresql-cnpg-per-service",
    "nats-cluster",
    "object-store",
    "cert-manager-mtls",
    "openbao",
    "site",
)


def rendered() -> dict[str, list[Document]]:
    """The documents of each target, by its name.

    Raises PlatformFailedError when there is no Kustomize, or when it refuses one.
    """
    every = {name: render(name) for name in OVERLAYS}
    with combination(PER_SERVICE) as folder:
        return every | {"per-service": render(folder)}


@contextmanager
def combination(components: tuple[str, ...]) -> Iterator[Path]:
    """A Kustomization of production's settings with these components, for as long as it is looked at."""
    with TemporaryDirectory() as name:
        # Kustomize resolves links before it compares paths.
        folder = Path(name).resolve()

        def at(*parts: str) -> str:
            return os.path.relpath(K8S.joinpath(*parts), folder)

        wanted = {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "namespace": "socle",
            "resources": [at("overlays", "production", "site"), at("base")],
            "components": [at("components", component) for component in components],
            "images": tagged(),
        }
        (folder / "kustomization.yaml").write_text(yaml.safe_dump(wanted), "utf-8")
        yield folder


def tagged() -> list[Document]:
    """The images as production names them."""
    path = K8S / "overlays" / "production" / "kustomization.yaml"
    images: list[Document] = yaml.safe_load(path.read_text("utf-8"))["images"]
    return images
