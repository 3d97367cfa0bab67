"""kill -9 of dmp among a thousand deposits: what it acknowledged is there, what it left is swept."""

import asyncio
import hashlib
import secrets
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Self

import asyncpg
import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from chassis.db import Database
from dmp.clients.blobs import Blobs, S3Options, opened
from dmp.workers.sweep import Sweep
from socle.dmp.v1 import dmp_pb2 as pb
from socle.dmp.v1 import dmp_pb2_grpc as stubs
from socle_local.issuer.tokens import fetch
from socle_local.personas import DOCTOR
from tests.chaos.fault import Fault

pytestmark = pytest.mark.timeout(300)
DEPOSITS, AT_ONCE, SERVICE = 1_000, 8, "dmp"
# So many were acknowledged when it dies.
KILLED_AT = (250, 600)
BLOBS = "SELECT blob FROM document"


def content_of(n: int) -> bytes:
    """Different each time, and larger than a page of the disk."""
    return f"Compte rendu fictif {n} {secrets.token_hex(4000)}\n".encode()


def request_of(person: str, content: bytes) -> pb.SubmitDocumentsRequest:
    now = Timestamp()
    now.GetCurrentTime()
    entry = pb.DocumentEntry(
        unique_id=f"urn:uuid:{uuid.uuid4()}",
        type=pb.Coding(code="11488-4", system="http://loinc.org"),
        format=pb.Coding(code="urn:ihe:iti:xds-sd:text:2008"),
        mime_type="text/plain",
        sha1=hashlib.sha1(content, usedforsecurity=False).digest(),
        size=len(content),
        title="Consultation",
        created_at=now,
        service_start=now,
        authors=[pb.Author(professional=DOCTOR.id_nat)],
        confidentiality=["N"],
        facility=pb.Coding(code="SA01"),
        practice_setting=pb.Coding(code="ETABLISSEMENT"),
    )
    lot = pb.Lot(
        unique_id=f"urn:uuid:{uuid.uuid4()}",
        source_id="1.2.250.1.999.3",
        content_type=pb.Coding(code="07"),
        submitted_at=now,
    )
    return pb.SubmitDocumentsRequest(
        person_id=person, lot=lot, documents=[pb.Document(entry=entry, content=content)]
    )


@dataclass
class Depositor:
    """A doctor's software that sends on, whatever becomes of the service."""

    stub: Any
    token: str
    person: str
    acknowledged: dict[str, bytes] = field(default_factory=dict)
    lost: list[grpc.StatusCode] = field(default_factory=list)

    @classmethod
    @asynccontextmanager
    async def on(cls, fault: Fault) -> AsyncIterator[Self]:
        platform = fault.platform
        async with grpc.aio.insecure_channel(platform.ports.address(SERVICE)) as channel:
            token = fetch(platform.issuer_url, "doctor")
            yield cls(stubs.DmpServiceStub(channel), token, fault.patient.person_id)

    async def ask(self, method: str, request: Any) -> Any:
        """One call; it waits for a service that is on its way back."""
        metadata = [("authorization", f"Bearer {self.token}")]
        return await getattr(self.stub, method)(request, metadata=metadata, timeout=30, wait_for_ready=True)

    async def send(self, numbers: Iterator[int]) -> None:
        for n in numbers:
            content = content_of(n)
            try:
                answer = await self.ask("SubmitDocuments", request_of(self.person, content))
            except grpc.aio.AioRpcError as error:
                self.lost.append(error.code())
            else:
                self.acknowledged[answer.entries[0].document_id] = content

    async def check(self, ids: Iterator[str]) -> None:
        for id in ids:
            answer = await self.ask("RetrieveDocument", pb.RetrieveDocumentRequest(document_id=id))
            assert answer.content == self.acknowledged[id]


async def kill_in_the_middle(fault: Fault, depositor: Depositor) -> None:
    for count in KILLED_AT:
        while len(depositor.acknowledged) < count:
            await asyncio.sleep(0.005)
        await asyncio.to_thread(fault.kill, SERVICE)
        await asyncio.to_thread(fault.revive, SERVICE)


@asynccontextmanager
async def storage(fault: Fault) -> AsyncIterator[tuple[Database, Blobs]]:
    """The database and the object store of dmp, as dmp sees them."""
    platform = fault.platform
    service = next(one for one in platform.services if one.name == SERVICE)
    address, password = platform.database(SERVICE)
    pool = await asyncpg.create_pool(address, password=password, min_size=1, max_size=1)
    try:
        yield Database(pool), opened(platform.environment(service)["SOCLE_BLOB_STORE"], S3Options())
    finally:
        await pool.close()


async def names(blobs: Blobs) -> set[str]:
    return {blob.name async for page in blobs.list("") for blob in page}


async def test_deposits_killed_in_the_middle_are_whole_or_were_never_made(fault: Fault) -> None:
    await fault.qualified()
    await fault.ledger.settled()
    async with Depositor.on(fault) as depositor:
        numbers = iter(range(DEPOSITS))
        async with asyncio.TaskGroup() as group:
            group.create_task(kill_in_the_middle(fault, depositor))
            for _ in range(AT_ONCE):
                group.create_task(depositor.send(numbers))
        acknowledged = iter(list(depositor.acknowledged))
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(depositor.check(acknowledged))
    # One call a depositor and a kill, and some more that take a dead connection before its end is noticed.
    assert 0 < len(depositor.lost) < KILLED_AT[0], "the kills fell among deposits"
    assert set(depositor.lost) == {grpc.StatusCode.UNAVAILABLE}
    assert len(depositor.acknowledged) + len(depositor.lost) == DEPOSITS
    async with storage(fault) as (database, blobs):
        known = {row["blob"] for row in await database.pool.fetch(BLOBS)}
        assert len(depositor.acknowledged) <= len(known) <= DEPOSITS
        assert known <= await names(blobs), "no document without its content"
        await Sweep(database, blobs, timedelta(0)).work()
        assert await names(blobs) == known, "no content without its document"
