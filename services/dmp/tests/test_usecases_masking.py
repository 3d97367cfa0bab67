"""The switch that hides all documents from professionals, on a real PostgreSQL."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from chassis.caller import Caller
from chassis.db import Tx
from chassis.testing import NOW, callers
from dmp.domain import Document, DocumentId, Grant, GranteeKind, PersonId, errors
from dmp.usecases import accesses, masking

from .dmp_given import PERSON, codes, events, names, open_record, seen
from .policy_given import MASK, PATIENT, REPRESENTATIVES

Deposited = Callable[..., Awaitable[Document]]
READER = callers.other_doctor
PARENT = replace(callers.guardian, represents=frozenset({PERSON.value}))


async def switched(tx: Tx, masked: bool = True, caller: Caller = callers.citizen) -> masking.Masked:
    return await masking.set_default_masking(tx, caller, PERSON, masked, NOW)


async def flags(tx: Tx, document: DocumentId) -> list[str]:
    row = await tx.one(
        sa.text("SELECT confidentiality FROM document WHERE document_id = :id"), id=document.value
    )
    assert row is not None
    return list(row["confidentiality"])


async def rows(tx: Tx, statement: str, **values: Any) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in await tx.all(sa.text(statement), **values)]


async def test_all_present_documents_are_masked_and_shown_again(tx: Tx, deposited: Deposited) -> None:
    both = {(await deposited()).id, (await deposited(confidentiality=codes("R", REPRESENTATIVES))).id}
    await accesses.grant_access(
        tx, callers.citizen, PERSON, Grant(READER.subject, GranteeKind.PROFESSIONAL), NOW
    )
    assert set(await seen(tx, READER)) == both
    done = await switched(tx)
    assert (done.changed, done.waiting, done.record.record.masked_by_default) == (2, 0, True)
    assert await seen(tx, READER) == []
    done = await switched(tx, masked=False)
    assert (done.changed, done.record.record.masked_by_default) == (2, False)
    assert set(await seen(tx, READER)) == both


async def test_codes_keep_their_order(tx: Tx, deposited: Deposited) -> None:
    document = await deposited(confidentiality=codes("V", REPRESENTATIVES))
    await switched(tx)
    assert await flags(tx, document.id) == ["V", MASK, REPRESENTATIVES]
    await switched(tx, masked=False)
    assert await flags(tx, document.id) == ["V", REPRESENTATIVES]


async def test_each_document_has_a_new_version_in_one_lot_that_polling_finds(
    tx: Tx, deposited: Deposited
) -> None:
    first, second = await deposited(), await deposited(confidentiality=codes("N", MASK))
    await switched(tx)
    versions = await rows(
        tx,
        "SELECT version, confidentiality FROM document_version WHERE document_id = :id ORDER BY 1",
        id=first.id.value,
    )
    assert versions == [(1, ["N"]), (2, ["N", MASK])]
    members = await rows(
        tx,
        "SELECT m.document_id::text, m.entry_id = d.entry_id FROM lot JOIN lot_member m USING (lot_id)"
        " JOIN document d USING (document_id) WHERE lot.kind = 'change'",
    )
    assert members == [(first.id.value, True)]
    latest = await rows(tx, "SELECT kind FROM lot ORDER BY received_at DESC LIMIT 1")
    assert latest == [("change",)]
    told = [data for name, data in await events(tx) if name == "document.masked"]
    assert told == [{"document_id": first.id.value, "person_id": PERSON.value, "version": 2}]
    assert second.version == 1


async def test_switching_what_is_so_already_changes_nothing(tx: Tx, deposited: Deposited) -> None:
    await deposited()
    await switched(tx)
    before = await names(tx)
    done = await switched(tx)
    assert done.changed == 0
    assert await names(tx) == before
    assert len(await rows(tx, "SELECT 1 FROM lot WHERE kind = 'change'")) == 1


async def test_waiting_document_stays_and_is_counted_once_the_patient_was_told(
    tx: Tx, deposited: Deposited
) -> None:
    waiting = await deposited(confidentiality=codes("N", PATIENT))
    done = await switched(tx)
    assert (done.changed, done.waiting) == (0, 0)
    assert await flags(tx, waiting.id) == ["N", PATIENT]
    await tx.change(sa.text("UPDATE announcement SET warned_at = now()"))
    assert (await switched(tx)).waiting == 1


async def test_representative_changes_only_what_they_see(tx: Tx, deposited: Deposited) -> None:
    kept, plain = await deposited(confidentiality=codes("N", REPRESENTATIVES)), await deposited()
    done = await switched(tx, caller=PARENT)
    assert done.changed == 1
    assert await flags(tx, kept.id) == ["N", REPRESENTATIVES]
    assert await flags(tx, plain.id) == ["N", MASK]


async def test_what_representatives_may_not_know_is_written_apart(tx: Tx, deposited: Deposited) -> None:
    kept, plain = await deposited(confidentiality=codes("N", REPRESENTATIVES)), await deposited()
    await switched(tx)
    lines = await rows(
        tx,
        "SELECT chain, object_id, jsonb_path_query_array(hits, '$[*].object_id') FROM audit"
        " WHERE action = 'dmp_consent.set_default_masking' ORDER BY chain",
    )
    assert lines == [
        ("", "", [plain.id.value]),
        (f"document:{kept.id}", kept.id.value, []),
    ]


async def test_only_the_holder_switches(tx: Tx, record: PersonId) -> None:
    with pytest.raises(errors.RecordNotFound):
        await switched(tx, caller=callers.other_citizen)


async def test_documents_of_other_records_are_left_alone(tx: Tx, deposited: Deposited) -> None:
    document = await deposited()
    ward = PersonId(callers.other_citizen.person_id)
    await open_record(tx, callers.other_citizen, ward)
    done = await masking.set_default_masking(tx, callers.other_citizen, ward, True, NOW + timedelta(days=1))
    assert done.changed == 0
    assert await flags(tx, document.id) == ["N"]
