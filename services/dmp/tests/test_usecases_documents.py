"""Finding and reading, on a real PostgreSQL: what is shown, told and written."""

from collections.abc import Awaitable, Callable

import pytest
import sqlalchemy as sa

from chassis.caller import Caller
from chassis.db import Tx
from chassis.testing import NOW, callers, emergency
from dmp import domain, usecases
from dmp.domain import (
    Document,
    DocumentId,
    Grant,
    GranteeKind,
    errors,
)

from .dmp_given import (
    PERSON,
    WRAPPED,
    centre_15,
    codes,
    events,
    journal,
    names,
    seen,
)
from .policy_given import secret

Deposited = Callable[..., Awaitable[Document]]
READER = callers.other_doctor
ME = Grant(READER.subject, GranteeKind.PROFESSIONAL)


# -- searching


async def test_reader_finds_nothing_until_the_holder_authorises(tx: Tx, deposited: Deposited) -> None:
    document = await deposited()
    assert await seen(tx, READER) == []
    await usecases.grant_access(tx, callers.citizen, PERSON, ME, NOW)
    assert await seen(tx, READER) == [document.id]


async def test_refused_search_is_an_empty_answer_and_a_line(tx: Tx, deposited: Deposited) -> None:
    await deposited()
    await seen(tx, READER)
    assert (await journal(tx))[-1] == ("dmp_document.search", "refused", "", ["R1111-46"])


async def test_unknown_record_is_the_same_empty_answer(tx: Tx) -> None:
    assert await seen(tx, READER) == []
    assert await journal(tx) == [("dmp_document.search", "refused", "", ["dmp.no_record"])]


async def test_search_writes_one_line_with_each_hit_and_its_rules(tx: Tx, deposited: Deposited) -> None:
    await deposited()
    await deposited()
    await usecases.grant_access(tx, callers.citizen, PERSON, ME, NOW)
    hits = await seen(tx, READER)
    lines = await tx.all(sa.text("SELECT * FROM audit WHERE action = 'dmp_document.search'"))
    assert [(line["outcome"], line["object_id"], line["rules"]) for line in lines] == [
        ("permitted", "", ["R1111-46"])
    ]
    assert [hit["object_id"] for hit in lines[0]["hits"]] == [h.value for h in hits]
    assert lines[0]["hits"][0]["rules"] == ["R1111-46", "matrix.10.11488-4"]


async def test_hit_on_what_the_holder_may_not_know_is_a_line_of_its_own(tx: Tx, deposited: Deposited) -> None:
    plain = await deposited()
    hidden = await deposited(confidentiality=codes("N", "INVISIBLE_PATIENT"))
    await usecases.grant_access(tx, callers.citizen, PERSON, ME, NOW)
    assert set(await seen(tx, READER)) == {plain.id, hidden.id}
    lines = await tx.all(sa.text("SELECT * FROM audit WHERE action = 'dmp_document.search' ORDER BY chain"))
    assert [(line["chain"], line["object_id"]) for line in lines] == [
        ("", ""),
        (f"document:{hidden.id}", hidden.id.value),
    ]
    assert [hit["object_id"] for hit in lines[0]["hits"]] == [plain.id.value]


async def test_secret_connection_is_numbered_apart(tx: Tx, deposited: Deposited) -> None:
    document = await deposited()
    await seen(tx, secret(callers.doctor))
    await usecases.read_document(tx, secret(callers.doctor), document.id, NOW)
    lines = await tx.all(sa.text("SELECT chain FROM audit WHERE purpose = 'secret' ORDER BY id"))
    assert {line["chain"] for line in lines} == {"secret"}


async def test_author_lists_own_documents_without_authorisation(tx: Tx, deposited: Deposited) -> None:
    own = await deposited()
    await deposited(by=callers.machine, authors=())
    assert await seen(tx, callers.doctor) == [own.id]
    line = await tx.one(sa.text("SELECT hits FROM audit ORDER BY id DESC LIMIT 1"))
    assert line is not None
    assert line["hits"] == [{"object_id": own.id.value, "rules": ["R1111-49"]}]


# -- reading and retrieving


async def test_retrieve_says_where_the_bytes_are_and_writes_the_line(tx: Tx, deposited: Deposited) -> None:
    document = await deposited()
    found = await usecases.retrieve_document(tx, callers.citizen, document.id, NOW)
    assert (found.documents, found.key) == ([document], WRAPPED)
    assert (await journal(tx))[-1] == ("dmp_document.retrieve", "permitted", document.id.value, ["L1111-19"])


@pytest.mark.parametrize("usecase", [usecases.read_document, usecases.retrieve_document])
async def test_document_out_of_reach_is_not_found_and_the_refusal_is_kept(
    tx: Tx, deposited: Deposited, usecase: Callable[..., Awaitable[object]]
) -> None:
    document = await deposited()
    with pytest.raises(errors.DocumentNotFound) as refused:
        await usecase(tx, READER, document.id, NOW)
    assert refused.value.refusal is not None
    assert (refused.value.refusal.object_id, refused.value.refusal.rules) == (
        document.id.value,
        ("R1111-46",),
    )
    # What the caller is told is what they are told of a document that does not exist.
    with pytest.raises(errors.DocumentNotFound) as absent:
        await usecase(tx, READER, DocumentId.new(), NOW)
    assert (str(absent.value), absent.value.hint, absent.value.rules) == (
        str(refused.value),
        refused.value.hint,
        refused.value.rules,
    )


async def test_nurse_does_not_read_a_certificate(tx: Tx, deposited: Deposited) -> None:
    certificate = await deposited(type=domain.Coding("89601-9"), category=domain.Coding("52"))
    report = await deposited()
    await usecases.grant_access(
        tx, callers.citizen, PERSON, Grant(callers.nurse.subject, GranteeKind.PROFESSIONAL), NOW
    )
    assert await seen(tx, callers.nurse) == [report.id]
    with pytest.raises(errors.DocumentNotFound) as refused:
        await usecases.read_document(tx, callers.nurse, certificate.id, NOW)
    assert refused.value.refusal is not None
    assert refused.value.refusal.rules == ("matrix.60.89601-9",)


# -- emergencies


@pytest.mark.parametrize("mode", [emergency, centre_15])
async def test_emergency_reads_without_authorisation_and_is_told(
    tx: Tx, deposited: Deposited, mode: Callable[[Caller], Caller]
) -> None:
    document = await deposited()
    assert await seen(tx, mode(READER)) == [document.id]
    await usecases.read_document(tx, mode(READER), document.id, NOW)
    told = [data for name, data in await events(tx) if name == "access.emergency_used"]
    assert len(told) == 2
    rows = await tx.all(sa.text("SELECT id, purpose, object_id FROM audit ORDER BY id"))
    lines = {str(r["id"]): r for r in rows}
    assert [lines[t["journal_id"]]["object_id"] for t in told] == ["", document.id.value]
    assert {lines[t["journal_id"]]["purpose"] for t in told} == {mode(READER).purpose.value}


async def test_glass_without_a_reason_is_a_fault_of_the_request(tx: Tx, deposited: Deposited) -> None:
    document = await deposited()
    hurried = emergency(READER, reason="")
    with pytest.raises(errors.ReasonMissing):
        await seen(tx, hurried)
    with pytest.raises(errors.ReasonMissing):
        await usecases.read_document(tx, hurried, document.id, NOW)


async def test_refused_emergency_is_not_told_as_used(tx: Tx, deposited: Deposited) -> None:
    await deposited()
    await usecases.block_professional(tx, callers.citizen, PERSON, READER.subject, NOW)
    assert await seen(tx, emergency(READER)) == []
    assert "access.emergency_used" not in await names(tx)
    assert (await journal(tx))[-1] == ("dmp_document.search", "refused", "", ["dmp.blocked"])
