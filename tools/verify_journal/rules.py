"""What must hold of a journal, and between it and an earlier one. Nothing here asks anybody."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import rfc8785
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from chassis import merkle

from .files import Head, Journal, Line

ALGORITHMS = ["Ed25519"]
Chains = dict[str, list[Line]]


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that does not hold, and where."""

    where: str
    what: str


def faults(journal: Journal, keys: Mapping[str, Any]) -> Iterator[Fault]:
    """Every fault of a journal by itself; `keys` is the key set that must have signed its head."""
    yield from _head(journal.head, keys, "head")
    for line in journal.lines:
        yield from _line(journal, line)
    for name, lines in chains(journal).items():
        yield from _chain(journal, name, lines)


def chains(journal: Journal) -> Chains:
    """The lines by chain, in the order of the file."""
    found: Chains = {}
    for line in journal.lines:
        found.setdefault(line.chain, []).append(line)
    return found


def named(journal: Journal, line: Line) -> str:
    """The place of a line in words."""
    of = line.chain.removeprefix(journal.person_id).removeprefix("/") or "the record"
    return f"line {line.number} of {of} (leaf {line.leaf_index})"


def said(head: Head, keys: Mapping[str, Any]) -> tuple[dict[str, Any], str] | None:
    """The signed words of a head, and the thumbprint of the key; None when no key of the set signed them."""
    try:
        known = KeySet.import_key_set({"keys": list(keys["keys"])})
        token = jws.deserialize_compact(head.signature, known, algorithms=ALGORITHMS)
        key = known.get_by_kid(token.headers()["kid"])
        return dict(json.loads(token.payload)), key.thumbprint()
    except (JoseError, ValueError, KeyError, TypeError):
        return None


def _head(head: Head, keys: Mapping[str, Any], where: str) -> Iterator[Fault]:
    signed = said(head, keys)
    if signed is None:
        yield Fault(where, "it is not signed by a key of the key set")
        return
    words, _ = signed
    shown = {"tree_size": head.tree_size, "root_hash": head.root_hash.hex(), "signed_at": head.signed_at}
    for name, value in shown.items():
        if words.get(name) != value:
            yield Fault(where, f"{name} is not the one that was signed")


def _line(journal: Journal, line: Line) -> Iterator[Fault]:
    where = named(journal, line)
    if line.line is None and not line.withheld:
        yield Fault(where, "the line is missing: only its leaf is there")
    elif line.line is not None:
        yield from _content(journal, line, where)
    head = journal.head
    if not merkle.verify_inclusion(
        line.leaf_hash, line.leaf_index, head.tree_size, line.path, head.root_hash
    ):
        yield Fault(where, "the path does not lead to the root: the leaf, or a node above it, was changed")


def _content(journal: Journal, line: Line, where: str) -> Iterator[Fault]:
    assert line.line is not None  # noqa: S101 (asked by the caller)
    if _leaf(line.line) != line.leaf_hash:
        yield Fault(where, "the line is not the one that was hashed")
    placed = {"subject": journal.person_id, "chain": line.chain, "number": line.number}
    for name, value in placed.items():
        if line.line.get(name) != value:
            yield Fault(where, f"its {name} is not the one of its place in the file")


def _leaf(line: dict[str, Any]) -> bytes:
    """The leaf of a line; empty when it has no canonical form, as numbers that are too large have not."""
    try:
        return merkle.leaf_hash(rfc8785.dumps(line))
    except (rfc8785.CanonicalizationError, UnicodeError):
        return b""


def _chain(journal: Journal, name: str, lines: list[Line]) -> Iterator[Fault]:
    if name != journal.person_id and not name.startswith(f"{journal.person_id}/"):
        yield Fault(f"chain {name}", "is not of this person's journal")
    before: Line | None = None
    for line in lines:
        where = named(journal, line)
        wanted = before.number + 1 if before else 1
        if line.number != wanted:
            yield Fault(where, f"number {wanted} is missing before it, or the lines are in disorder")
        elif line.line is not None and line.line.get("previous") != (
            before.leaf_hash.hex() if before else ""
        ):
            yield Fault(where, "it does not follow the line before it")
        if before and line.leaf_index <= before.leaf_index:
            yield Fault(where, "it stands in the tree before the line it follows")
        before = line


def faults_since(journal: Journal, earlier: Journal, keys: Mapping[str, Any]) -> Iterator[Fault]:
    """Every fault between a journal and an earlier one of the same person."""
    if journal.person_id != earlier.person_id:
        yield Fault("earlier journal", "it is of somebody else")
        return
    yield from _head(earlier.head, {"keys": [*keys["keys"], *earlier.keys.get("keys", [])]}, "earlier head")
    yield from _grown(journal, earlier)
    yield from _kept(journal, earlier)


def _grown(journal: Journal, earlier: Journal) -> Iterator[Fault]:
    now, then, since = journal.head, earlier.head, journal.since
    if now.tree_size < then.tree_size:
        yield Fault("head", f"the log is shorter than it was: {then.tree_size} lines, now {now.tree_size}")
    elif now.tree_size == then.tree_size:
        if now.root_hash != then.root_hash:
            yield Fault("head", "another tree of the same size was signed: one of both was made up")
    elif since is None or since.tree_size != then.tree_size:
        yield Fault("head", f"nothing proves what became of the earlier tree: ask ?since={then.tree_size}")
    elif not merkle.verify_consistency(
        then.tree_size, now.tree_size, then.root_hash, now.root_hash, since.consistency
    ):
        yield Fault("head", "the earlier head is not the beginning of this tree: the log was rewritten")


def _kept(journal: Journal, earlier: Journal) -> Iterator[Fault]:
    """The chains that both show: each line of the earlier one is there, and nothing came in between."""
    now, then = chains(journal), chains(earlier)
    for name in now.keys() & then.keys():
        present = {line.number: line for line in now[name]}
        former = {line.number: line for line in then[name]}
        for number, line in former.items():
            found = present.get(number)
            if found is None or found.leaf_hash != line.leaf_hash or found.leaf_index != line.leaf_index:
                yield Fault(named(earlier, line), "was in the earlier journal and is not in this one")
        for number, line in present.items():
            if number not in former and line.leaf_index < earlier.head.tree_size:
                what = "was written before the earlier download, which did not show it"
                yield Fault(named(journal, line), what)


def gone(journal: Journal, earlier: Journal) -> list[str]:
    """Chains of the earlier journal that this one does not show: their document was hidden from you since."""
    return sorted(chains(earlier).keys() - chains(journal).keys())
