"""A platform whose DMP holds the records of so many patients; loaded once, kept for the next run."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.identity.country import TOKEN_SECONDS, bench_home
from bench.ports import OFFSET
from bench.running import Running
from identity_ins.seed import person_id_of
from socle_local.issuer.tokens import fetch
from socle_local.journey import Patient
from socle_local.manifest import ROOT, find_services
from socle_local.personas import DOCTOR
from socle_local.platform import Platform
from socle_local.ports import Ports

TABLES = (
    "record, record_key, authorisation, block, lot, lot_member, document, document_version, outbox, audit"
)
SIZE = "SELECT pg_database_size(current_database())"
# Of the doctor: records they may consult; those their hospital may also feed.
CONSULTED = """
SELECT person_id FROM record r
WHERE state = 'open' AND consultation_allowed
  AND NOT EXISTS (SELECT FROM block b
    WHERE b.person_id = r.person_id AND b.professional = '{doctor}' AND b.ended_at IS NULL)
  AND EXISTS (SELECT FROM authorisation a
    WHERE a.person_id = r.person_id AND a.grantee IN ('{doctor}', '{hospital}') AND a.ended_at IS NULL)
"""
FED = (
    CONSULTED
    + """
  AND EXISTS (SELECT FROM qualified_identity q
    WHERE q.person_id = r.person_id AND q.domain = '{hospital}' AND q.qualified)
"""
)
# One document of each of these records that the doctor reads; of somebody else, so that no mix deletes it.
READABLE = """
SELECT DISTINCT ON (person_id) document_id FROM document
WHERE person_id = ANY('{{{persons}}}') AND status = 'current' AND NOT archived
  AND NOT 'MASQUE_PS' = ANY(confidentiality) AND submitted_by <> '{doctor}'
ORDER BY person_id, document_id
"""
# Documents of the doctor's own that nothing has happened to: what may be archived, or deleted, once.
OWN = """
SELECT d.document_id FROM document d JOIN ({consulted}) r USING (person_id)
WHERE d.submitted_by = '{doctor}' AND d.status = 'current' AND NOT d.archived AND d.version = 1
ORDER BY d.document_id LIMIT {most}
"""


@dataclass(frozen=True, slots=True)
class Loading:
    """How fast a load went, when it was done: a platform that is used again is not loaded again."""

    records: int
    documents: int
    seconds: float
    # Bytes of the database afterwards, indexes included.
    size: int

    @property
    def rate(self) -> float:
        """Documents a second, the foreign keys that are proven at the end included."""
        return self.documents / self.seconds


class Nation:
    """The platform with the records of `size` patients, the `place`-th of those measured together."""

    def __init__(self, size: int, place: int) -> None:
        self.size = size
        self._folder = bench_home() / f"dmp-{size}"
        # Persons of the registry are as many as records; the person of record n is person n.
        extra = {"SOCLE_SEED_PERSONS": str(size)}
        self.running = Running(self._folder / "platform", offset=OFFSET + 100 * place, extra=extra)

    @property
    def name(self) -> str:
        return f"{self.size:,}"

    @property
    def port(self) -> int:
        """Of the gateway."""
        return self.running.ports["gateway"]

    def token(self, persona: str) -> str:
        """A bearer token of a persona."""
        return fetch(f"http://{self.running.ports.address('issuer')}", persona, TOKEN_SECONDS)

    def programs(self) -> dict[str, int]:
        """The programs of the platform, name to pid."""
        return {seen.name: seen.process.pid for seen in self.running.record.components if seen.process}

    def platform(self, ports: Ports | None = None) -> Platform:
        """The same platform as its launcher knows it, never started here; `ports` moves some of its parts."""
        return Platform(self.running.home, ports or self.running.ports, extra=self.running.extra)

    def environment(self, service: str) -> dict[str, str]:
        """The settings a service was started with."""
        wanted = next(one for one in find_services() if one.name == service)
        return self.platform().environment(wanted)

    def sql(self, script: str) -> list[str]:
        """The lines that a query of the DMP's database gives."""
        return self.running.sql("dmp", script).split()

    # Loading.

    def loading(self) -> Loading | None:
        """The load, once it was done to its end."""
        path = self._folder / "loaded.json"
        return Loading(**json.loads(path.read_text())) if path.exists() else None

    def load(self) -> None:
        """Makes the records stand; the platform runs. Stopped half-way, it goes on where it was."""
        persons = self._folder / "persons.txt"
        persons.write_text("\n".join(person_id_of(n) for n in range(1, self.size + 1)))
        began = time.perf_counter()
        usual = ["--professional", DOCTOR.id_nat, "--structure", DOCTOR.structure.id_nat]
        self._seed("records", str(persons), *usual)
        seconds = time.perf_counter() - began
        # Done here, once: autovacuum would do it in the middle of a measure.
        self.running.sql("dmp", f"VACUUM (ANALYZE) {TABLES}")
        documents, size = (int(self.sql(query)[0]) for query in ("SELECT count(*) FROM document", SIZE))
        loading = Loading(self.size, documents, seconds, size)
        (self._folder / "loaded.json").write_text(json.dumps(asdict(loading)))

    def write_contents(self, documents: Sequence[str]) -> None:
        """Puts the sealed bytes of these documents in the store; of the others only the metadata stand."""
        listed = self._folder / "contents.txt"
        listed.write_text("\n".join(documents))
        self._seed("contents", str(listed))

    def _seed(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "dmp.seed", *arguments]
        subprocess.run(command, env=self.environment("dmp"), cwd=ROOT, check=True)

    def warm(self) -> None:
        """Reads the files of the databases once, for the page cache: some systems empty it of what rests."""
        block = bytearray(1 << 20)
        for path in (self.running.home / "postgres" / "data" / "base").glob("*/*"):
            # A table may be rewritten meanwhile, and its old file be gone.
            with suppress(FileNotFoundError), path.open("rb", buffering=0) as file:
                while file.readinto(block):
                    pass

    # Who and what is asked about.

    def patients(self, persons: Sequence[str]) -> list[Patient]:
        """The traits and INS of these persons."""
        numbers = {person_id_of(n): n for n in range(1, self.size + 1)}
        return [Patient.seeded(numbers[person]) for person in persons]

    def consulted(self) -> list[str]:
        """The persons whose record the doctor may consult, in the order of the registry."""
        return self.sql(_filled(CONSULTED) + " ORDER BY person_id")

    def fed(self) -> list[str]:
        """Those whose record the doctor may also feed."""
        return self.sql(_filled(FED) + " ORDER BY person_id")

    def readable(self, persons: Sequence[str]) -> list[str]:
        """A document of each of these persons that the doctor reads."""
        return self.sql(_filled(READABLE, persons=",".join(persons)))

    def own_documents(self, most: int) -> list[str]:
        """Documents of the doctor's own that were never changed, in the order of time."""
        return self.sql(_filled(OWN, consulted=_filled(CONSULTED), most=most))


def _filled(query: str, **more: object) -> str:
    return query.format(doctor=DOCTOR.id_nat, hospital=DOCTOR.structure.id_nat, **more)


def spread(among: Sequence[str], count: int) -> list[str]:
    """So many of them, evenly spaced from the first to the last."""
    count = min(count, len(among))
    return [among[place * len(among) // count] for place in range(count)]


def folder_of(size: int) -> Path:
    """Where the platform of a size is kept."""
    return bench_home() / f"dmp-{size}"
