"""The annex as a CSV file becomes the matrix in force, or all of its faults are told."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from chassis.db import Tx
from chassis.testing import NOW, Server, callers, run_sql
from dmp import domain
from dmp.domain import Document, Grant, GranteeKind
from dmp.domain.habilitation import Cell, Difference, differences, successor
from dmp.seed import annex
from dmp.seed.annex import AnnexRefused, Fault
from dmp.seed.habilitation import app, load
from dmp.store import habilitation
from dmp.usecases import accesses

from .dmp_given import PERSON, seen

Deposited = Callable[..., Awaitable[Document]]
LONG = "profession,type_code,allowed\n"
CERTIFICATE: dict[str, Any] = {"type": domain.Coding("89601-9"), "category": domain.Coding("52")}


def cells(text: str) -> list[tuple[str, str, bool]]:
    return [(c.profession, c.type_code, c.allowed) for c in annex.read(text, 2, "annex")]


def faults(text: str) -> list[Fault]:
    with pytest.raises(AnnexRefused) as refused:
        annex.read(text, 2, "annex")
    return list(refused.value.faults)


# -- the file


@pytest.mark.parametrize("answer", ["true", "oui", "1", "OUI", " True "])
def test_answers_of_a_cell(answer: str) -> None:
    assert cells(f"{LONG}60,89601-9,{answer}\n") == [("60", "89601-9", True)]


def test_matrix_with_a_column_a_profession_says_the_same_as_a_cell_a_line() -> None:
    wide = "type_code;10;60\n*;oui;oui\n89601-9;oui;non\n"
    long = f"{LONG}10,*,1\n60,*,1\n10,89601-9,1\n60,89601-9,0\n"
    assert sorted(cells(wide)) == sorted(cells(long))


def test_every_fault_is_told_with_its_line() -> None:
    text = f"{LONG}60,89601-9,maybe\n\ndoctor,89601-9,true\n10,NOPE,false\n10,*,true\n10,*,false\n"
    assert [fault.line for fault in faults(text)] == [2, 4, 5, 7]
    assert [fault.problem.split("'")[1] for fault in faults(text)[:3]] == ["maybe", "doctor", "NOPE"]
    assert "line 6" in faults(text)[3].problem


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "no cell"),
        (LONG, "no cell"),
        (f"{LONG}\n\n,,\n", "no cell"),
        ("a,b,c\n1,2,3\n", "the columns are a,b,c"),
        (f"{LONG}10,*\n", "2 columns in place of 3"),
        ("type_code\n*\n", "the columns are type_code"),
        (LONG + "10,*,1\n" * (annex.MOST_LINES + 1), "more than"),
    ],
)
def test_file_that_is_no_matrix_is_refused(text: str, problem: str) -> None:
    assert problem in faults(text)[0].problem


# -- the next version


def test_cell_left_out_follows_the_file_and_not_an_older_source() -> None:
    seed = [
        Cell("60", "*", True, 1, "seed"),
        Cell("60", "89601-9", False, 1, "seed"),
        Cell("10", "*", True, 1, "seed"),
    ]
    after = successor(seed, [Cell("60", "*", True, 2, "annex")])
    assert [(c.place, c.allowed, c.source) for c in after] == [
        (("60", "*"), True, "annex"),
        (("60", "89601-9"), True, "annex"),
    ]
    assert differences(seed, after) == [Difference(("60", "89601-9"), False, True)]


def test_profession_without_a_default_in_the_file_is_refused_the_rest() -> None:
    seed = [Cell("60", "*", True, 1, "seed")]
    after = successor(seed, [Cell("60", "11488-4", True, 2, "annex")])
    assert [(c.place, c.allowed) for c in after] == [(("60", "*"), False), (("60", "11488-4"), True)]


async def test_loading_a_file_changes_a_decision(tx: Tx, deposited: Deposited) -> None:
    certificate = await deposited(**CERTIFICATE)
    nurse = Grant(callers.nurse.subject, GranteeKind.PROFESSIONAL)
    await accesses.grant_access(tx, callers.citizen, PERSON, nurse, NOW)
    assert await seen(tx, callers.nurse) == []
    done = await load(tx, f"{LONG}60,*,oui\n60,68599-0,non\n", "arrete")
    assert await seen(tx, callers.nurse) == [certificate.id]
    assert Difference(("60", "89601-9"), False, True) in done.changed
    assert "10" in done.kept
    in_force = {c.type_code: c for c in await habilitation.list_cells(tx, "60")}
    assert {c.source for c in in_force.values()} == {"arrete"}
    assert in_force["68599-0"].version == done.version == 2
    doctors = await habilitation.list_cells(tx, "10")
    assert {c.version for c in doctors} == {1}


async def test_dry_run_writes_nothing(tx: Tx) -> None:
    before = await habilitation.list_cells(tx)
    done = await load(tx, f"{LONG}60,*,non\n", "arrete", dry_run=True)
    assert done.changed
    assert await habilitation.list_cells(tx) == before


async def test_refused_file_writes_nothing(tx: Tx) -> None:
    before = await habilitation.list_cells(tx)
    with pytest.raises(AnnexRefused):
        await load(tx, f"{LONG}60,*,oui\n60,NOPE,oui\n", "arrete")
    assert await habilitation.list_cells(tx) == before


# -- the command


@pytest.fixture
async def environment(postgres: Server, template: str, tmp_path: Path) -> AsyncIterator[dict[str, str]]:
    """A database of its own, as the command is told of it."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    await run_sql(postgres, f"CREATE DATABASE {name} TEMPLATE {template}")
    password = tmp_path / "password"
    password.write_text(postgres.password)
    yield {"SOCLE_DATABASE_URL": postgres.url(name), "SOCLE_DATABASE_PASSWORD_FILE": str(password)}
    await run_sql(postgres, f"DROP DATABASE {name} WITH (FORCE)")


async def run(environment: dict[str, str], *words: str) -> tuple[int, str]:
    ended = await asyncio.to_thread(CliRunner().invoke, app, list(words), env=environment)
    return ended.exit_code, " ".join(ended.output.split())


async def test_command_shows_the_difference_then_loads_it(
    environment: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "annex.csv"
    file.write_text(f"{LONG}60,*,oui\n60,89601-9,oui\n", encoding="utf-8-sig")
    code, said = await run(environment, str(file), "--source", "arrete", "--dry-run")
    assert code == 0
    assert "version 2" in said
    assert "would be in force" in said
    assert "89601-9" in said
    code, said = await run(environment, str(file), "--source", "arrete")
    assert (code, "are in force" in said) == (0, True)
    code, said = await run(environment, str(file), "--source", "arrete")
    assert (code, "version 3" in said, "0 decide otherwise" in said) == (0, True, True)


async def test_command_tells_every_fault_and_loads_nothing(
    environment: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "annex.csv"
    file.write_text(f"{LONG}60,NOPE,oui\n60,*,peut-être\n")
    code, said = await run(environment, str(file), "--source", "arrete")
    assert code == 1
    assert "line 2: type 'NOPE'" in said
    assert "line 3: 'peut-être'" in said
    assert "faults: 2; nothing was loaded" in said


async def test_command_refuses_a_file_in_another_encoding(
    environment: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "annex.csv"
    file.write_bytes(f"{LONG}60,*,oui # Médecin\n".encode("latin-1"))
    code, said = await run(environment, str(file), "--source", "arrete")
    assert (code, "not UTF-8" in said) == (1, True)


async def test_command_says_that_the_database_is_away(environment: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "annex.csv"
    file.write_text(f"{LONG}60,*,oui\n")
    away = {**environment, "SOCLE_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/x"}
    code, said = await run(away, str(file), "--source", "arrete")
    assert (code, "does not answer" in said) == (1, True)
