"""What the packages of an image must fit: the Python, the processor and the C library of its base."""

import json
from dataclasses import dataclass

from deploy.images.docker import BuildRefused, Docker

OLDEST = (3, 11)
# The oldest C library that wheels for this decade's Pythons are built for.
OLDEST_GLIBC, USUAL_GLIBC = 5, 36
ASK = (
    "import json, platform, sys;"
    "print(json.dumps([*sys.version_info[:2], platform.machine(), platform.libc_ver()[1]]))"
)


@dataclass(frozen=True, slots=True)
class Target:
    """Python 3.`minor` on `machine` (as `uname -m` names it), with glibc 2.`glibc`."""

    minor: int
    machine: str
    glibc: int = USUAL_GLIBC

    @classmethod
    def of_image(cls, docker: Docker, image: str) -> "Target":
        """Asks the image's own Python. Raises BuildRefused when it has none, or one that does not fit."""
        docker.need(image)
        try:
            answer = docker.ask("run", "--rm", "--network=none", image, "python3", "-c", ASK)
        except BuildRefused as refused:
            raise BuildRefused(
                f"{image} has no python3 that starts ({refused}): choose a base with Python 3.11 or later."
            ) from refused
        major, minor, machine, glibc = json.loads(answer)
        if (major, minor) < OLDEST:
            raise BuildRefused(f"{image} has Python {major}.{minor}: choose a base with 3.11 or later.")
        if not glibc.startswith("2."):
            raise BuildRefused(f"{image} has no glibc, which the wheels need: choose a base like Debian's.")
        return cls(minor, machine, int(glibc.split(".")[1]))

    @classmethod
    def named(cls, python: str, machine: str) -> "Target":
        """From `3.12` and `aarch64`. Raises BuildRefused for what is not a Python of ours."""
        major, _, minor = python.partition(".")
        if major != "3" or not minor.isdecimal() or int(minor) < OLDEST[1]:
            raise BuildRefused(f"{python!r} is no Python that Socle runs on: write 3.11 or a later one.")
        return cls(int(minor), machine)

    @property
    def platforms(self) -> list[str]:
        """The tags of the wheels that fit, best first."""
        newest_first = range(self.glibc, OLDEST_GLIBC - 1, -1)
        old = ("manylinux2014", "manylinux2010", "manylinux1", "linux")
        return [f"manylinux_2_{n}_{self.machine}" for n in newest_first] + [
            f"{o}_{self.machine}" for o in old
        ]
