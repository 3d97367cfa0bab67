"""The whole platform, once a run: real servers, fsync on, its own ports and a folder that goes away."""

import os
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import cast

import httpx
import pytest

from socle_local.journey import Actor, Patient, Reach
from socle_local.personas import PERSONAS
from socle_local.platform import Platform
from tests.ledger import Ledger
from tests.reach import Actors, reach_of

SHOWN_LINES = 25


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with chosen(tmp_path_factory.mktemp("platform")) as running:
        yield running


def chosen(home: Path) -> AbstractContextManager[Platform]:
    """Processes of this machine, or with `make test-containers` the pods of the manifests, in containers."""
    if os.environ.get("SOCLE_TEST_PLATFORM") != "containers":
        return Platform(home)
    from tests.containers.platform import ContainerPlatform

    return cast(AbstractContextManager[Platform], ContainerPlatform(home))


@pytest.fixture(scope="session")
def reach(platform: Platform) -> Reach:
    return reach_of(platform)


@pytest.fixture(scope="session")
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient() as client:
        yield client


@pytest.fixture(scope="session")
def actors(reach: Reach, http: httpx.AsyncClient) -> Actors:
    """Everyone, by persona name."""
    return {name: Actor(name, reach, http) for name in PERSONAS}


@pytest.fixture(scope="session")
def patient() -> Patient:
    return Patient.seeded(PERSONAS["patient"].number)  # type: ignore[union-attr]


@pytest.fixture
async def ledger(platform: Platform) -> AsyncIterator[Ledger]:
    """The rows of every database, read beside the services."""
    async with Ledger.of(platform) as opened:
        yield opened


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failure shows the end of every program's log: the reason is seldom on this side."""
    report = yield
    home = getattr(getattr(item, "funcargs", {}).get("platform"), "home", None)
    if report.failed and isinstance(home, Path):
        report.sections += [
            (f"end of {log.name}", ending(log)) for log in sorted((home / "logs").glob("*.log"))
        ]
    return report


def ending(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()
    return "\n".join([line for line in lines if "[INF]" not in line][-SHOWN_LINES:])
