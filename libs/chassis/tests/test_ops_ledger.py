"""The command that checks a whole ledger, against a real database."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import OKPKey
from typer.testing import CliRunner, Result

from chassis import ops
from chassis.db import Database
from chassis.ledger import Signer

from .ledger_given import proven_database, sequence, tamper, write

Run = Callable[..., Awaitable[Result]]


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "key.pem"
    path.write_bytes(OKPKey.generate_key("Ed25519").as_pem(private=True))
    return path


@pytest.fixture
async def database(
    postgres: Any, template: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, key: Path
) -> AsyncIterator[Database]:
    """Three lines in the tree and one that waits, under the environment of the service."""
    for name in [n for n in os.environ if n.startswith("SOCLE_")]:
        monkeypatch.delenv(name)
    (tmp_path / "secret").write_text(postgres.password)
    async with proven_database(postgres, template) as (made, address):
        monkeypatch.setenv("SOCLE_DATABASE_URL", address)
        monkeypatch.setenv("SOCLE_DATABASE_PASSWORD_FILE", str(tmp_path / "secret"))
        await write(made, "anne", 3)
        await sequence(made, Signer.from_file(key))
        await write(made, "anne", 1)
        yield made


@pytest.fixture
def run(database: Database) -> Run:
    """In a thread of its own: a command has its own event loop."""
    return lambda *arguments: asyncio.to_thread(CliRunner().invoke, ops.app, ["ledger", *arguments])


async def test_status_says_what_is_in_the_tree_and_what_waits(run: Run) -> None:
    done = await run("status")
    assert done.exit_code == 0, done.output
    lines = dict(line.split("  ", 1) for line in done.output.splitlines())
    assert lines["leaves"].strip() == "3"
    assert lines["waiting"].strip() == "1"


async def test_verify_finds_nothing_when_all_of_it_holds(
    run: Run, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = await run("verify")
    assert (without.exit_code, "0 faults; signatures were not checked" in without.output) == (0, True)
    monkeypatch.setenv("SOCLE_LEDGER_KEY_FILE", str(key))
    assert (await run("verify")).output == "0 faults\n"


async def test_verify_names_what_was_changed_and_never_a_word_of_it(
    run: Run, database: Database, key: Path
) -> None:
    await tamper(database, "UPDATE audit SET actor_name = 'Jean Personne'")
    done = await run("verify", "--key", str(key))
    assert done.exit_code == 1
    assert "leaf 2: its line, or the leaf, was changed\n3 faults\n" in done.output
    assert "Personne" not in done.output


async def test_verify_with_another_key_says_so(run: Run, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    other.write_bytes(OKPKey.generate_key("Ed25519").as_pem(private=True))
    done = await run("verify", "--key", str(other))
    assert "head 3: is not signed by a key that was given" in done.output


async def test_verify_where_there_is_no_ledger_is_one_line(
    postgres: Any, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOCLE_DATABASE_URL", postgres.url("postgres"))
    done = await run("verify")
    assert done.exit_code == 1
    assert "UndefinedTableError" in str(done.exception)
