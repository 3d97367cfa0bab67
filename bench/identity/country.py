"""A platform whose registry has a given size; loaded once, kept for the next run."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import asyncpg

from bench.ports import OFFSET
from bench.running import Running
from chassis import db
from identity_ins import seed
from identity_ins.seed.identities import load_identities
from socle_local.issuer.tokens import fetch
from socle_local.manifest import ROOT
from socle_local.personas import HOSPITAL

HOME = "SOCLE_BENCH_HOME"
# Seconds a token holds: longer than a run.
TOKEN_SECONDS = 21_600
SHOWN = (
    "shared_buffers", "effective_cache_size", "work_mem", "max_wal_size", "wal_compression", "fsync",
    "synchronous_commit", "full_page_writes", "random_page_cost", "jit", "io_method",
)  # fmt: skip
TABLES = "person, ins_number, local_identity, identity_change, identity_key"


@dataclass(frozen=True, slots=True)
class Loading:
    """How fast a load went, when it was done: a platform that is used again is not loaded again."""

    what: str
    added: int
    seconds: float
    # Bytes of the database afterwards, indexes included.
    size: int

    @property
    def rate(self) -> float:
        """Per second, the indexes that are filled at the end included."""
        return self.added / self.seconds


def bench_home() -> Path:
    """Where the platforms are kept: SOCLE_BENCH_HOME, or .cache/bench in the repository."""
    return Path(os.environ.get(HOME) or ROOT / ".cache" / "bench").resolve()


class Country:
    """The platform whose registry holds `size` persons, the `place`-th of those measured together."""

    def __init__(self, size: int, place: int) -> None:
        self.size = size
        self._folder = bench_home() / f"identity-{size}"
        # An empty registry at first start: it is loaded here, and timed.
        extra = {"SOCLE_SEED_PERSONS": "0"}
        self.running = Running(self._folder / "platform", offset=OFFSET + 100 * place, extra=extra)

    @property
    def name(self) -> str:
        return f"{self.size:,}"

    def token(self, persona: str) -> str:
        """A bearer token of a persona."""
        return fetch(f"http://{self.running.ports.address('issuer')}", persona, TOKEN_SECONDS)

    def load(self, identities: int, shown: Callable[[str, int, int], None]) -> list[Loading]:
        """Makes the persons stand, and so many local identities of the hospital; every load so far.

        `shown` is told what is loaded, how many stand and how many are wanted.
        """
        asyncio.run(self._load(identities, shown))
        return self.loadings()

    def loadings(self) -> list[Loading]:
        """The loads so far, oldest first."""
        path = self._folder / "loaded.json"
        return [Loading(**one) for one in json.loads(path.read_text())] if path.exists() else []

    def warm(self) -> None:
        """Reads the files of the database once, for the page cache: some systems empty it of what rests."""
        block = bytearray(1 << 20)
        for path in (self.running.home / "postgres" / "data" / "base").glob("*/*"):
            # A table may be rewritten meanwhile, and its old file be gone.
            with suppress(FileNotFoundError), path.open("rb", buffering=0) as file:
                while file.readinto(block):
                    pass

    def settings(self) -> dict[str, str]:
        """The settings of PostgreSQL that a figure depends on."""
        return asyncio.run(self._settings())

    async def _load(self, identities: int, shown: Callable[[str, int, int], None]) -> None:
        workers = os.cpu_count() or 1
        pool = await self._pool()
        try:
            loads = [
                ("persons", self.size, lambda said: seed.load(pool, self.size, said, workers)),
                (
                    "local identities",
                    identities,
                    lambda said: load_identities(pool, HOSPITAL.id_nat, identities, said, workers),
                ),
            ]
            for what, wanted, work in loads:
                if wanted and (done := await _timed(pool, what, wanted, work, shown)):
                    self._keep(done)
        finally:
            await pool.close()

    async def _settings(self) -> dict[str, str]:
        pool = await self._pool()
        try:
            return {name: await pool.fetchval(f"SHOW {name}") for name in SHOWN}
        finally:
            await pool.close()

    async def _pool(self) -> asyncpg.Pool[Any]:
        address, password = self.running.database("identity-ins")
        return await db.connect(address, password, 1)

    def _keep(self, done: Loading) -> None:
        kept = [asdict(one) for one in (*self.loadings(), done)]
        (self._folder / "loaded.json").write_text(json.dumps(kept, indent=1))


async def _timed(
    pool: asyncpg.Pool[Any], what: str, wanted: int, work: Any, shown: Callable[[str, int, int], None]
) -> Loading | None:
    """A load and its time; None when all stood already."""
    began = time.perf_counter()
    added = await work(lambda there: shown(what, there, wanted))
    seconds = time.perf_counter() - began
    if not added:
        return None
    # Done here, once: autovacuum would do it in the middle of a measure.
    await pool.execute(f"VACUUM (ANALYZE) {TABLES}")
    size = await pool.fetchval("SELECT pg_database_size(current_database())")
    return Loading(what, added, seconds, size)
