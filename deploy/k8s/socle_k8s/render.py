"""An overlay as the cluster would receive it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

from socle_local.failures import PlatformFailedError
from socle_local.manifest import ROOT

Document = dict[str, Any]
OVERLAYS = ROOT / "deploy" / "k8s" / "overlays"


def render(overlay: str | Path) -> list[Document]:
    """The objects of an overlay, by its name or its folder, in the order Kustomize gives them.

    Raises PlatformFailedError when no Kustomize is at hand, or when it refuses the overlay.
    """
    folder = overlay if isinstance(overlay, Path) else OVERLAYS / overlay
    if not (folder / "kustomization.yaml").is_file():
        known = ", ".join(sorted(path.parent.name for path in OVERLAYS.glob("*/kustomization.yaml")))
        raise PlatformFailedError(f"There is no overlay {overlay}: choose one of {known}.")
    done = subprocess.run([*kustomize(), str(folder)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise PlatformFailedError(f"Kustomize cannot render {folder}: {done.stderr.strip()}")
    return [document for document in yaml.safe_load_all(done.stdout) if document]


def kustomize() -> list[str]:
    """The command that renders a folder: kubectl's own Kustomize, or the program of that name."""
    if kubectl := shutil.which("kubectl"):
        return [kubectl, "kustomize"]
    if program := shutil.which("kustomize"):
        return [program, "build"]
    raise PlatformFailedError(
        "Rendering the manifests takes kubectl (1.27 or later) or kustomize (5.0 or later), and neither is on"
        " PATH: install one of them from its project's releases or your distribution."
    )
