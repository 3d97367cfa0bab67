"""A base image without a registry: Debian and its Python, by debootstrap and `docker import`."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from deploy.images.docker import BuildRefused, Docker

TAG = "socle/base:bookworm"
SUITE = "bookworm"
PACKAGES = "ca-certificates,python3,tzdata"
APT = Path("/etc/apt")
# What a running service never reads. The copyright files stay: they are the licences' condition.
SUPERFLUOUS = (
    "var/cache/apt/*", "var/cache/debconf/*-old", "var/cache/ldconfig/aux-cache", "var/lib/apt/lists/*",
    "var/log/*", "usr/share/man/*", "usr/share/info/*", "usr/share/locale/*", "usr/share/doc/*/changelog*",
    "usr/share/doc/*/NEWS*", "etc/machine-id", "etc/hostname", "etc/resolv.conf", "tmp/*", "run/*",
    "var/lib/dpkg/*-old",
)  # fmt: skip


def make(docker: Docker, tag: str, suite: str) -> None:
    """Makes and imports the base image. Raises BuildRefused in one sentence for what is missing."""
    need_what_it_takes()
    mirror, security = sources(read_apt(APT), suite)
    with tempfile.TemporaryDirectory(prefix="socle-base-") as scratch:
        tree = Path(scratch) / "root"
        checked("debootstrap", "--variant=minbase", f"--include={PACKAGES}", suite, tree, *mirror)
        update(tree, security)
        clean(tree)
        archive = pack(tree, Path(scratch) / "base.tar")
        docker.ask("import", str(archive), tag)
    print(f"{tag}: {(docker.inspect(tag) or {})['Size'] / 1e6:.0f} MB")


def need_what_it_takes() -> None:
    if os.geteuid() != 0:
        raise BuildRefused("debootstrap lays out a system with its owners: run `make base-image` as root.")
    if shutil.which("debootstrap") is None:
        raise BuildRefused("debootstrap is missing: install it (Debian: apt install debootstrap).")


def read_apt(folder: Path) -> list[tuple[str, str]]:
    """The archives this machine installs from: address and suite, in both forms that apt reads."""
    texts = [path.read_text() for path in sorted(folder.glob("sources.list.d/*.sources"))]
    lists = [folder / "sources.list", *sorted(folder.glob("sources.list.d/*.list"))]
    lines = [line for path in lists if path.is_file() for line in path.read_text().splitlines()]
    return [*(entry for text in texts for entry in of_fields(text)), *of_lines(lines)]


def of_fields(text: str) -> Iterator[tuple[str, str]]:
    """Of the `deb822` form: paragraphs of fields."""
    for paragraph in re.split(r"\n\s*\n", text):
        fields = dict(re.findall(r"^([A-Za-z-]+):[ \t]*(.*)$", paragraph, re.MULTILINE))
        if fields.get("Enabled", "yes") != "no" and "deb" in fields.get("Types", "").split():
            for address in fields.get("URIs", "").split():
                yield from ((address, suite) for suite in fields.get("Suites", "").split())


def of_lines(lines: list[str]) -> Iterator[tuple[str, str]]:
    """Of the one-line form: `deb [options] address suite component...`."""
    for line in lines:
        found = re.match(r"deb\s+(?:\[[^]]*\]\s+)?(\S+)\s+(\S+)", line)
        if found:
            yield found[1], found[2]


def sources(archives: list[tuple[str, str]], suite: str) -> tuple[list[str], list[str]]:
    """The mirror of the suite (none: debootstrap has one), and apt's lines for its security updates."""
    mirror = [address for address, name in archives if name == suite][:1]
    later = (f"{suite}-security", f"{suite}-updates")
    updates = [f"deb {address} {name} main" for address, name in archives if name in later]
    return mirror, updates


def update(tree: Path, security: list[str]) -> None:
    """Security updates since the release, when this machine knows where they are."""
    if not security:
        return
    listed = tree / "etc" / "apt" / "sources.list.d" / "updates.list"
    listed.write_text("".join(f"{line}\n" for line in security))
    shutil.copy("/etc/resolv.conf", tree / "etc" / "resolv.conf")
    quiet = ("-qq", "-o", "Dpkg::Use-Pty=0")
    checked("chroot", tree, "apt-get", *quiet, "update")
    checked("chroot", tree, "apt-get", *quiet, "--no-install-recommends", "upgrade")
    checked("chroot", tree, "apt-get", *quiet, "clean")
    # A mirror belongs to a network, not to an image.
    listed.unlink()
    (tree / "etc" / "apt" / "sources.list").unlink(missing_ok=True)


def clean(tree: Path) -> None:
    for pattern in SUPERFLUOUS:
        for path in tree.glob(pattern):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def pack(tree: Path, archive: Path) -> Path:
    """Everything but the devices, which the container's engine gives itself."""
    devices = [f"--exclude=./{folder}/*" for folder in ("dev", "proc", "sys")]
    form = ("--numeric-owner", "--sort=name", "--one-file-system")
    checked("tar", *form, *devices, "-C", tree, "-cf", archive, ".")
    return archive


def checked(*command: str | Path) -> None:
    """Runs a command silently; raises BuildRefused with the end of what it said when it fails."""
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    if done.returncode:
        last = "\n".join((done.stdout + done.stderr).strip().splitlines()[-8:])
        raise BuildRefused(f"{command[0]} failed:\n{last}")
