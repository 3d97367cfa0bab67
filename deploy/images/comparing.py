"""Is an image the same when it is built again from nothing? Answered file by file."""

import hashlib
import subprocess
import tarfile
from pathlib import Path
from typing import IO

from deploy.images.building import arguments, build, prepare
from deploy.images.docker import BuildRefused, Docker
from deploy.images.target import Target

PLACES = ("socle/reproducible:first", "socle/reproducible:second")
# Docker lays these into every container, empty, at the moment it is created: they are in no image.
DOCKERS_OWN = {".dockerenv", "dev", "proc", "sys", "etc", ""} | {
    f"etc/{name}" for name in ("hostname", "hosts", "mtab", "resolv.conf")
}


def main(root: Path, docker: Docker, service: str, base: str) -> int:
    """Builds twice without a cache; 0 when every file is the same, 1 after naming those that differ."""
    prepare(root, Target.of_image(docker, base))
    chosen = arguments(root, service, "reproducible", base)
    try:
        for image in PLACES:
            build(root, docker, image, chosen, "--no-cache")
        first, second = (files_of(docker, image) for image in PLACES)
        layers = [(docker.inspect(image) or {})["RootFS"]["Layers"] for image in PLACES]
    finally:
        for image in filter(docker.inspect, PLACES):
            docker.ask("rmi", "--force", image)
    return told(first, second, layers)


def told(first: dict[str, str], second: dict[str, str], layers: list[list[str]]) -> int:
    """Says what is equal and what is not."""
    differing = sorted(path for path in first.keys() | second.keys() if first.get(path) != second.get(path))
    same_layers = sum(a == b for a, b in zip(*layers, strict=True))
    print(f"{len(first)} entries compared: name, kind, mode, owner, date, link, content.")
    print(f"{same_layers} of {len(layers[0])} layers bear the same digest.")
    for path in differing[:20]:
        print(f"  differs: {path}\n    {first.get(path)}\n    {second.get(path)}")
    print(f"{len(differing)} entries differ." if differing else "The two builds hold the same files.")
    return 1 if differing else 0


def files_of(docker: Docker, image: str) -> dict[str, str]:
    """Each path of an image with all that a tar archive tells of it, content hashed."""
    container = docker.ask("create", image, "python")
    try:
        with subprocess.Popen([docker.program, "export", container], stdout=subprocess.PIPE) as export:
            assert export.stdout is not None  # noqa: S101 - a pipe was asked for
            return entries(export.stdout)
    finally:
        docker.ask("rm", container)


def entries(stream: IO[bytes]) -> dict[str, str]:
    """Each path of a tar archive with its kind, mode, owner, date, link and the hash of its content."""
    found: dict[str, str] = {}
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for member in archive:
            path = member.name.strip("/")
            if path not in DOCKERS_OWN and not path.startswith(("dev/", "proc/", "sys/")):
                found[path] = described(archive, member)
    if not found:
        raise BuildRefused("docker exported an empty image: look at what the build said.")
    return found


def described(archive: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    content = archive.extractfile(member) if member.isfile() else None
    digest = hashlib.sha256(content.read()).hexdigest() if content else member.linkname
    kind = member.type.decode()
    return f"{kind} {member.mode:o} {member.uid}:{member.gid} {int(member.mtime)} {digest}"
