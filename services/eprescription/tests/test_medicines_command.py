"""The commands of the operator: an import whole or not at all, its report, the seed."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from typer.testing import CliRunner

from chassis.db import Database
from chassis.testing import NOW, Server, copied
from eprescription import medicines, store
from eprescription.domain.base import Base
from eprescription.seed.__main__ import app as seed_app
from eprescription.seed.load import base as seed_base
from eprescription.store import imports
from eprescription.usecases import products

MEDICINE = (
    "60000001\tESSAI 5 mg, comprimé\t comprimé\torale\tAutorisation active\tP\tCommercialisée\t12/03/1998"
    "\t\t\t MAISON\tNon\n60000002\tcourte\n"
)
PACK = (
    "60000001\t9\tplaquette(s) de 30 comprimé(s)\tPrésentation active\tDéclaration de commercialisation"
    "\t29/11/2924\t3400930000014\toui\t65 %\t1,00\t1,466,29\t1,02\t\n"
)
COMPONENT = "60000001\tcp\t99001\tESSAÏNE\t5 mg\tun\tSA\t1\n"


@pytest.fixture
async def own(
    postgres: Server, template: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Database]:
    """A database of its own, named by the environment as for an operator."""
    async with copied(postgres, template, store.CONSTRAINTS) as made:
        name = await made.pool.fetchval("SELECT current_database()")
        password = tmp_path / "password"
        password.write_text(postgres.password)
        password.chmod(0o600)
        monkeypatch.setenv("SOCLE_DATABASE_URL", postgres.url(name))
        monkeypatch.setenv("SOCLE_DATABASE_PASSWORD_FILE", str(password))
        yield made


async def run(*words: str) -> tuple[int, str]:
    """The command in a thread: it has a loop of its own."""
    app = seed_app if words == ("seed",) else medicines.app
    arguments = [] if words == ("seed",) else list(words)
    result = await asyncio.to_thread(CliRunner().invoke, app, arguments)
    return result.exit_code, result.output + (str(result.exception) if result.exception else "")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    where = tmp_path / "bdpm"
    where.mkdir()
    (where / "CIS_bdpm.txt").write_bytes(MEDICINE.encode("cp1252"))
    (where / "CIS_CIP_bdpm.txt").write_text(PACK)
    (where / "CIS_COMPO_bdpm.txt").write_bytes(COMPONENT.replace("\n", "\r\n").encode("cp1252"))
    return where


async def test_a_folder_is_imported_with_a_report_and_searched(own: Database, folder: Path) -> None:
    code, told = await run("import", str(folder))
    assert code == 0, told
    assert "CIS_bdpm.txt: 1 lines taken, 1 rejected" in told
    assert "line 2 rejected: There are 2 columns in place of 12." in told
    assert "line 1 taken: `29/11/2924` is not a likely date: left out" in told
    assert "CIS_GENER_bdpm.txt: missing, done without" in told
    async with own.read() as tx:
        (report,) = await imports.list_imports(tx, 5, None)
        medicine, pack = (await products.of_packs(tx, ["3400930000014"]))["3400930000014"]
    assert (report.source, [one.rejected for one in report.files][:3]) == ("bdpm", [1, 0, 0])
    assert (medicine.cis, pack.price_cents, str(pack.units)) == ("60000001", 146629, "30")
    code, told = await run("search", "essaine")
    assert (code, "60000001" in told) == (0, True)
    code, told = await run("report", "--all")
    assert "line 2 rejected" in told


async def test_an_import_replaces_the_base_and_leaves_the_fictitious_products(
    own: Database, folder: Path
) -> None:
    assert (await run("seed"))[0] == 0
    assert (await run("import", str(folder)))[0] == 0
    renamed = MEDICINE.replace("60000001\tESSAI", "60000003\tAUTRE")
    (folder / "CIS_bdpm.txt").write_bytes(renamed.encode("cp1252"))
    assert (await run("import", str(folder)))[0] == 0
    async with own.read() as tx:
        known = await products.medicines(tx, ["60000001", "60000003", "69996000"])
    assert sorted(known) == ["60000003", "69996000"]


async def counts(of: Database) -> list[int]:
    tables = ("medicine", "pack", "condition", "interaction", "substance_class")
    return [await of.pool.fetchval(f"SELECT count(*) FROM {table}") for table in tables]  # noqa: S608


async def test_the_seed_is_loaded_again_to_the_same_and_spares_a_real_thesaurus(
    own: Database, tmp_path: Path
) -> None:
    assert (await run("seed"))[0] == 0
    first = await counts(own)
    assert (await run("seed"))[0] == 0
    assert await counts(own) == first
    assert first[0] > 100
    file = tmp_path / "thesaurus.json"
    level = [{"level": "CONTRE-INDICATION", "info": ""}]
    file.write_text(json.dumps([{"main_drug": "A", "plus_drug": "B", "severity_levels": level}]))
    code, told = await run("import-thesaurus", str(file))
    assert (code, "1 lines taken" in told) == (0, True)
    assert (await run("seed"))[0] == 0
    assert await own.pool.fetchval("SELECT count(*) FROM interaction") == 1


@pytest.mark.parametrize("content", ["not json", "[]", "{}", "[" * 200_000])
async def test_a_thesaurus_that_is_none_changes_nothing(own: Database, tmp_path: Path, content: str) -> None:
    await run("seed")
    file = tmp_path / "thesaurus.json"
    file.write_text(content)
    code, _ = await run("import-thesaurus", str(file))
    assert code != 0
    assert await own.pool.fetchval("SELECT count(*) FROM interaction") > 40


async def test_a_folder_without_its_medicines_is_refused(own: Database, tmp_path: Path) -> None:
    code, told = await run("import", str(tmp_path))
    assert code != 0
    assert "CIS_bdpm.txt is not in" in told


async def test_a_platform_of_real_patients_gets_no_fictitious_product(
    own: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOCLE_PROFILE", "production")
    code, told = await run("seed")
    assert code != 0, told
    assert await own.pool.fetchval("SELECT count(*) FROM medicine") == 0


async def test_readers_keep_the_old_base_until_the_new_one_is_whole(own: Database) -> None:
    await run("seed")
    with pytest.raises(ZeroDivisionError):
        async with own.pool.acquire() as connection, connection.transaction():
            await imports.replace_base(connection, Base(), "seed", NOW)
            assert await connection.fetchval("SELECT count(*) FROM medicine") == 0
            async with own.read() as tx:
                assert "69996000" in await products.medicines(tx, ["69996000"])
            raise ZeroDivisionError


async def test_an_import_that_fails_half_way_leaves_the_base_as_it_was(own: Database) -> None:
    await run("seed")
    twice = seed_base(NOW.date())
    twice.packs.append(twice.packs[0])
    async with own.pool.acquire() as connection:
        with pytest.raises(asyncpg.UniqueViolationError):
            async with connection.transaction():
                await imports.replace_base(connection, twice, "seed", NOW)
    assert await own.pool.fetchval("SELECT count(*) FROM import") == 2
    async with own.read() as tx:
        assert "69996000" in await products.medicines(tx, ["69996000"])
