"""The running pods, for tests that look at them and not only through them."""

from __future__ import annotations

from typing import cast

import pytest

from socle_local.platform import Platform
from tests.containers.cluster import Cluster
from tests.containers.platform import ContainerPlatform


@pytest.fixture(scope="session")
def pods(platform: Platform) -> ContainerPlatform:
    """The platform of the session, as what it is here."""
    return cast(ContainerPlatform, platform)


@pytest.fixture(scope="session")
def cluster(pods: ContainerPlatform) -> Cluster:
    return pods.cluster
