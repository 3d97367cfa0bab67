"""The journal of a record: who looked, when, why, by which rule; and the proof that it was left alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from chassis import audit, ledger, outbox
from chassis.audit import Wanted
from chassis.caller import Caller, CallerKind, Decision, require
from chassis.db import ReadTx, Tx
from chassis.page import PageRequest, UnknownPageToken
from dmp import policy
from dmp.domain import PersonId
from dmp.domain.errors import JournalLineNotFound, SizeBeyondLog, SizesInDisorder
from dmp.domain.tracing import chain
from dmp.store import journal as store
from socle.dmp.v1 import events_pb2 as ev

from .records import unseen

# The events that speak of a line of the journal.
TELLING = [
    outbox.declared(event.DESCRIPTOR).subject for event in (ev.FirstAccessUsed, ev.EmergencyAccessUsed)
]
AGAIN = "Start the export again, without a token."
CUT_BACK = "If a journal of ours gave you this size the log was cut back since: keep that file, it proves it."


async def list_journal(
    tx: Tx, caller: Caller, person: PersonId, page: PageRequest, now: datetime, wanted: Wanted | None = None
) -> tuple[Sequence[audit.Entry], str]:
    """A page of the journal, newest first unless wanted otherwise, and the token of the next one; this
    reading is a line of its own.

    Without the lines about documents hidden from this reader: they would announce what R1111-53 leaves to a
    consultation and what R1111-50 keeps from a minor's parents; they come back with the document. Refused
    accesses to a record that is not open are there too, so no record is needed to read it.
    """
    decision = _allowed(caller, person)
    reader = _reader(caller, person)
    wanted = wanted or Wanted()
    entries: Sequence[audit.Entry] = ()
    more = ""
    if not await store.list_hidden(tx, {wanted.object_id} - {""}, reader):
        entries, more = await audit.list_entries(
            tx, person.value, page, wanted, store.LISTING, **reader.parameters()
        )
    shown = await _without_hidden_hits(tx, reader, entries)
    _write_reading(tx, caller, person, "dmp_journal.read", decision, now)
    return shown, more


def _allowed(caller: Caller, person: PersonId) -> Decision:
    decision = policy.may_read_journal(caller, person)
    return require(decision, subject=person.value, unseen=unseen(caller, person), chain=chain(caller.purpose))


def _reader(caller: Caller, person: PersonId) -> store.Reader:
    if caller.kind is CallerKind.AUDITOR:
        return store.Reader((), everything=True)
    own = caller.person_id == person.value
    hidden = policy.HIDDEN_FROM_HOLDER if own else policy.HIDDEN_FROM_REPRESENTATIVE
    return store.Reader([code.value for code in hidden], own)


def _write_reading(
    tx: Tx, caller: Caller, person: PersonId, action: str, decision: Decision, now: datetime
) -> None:
    audit.record(tx, caller, action, person.value, rules=decision.rules, chain=chain(caller.purpose), now=now)


async def _without_hidden_hits(
    tx: Tx, reader: store.Reader, entries: Sequence[audit.Entry]
) -> Sequence[audit.Entry]:
    """A search that showed a document which is hidden from this reader since: the line without that hit."""
    found = {hit.object_id for entry in entries for hit in entry.hits}
    hidden = await store.list_hidden(tx, found, reader)
    return [
        replace(entry, hits=tuple(hit for hit in entry.hits if hit.object_id not in hidden))
        for entry in entries
    ]


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where an export stands: the tree it is proven under, the last line given."""

    tree_size: int
    chain: str
    number: int


@dataclass(frozen=True, slots=True)
class Exported:
    """A page of an export; `next` is None on the last one, `consistency` is for the first."""

    lines: Sequence[ledger.Proven]
    head: ledger.Head
    next: Cursor | None
    consistency: Sequence[bytes]
    pending: int


async def export_journal(
    tx: Tx,
    caller: Caller,
    person: PersonId,
    since: int,
    size: int,
    cursor: Cursor | None,
    now: datetime,
) -> Exported:
    """A page of the journal with its proof: every chain the reader may know of, complete from its first line.

    A line about a document that was hidden from this reader since is withheld, its leaf and its path are not:
    no number is missing. Each page is a line of the journal. `since`: size of an earlier head (0: none).
    """
    decision = _allowed(caller, person)
    reader = _reader(caller, person)
    head = await _head_of(tx, cursor)
    consistency = await _consistency(tx, since, head.tree_size) if since and not cursor else ()
    chains = await store.list_chains(tx, person, reader, head.tree_size)
    chains, after = _left(chains, cursor) if cursor else (chains, 0)
    leaves = await store.list_leaves(tx, chains, after, head.tree_size, size + 1, reader)
    given = await _withheld(tx, reader, leaves[:size])
    lines = await ledger.prove(tx, given, head.tree_size)
    last = given[-1] if len(leaves) > size else None
    pending = await store.count_pending(tx, person, reader)
    _write_reading(tx, caller, person, "dmp_journal.export", decision, now)
    follows = Cursor(head.tree_size, last.chain, last.number) if last else None
    return Exported(lines, head, follows, consistency, pending)


async def _head_of(tx: ReadTx, cursor: Cursor | None) -> ledger.Head:
    if cursor is None:
        return await _head(tx)
    head = await ledger.find_head(tx, cursor.tree_size)
    if head is None:
        raise UnknownPageToken(field="page.token", hint=AGAIN)
    return head


async def _head(tx: ReadTx, size: int | None = None) -> ledger.Head:
    head = await ledger.find_head(tx, size)
    if head is None:
        raise ledger.HeadNotFound(hint="Ask for the latest head, with the size left out.")
    return head


async def _consistency(tx: ReadTx, first: int, second: int) -> Sequence[bytes]:
    if first > second:
        raise SizeBeyondLog(field="since_tree_size", hint=CUT_BACK)
    return await ledger.prove_consistency(tx, first, second)


def _left(chains: Sequence[str], cursor: Cursor) -> tuple[list[str], int]:
    """The chains not given yet, and the number of the last line given of the first of them.

    The chain may have been hidden from its reader since the page before: the export must start anew.
    """
    if cursor.chain not in chains:
        raise UnknownPageToken(field="page.token", hint=AGAIN)
    return list(chains[chains.index(cursor.chain) :]), cursor.number


async def _withheld(tx: ReadTx, reader: store.Reader, leaves: Sequence[ledger.Kept]) -> Sequence[ledger.Kept]:
    """Without the lines that speak of a document which is hidden from this reader."""
    named = {name for leaf in leaves for name in leaf.object_ids}
    hidden = await store.list_hidden(tx, named, reader)
    return [
        replace(leaf, line=b"", withheld=True) if leaf.withheld or leaf.object_ids & hidden else leaf
        for leaf in leaves
    ]


async def get_tree_head(tx: ReadTx, size: int) -> ledger.Head:
    """The latest head (size 0), or the one of this size; raises HeadNotFound."""
    return await _head(tx, size or None)


async def prove_consistency(tx: ReadTx, first: int, second: int) -> tuple[Sequence[bytes], ledger.Head]:
    """The proof that the tree of `first` leaves is the beginning of that of another head (0: the latest)."""
    head = await _head(tx, second or None)
    if first > head.tree_size:
        if second:
            raise SizesInDisorder(field="first", hint="Give the smaller size first.")
        raise SizeBeyondLog(field="first", hint=CUT_BACK)
    return await ledger.prove_consistency(tx, first, head.tree_size), head


async def get_notice(tx: Tx, caller: Caller, line: str, now: datetime) -> store.Notice:
    """The line that a first access or an emergency is told by, and the médecin traitant, who is told too.

    Only a line that an event spoke of: a service is given no other way into a journal. And never what was
    read: the document may be one that its holder is not to hear of by mail (R1111-53). Reading it is a line
    of the same chain.
    """
    notice = await store.find_notice(tx, line, TELLING)
    if notice is None:
        raise JournalLineNotFound(hint="Give the journal_id of a FirstAccessUsed or an EmergencyAccessUsed.")
    person = notice.person_id.value
    audit.record(tx, caller, "dmp_journal.read_notice", person, chain=notice.chain, now=now)
    return replace(notice, entry=replace(notice.entry, object_id="", hits=()))
