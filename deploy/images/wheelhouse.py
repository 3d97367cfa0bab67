"""Every package that the images need, as files: with them an image is built without a network."""

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from deploy.images.docker import BuildRefused, Docker
from deploy.images.target import Target

# Below build/, which git ignores; the build takes it from there.
INPUT = Path("build") / "image-input"
LOCKS = ("deploy/local/bootstrap.lock", "deploy/images/build.lock", "deploy/images/platform.lock")


def main(root: Path, base_image: str, python: str, machine: str) -> None:
    """Fills the wheelhouse for the named Python and machine, else for those of the base image."""
    if python or machine:
        target = Target.named(python or "3.11", machine or platform.machine())
    else:
        target = Target.of_image(Docker.found(), base_image)
    fill(root, target)


def folder_of(root: Path) -> Path:
    return root / INPUT / "wheelhouse"


def fill(root: Path, target: Target) -> None:
    """Downloads what the locks name, every file checked against its hash; nothing to do is fine.

    platform.lock holds all of runtime.lock. Raises BuildRefused when a file cannot be had.
    """
    folder, stamp = folder_of(root), stamp_of(root, target)
    mark = folder / "made-for.json"
    if mark.exists() and mark.read_text() == stamp:
        return
    print(
        f"Downloading the packages for Python 3.{target.minor} on {target.machine} into {INPUT}", flush=True
    )
    fresh = folder.with_name("wheelhouse.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    for lock in LOCKS:
        download(flattened(root / lock, target), fresh, target)
    (fresh / "made-for.json").write_text(stamp)
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)
    print(f"{len(list(folder.glob('*.whl')))} packages, {size_of(folder) / 1e6:.0f} MB")


def stamp_of(root: Path, target: Target) -> str:
    """What a wheelhouse is good for: the target and the locks."""
    locks = {lock: hashlib.sha256((root / lock).read_bytes()).hexdigest() for lock in LOCKS}
    return json.dumps({"python": f"3.{target.minor}", "tags": target.platforms[0], "locks": locks}, indent=1)


def size_of(folder: Path) -> int:
    """Bytes of all files below."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def flattened(lock: Path, target: Target) -> str:
    """The lock without the packages of other systems and Pythons: pip judges by the machine it runs on."""
    uv = Path(sys.executable).with_name("uv")
    where = ("--python-version", f"3.{target.minor}", "--python-platform", f"{target.machine}-manylinux_2_28")
    plain = (
        "--quiet",
        "--generate-hashes",
        "--no-annotate",
        "--no-header",
        "--no-deps",
        "--no-emit-index-url",
    )
    done = subprocess.run(
        [uv, "pip", "compile", *plain, *where, lock], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BuildRefused(f"{lock.name} could not be read for {target}: {done.stderr.strip()}")
    return done.stdout


def download(requirements: str, folder: Path, target: Target) -> None:
    """Wheels only: the build compiles nothing. The hashes of the lock are checked by pip."""
    listed = folder / "requirements.txt"
    listed.write_text(requirements)
    options = (
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--require-hashes",
        "--only-binary=:all:",
    )
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "pip",
        "download",
        *options,
        *_fitting(target),
        "-r",
        listed,
        "-d",
        folder,
    ]
    done = subprocess.run(command, env=environment(), check=False)
    listed.unlink()
    if done.returncode:
        raise BuildRefused("A package could not be downloaded: the lines above say which and why.")


def _fitting(target: Target) -> Iterator[str]:
    yield from ("--implementation", "cp", "--python-version", f"3.{target.minor}")
    for abi in (f"cp3{target.minor}", "abi3", "none"):
        yield from ("--abi", abi)
    for tag in target.platforms:
        yield from ("--platform", tag)


def environment() -> dict[str, str]:
    """Ours, where uv's and pip's own settings say which index and which authorities to use."""
    return {**os.environ, "PIP_NO_INPUT": "1"}
