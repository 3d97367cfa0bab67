"""What the holder reads of who looked, and what is kept back until it may be told."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from chassis import audit
from chassis.audit import Wanted
from chassis.caller import Caller, Purpose
from chassis.db import Tx
from chassis.testing import NOW, callers, emergency
from dmp import usecases
from dmp.domain import Change, Document, PersonId, Search, errors
from socle.common.v1.common_pb2 import PageRequest

from .dmp_given import PERSON, WARD, changed, codes, deposit, item, open_record, submitted

Deposited = Callable[..., Awaitable[Document]]
READER = callers.other_doctor
# The citizen whose record it is has a mother, who is told nothing of what is hidden from her.
MINOR, PARENT = callers.other_citizen, callers.guardian
LATER = NOW + timedelta(hours=1)


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
    await open_record(tx, callers.guardian, WARD)
    kept = deposit(item(confidentiality=codes("N", "INVISIBLE_REPRESENTANTS_LEGAUX")))
    about = (await submitted(tx, callers.doctor, kept, person=WARD)).documents[0].id.value
    assert about not in {line[2] for line in await lines(tx, callers.guardian, WARD)}
    assert about in {line[2] for line in await lines(tx, callers.other_citizen, WARD)}


async def test_a_search_is_shown_without_the_document_that_a_minor_hid_since(tx: Tx) -> None:
    await open_record(tx, PARENT, WARD)
    two = await submitted(tx, callers.doctor, deposit(item(), item()), person=WARD)
    plain, hidden = (document.id for document in two.documents)
    await usecases.list_readable_documents(tx, MINOR, WARD, Search(), NOW)
    await changed(tx, MINOR, hidden, Change.HIDE_FROM_REPRESENTATIVES)
    asked = Wanted(actions=["dmp_document.search"])
    found: dict[str, set[str]] = {}
    for reader in (PARENT, MINOR, callers.auditor):
        (entry,), _ = await usecases.list_journal(tx, reader, WARD, PageRequest(), NOW, asked)
        found[reader.subject] = {hit.object_id for hit in entry.hits}
    assert found == {
        PARENT.subject: {plain.value},
        MINOR.subject: {plain.value, hidden.value},
        callers.auditor.subject: {plain.value, hidden.value},
    }
    for reader, count in ((PARENT, 0), (MINOR, 3)):
        about = Wanted(object_id=hidden.value)
        entries, _ = await usecases.list_journal(tx, reader, WARD, PageRequest(), NOW, about)
        assert len(entries) == count


async def test_a_secret_connection_is_shown_to_the_holder_in_person_alone(tx: Tx) -> None:
    secret = replace(callers.doctor, purpose=Purpose.SECRET)
    await open_record(tx, PARENT, WARD)
    await usecases.list_readable_documents(tx, secret, WARD, Search(), NOW)
    assert {line[0] for line in await lines(tx, PARENT, WARD)} == {"dmp_record.open"}
    assert "dmp_document.search" in {line[0] for line in await lines(tx, MINOR, WARD)}
    assert "dmp_document.search" in {line[0] for line in await lines(tx, callers.auditor, WARD)}


async def test_a_chain_nobody_knows_is_shown_to_nobody(tx: Tx, record: PersonId) -> None:
    for chain in ("other", "document:not-an-id", f"document:{PERSON.value}", "secret:"):
        audit.record(tx, callers.doctor, "dmp_document.read", PERSON.value, chain=chain, now=NOW)
    assert await lines(tx, callers.citizen) == [("dmp_record.open", "permitted", "")]


WANTED = {
    "by action": (Wanted(actions=["dmp_document.read"]), ["dmp_document.read"]),
    "by resource": (
        Wanted(actions=["dmp_document"]),
        ["dmp_document.search", "dmp_document.read", "dmp_document.submit"],
    ),
    "by outcome": (Wanted(outcome="refused"), ["dmp_document.search"]),
    "of the person": (Wanted(actors=["self"]), ["dmp_record.open"]),
    "of a professional": (Wanted(actors=[READER.subject]), ["dmp_document.search"]),
    "of several": (Wanted(actors=["self", READER.subject]), ["dmp_document.search", "dmp_record.open"]),
    "from a moment": (Wanted(occurred_from=LATER), ["dmp_document.search"]),
    "before a moment": (
        Wanted(occurred_to=LATER),
        ["dmp_document.read", "dmp_document.submit", "dmp_record.open"],
    ),
    "oldest first": (
        Wanted(oldest_first=True, actors=["self", READER.subject]),
        ["dmp_record.open", "dmp_document.search"],
    ),
    "several at once": (Wanted(outcome="refused", actions=["dmp_record"]), []),
}


@pytest.mark.parametrize("wanted", WANTED)
async def test_journal_gives_the_lines_that_are_wanted(tx: Tx, deposited: Deposited, wanted: str) -> None:
    document = await deposited()
    await usecases.read_document(tx, callers.doctor, document.id, NOW)
    await usecases.list_readable_documents(tx, READER, PERSON, Search(), LATER)
    asked, actions = WANTED[wanted]
    entries, _ = await usecases.list_journal(tx, callers.citizen, PERSON, PageRequest(), NOW, asked)
    assert [entry.action for entry in entries] == actions


async def test_journal_gives_the_lines_about_a_document_or_one_by_its_id(
    tx: Tx, deposited: Deposited
) -> None:
    document, other = await deposited(), await deposited()
    await usecases.list_readable_documents(tx, callers.citizen, PERSON, Search(), NOW)
    await usecases.read_document(tx, callers.doctor, other.id, NOW)
    about = Wanted(object_id=document.id.value)
    found, _ = await usecases.list_journal(tx, callers.citizen, PERSON, PageRequest(), NOW, about)
    assert [entry.action for entry in found] == ["dmp_document.search", "dmp_document.submit"]
    one = Wanted(entry_id=found[1].id)
    assert (await usecases.list_journal(tx, callers.citizen, PERSON, PageRequest(), NOW, one))[0] == found[1:]


async def test_journal_comes_in_pages_oldest_first_too(tx: Tx, deposited: Deposited) -> None:
    await deposited()
    wanted, token = Wanted(oldest_first=True, actions=["dmp_record", "dmp_document"]), ""
    actions: list[str] = []
    while token or not actions:
        page = PageRequest(size=1, token=token)
        (entry,), token = await usecases.list_journal(tx, callers.citizen, PERSON, page, NOW, wanted)
        actions.append(entry.action)
    assert actions == ["dmp_record.open", "dmp_document.submit"]


async def test_journal_of_somebody_else_is_not_told(tx: Tx, record: PersonId) -> None:
    with pytest.raises(errors.RecordNotFound) as refused:
        await lines(tx, callers.other_citizen)
    assert refused.value.refusal is not None
    assert refused.value.refusal.rules == ("dmp.holder_only",)
