"""Fixtures of the e-prescription."""

import pytest

from chassis.db import Database, Tx
from chassis.testing import Tested
from eprescription import store

from .dispensing_given import Counter, stock


@pytest.fixture(scope="session")
def tested() -> Tested:
    return Tested("eprescription", store.CONSTRAINTS)


@pytest.fixture
async def stocked(database: Database) -> None:
    """The medicines that pharmacists deliver are in the base."""
    await stock(database)


@pytest.fixture
def counter(stocked: None, tx: Tx) -> Counter:
    return Counter(tx)
