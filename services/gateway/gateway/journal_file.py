"""A journal with its proof as one JSON file, `socle-journal-1`: docs/how-to/verify-a-journal.md defines it.

Nothing here holds a whole journal: a page is written as it comes. The lines are left byte for byte as they
were hashed, so that nothing on the way can change what the proof is about.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import orjson

from socle.dmp.v1 import journal_pb2 as pb

FORMAT = "socle-journal-1"
MEDIA_TYPE = "application/json"
Pages = AsyncIterator[pb.ExportJournalResponse]


async def pieces(person_id: str, exported_at: datetime, since: int, pages: Pages) -> AsyncIterator[bytes]:
    """The file, piece by piece; `since` is the tree size the reader asked to be proven from (0: none).

    `pages` are those of one export, in order, one at least. When one of them fails the file ends in the
    middle of a line, and no reader takes it for whole.
    """
    first = await anext(pages)
    yield _beginning(person_id, exported_at, since, first)
    between = b"\n"
    for line in first.lines:
        yield between + _line(line)
        between = b",\n"
    async for page in pages:
        for line in page.lines:
            yield between + _line(line)
            between = b",\n"
    yield b"\n]}\n"


def _beginning(person_id: str, exported_at: datetime, since: int, first: pb.ExportJournalResponse) -> bytes:
    whole: dict[str, Any] = {
        "format": FORMAT,
        "person_id": person_id,
        "exported_at": exported_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "keys": orjson.Fragment(first.keys),
        "head": head(first.head),
    }
    if since:
        whole["since"] = {"tree_size": since, "consistency": [node.hex() for node in first.consistency]}
    whole["pending"] = first.pending
    return orjson.dumps(whole)[:-1] + b',"lines":['


def head(of: pb.TreeHead) -> dict[str, Any]:
    """A signed head as the file and the REST routes show it: hashes in hexadecimal."""
    return {
        "tree_size": of.tree_size,
        "root_hash": of.root_hash.hex(),
        "signed_at": of.signed_at.ToDatetime().strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "signature": of.signature,
    }


def _line(of: pb.ProvenLine) -> bytes:
    proven: dict[str, Any] = {
        "chain": of.chain,
        "number": of.number,
        "leaf_index": of.leaf_index,
        "leaf_hash": of.leaf_hash.hex(),
        "path": [node.hex() for node in of.path],
    }
    if of.withheld:
        proven["withheld"] = True
    if of.line:
        proven["line"] = orjson.Fragment(of.line)
    return orjson.dumps(proven)
