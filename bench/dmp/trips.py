"""How many statements a deposit sends to PostgreSQL: round trips, the dearest part of it after the hops."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import httpx

from bench.dmp.beside import variant
from bench.dmp.measures import Asked
from bench.dmp.variant import COUNTED

# Deposits that are sent one after the other; the first of them prepare the statements.
DEPOSITS, FIRST = 40, 10


@dataclass(frozen=True, slots=True)
class Trips:
    """How many deposits took so many trips, and the statements of the usual one."""

    counts: dict[int, int]
    statements: list[str]

    @property
    def most(self) -> int:
        """Of the deposits that were counted."""
        return max(self.counts)


def count(asked: Asked) -> Trips:
    """Through a gateway and a DMP of their own; raises httpx.HTTPStatusError when a deposit is refused."""
    with tempfile.TemporaryDirectory(prefix="socle-bench-") as folder:
        path = Path(folder) / "trips.jsonl"
        with variant(asked.nation, COUNTED, path) as port, httpx.Client(trust_env=False) as http:
            for body in asked.asking.deposits(asked.material.fed, DEPOSITS):
                head, _, content = body.partition(b"\r\n\r\n")
                lines = (line.partition(": ") for line in head.decode().split("\r\n")[1:])
                headers = {name: value for name, _, value in lines if name != "host"}
                http.post(
                    f"http://127.0.0.1:{port}/fhir", content=content, headers=headers
                ).raise_for_status()
        sent = [json.loads(line) for line in path.read_text().splitlines()][FIRST:]
    counts = Counter(len(statements) for statements in sent)
    usual = counts.most_common(1)[0][0]
    return Trips(dict(counts), next(one for one in sent if len(one) == usual))
