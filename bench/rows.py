"""The other yardstick: the same row, in a table of the same columns and indexes, by `pgbench` alone."""

from __future__ import annotations

import re
from pathlib import Path

from bench.running import Running, said
from socle_local.journey import Patient
from socle_local.postgres import Installation

CLIENTS = 32
TABLE = "bench_identity"
CREATE = f"""
DROP TABLE IF EXISTS {TABLE};
CREATE TABLE {TABLE} (LIKE local_identity INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES);
"""
# As the service writes it: a key made in the order of time, one row a transaction, confirmed by the disk.
INSERT = """
INSERT INTO {table} (id, domain, ipp, birth_name, birth_first_names, sex, birth_date, birth_place,
    used_name, used_first_name, attributes, created_at, version, birth_name_key, used_name_key, given_keys)
VALUES (uuidv7(), '1990000010', 'BENCH-' || gen_random_uuid(), {name}, ARRAY[{given}], '{sex}', '{date}',
    '{place}', '', '', ARRAY[]::text[], now(), 1, {name}, '', ARRAY[{given}]);
"""
TPS = re.compile(r"^tps = ([\d.]+)", re.MULTILINE)


def prepare(running: Running) -> None:
    """An empty copy of the table, in the same database."""
    running.sql("identity-ins", CREATE)


def insert_rate(running: Running, patient: Patient, seconds: float) -> float:
    """Rows a second at 32 clients."""
    script = running.home / "insert.sql"
    script.write_text(statement(patient))
    address, password = running.database("identity-ins")
    options = ["-n", "-M", "prepared", "-c", str(CLIENTS), "-j", "2", "-T", str(max(1, round(seconds)))]
    command: list[str | Path] = [Installation.of_wheel().bin / "pgbench", *options, "-f", script, address]
    found = TPS.search(said(command, {"PGPASSWORD": password}))
    if found is None:
        raise RuntimeError("pgbench printed no rate.")
    return float(found[1])


def statement(patient: Patient) -> str:
    """The row of a patient; names may hold an apostrophe."""
    return INSERT.format(
        table=TABLE,
        name=quoted(patient.birth_name),
        given=", ".join(map(quoted, patient.first_names)),
        sex=patient.sex[0].upper(),
        date=patient.birth_date,
        place=patient.birth_place,
    ).replace("\n", " ")


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
