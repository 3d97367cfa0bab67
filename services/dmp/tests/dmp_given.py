"""What the tests of the DMP are given: persons, documents, callers. All fictitious."""

import hashlib
import uuid
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import grpc
import orjson
import pytest
import sqlalchemy as sa
from google.protobuf.timestamp_pb2 import Timestamp

from chassis.call import Call
from chassis.caller import Caller, Purpose
from chassis.db import Database, ReadTx, Tx
from chassis.errors import SocleError, Unavailable
from chassis.schema import AUDIT, OUTBOX
from chassis.status import from_status
from chassis.testing import NOW, Served, callers
from dmp import domain, policy, store, usecases
from dmp.clients.identities import Comparison
from dmp.domain import (
    Change,
    Confidentiality,
    Deposit,
    Document,
    DocumentId,
    Item,
    LotId,
    PersonId,
    RecordKey,
    Scan,
    Sealed,
    Search,
    Wrapped,
    details,
)
from dmp.domain.deposit import classed
from dmp.usecases.changes import Asked
from dmp.usecases.deposits import Arriving, Deposited, SealedDeposit, SealedItem
from socle.dmp.v1 import dmp_pb2 as pb

CONTENT = b"Consultation du 3 mai : rien d'anormal.\n"
PERSON = PersonId(callers.citizen.person_id)
WARD = PersonId(callers.other_citizen.person_id)
EARLIER = NOW - timedelta(hours=1)
# The key of every record that a test opens by itself; the service under test makes its own.
KEY, WRAPPED = RecordKey(bytes(range(32))), Wrapped(b"wrapped", 1)
PARAMETERS = policy.Parameters()


def urn() -> str:
    return f"urn:uuid:{uuid.uuid4()}"


def entry(content: bytes = CONTENT, **changes: Any) -> domain.Entry:
    """Metadata that a deposit of `content` may carry; `changes` replaces any of them."""
    usual = domain.Entry(
        unique_id=urn(),
        category=domain.Coding("10"),
        type=domain.Coding("11488-4", "http://loinc.org", "CR de consultation"),
        format=domain.Coding("urn:ihe:iti:xds-sd:text:2008"),
        mime_type="text/plain",
        sha1=hashlib.sha1(content, usedforsecurity=False).digest(),
        size=len(content),
        title="Consultation",
        created_at=EARLIER,
        service_start=EARLIER,
        authors=(
            domain.Author(professional=callers.doctor.subject, organisation=callers.doctor.organisation),
        ),
        confidentiality=(Confidentiality.NORMAL,),
        facility=domain.Coding("SA01"),
        practice_setting=domain.Coding("ETABLISSEMENT"),
    )
    return replace(usual, **changes)


def item(content: bytes = CONTENT, **changes: Any) -> Item:
    return Item(entry(content, **changes), content)


def lot(**changes: Any) -> domain.Lot:
    return replace(domain.Lot(urn(), "1.2.250.1.999.3", domain.Coding("07"), NOW, title="Lot"), **changes)


def folder(*members: str, **changes: Any) -> domain.Lot:
    return lot(title="Dossier", members=members, **changes)


def deposit(*items: Item, folders: tuple[domain.Lot, ...] = (), **changes: Any) -> Deposit:
    return Deposit(lot(**changes), items or (item(),), folders)


def sealed(sent: Deposit, key: RecordKey = KEY) -> SealedDeposit:
    """As the servicer makes it, but for the bytes, which are nowhere."""
    lot_id, folder_ids = LotId.new(), tuple(LotId.new() for _ in sent.folders)
    return SealedDeposit(
        lot_id,
        _sealed_lot(key, lot_id, sent.lot),
        tuple(_sealed_item(key, each) for each in sent.items),
        folder_ids,
        tuple(_sealed_lot(key, i, f) for i, f in zip(folder_ids, sent.folders, strict=True)),
    )


def _sealed_item(key: RecordKey, sent: Item) -> SealedItem:
    document, metadata = DocumentId.new(), classed(sent.entry)
    words = details.seal_entry(key, document.value, metadata)
    return SealedItem(
        document, Sealed(words, tuple(details.terms_of(key, metadata))), document.value, Scan.NOT_SCANNED
    )


def _sealed_lot(key: RecordKey, lot_id: LotId, sent: domain.Lot) -> Sealed:
    return Sealed(details.seal_lot(key, lot_id.value, sent), tuple(details.lot_terms(key, sent)))


async def open_record(tx: Tx, caller: Caller = callers.citizen, person: PersonId = PERSON) -> PersonId:
    """A record under the key of the tests."""
    await usecases.open_record(tx, caller, person, True, WRAPPED, NOW)
    return person


async def submitted(
    tx: Tx,
    by: Caller,
    sent: Deposit,
    *,
    person: PersonId = PERSON,
    qualified: bool = True,
    now: datetime = NOW,
    parameters: policy.Parameters = PARAMETERS,
    key: RecordKey = KEY,
) -> Deposited:
    """The lot deposited, as the servicer does once it has been examined and sealed."""
    arriving = Arriving(by, person, sent, parameters)
    return await usecases.submit_documents(tx, arriving, sealed(sent, key), qualified, now)


async def changed(
    tx: Tx,
    by: Caller,
    document: DocumentId,
    *changes: Change,
    now: datetime = NOW,
    parameters: policy.Parameters = PARAMETERS,
    **asked: Any,
) -> Document:
    """The document with these changes."""
    wanted = Asked(by, document, changes, parameters, **asked)
    return (await usecases.change_document(tx, wanted, now)).document


def codes(*values: str) -> tuple[Confidentiality, ...]:
    return domain.confidentiality(list(values), "confidentiality")


def centre_15(caller: Caller) -> Caller:
    """A regulation doctor on duty."""
    return replace(caller, purpose=Purpose.REGULATION, roles=frozenset({"regulation"}))


async def journal(tx: ReadTx) -> list[tuple[str, str, str, list[str]]]:
    """Every line: action, outcome, object, rules; oldest first."""
    rows = await tx.all(
        sa.select(AUDIT.c.action, AUDIT.c.outcome, AUDIT.c.object_id, AUDIT.c.rules).order_by(AUDIT.c.id)
    )
    return [(r["action"], r["outcome"], r["object_id"], list(r["rules"])) for r in rows]


async def events(tx: ReadTx) -> list[tuple[str, dict[str, Any]]]:
    """Every event waiting to be published: its name without prefix and version, its data; oldest first."""
    rows = await tx.all(sa.select(OUTBOX.c.subject, OUTBOX.c.data).order_by(OUTBOX.c.seq))
    return [(r["subject"].split(".", 2)[2].removesuffix(".v1"), orjson.loads(r["data"])) for r in rows]


async def names(tx: ReadTx) -> list[str]:
    """The names of the events, oldest first."""
    return [name for name, _ in await events(tx)]


async def seen(tx: Tx, caller: Caller, wanted: Search | None = None) -> list[DocumentId]:
    """What a search of the citizen's record shows to this caller."""
    found = await usecases.list_readable_documents(tx, caller, PERSON, wanted or Search(), NOW)
    return [document.id for document in found.documents]


async def count(tx: ReadTx, table: str) -> int:
    """The rows of a table."""
    row = await tx.one(sa.select(sa.func.count().label("n")).select_from(store.METADATA.tables[table]))
    assert row is not None
    return int(row["n"])


def holder() -> Caller:
    """A citizen nobody has met yet."""
    return replace(callers.citizen, subject=uuid.uuid4().hex * 2, person_id=PersonId.new().value)


class SamePatient:
    """identity-ins as the examiner meets it: the patient of every content is the person of the record."""

    async def compare(self, *_asked: object) -> Comparison:
        return Comparison(ins_matches=True, differing=())


class Qualified:
    """identity-ins as this service meets it: every structure has qualified everybody, but for `nowhere`."""

    def __init__(self) -> None:
        self.nowhere: set[str] = set()
        self.asked: list[tuple[PersonId, str]] = []
        self.away = False

    async def __call__(self, person: PersonId, domain: str, _call: Call) -> bool:
        if self.away:
            raise Unavailable
        self.asked.append((person, domain))
        return domain not in self.nowhere


def document(content: bytes = CONTENT, **changes: Any) -> pb.Document:
    """A document of the contract that a deposit may carry; `changes` replaces any field of its metadata."""
    usual: dict[str, Any] = {
        "unique_id": urn(),
        "type": pb.Coding(code="11488-4", system="http://loinc.org"),
        "format": pb.Coding(code="urn:ihe:iti:xds-sd:text:2008"),
        "mime_type": "text/plain",
        "sha1": hashlib.sha1(content, usedforsecurity=False).digest(),
        "size": len(content),
        "title": "Consultation",
        "created_at": Timestamp(seconds=int(EARLIER.timestamp())),
        "service_start": Timestamp(seconds=int(EARLIER.timestamp())),
        "authors": [pb.Author(professional=callers.doctor.subject)],
        "confidentiality": ["N"],
        "facility": pb.Coding(code="SA01"),
        "practice_setting": pb.Coding(code="ETABLISSEMENT"),
    }
    # `class` is a word of the language.
    fields = {name.rstrip("_"): value for name, value in {**usual, **changes}.items()}
    return pb.Document(entry=pb.DocumentEntry(**fields), content=content)


def lot_message(**changes: Any) -> pb.Lot:
    """A lot or a folder of the contract, new at each call."""
    usual: dict[str, Any] = {
        "unique_id": urn(),
        "source_id": "1.2.250.1.999.3",
        "content_type": pb.Coding(code="07"),
        "submitted_at": Timestamp(seconds=int(NOW.timestamp())),
    }
    return pb.Lot(**{**usual, **changes})


def submission(person: str, *documents: pb.Document, **more: Any) -> pb.SubmitDocumentsRequest:
    """A lot of the contract with its documents, new at each call."""
    return pb.SubmitDocumentsRequest(
        person_id=person, lot=lot_message(), documents=documents or [document()], **more
    )


async def refused(asked: Any) -> SocleError:
    """The error of the house behind a refused call."""
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await asked
    return from_status(error.value)


async def opened(service: Served, caller: Caller | None = None) -> str:
    """The person of a record just opened by its holder."""
    someone = caller or holder()
    await service.ask("OpenRecord", pb.OpenRecordRequest(person_id=someone.person_id), someone)
    return someone.person_id


async def rows(database: Database, statement: str, *values: Any) -> list[asyncpg.Record]:
    found: list[asyncpg.Record] = await database.pool.fetch(statement, *values)
    return found


async def nothing_stored(database: Database, person: str) -> None:
    told = "SELECT 1 FROM outbox WHERE subject LIKE '%submitted%' AND convert_from(data, 'UTF8') LIKE $1"
    assert await rows(database, "SELECT 1 FROM lot WHERE person_id = $1", person) == []
    assert await rows(database, "SELECT 1 FROM document WHERE person_id = $1", person) == []
    assert await rows(database, told, f"%{person}%") == []
