"""What a question reads does not grow with the structure: every way to a neighbour goes through an index."""

from typing import Any

import pytest

from chassis import sql
from chassis.db import Tx
from identity_ins.store import keys

DOMAIN = "1750000018"
# Enough rows for the planner to prefer the index that serves: all of one structure, names and dates spread.
FILL = """
INSERT INTO local_identity (id, domain, ipp, birth_name, birth_first_names, sex, birth_date, birth_place,
    used_name, used_first_name, attributes, created_at, version, birth_name_key, used_name_key)
SELECT gen_random_uuid(), $1, 'P' || n, 'N' || n % 300, '{A}', 'F', DATE '1930-01-01' + n % 30000, '',
    'N' || n % 300, '', '{}', now(), 1, 'N' || n % 300, CASE WHEN n % 3 = 0 THEN 'N' || n % 300 ELSE '' END
FROM generate_series(1, 6000) AS n
"""
FILL_KEYS = """
INSERT INTO identity_key (domain, kind, key, identity_id)
SELECT $1, 'block', md5((n % 500)::text), id
FROM (SELECT id, row_number() OVER () AS n FROM local_identity WHERE domain = $1) AS numbered
"""
# What each statement is asked with, and the column that its index must find the rows by: the structure alone
# would be no help.
ASKED: dict[str, tuple[dict[str, Any], str]] = {
    "blocks": ({"keys": "ARRAY['0']"}, "key"),
    "person": ({"person": "gen_random_uuid()"}, "person_id"),
    "number": ({"number": "'284036938301234'", "oid": "'1.2.250.1.213.1.4.10'"}, "ins_matricule"),
    "ipp": ({"ipp": "'P1'"}, "ipp"),
    "birth_name": ({"birth_name": "'N1'"}, "birth_name_key"),
    "used_name": ({"used_name": "'N1'"}, "used_name_key"),
    "born": ({"born": "DATE '1984-03-12'", "born_to": "DATE '1984-03-12'"}, "birth_date"),
}


async def plan_of(connection: Any, source: str) -> list[str]:
    """The plan that the statement has once it was used often: blind to the values it is asked with."""
    statement = sql.text(keys.NEAR if source == "blocks" else keys.SOURCES[source])
    given = {"domain": f"'{DOMAIN}'", **ASKED[source][0]}
    values = [str(value) if value in given.values() else repr(value) for value in statement.arguments(given)]
    await connection.execute("SET LOCAL plan_cache_mode = force_generic_plan")
    await connection.execute(f"PREPARE by_{source} AS {statement.sql}")
    rows = await connection.fetch(f"EXPLAIN EXECUTE by_{source} ({', '.join(values)})")
    return [row[0] for row in rows]


@pytest.mark.parametrize("source", ["blocks", *keys.SOURCES])
async def test_neighbours_when_asked_for_then_read_through_their_index(tx: Tx, source: str) -> None:
    connection = tx._connection
    await connection.execute(FILL, DOMAIN)
    await connection.execute(FILL_KEYS, DOMAIN)
    await connection.execute("ANALYZE local_identity, identity_key")
    plan = await plan_of(connection, source)
    assert any("Index Cond" in line and f"{ASKED[source][1]} " in line for line in plan)
    assert not any("Seq Scan" in line for line in plan)
    assert any("Limit" in line for line in plan)
