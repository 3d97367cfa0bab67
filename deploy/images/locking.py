"""The locks of the images: parts of requirements.lock, at the same versions."""

import re
import subprocess
import sys
from pathlib import Path

from deploy.images.docker import BuildRefused

NAMES = ("runtime", "platform", "build")
PIN = re.compile(r"^([a-z0-9][a-z0-9._-]*)(?:\[[^]]*\])?==(\S+)", re.MULTILINE)


def write(root: Path) -> None:
    """Pins each `<name>.in` into `<name>.lock`. Raises BuildRefused when the versions cannot be met."""
    for name in NAMES:
        place = root / "deploy" / "images" / f"{name}.lock"
        place.write_text(compiled(root, name))


def compiled(root: Path, name: str) -> str:
    """The lock of a set of packages, every version held to requirements.lock where that names it."""
    uv = Path(sys.executable).with_name("uv")
    # Neither the address of the registry nor the command line: both belong to a machine.
    form = (
        "--quiet --generate-hashes --universal --python-version 3.11 --no-header --no-emit-index-url".split()
    )
    # Without the reasons either: the layer of packages is made anew when this text changes.
    held = ("--no-annotate", "--no-emit-find-links", "--constraints", "requirements.lock")
    source = f"deploy/images/{name}.in"
    done = subprocess.run(
        [uv, "pip", "compile", *form, *held, source], cwd=root, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BuildRefused(f"{source} cannot be pinned: {done.stderr.strip()}")
    return done.stdout


def pins(lock: str) -> dict[str, str]:
    """Name -> version of a lock's text."""
    return dict(PIN.findall(lock))
