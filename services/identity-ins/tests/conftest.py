"""What is under test, and factories with full defaults."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from chassis.db import Database
from chassis.testing import Tested
from identity_ins import seed, store
from identity_ins.domain import Sex, Traits

STANDING_PERSONS = 500


@pytest.fixture(scope="session")
def tested() -> Tested:
    return Tested("identity-ins", store.CONSTRAINTS)


@pytest.fixture(scope="module")
async def registry(database: Database) -> Database:
    """The database with persons number 1 to 500 in its registry."""
    await seed.load(database.pool, STANDING_PERSONS)
    return database


@pytest.fixture
def make_traits() -> Callable[..., Traits]:
    """Traits with every default; what a test is about is given by name."""

    def made(**given: Any) -> Traits:
        usual: dict[str, Any] = {
            "birth_name": "PAT-TROIS",
            "birth_first_names": ("DOMINIQUE", "MARIE-LOUISE"),
            "sex": Sex.FEMALE,
            "birth_date": date(1979, 3, 28),
            "birth_place": "51215",
        }
        return Traits(**{**usual, **given})

    return made
