"""A journal as a file: what was hashed is left byte for byte, and a part is never taken for the whole."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from chassis.errors import Unavailable
from gateway import journal_file
from socle.dmp.v1 import journal_pb2 as pb

PERSON = "01900000-0000-7000-8000-000000000001"
NOW = datetime(2026, 6, 12, 10, 0, 0, 7, UTC)
HASHED = '{"name":"Élise","number":1}'.encode()


def page(*lines: pb.ProvenLine, **more: Any) -> pb.ExportJournalResponse:
    signed_at = Timestamp()
    signed_at.FromDatetime(NOW)
    head = pb.TreeHead(tree_size=7, root_hash=b"\xab" * 32, signed_at=signed_at, signature="a.b.c")
    return pb.ExportJournalResponse(lines=lines, head=head, keys='{"keys": []}', **more)


def line(number: int, **more: Any) -> pb.ProvenLine:
    return pb.ProvenLine(
        chain=PERSON, number=number, leaf_index=number, leaf_hash=b"\x01" * 32, path=[b"\x02" * 32], **more
    )


async def written(*pages: pb.ExportJournalResponse | Exception, since: int = 0) -> tuple[bytes, bool]:
    """Everything that was written, and whether it went to the end."""

    async def each() -> AsyncIterator[pb.ExportJournalResponse]:
        for one in pages:
            if isinstance(one, Exception):
                raise one
            yield one

    file = b""
    try:
        async for piece in journal_file.pieces(PERSON, NOW, since, each()):
            file += piece
    except Unavailable:
        return file, False
    return file, True


async def test_pages_make_one_file_with_the_head_of_the_first() -> None:
    first = page(line(1, line=HASHED), line(2, withheld=True), pending=3, consistency=[b"\x03" * 32])
    file, _ = await written(first, page(line(3)), since=5)
    whole = json.loads(file)
    assert whole["format"] == "socle-journal-1"
    assert (whole["person_id"], whole["exported_at"]) == (PERSON, "2026-06-12T10:00:00.000007Z")
    assert whole["head"] == {
        "tree_size": 7,
        "root_hash": "ab" * 32,
        "signed_at": "2026-06-12T10:00:00.000007Z",
        "signature": "a.b.c",
    }
    assert (whole["since"], whole["pending"]) == ({"tree_size": 5, "consistency": ["03" * 32]}, 3)
    assert [one["number"] for one in whole["lines"]] == [1, 2, 3]
    assert whole["lines"][1] == {
        "chain": PERSON,
        "number": 2,
        "leaf_index": 2,
        "leaf_hash": "01" * 32,
        "path": ["02" * 32],
        "withheld": True,
    }
    assert "line" not in whole["lines"][2]


async def test_the_line_is_left_as_it_was_hashed() -> None:
    file, _ = await written(page(line(1, line=HASHED)))
    assert HASHED in file
    assert "since" not in json.loads(file)


async def test_an_empty_journal_is_a_file_too() -> None:
    file, _ = await written(page())
    assert json.loads(file)["lines"] == []


async def test_a_page_that_fails_leaves_no_file_that_can_be_read() -> None:
    file, whole = await written(page(line(1, line=HASHED)), Unavailable())
    assert not whole
    with pytest.raises(ValueError, match="Expecting"):
        json.loads(file)
