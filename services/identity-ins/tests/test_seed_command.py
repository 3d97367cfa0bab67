"""The command line of the loads, as a process of its own on a real database."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from chassis.db import Database
from chassis.testing import Server, until
from identity_ins import seed
from identity_ins.seed import indexes
from identity_ins.seed.load import BATCH

from .test_seed_import import cells_of, written

HAS_SEARCH = "SELECT to_regclass('ix_person_search') IS NOT NULL AND to_regclass('pk_ins_number') IS NOT NULL"


class Ended(NamedTuple):
    code: int
    said: str


async def process(
    database: Database, postgres: Server, tmp_path: Path, *words: str, **settings: str
) -> asyncio.subprocess.Process:
    name = await database.pool.fetchval("SELECT current_database()")
    password = tmp_path / "password"
    password.write_text(postgres.password)
    env = {
        **os.environ,
        "SOCLE_DATABASE_URL": postgres.url(name),
        "SOCLE_DATABASE_PASSWORD_FILE": str(password),
        "PYTHONPATH": os.pathsep.join(sys.path),
        **settings,
    }
    command = [sys.executable, "-m", "identity_ins.seed", *words]
    said, both = asyncio.subprocess.PIPE, asyncio.subprocess.STDOUT
    return await asyncio.create_subprocess_exec(*command, stdout=said, stderr=both, env=env, cwd=tmp_path)


async def run(database: Database, postgres: Server, tmp_path: Path, *words: str, **settings: str) -> Ended:
    started = await process(database, postgres, tmp_path, *words, **settings)
    said, _ = await started.communicate()
    assert started.returncode is not None
    return Ended(started.returncode, said.decode())


async def test_count_alone_when_given_then_persons_are_loaded_by_several_processes(
    database: Database, postgres: Server, tmp_path: Path
) -> None:
    count = 2 * BATCH + 10
    done = await run(database, postgres, tmp_path, "--count", str(count), "--workers", "2")
    assert (done.code, f"{count} stand in the registry" in done.said) == (0, True), done.said
    assert await database.pool.fetchval("SELECT count(*) FROM person") == count
    for n in (1, BATCH, BATCH + 1, count):
        name = await database.pool.fetchval(
            "SELECT birth_name FROM person WHERE id = $1", seed.person_id_of(n)
        )
        assert name == seed.person(n).traits.birth_name


async def test_persons_when_killed_in_a_large_load_then_run_again_leaves_no_gap_and_both_indexes(
    postgres: Server, database: Database, tmp_path: Path
) -> None:
    await database.pool.execute("TRUNCATE person, ins_number CASCADE")
    count = indexes.LARGE
    started = await process(database, postgres, tmp_path, "persons", "--count", str(count), "--workers", "1")

    async def some_stand() -> bool:
        return bool(await database.pool.fetchval("SELECT EXISTS (SELECT FROM person)"))

    await until(some_stand, 60)
    started.send_signal(signal.SIGKILL)
    # Its makers hold the other end of this pipe: it ends once they are gone as well.
    await asyncio.wait_for(started.communicate(), 20)
    assert not await database.pool.fetchval(HAS_SEARCH)
    stopped = await database.pool.fetchval("SELECT count(*) FROM person")
    assert 0 < stopped < count
    done = await run(database, postgres, tmp_path, "persons", "--count", str(stopped + 500), "--workers", "0")
    assert (done.code, "500 persons added" in done.said) == (0, True), done.said
    assert await database.pool.fetchval(HAS_SEARCH)
    assert await database.pool.fetchval("SELECT count(*) FROM person") == stopped + 500


async def test_import_when_lines_are_wrong_then_says_where_they_are_told_and_shows_no_trait(
    database: Database, postgres: Server, tmp_path: Path
) -> None:
    good, bad = seed.people(2, 800_000)
    path = written(tmp_path / "persons.csv", cells_of(good), cells_of(bad, cle="00"))
    done = await run(database, postgres, tmp_path, "import", str(path))
    assert done.code == 1
    assert "1 persons added, 0 stood already, 1 lines refused" in done.said
    assert "persons.csv.rejected.csv" in done.said
    assert not any(hidden in done.said for hidden in (bad.traits.birth_name, bad.ins.body))


async def test_identities_when_asked_then_loaded(
    database: Database, postgres: Server, tmp_path: Path
) -> None:
    await seed.load(database.pool, 50)
    done = await run(
        database,
        postgres,
        tmp_path,
        "identities",
        "--domain",
        "1750000018",
        "--count",
        "50",
        "--workers",
        "0",
    )
    assert (done.code, "50 identities added" in done.said) == (0, True), done.said


@pytest.mark.parametrize(
    ("words", "settings", "sentence"),
    [
        (("--count", "10"), {"SOCLE_INS_PLATFORM": "production"}, "nothing is loaded into it"),
        (("--count", "10"), {"SOCLE_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/x"}, "does not answer"),
        (("identities", "--domain", "1", "--count", "9000000"), {}, "does not hold that many"),
    ],
)
async def test_command_when_it_cannot_be_done_then_says_why_in_a_sentence(
    database: Database,
    postgres: Server,
    tmp_path: Path,
    words: tuple[str, ...],
    settings: dict[str, str],
    sentence: str,
) -> None:
    done = await run(database, postgres, tmp_path, *words, **settings)
    assert done.code == 1
    assert sentence in done.said
    assert "Traceback" not in done.said
