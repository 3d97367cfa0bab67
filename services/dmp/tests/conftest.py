"""Fixtures of the DMP: the service under test, an open record, a deposited document."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from chassis.caller import Caller
from chassis.db import Database, Tx
from chassis.testing import LocalIssuer, Served, Tested, callers, served
from dmp import store
from dmp.api import DmpServicer
from dmp.api.examination import Examiner
from dmp.clients import blobs as stores
from dmp.clients.blobs import Blobs
from dmp.clients.keys import LocalKeyProvider, RecordKeys
from dmp.clients.scanner import Scanner
from dmp.domain import Document, PersonId

from .dmp_given import CONTENT, Qualified, SamePatient, deposit, item, open_record, submitted


@pytest.fixture(scope="session")
def tested() -> Tested:
    return Tested("dmp", store.CONSTRAINTS)


@pytest.fixture
async def record(tx: Tx) -> PersonId:
    """An open record of the citizen."""
    return await open_record(tx)


@pytest.fixture
def deposited(tx: Tx, record: PersonId) -> Callable[..., Awaitable[Document]]:
    """Deposits one document as the doctor (or as `by`), with changed metadata; the document stored."""

    async def submit(by: Caller = callers.doctor, content: bytes = CONTENT, **changes: Any) -> Document:
        done = await submitted(tx, by, deposit(item(content, **changes)), person=record)
        return done.documents[0]

    return submit


@pytest.fixture
def qualified() -> Qualified:
    return Qualified()


@pytest.fixture
def keys(tmp_path: Path) -> RecordKeys:
    """Keys of records under a master key of this test."""
    return RecordKeys(LocalKeyProvider.create(tmp_path / "master.json"))


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    """An object store of this test."""
    folder = tmp_path / "blobs"
    folder.mkdir()
    return stores.in_folder(folder)


@pytest.fixture
def servicer(database: Database, qualified: Qualified, keys: RecordKeys, blobs: Blobs) -> DmpServicer:
    """With the real examiner, no scanner, and nobody to compare patients with."""
    return DmpServicer(database, qualified, keys, blobs, Examiner(Scanner(""), SamePatient()))


@pytest.fixture
async def service(database: Database, issuer: LocalIssuer, servicer: DmpServicer) -> AsyncIterator[Served]:
    """The service answering on loopback, with every door."""
    async with served(servicer, database, issuer) as running:
        yield running
