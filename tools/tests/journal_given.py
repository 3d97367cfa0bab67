"""A log made by hand, and the journal of one person downloaded from it as the gateway writes it."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import rfc8785
from google.protobuf.timestamp_pb2 import Timestamp

from chassis import merkle
from chassis.ledger import Signer
from chassis.ledger.lines import moment
from gateway import journal_file
from socle.dmp.v1 import journal_pb2 as pb

PERSON = "01900000-0000-7000-8000-000000000001"
OTHER = "01900000-0000-7000-8000-000000000002"
DOCUMENT = f"{PERSON}/document:01900000-0000-7000-8000-00000000000d"
NOW = datetime(2026, 6, 12, 10, 0, tzinfo=UTC)


@dataclass
class Log:
    """Every line of everybody, in the order of the tree."""

    signer: Signer = field(default_factory=Signer.fresh)
    name: str = "dmp"
    lines: list[dict[str, Any]] = field(default_factory=list)
    leaves: list[bytes] = field(default_factory=list)

    def add(self, chain: str, action: str = "dmp_document.read") -> None:
        same = [n for n, line in enumerate(self.lines) if line["chain"] == chain]
        line: dict[str, Any] = {
            "subject": chain.split("/", maxsplit=1)[0],
            "chain": chain,
            "number": len(same) + 1,
            "previous": self.leaves[same[-1]].hex() if same else "",
            "action": action,
            "name": "Élise DOCTEUR",
            "at": moment(NOW),
            "hits": [{"object_id": "x", "rules": ["R1111-46"]}],
        }
        self.lines.append(line)
        self.leaves.append(merkle.leaf_hash(rfc8785.dumps(line)))

    def known(self, size: int) -> tuple[merkle.Edge, dict[merkle.Place, bytes]]:
        edge, known = merkle.Edge(), {}
        for n, leaf in enumerate(self.leaves[:size]):
            known[merkle.Place(0, n)] = leaf
            known.update(edge.add(leaf))
        return edge, known

    def export(
        self, person: str = PERSON, since: int = 0, size: int | None = None, withheld: tuple[int, ...] = ()
    ) -> dict[str, Any]:
        """The file, as a person gets it; `withheld` are leaves whose lines are not shown."""
        size = len(self.leaves) if size is None else size
        edge, known = self.known(size)
        mine = [n for n, line in enumerate(self.lines[:size]) if line["subject"] == person]
        mine.sort(key=lambda n: (self.lines[n]["chain"], n))
        lines = [
            pb.ProvenLine(
                line=b"" if n in withheld else rfc8785.dumps(self.lines[n]),
                leaf_index=n,
                leaf_hash=self.leaves[n],
                path=merkle.folded(merkle.inclusion(n, size), known),
                chain=self.lines[n]["chain"],
                number=self.lines[n]["number"],
                withheld=n in withheld,
            )
            for n in mine
        ]
        path = merkle.folded(merkle.consistency(since, size), known)
        first = pb.ExportJournalResponse(
            lines=lines[:2],
            head=self.head(edge),
            consistency=path,
            keys=json.dumps(self.signer.jwks()),
            pending=1,
        )
        pages = [first, pb.ExportJournalResponse(lines=lines[2:])]
        return dict(json.loads(asyncio.run(_written(person, since, pages))))

    def head(self, edge: merkle.Edge) -> pb.TreeHead:
        signed_at = Timestamp()
        signed_at.FromDatetime(NOW)
        said = {
            "log": self.name,
            "tree_size": edge.size,
            "root_hash": edge.root.hex(),
            "signed_at": moment(NOW),
        }
        return pb.TreeHead(
            tree_size=edge.size, root_hash=edge.root, signed_at=signed_at, signature=self.signer.sign(said)
        )


async def _written(person: str, since: int, pages: list[pb.ExportJournalResponse]) -> bytes:
    async def each() -> AsyncIterator[pb.ExportJournalResponse]:
        for page in pages:
            yield page

    return b"".join([piece async for piece in journal_file.pieces(person, NOW, since, each())])


def written(folder: Path, name: str, whole: dict[str, Any]) -> str:
    """The path of a file with this content."""
    path = folder / name
    path.write_text(json.dumps(whole))
    return str(path)
