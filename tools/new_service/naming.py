"""The name of a service, its spellings, and why a name cannot be had."""

import keyword
import re
import sys
import tomllib
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

KEBAB = re.compile(r"[a-z][a-z0-9]*(?:-[a-z][a-z0-9]*)*")
# A DNS label, a PostgreSQL role and a NATS user are made of it, with room for what is added to it.
LONGEST = 40
LOWEST_PORT = 15051
# Folders of proto/socle that belong to no service.
SHARED = frozenset({"common", "options"})


class NameRefused(Exception):
    """The service cannot bear this name; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Naming:
    """One name, two spellings, and the port that goes with it."""

    name: str
    port: int

    @property
    def module(self) -> str:
        """`care_plan`: Python, SQL, proto, subjects."""
        return self.name.replace("-", "_")

    @property
    def camel(self) -> str:
        """`CarePlan`: classes and the gRPC service."""
        return "".join(part.capitalize() for part in self.name.split("-"))

    @property
    def title(self) -> str:
        """`Care plan`: what a text begins with."""
        return self.name.replace("-", " ").capitalize()

    def words(self) -> dict[str, str]:
        """What stands in the place of each placeholder of a template."""
        return {
            "name": self.name,
            "module": self.module,
            "camel": self.camel,
            "title": self.title,
            "port": str(self.port),
        }


def choose(name: str, root: Path) -> Naming:
    """The naming of a new service of the repository at `root`.

    Raises NameRefused when the name is malformed, taken, or would hide something that Python imports.
    """
    if not KEBAB.fullmatch(name) or len(name) > LONGEST:
        raise NameRefused(
            f"{name!r} is not a service name: write lower-case words joined by hyphens, as care-plan,"
            f" {LONGEST} characters at most"
        )
    naming = Naming(name, next_port(root))
    for taken in (root / "services" / name, root / "proto" / "socle" / naming.module):
        if taken.exists() and naming.module not in SHARED:
            raise NameRefused(f"{taken.relative_to(root)} exists: choose another name, or remove it first")
    if hides_something(naming.module):
        raise NameRefused(
            f"a package {naming.module} would hide another one of that name: choose another name"
        )
    return naming


def hides_something(module: str) -> bool:
    """True for a word of Python, of the contracts, or a package that can be imported already."""
    known = keyword.iskeyword(module) or module in sys.stdlib_module_names or module in SHARED
    return known or find_spec(module) is not None


def next_port(root: Path) -> int:
    """The gRPC port after the highest that a service of the repository has."""
    tables = [tomllib.loads(path.read_text()) for path in root.glob("services/*/pyproject.toml")]
    ports = [table.get("tool", {}).get("socle", {}).get("grpc_port", 0) for table in tables]
    return max([LOWEST_PORT - 1, *map(int, ports)]) + 1
