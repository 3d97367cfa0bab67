"""Fixtures of the DMP: the service under test, an open record, a deposited document."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from chassis.caller import Caller
from chassis.db import Database, Tx
from chassis.testing import NOW, LocalIssuer, Served, Tested, callers, served
from dmp import store, usecases
from dmp.api import DmpServicer
from dmp.domain import Document, PersonId

from .dmp_given import CDA, PERSON, Qualified, deposit, item


@pytest.fixture(scope="session")
def tested() -> Tested:
    return Tested("dmp", store.CONSTRAINTS)


@pytest.fixture
async def record(tx: Tx) -> PersonId:
    """An open record of the citizen."""
    await usecases.open_record(tx, callers.citizen, PERSON, False, NOW)
    return PERSON


@pytest.fixture
def deposited(tx: Tx, record: PersonId) -> Callable[..., Awaitable[Document]]:
    """Deposits one document as the doctor (or as `by`), with changed metadata; the document stored."""

    async def submit(by: Caller = callers.doctor, content: bytes = CDA, **changes: Any) -> Document:
        done = await usecases.submit_documents(tx, by, record, deposit(item(content, **changes)), True, NOW)
        return done.documents[0]

    return submit


@pytest.fixture
def qualified() -> Qualified:
    return Qualified()


@pytest.fixture
async def service(database: Database, issuer: LocalIssuer, qualified: Qualified) -> AsyncIterator[Served]:
    """The service answering on loopback, with every door."""
    async with served(DmpServicer(database, qualified), database, issuer) as running:
        yield running
