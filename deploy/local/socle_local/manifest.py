"""The services of the repository, found by their `[tool.socle]` table: a new service needs no line here."""

import ast
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from socle_local.failures import PlatformFailedError

ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True, slots=True)
class Service:
    """What the platform must know of a service to run it.

    `grpc` tells a domain service (database, stream, health over gRPC) from a web front (HTTP, no database).
    `callers` are the programs whose certificate it accepts; empty means every program of the platform.
    `durables` are the names of the event consumers it creates, `keeps` what it stores beside its database.
    """

    name: str
    module: str
    port: int
    grpc: bool
    callers: tuple[str, ...] = ()
    durables: tuple[str, ...] = ()
    keeps: tuple[str, ...] = ()

    @property
    def snake(self) -> str:
        """The name with the spelling of SQL, NATS and Python."""
        return self.name.replace("-", "_")


def find_services(root: Path = ROOT) -> list[Service]:
    """Every service below `root/services`, by name; web fronts last, as they depend on the others.

    Raises PlatformFailedError when a manifest lacks a key or two services want the same port.
    """
    found = [
        service for path in sorted(root.glob("services/*/pyproject.toml")) if (service := read_manifest(path))
    ]
    ports: dict[int, str] = {}
    for service in found:
        if service.port in ports:
            raise PlatformFailedError(
                f"{ports[service.port]} and {service.name} both ask for port {service.port}:"
                f" change one in services/{service.name}/pyproject.toml."
            )
        ports[service.port] = service.name
    return sorted(found, key=lambda service: (not service.grpc, service.name))


def read_manifest(path: Path) -> Service | None:
    """The service a `pyproject.toml` declares, or None when it has no `[tool.socle]` table."""
    table: dict[str, Any] = tomllib.loads(path.read_text()).get("tool", {}).get("socle", {})
    if not table:
        return None
    port = table.get("grpc_port") or table.get("http_port")
    if not isinstance(port, int) or not {"name", "module"} <= table.keys():
        raise PlatformFailedError(
            f"{path}: [tool.socle] needs name, module and either grpc_port or http_port."
        )
    name = str(table["name"])
    return Service(
        name=name,
        module=str(table["module"]),
        port=port,
        grpc="grpc_port" in table,
        callers=tuple(table.get("callers", ())),
        durables=find_durables(path.parent / str(table["module"]), name),
        keeps=tuple(table.get("keeps", ())),
    )


def find_durables(package: Path, service: str) -> tuple[str, ...]:
    """The consumer names written in a service's `consumers.py`: the text constants that start with its name.

    Read from the source, without importing it: the platform grants a service its consumers before it ever
    runs, and a second list beside the first would be forgotten one day.
    """
    sources = [package / "consumers.py", *sorted((package / "consumers").glob("*.py"))]
    constants = (
        node.value
        for source in sources
        if source.is_file()
        for node in ast.walk(ast.parse(source.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    return tuple(sorted({text for text in constants if is_durable(text, service)}))


def is_durable(text: str, service: str) -> bool:
    """Whether a text is a consumer name of the service: `dmp-open-record`."""
    return text.startswith(f"{service}-") and text.replace("-", "").isalnum()
