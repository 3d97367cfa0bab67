"""A platform whose e-prescription holds so many prescriptions; loaded once, kept for the next run."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from bench.identity.country import TOKEN_SECONDS, bench_home
from bench.ports import OFFSET
from bench.running import Running
from identity_ins.seed import person_id_of
from socle_local.issuer.tokens import fetch

SERVICE = "eprescription"
# Of the registry; those who are prescribed something during a measure come first.
PERSONS = 20_000
SIZE = "SELECT pg_database_size(current_database())"
TREATED = "SELECT DISTINCT person_id FROM line WHERE treated_until >= current_date"
# Completed prescriptions of the past: body and signature are those of a pattern, since nobody opens them.
LOAD = """
CREATE TEMP TABLE known (n int, person_id uuid);
COPY known FROM STDIN;
{persons}
\\.
CREATE TEMP TABLE made AS
SELECT made.n, uuidv7() AS prescription_id, uuidv7() AS line_id, uuidv7() AS claim_id,
       uuidv7() AS intervention_id, uuidv7() AS dispensing_id, k.person_id,
       now() - interval '500 days' + made.n * interval '20 seconds' AS at
  FROM generate_series(1, {size}) AS made (n) JOIN known AS k ON k.n = made.n % {known};
INSERT INTO prescription (prescription_id, number, person_id, kind, state, version, prescriber,
       organisation, restricted, body, signature, key_id, written_on, expires_on, created_at, signed_at,
       changed_at)
SELECT made.prescription_id, 'B' || lpad(made.n::text, 17, '0'), made.person_id, kind, 'completed', 5,
       prescriber, organisation, restricted, body, signature, key_id, at::date,
       (at + interval '1 year')::date, at, at, at
  FROM made, (SELECT * FROM prescription WHERE prescription_id = '{pattern}') AS pattern;
INSERT INTO line (line_id, prescription_id, person_id, rank, kind, state, unit, authorised, delivered,
       forfeited, deliveries, until, treated_until, cis, substances, narcotic, cancel_requested,
       cancel_reason)
SELECT made.line_id, made.prescription_id, made.person_id, 1, kind, 'delivered', unit, authorised,
       authorised, 0, 1, (at + interval '90 days')::date, (at + interval '10 days')::date, cis, substances,
       narcotic, false, ''
  FROM made, (SELECT * FROM line WHERE prescription_id = '{pattern}' LIMIT 1) AS pattern;
INSERT INTO claim (claim_id, prescription_id, pharmacy, pharmacist, began_at, expires_at, ended_at,
       end_reason)
SELECT claim_id, prescription_id, '1990000036', '899900000052', at, at, at, 'closed' FROM made;
ALTER TABLE intervention DISABLE TRIGGER USER;
INSERT INTO intervention (intervention_id, prescription_id, line_id, person_id, claim_id, kind, recorded_at,
       delivered_on, pharmacist, pharmacy, cis, cip13, label, packs, counted, forfeits, excess, days_covered,
       offline, paper_reference, details)
SELECT intervention_id, prescription_id, line_id, person_id, claim_id, 'as_prescribed', at, at::date,
       '899900000052', '1990000036', '', '', '', 1, 1, 0, 0, 5, false, '', '{{}}' FROM made;
ALTER TABLE intervention ENABLE TRIGGER USER;
INSERT INTO dispensing (dispensing_id, prescription_id, person_id, claim_id, pharmacy, pharmacist, closed_at,
       receipt)
SELECT dispensing_id, prescription_id, person_id, claim_id, '1990000036', '899900000052', at, '' FROM made;
"""
TABLES = "prescription, line, claim, intervention, dispensing"


@dataclass(frozen=True, slots=True)
class Loading:
    """How long a load took, in seconds; `size` in bytes, indexes included."""

    prescriptions: int
    seconds: float
    size: int


class Stored:
    """The platform with `size` prescriptions."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._folder = bench_home() / f"eprescription-{size}"
        self.running = Running(
            self._folder / "platform", offset=OFFSET, extra={"SOCLE_SEED_PERSONS": str(PERSONS)}
        )

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

    def persons(self) -> Sequence[str]:
        """Opaque ids of the registry."""
        return [person_id_of(number) for number in range(1, PERSONS + 1)]

    def untreated(self) -> Sequence[str]:
        """Those who take nothing now: a second prescription of the same would be a duplicate."""
        treated = set(self.running.sql(SERVICE, TREATED).split())
        return [person for person in self.persons() if person not in treated]

    def loading(self) -> Loading | None:
        """The load, once it was done to its end."""
        path = self._folder / "loaded.json"
        return Loading(**json.loads(path.read_text())) if path.exists() else None

    def load(self, pattern: str) -> None:
        """Makes the prescriptions stand, after the pattern of one that was signed; the platform runs."""
        began = time.perf_counter()
        persons = "\n".join(f"{number}\t{person}" for number, person in enumerate(self.persons()))
        script = LOAD.format(persons=persons, size=self.size, known=PERSONS, pattern=pattern)
        self.running.sql(SERVICE, f"BEGIN;\n{script}COMMIT;\n")
        # Done here, once: autovacuum would do it in the middle of a measure.
        self.running.sql(SERVICE, f"VACUUM (ANALYZE) {TABLES}")
        seconds, size = time.perf_counter() - began, int(self.running.sql(SERVICE, SIZE).split()[0])
        loading = Loading(self.size, seconds, size)
        (self._folder / "loaded.json").write_text(json.dumps(asdict(loading)))
