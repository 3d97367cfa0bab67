"""`python3 -m inside.packages tools|packages`: virtual environments from locks, from the wheelhouse if given.

Every file is checked against the hash in its lock, and only wheels are taken: nothing is compiled here.
"""

import csv
import hashlib
import platform
import re
import shutil
import sys
import sysconfig
import zipfile
from importlib.util import find_spec
from pathlib import Path

from .laying import EPOCH_1980, BuildFailed, byte_compile, fresh, run, settle

BUILD = Path("/build")
TARGET = Path("/packages")
VENV = Path("/app/venv")
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
# The first bytes of an executable of Linux.
PROGRAM = b"\x7fELF"
USER = 65532
LINES = {
    "passwd": f"socle:x:{USER}:{USER}:Socle:/tmp:/usr/sbin/nologin\n",
    "group": f"socle:x:{USER}:\n",
}
# Modules that no service imports and that would weigh more than the rest.
UNCOMPILED = r"/(test|tests|idlelib|lib2to3|ensurepip|site-packages|dist-packages)/"


def make_tools() -> None:
    """uv, then an environment with what the later stages run."""
    unpack_uv(uv_wheel(BUILD), BUILD)
    install(BUILD / "tools", BUILD / "build.lock", BUILD)


def make_packages() -> None:
    """The environment of the image, made at its final place, then moved below `TARGET`."""
    install(VENV, BUILD / "packages.lock", BUILD)
    strip(VENV)
    forget_the_build(VENV)
    byte_compile(VENV, python=VENV / "bin" / "python")
    fresh(TARGET)
    shutil.move(VENV.parent, TARGET / "app")
    name_the_user(Path("/etc"), TARGET / "etc")
    standard_library(Path(sysconfig.get_path("stdlib")), TARGET)
    settle(TARGET, EPOCH_1980)


def uv_wheel(build: Path) -> Path:
    """The wheel of uv for this machine, whose hash the lock holds. Raises BuildFailed when there is none."""
    folder = build / "wheelhouse"
    if not folder.is_dir():
        folder = download_uv(build)
    machine = platform.machine()
    found = [path for path in sorted(folder.glob("uv-*manylinux*.whl")) if machine in path.name]
    if not found:
        raise BuildFailed(
            f"The wheelhouse has no uv for {machine}: run `make wheelhouse` for this base image."
        )
    if hashlib.sha256(found[0].read_bytes()).hexdigest() not in HASH.findall(
        (build / "bootstrap.lock").read_text()
    ):
        raise BuildFailed(f"{found[0].name} is not the file that deploy/local/bootstrap.lock names.")
    return found[0]


def download_uv(build: Path) -> Path:
    """The folder that pip put the wheel of uv into."""
    if find_spec("pip") is None:
        raise BuildFailed(
            "This base image has no pip to fetch uv with: build from a wheelhouse (`make wheelhouse`)."
        )
    folder = fresh(build / "fetched")
    options = (
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--only-binary=:all:",
        "--require-hashes",
    )
    lock = build / "bootstrap.lock"
    run(
        sys.executable,
        "-m",
        "pip",
        "download",
        *options,
        "-r",
        lock,
        "-d",
        folder,
        env=trust(build, "PIP_CERT"),
    )
    return folder


def unpack_uv(wheel: Path, build: Path) -> None:
    """The one program of the wheel, to `build/uv`."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".data/scripts/uv"))
        (build / "uv").write_bytes(archive.read(name))
    (build / "uv").chmod(0o755)


def install(venv: Path, lock: Path, build: Path) -> None:
    """A virtual environment without pip, with exactly what the lock names."""
    run(sys.executable, "-m", "venv", "--without-pip", venv)
    wheelhouse = build / "wheelhouse"
    source = ("--no-index", "--find-links", wheelhouse) if wheelhouse.is_dir() else ()
    only = ("--require-hashes", "--only-binary", ":all:")
    plain = ("--quiet", "--no-cache", "--link-mode", "copy", "--no-python-downloads", "--no-config")
    where = ("--python", venv / "bin" / "python")
    run(
        build / "uv", "pip", "install", *plain, *only, *where, *source, "-r", lock,
        env=trust(build, "SSL_CERT_FILE"),
    )  # fmt: skip


def trust(build: Path, variable: str) -> dict[str, str]:
    """The authorities of the machine that builds, when it gave them: its network may have one of its own."""
    bundle = build / "ca.pem"
    return {variable: str(bundle)} if bundle.exists() else {}


def strip(venv: Path) -> None:
    """Leaves the interpreter and real programs, such as NATS's server, in `bin`.

    The scripts beside them start what `python -m` starts, or are for an interactive shell: nobody calls them.
    """
    for path in (venv / "bin").iterdir():
        with path.open("rb") as file:
            if file.read(len(PROGRAM)) != PROGRAM:
                path.unlink()


def forget_the_build(venv: Path) -> None:
    """Leaves out what uv notes about the file a package came from, among it a time, and has each RECORD name
    what is there and nothing else.
    """
    for note in venv.glob("lib/python3*/site-packages/*.dist-info/uv_cache.json"):
        note.unlink()
    for record in venv.glob("lib/python3*/site-packages/*.dist-info/RECORD"):
        site = record.parent.parent
        with record.open(newline="") as file:
            kept = [row for row in csv.reader(file) if (site / row[0]).exists()]
        with record.open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(kept)


def name_the_user(base: Path, target: Path) -> None:
    """The base's lists of users and groups, with ours: PostgreSQL runs for a user that has a name."""
    target.mkdir(parents=True)
    for name, line in LINES.items():
        text = (base / name).read_text()
        known = any(entry.split(":")[2:3] == [str(USER)] for entry in text.splitlines())
        (target / name).write_text(text if known else text.rstrip("\n") + "\n" + line)


def standard_library(folder: Path, target: Path) -> None:
    """The bytecode of Python's own modules, where the base leaves it out to be small.

    On a read-only root nothing would keep it: each start would compile what it imports again.
    """
    if (folder / "__pycache__").is_dir():
        return
    byte_compile(folder, "-x", UNCOMPILED)
    for made in sorted(folder.rglob("__pycache__")):
        shutil.copytree(made, target / made.relative_to("/"))


STEPS = {"tools": make_tools, "packages": make_packages}

if __name__ == "__main__":
    try:
        STEPS[sys.argv[1]]()
    except BuildFailed as failure:
        sys.exit(str(failure))
