"""The journal with proof as its callers meet it: a real gRPC server with every door."""

from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from pydantic import ValidationError
from pydantic_settings import BaseSettings

from chassis import merkle
from chassis.caller import Caller
from chassis.db import Database
from chassis.errors import Forbidden, InvalidInput, NotFound
from chassis.ledger import Sequencer, payload_of
from chassis.page import token
from chassis.testing import LocalIssuer, Served, callers, emergency, served
from dmp.api.journal import JournalServicer
from dmp.app import Settings
from socle.common.v1.common_pb2 import PageRequest
from socle.dmp.v1 import dmp_pb2
from socle.dmp.v1 import journal_pb2 as pb
from socle.options.v1 import options_pb2

from .dmp_given import holder, opened, refused, submission
from .journal_given import SIGNER


@pytest.fixture
async def journals(database: Database, issuer: LocalIssuer) -> AsyncIterator[Served]:
    async with served(JournalServicer(database, SIGNER), database, issuer) as running:
        yield running


async def sequence(database: Database) -> None:
    sequencer = Sequencer("", None, SIGNER, "dmp")
    async with database.pool.acquire() as connection:
        edge = await sequencer.open(connection)
        while await sequencer.step(connection, edge):
            pass


@pytest.fixture
async def patient(service: Served, database: Database) -> Caller:
    """The holder of a record with three documents, read by one doctor in an emergency; all in the tree."""
    someone = holder()
    person = await opened(service, someone)
    for _ in range(3):
        await service.ask("SubmitDocuments", submission(person), callers.doctor)
    wanted = dmp_pb2.ListReadableDocumentsRequest(person_id=person)
    await service.ask("ListReadableDocuments", wanted, emergency(callers.other_doctor))
    await sequence(database)
    return someone


async def export(journals: Served, by: Caller, **asked: Any) -> list[pb.ExportJournalResponse]:
    """Every page, two lines each."""
    pages: list[pb.ExportJournalResponse] = []
    following = ""
    while following or not pages:
        page = PageRequest(size=2, token=following)
        request = pb.ExportJournalRequest(person_id=by.person_id, page=page, **asked)
        pages.append(await journals.ask("ExportJournal", request, by))
        following = pages[-1].next_token
    return pages


async def test_what_is_exported_can_be_checked_with_what_comes_with_it(
    journals: Served, patient: Caller
) -> None:
    pages = await export(journals, patient)
    head = pages[0].head
    said = payload_of(head.signature, orjson.loads(pages[0].keys))
    assert said is not None
    assert (said["tree_size"], said["root_hash"]) == (head.tree_size, head.root_hash.hex())
    lines = [line for page in pages for line in page.lines]
    assert [orjson.loads(line.line)["action"] for line in lines] == [
        "dmp_record.open",
        *["dmp_document.submit"] * 3,
        "dmp_document.search",
    ]
    for line in lines:
        assert line.leaf_hash == merkle.leaf_hash(line.line)
        assert merkle.verify_inclusion(
            line.leaf_hash, line.leaf_index, head.tree_size, line.path, head.root_hash
        )


async def test_two_exports_are_proven_to_be_of_one_log(
    journals: Served, patient: Caller, database: Database
) -> None:
    before = (await export(journals, patient))[0].head
    await sequence(database)
    first, *others = await export(journals, patient, since_tree_size=before.tree_size)
    after = first.head
    assert after.tree_size > before.tree_size
    assert merkle.verify_consistency(
        before.tree_size, after.tree_size, before.root_hash, after.root_hash, first.consistency
    )
    assert not any(page.consistency for page in others)
    asked = pb.ProveConsistencyRequest(first=before.tree_size, second=after.tree_size)
    assert (await journals.ask("ProveConsistency", asked, callers.doctor)).path == first.consistency


@pytest.mark.parametrize(
    "made_up", [{"last": "x"}, {"tree_size": -1, "chain": "", "number": 1}, {"chain": 1}]
)
async def test_a_token_made_up_is_refused(journals: Served, patient: Caller, made_up: dict[str, Any]) -> None:
    page = PageRequest(token=token(**made_up))
    request = pb.ExportJournalRequest(person_id=patient.person_id, page=page)
    assert isinstance(await refused(journals.ask("ExportJournal", request, patient)), InvalidInput)


async def test_heads_are_given_to_any_kind_of_caller(journals: Served, patient: Caller) -> None:
    latest = await journals.ask("GetTreeHead", pb.GetTreeHeadRequest(), callers.doctor)
    for caller in callers.every_kind().values():
        request = pb.GetTreeHeadRequest(tree_size=latest.head.tree_size)
        assert await journals.ask("GetTreeHead", request, caller) == latest


async def test_a_head_that_was_never_signed_is_not_found(journals: Served, patient: Caller) -> None:
    for size in (10**12, 2**64 - 1):
        asked = journals.ask("GetTreeHead", pb.GetTreeHeadRequest(tree_size=size), callers.doctor)
        assert isinstance(await refused(asked), NotFound)


async def test_sizes_that_no_log_has_are_refused(journals: Served, patient: Caller) -> None:
    asked = pb.ProveConsistencyRequest(first=2**64 - 1)
    assert isinstance(await refused(journals.ask("ProveConsistency", asked, callers.doctor)), InvalidInput)


async def test_professionals_and_services_export_no_journal(journals: Served, patient: Caller) -> None:
    request = pb.ExportJournalRequest(person_id=patient.person_id)
    for caller in (callers.doctor, callers.staff, callers.machine, callers.service, callers.operator):
        assert isinstance(await refused(journals.ask("ExportJournal", request, caller)), Forbidden)


async def test_a_service_is_given_the_line_that_an_event_names(
    journals: Served, patient: Caller, database: Database
) -> None:
    event = await database.pool.fetchval(
        "SELECT convert_from(data, 'UTF8')::jsonb FROM outbox"
        " WHERE subject = 'socle.dmp.access.emergency_used.v1' AND aggregate = $1",
        f"access/{patient.person_id}",
    )
    request = pb.GetNoticeRequest(journal_id=event["journal_id"])
    notice = await journals.ask("GetNotice", request, callers.service)
    assert (notice.person_id, notice.referring_doctor) == (patient.person_id, "")
    assert notice.entry.actor_kind == options_pb2.CALLER_KIND_PROFESSIONAL
    assert (notice.entry.actor, notice.entry.purpose) == (callers.other_doctor.subject, "bris_de_glace")
    assert isinstance(await refused(journals.ask("GetNotice", request, patient)), Forbidden)


async def test_list_journal_takes_every_filter(service: Served, patient: Caller) -> None:
    request = dmp_pb2.ListJournalRequest(
        person_id=patient.person_id,
        actors=[callers.doctor.subject],
        actions=["dmp_document"],
        outcome="permitted",
        oldest_first=True,
    )
    everything = await service.ask("ListJournal", request, patient)
    assert [entry.action for entry in everything.entries] == ["dmp_document.submit"] * 3
    second = everything.entries[1]
    request.occurred.to.CopyFrom(second.occurred_at)
    request.object_id = second.object_id
    assert list((await service.ask("ListJournal", request, patient)).entries) == []
    request.ClearField("occurred")
    getattr(request.occurred, "from").CopyFrom(second.occurred_at)
    request.entry_id = second.id
    assert list((await service.ask("ListJournal", request, patient)).entries) == [second]


def test_the_service_does_not_start_without_the_key_that_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOCLE_LEDGER_KEY_FILE", raising=False)
    monkeypatch.setenv("SOCLE_MASTER_KEY_FILE", "ring.json")
    asked: type[BaseSettings] = Settings
    with pytest.raises(ValidationError, match="ledger_key_file\n  Field required"):
        asked()
