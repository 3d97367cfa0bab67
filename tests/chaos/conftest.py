"""A platform of its own for tests that kill parts of it: nobody else may be standing on it."""

from collections.abc import AsyncIterator, Iterator

import pytest

from socle_local.platform import Platform
from tests.chaos.fault import Fault


@pytest.fixture(scope="module")
def doomed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with Platform(tmp_path_factory.mktemp("doomed")) as running:
        yield running


@pytest.fixture
async def fault(doomed: Platform) -> AsyncIterator[Fault]:
    """The means to break things, with everything up before and after."""
    async with Fault.on(doomed) as ready:
        yield ready
