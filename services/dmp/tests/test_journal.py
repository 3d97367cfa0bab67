"""What the holder reads of who looked, and what is kept back until it may be told."""

from collections.abc import Awaitable, Callable

import pytest

from chassis.caller import Caller
from chassis.db import Tx
from chassis.testing import NOW, callers, emergency
from dmp import usecases
from dmp.domain import Document, PersonId, Search, errors
from socle.common.v1.common_pb2 import PageRequest

from .dmp_given import PERSON, WARD, codes, deposit, item

Deposited = Callable[..., Awaitable[Document]]
READER = callers.other_doctor


async def lines(
    tx: Tx, caller: Caller, person: PersonId = PERSON, size: int = 50
) -> list[tuple[str, str, str]]:
    entries, _ = await usecases.list_journal(tx, caller, person, PageRequest(size=size), NOW)
    return [(e.action, e.outcome, e.object_id) for e in entries]


async def test_journal_tells_who_when_why_and_by_which_rule_newest_first(
    tx: Tx, deposited: Deposited
) -> None:
    document = await deposited()
    await usecases.read_document(tx, emergency(READER), document.id, NOW)
    entries, more = await usecases.list_journal(tx, callers.citizen, PERSON, PageRequest(), NOW)
    latest = entries[0]
    assert more == ""
    assert [e.action for e in entries] == ["dmp_document.read", "dmp_document.submit", "dmp_record.open"]
    assert (latest.actor, latest.actor_name, latest.organisation) == (
        READER.subject,
        READER.name,
        READER.organisation,
    )
    assert (latest.purpose, latest.reason, latest.occurred_at) == (
        "bris_de_glace",
        "coma, no relative to ask",
        NOW,
    )
    assert latest.rules == ("L1111-17-I", "consent.BTG", "matrix.10.11488-4")


async def test_reading_the_journal_is_in_the_journal(tx: Tx, record: PersonId) -> None:
    assert ("dmp_journal.read", "permitted", "") not in await lines(tx, callers.citizen)
    assert (await lines(tx, callers.citizen))[0] == ("dmp_journal.read", "permitted", "")


async def test_refused_searches_are_in_the_journal_even_before_the_record_opens(tx: Tx) -> None:
    await usecases.list_readable_documents(tx, READER, PERSON, Search(), NOW)
    assert await lines(tx, callers.citizen) == [("dmp_document.search", "refused", "")]


async def test_journal_comes_in_pages(tx: Tx, deposited: Deposited) -> None:
    for _ in range(4):
        await deposited()
    first, token = await usecases.list_journal(tx, callers.citizen, PERSON, PageRequest(size=3), NOW)
    second, end = await usecases.list_journal(
        tx, callers.citizen, PERSON, PageRequest(size=3, token=token), NOW
    )
    assert (len(first), len(second), end) == (3, 2, "")
    assert not {e.id for e in first} & {e.id for e in second}


async def test_lines_about_a_document_hidden_from_the_patient_are_kept_back(
    tx: Tx, deposited: Deposited
) -> None:
    hidden = await deposited(confidentiality=codes("N", "INVISIBLE_PATIENT"))
    assert hidden.id.value not in {line[2] for line in await lines(tx, callers.citizen)}
    assert hidden.id.value in {line[2] for line in await lines(tx, callers.auditor)}


async def test_lines_about_what_a_minor_keeps_from_the_parents_are_kept_back(tx: Tx) -> None:
    await usecases.open_record(tx, callers.guardian, WARD, False, NOW)
    secret = item(confidentiality=codes("N", "INVISIBLE_REPRESENTANTS_LEGAUX"))
    done = await usecases.submit_documents(tx, callers.doctor, WARD, deposit(secret), True, NOW)
    about = done.documents[0].id.value
    assert about not in {line[2] for line in await lines(tx, callers.guardian, WARD)}
    assert about in {line[2] for line in await lines(tx, callers.other_citizen, WARD)}


async def test_journal_of_somebody_else_is_not_told(tx: Tx, record: PersonId) -> None:
    with pytest.raises(errors.RecordNotFound) as refused:
        await lines(tx, callers.other_citizen)
    assert refused.value.refusal is not None
    assert refused.value.refusal.rules == ("dmp.holder_only",)
