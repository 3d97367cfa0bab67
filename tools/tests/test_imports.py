"""The layers have teeth: each forbidden import, written into a copy, breaks its contract."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tools.tests.conftest import Copy

STRANGERS = "Services know each other through contracts alone"
CHASSIS = "The chassis knows no service and not the local platform"
LAYERS = "Layers of a service, each downwards only"
GATEWAY = "Layers of the gateway, each downwards only"
MAPPING = "FHIR is mapped without a server and without a network"
PURE = "Domain and policy are pure"
NETWORK = "Use cases cannot reach the network"
MESSAGES = "Only api and clients know the messages and stubs of RPCs"


@pytest.fixture(scope="module")
def copy(copy_repository: Callable[[], Copy]) -> Copy:
    return copy_repository()


@pytest.fixture
def add(copy: Copy) -> Iterator[Callable[[str, str], None]]:
    """Adds a line to a module of the copy, taken out again after the test."""
    before: dict[Path, str] = {}

    def add_line(module: str, line: str) -> None:
        path = module_file(copy.root, module)
        before[path] = path.read_text()
        path.write_text(f"{before[path]}\n{line}\n")

    yield add_line
    for path, text in before.items():
        path.write_text(text)


def module_file(root: Path, module: str) -> Path:
    """The file of a module such as `dmp.usecases`, which may have grown into a package."""
    folders = {"chassis": root / "libs/chassis", "identity_ins": root / "services/identity-ins"}
    base = folders.get(module.split(".", maxsplit=1)[0], root / "services" / module.split(".", maxsplit=1)[0])
    path = base / module.replace(".", "/")
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def broken(copy: Copy) -> set[str]:
    """The contracts that the copy breaks."""
    output = copy.run("lint-imports", "--no-logo", "--no-cache").stdout
    return {line.partition(" BROKEN")[0] for line in output.splitlines() if " BROKEN" in line}


def test_the_repository_keeps_every_contract(copy: Copy) -> None:
    result = copy.run("lint-imports", "--no-logo", "--no-cache")
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("identity_ins.policy", "from dmp import domain as other", STRANGERS),
        ("gateway.wire", "import identity_ins.store", STRANGERS),
        ("chassis.ids", "import dmp", CHASSIS),
        ("dmp.store", "from dmp import usecases", LAYERS),
        ("dmp.usecases", "from dmp import clients", LAYERS),
        ("identity_ins.domain", "from identity_ins import policy", LAYERS),
        ("gateway.clients", "from gateway import routes", GATEWAY),
        ("gateway.fhir.names", "import httpx", MAPPING),
        ("dmp.policy", "import sqlalchemy", PURE),
        ("identity_ins.domain", "import chassis.db", PURE),
        ("dmp.domain", "from socle.dmp.v1 import events_pb2", PURE),
        ("identity_ins.usecases", "import httpx", NETWORK),
        ("dmp.usecases", "from chassis import rpc", NETWORK),
        ("dmp.store", "import nats", NETWORK),
        ("dmp.usecases", "from socle.dmp.v1 import dmp_pb2", MESSAGES),
        ("dmp.consumers", "from socle.identity_ins.v1 import identity_ins_pb2_grpc", MESSAGES),
    ],
)
def test_a_forbidden_import_breaks_its_contract(
    copy: Copy, add: Callable[[str, str], None], module: str, line: str, contract: str
) -> None:
    add(module, line)
    assert contract in broken(copy)


def test_a_stray_module_breaks_the_layers(copy: Copy) -> None:
    stray = copy.root / "services" / "dmp" / "dmp" / "helpers.py"
    stray.write_text('"""Everything else."""\n')
    try:
        result = copy.run("lint-imports", "--no-logo", "--no-cache")
    finally:
        stray.unlink()
    assert result.returncode != 0
    assert "helpers" in result.stdout
