"""Builds the images: one recipe, run once for each service and once for the platform."""

import os
import shutil
import subprocess
import time
from pathlib import Path

from deploy.images.docker import BuildRefused, Docker
from deploy.images.target import Target
from deploy.images.wheelhouse import INPUT, fill, folder_of

BASE = "python:3.11-slim"
PLATFORM = "platform"
RECIPE = "deploy/images/Dockerfile"
BILL = "/app/sbom.cdx.json"
# The variables by which a machine says which authorities its network has, most particular first.
BUNDLES = ("PIP_CERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE")
OFFLINE = "SOCLE_IMAGES_WITHOUT_WHEELHOUSE"


def build_all(root: Path, docker: Docker, wanted: list[str], tag: str, base: str) -> None:
    """Builds `socle/<name>:<tag>` for each name, and copies its bill of materials to build/sbom.

    Raises BuildRefused for an unknown name, and when anything fails.
    """
    known = names(root)
    if unknown := sorted(set(wanted) - set(known)):
        raise BuildRefused(f"There is no image {', '.join(unknown)}: choose among {', '.join(known)}.")
    prepare(root, Target.of_image(docker, base))
    for name in wanted or known:
        began = time.monotonic()
        print(f"Building socle/{name}:{tag}", flush=True)
        image = f"socle/{name}:{tag}"
        build(root, docker, image, arguments(root, name, tag, base))
        copy_bill(root, docker, name, image)
        size = (docker.inspect(image) or {})["Size"] / 1e6
        print(f"{image}: {size:.0f} MB, {time.monotonic() - began:.0f} s", flush=True)


def names(root: Path) -> list[str]:
    """The services of the repository, and the platform."""
    return [*sorted(path.parent.name for path in root.glob("services/*/pyproject.toml")), PLATFORM]


def prepare(root: Path, target: Target) -> None:
    """The wheelhouse, unless the environment says that the build shall fetch the packages itself."""
    if not os.environ.get(OFFLINE):
        fill(root, target)
        return
    shutil.rmtree(folder_of(root), ignore_errors=True)
    bundle = next(filter(None, map(os.environ.get, BUNDLES)), None)
    if bundle:
        (root / INPUT).mkdir(parents=True, exist_ok=True)
        shutil.copy(bundle, root / INPUT / "ca.pem")


def build(root: Path, docker: Docker, image: str, chosen: dict[str, str], *options: str) -> None:
    """Builds one image with these arguments; without a network when there is a wheelhouse."""
    given = [word for pair in chosen.items() for word in ("--build-arg", "=".join(pair))]
    closed = ["--network=none"] if folder_of(root).is_dir() else []
    what = ("--file", str(root / RECIPE), "--tag", image)
    docker.run("build", "--quiet", *closed, *options, *what, *given, str(root))


def arguments(root: Path, name: str, tag: str, base: str) -> dict[str, str]:
    """The build arguments of an image; of the commit, so that the same commit gives the same bytes."""
    return {
        "BASE_IMAGE": base,
        "SERVICE": name,
        "PACKAGES": PLATFORM if name == PLATFORM else "runtime",
        "VERSION": tag,
        "REVISION": revision(root),
        "SOURCE_DATE_EPOCH": git(root, "log", "-1", "--format=%ct"),
    }


def revision(root: Path) -> str:
    """The commit; with `-dirty` when what is built is not what was committed."""
    dirty = "-dirty" if git(root, "status", "--porcelain") else ""
    return git(root, "rev-parse", "HEAD") + dirty


def git(root: Path, *words: str) -> str:
    try:
        done = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as fault:
        raise BuildRefused(
            "The images bear the commit they are made of, and git cannot tell it: build in a clone, with git."
        ) from fault
    return done.stdout.strip()


def copy_bill(root: Path, docker: Docker, name: str, image: str) -> None:
    """Copies the bill of materials out of an image, which is not run for it."""
    place = root / "build" / "sbom" / f"{name}.cdx.json"
    place.parent.mkdir(parents=True, exist_ok=True)
    container = docker.ask("create", image, "python")
    try:
        docker.ask("cp", f"{container}:{BILL}", str(place))
    finally:
        docker.ask("rm", container)
