"""The journal with its proof: whole chains for whoever may know of them, and nothing of the others."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from chassis.caller import Caller, Purpose
from chassis.db import Tx
from chassis.page import UnknownPageToken
from chassis.testing import NOW, callers
from dmp import usecases
from dmp.domain import Change, Document, DocumentId, PersonId, Search, errors
from dmp.usecases import journal
from dmp.usecases.journal import Cursor, export_journal

from .dmp_given import PERSON, WARD, changed, codes, deposit, item, open_record, submitted
from .dmp_given import journal as every_line
from .journal_given import exported, proven, sequence, shown

Deposited = Callable[..., Awaitable[Document]]
# The citizen whose record it is has a mother, who is told nothing of what is hidden from her.
MINOR, PARENT = callers.other_citizen, callers.guardian


async def kept_from_parents(tx: Tx, by: Caller = callers.doctor) -> DocumentId:
    secret = deposit(item(confidentiality=codes("N", "INVISIBLE_REPRESENTANTS_LEGAUX")))
    return (await submitted(tx, by, secret, person=WARD)).documents[0].id


async def test_the_chain_of_the_record_is_given_whole_and_proven(tx: Tx, deposited: Deposited) -> None:
    document = await deposited()
    await usecases.read_document(tx, callers.doctor, document.id, NOW)
    await sequence(tx)
    pages = await exported(tx, callers.citizen)
    assert shown(pages) == [
        ("", 1, "dmp_record.open"),
        ("", 2, "dmp_document.submit"),
        ("", 3, "dmp_document.read"),
    ]
    assert proven(pages)
    assert (pages[0].pending, len(pages)) == (0, 1)


async def test_pages_hold_together_under_one_head_whatever_is_written_meanwhile(
    tx: Tx, deposited: Deposited
) -> None:
    for _ in range(4):
        await deposited()
    head = await sequence(tx)
    first = await export_journal(tx, callers.citizen, PERSON, 0, 2, None, NOW)
    await deposited()
    await sequence(tx)
    second = await export_journal(tx, callers.citizen, PERSON, 0, 2, first.next, NOW)
    third = await export_journal(tx, callers.citizen, PERSON, 0, 2, second.next, NOW)
    pages = [first, second, third]
    assert [line[1] for line in shown(pages)] == [1, 2, 3, 4, 5]
    assert [page.head for page in pages] == [head] * 3
    assert third.next is None
    assert proven(pages)


async def test_each_page_is_a_line_of_the_journal(tx: Tx, deposited: Deposited) -> None:
    await deposited()
    await sequence(tx)
    await exported(tx, callers.citizen, size=1)
    written = [line for line in await every_line(tx) if line[0] == "dmp_journal.export"]
    assert written == [("dmp_journal.export", "permitted", "", ["L1111-19"])] * 2


async def test_lines_that_wait_are_counted(tx: Tx, deposited: Deposited) -> None:
    await sequence(tx)
    await deposited()
    (page,) = await exported(tx, callers.citizen)
    assert page.pending == 1


async def test_nobody_exports_the_journal_of_somebody_else(tx: Tx, record: PersonId) -> None:
    await sequence(tx)
    with pytest.raises(errors.RecordNotFound) as refused:
        await exported(tx, callers.other_citizen)
    assert refused.value.refusal is not None
    assert refused.value.refusal.rules == ("dmp.holder_only",)


async def test_the_chain_of_a_document_comes_with_it_once_it_was_announced(
    tx: Tx, deposited: Deposited
) -> None:
    hidden = await deposited(confidentiality=codes("N", "INVISIBLE_PATIENT"))
    await sequence(tx)
    assert shown(await exported(tx, callers.citizen)) == [("", 1, "dmp_record.open")]
    apart = [(f"document:{hidden.id.value}", 1, "dmp_document.submit")]
    assert shown(await exported(tx, callers.auditor))[1:] == apart
    await changed(tx, callers.doctor, hidden.id, Change.SHOW_TO_PATIENT, confirmed=True)
    await sequence(tx)
    pages = await exported(tx, callers.citizen)
    assert set(apart) < set(shown(pages))
    assert proven(pages)


async def test_what_a_minor_hides_is_withheld_from_the_parents_and_no_number_is_missing(tx: Tx) -> None:
    await open_record(tx, PARENT, WARD)
    plain = (await submitted(tx, callers.doctor, deposit(), person=WARD)).documents[0]
    await usecases.list_readable_documents(tx, callers.doctor, WARD, Search(), NOW)
    await kept_from_parents(tx)
    await changed(tx, MINOR, plain.id, Change.HIDE_FROM_REPRESENTATIVES)
    await sequence(tx)
    pages = await exported(tx, PARENT, WARD)
    lines = [line for line in shown(pages, WARD) if line[0] == ""]
    assert [line[1] for line in lines] == list(range(1, len(lines) + 1))
    assert {line[0] for line in shown(pages, WARD)} == {""}
    # The deposit of the document, and the search that showed it.
    assert [line[2] for line in lines][1:3] == ["withheld", "withheld"]
    assert proven(pages)
    assert plain.id.value.encode() not in b"".join(line.leaf.line for page in pages for line in page.lines)
    assert "withheld" not in {line[2] for line in shown(await exported(tx, MINOR, WARD), WARD)}


async def test_a_secret_connection_is_given_to_the_holder_in_person_alone(tx: Tx) -> None:
    secret = replace(callers.doctor, purpose=Purpose.SECRET)
    await open_record(tx, PARENT, WARD)
    await kept_from_parents(tx, secret)
    await sequence(tx)
    assert shown(await exported(tx, PARENT, WARD), WARD) == [("", 1, "dmp_record.open")]
    assert ("secret", 1, "dmp_document.submit") in shown(await exported(tx, MINOR, WARD), WARD)
    assert ("secret", 1, "dmp_document.submit") in shown(await exported(tx, callers.auditor, WARD), WARD)


async def test_the_proof_since_an_earlier_head_comes_with_the_first_page(
    tx: Tx, deposited: Deposited
) -> None:
    before = await sequence(tx)
    await deposited()
    await sequence(tx)
    page = await export_journal(tx, callers.citizen, PERSON, before.tree_size, 1, None, NOW)
    path, head = await journal.prove_consistency(tx, before.tree_size, 0)
    assert (page.consistency, page.head) == (path, head)
    assert path != []
    following = await export_journal(tx, callers.citizen, PERSON, before.tree_size, 1, page.next, NOW)
    assert following.consistency == ()


async def test_a_size_the_log_never_reached_is_said_to_be_so(tx: Tx, record: PersonId) -> None:
    head = await sequence(tx)
    for size in (head.tree_size + 1, 2**64 - 1):
        with pytest.raises(errors.SizeBeyondLog) as refused:
            await export_journal(tx, callers.citizen, PERSON, size, 10, None, NOW)
        assert "cut back" in refused.value.hint


@pytest.mark.parametrize(
    "cursor", [Cursor(999_999_999, PERSON.value, 1), Cursor(2**63, PERSON.value, 1), Cursor(0, "other", 1)]
)
async def test_a_token_made_up_is_refused(tx: Tx, record: PersonId, cursor: Cursor) -> None:
    await sequence(tx)
    with pytest.raises(UnknownPageToken):
        await export_journal(tx, callers.citizen, PERSON, 0, 10, cursor, NOW)


async def test_a_token_for_the_chain_of_a_hidden_document_is_refused(tx: Tx, deposited: Deposited) -> None:
    hidden = await deposited(confidentiality=codes("N", "INVISIBLE_PATIENT"))
    head = await sequence(tx)
    cursor = Cursor(head.tree_size, f"{PERSON.value}/document:{hidden.id.value}", 0)
    with pytest.raises(UnknownPageToken):
        await export_journal(tx, callers.citizen, PERSON, 0, 10, cursor, NOW)


async def test_heads_and_their_proofs_are_given_to_anybody(tx: Tx, deposited: Deposited) -> None:
    first = await sequence(tx)
    await deposited()
    latest = await sequence(tx)
    assert await journal.get_tree_head(tx, 0) == latest
    assert await journal.get_tree_head(tx, first.tree_size) == first
    assert await journal.prove_consistency(tx, 0, first.tree_size) == ([], first)
    with pytest.raises(errors.SizesInDisorder):
        await journal.prove_consistency(tx, latest.tree_size, first.tree_size)
    with pytest.raises(errors.SizeBeyondLog):
        await journal.prove_consistency(tx, latest.tree_size + 1, 0)
