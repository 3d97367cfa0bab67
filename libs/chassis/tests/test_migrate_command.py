"""`python -m chassis.migrate`: the command of a release's Job, its words and its exit status."""

import asyncio
import json
import sys
from typing import Any

import pytest

from .program_given import Place

FIRST = """
from alembic import op

revision, down_revision = "0001", None

def upgrade():
    op.execute("CREATE TABLE visit (n int)")
"""
REFUSED = """
from alembic import op

revision, down_revision = "0002", "0001"

def upgrade():
    op.execute("INSERT INTO visit VALUES (1)")
    op.execute("ALTER TABLE visit ADD CONSTRAINT none CHECK (n > 1)")
"""


@pytest.fixture
def release(place: Place) -> Place:
    """A service with one migration."""
    versions = place.folder / "src" / "migrations" / "versions"
    versions.mkdir()
    (versions / "0001_first.py").write_text(FIRST)
    return place


async def run(place: Place, *arguments: str, **more: str) -> tuple[int, list[dict[str, Any]], str]:
    """The exit status, the lines of the log, and what was said beside."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "chassis.migrate",
        *arguments,
        env=place.environ(**more),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said = (await process.communicate())[0].decode().splitlines()
    lines = [json.loads(line) for line in said if line.startswith("{")]
    return process.returncode or 0, lines, "\n".join(line for line in said if not line.startswith("{"))


async def test_brings_up_to_date_once_and_says_where_the_database_stands(release: Place) -> None:
    code, lines, said = await run(release, "probe", "--check")
    assert (code, lines[-1]["state"], said) == (1, "behind", "")
    code, lines, said = await run(release, "probe")
    assert (code, said) == (0, "")
    assert [(line["event"], line["state"]) for line in lines] == [
        ("migrate.began", "behind"),
        ("migrate.done", "level"),
    ]
    code, lines, _ = await run(release, "probe", "--check")
    assert (code, lines[-1]["state"]) == (0, "level")


async def test_the_job_of_an_older_release_leaves_a_newer_schema_alone(release: Place) -> None:
    versions = release.folder / "src" / "migrations" / "versions"
    (versions / "0002_newer.py").write_text(
        FIRST.replace("0001", "0002").replace("None", "'0001'").replace("visit", "later")
    )
    assert (await run(release, "probe"))[0] == 0
    (versions / "0002_newer.py").unlink()
    code, lines, said = await run(release, "probe")
    assert (code, lines[-1]["state"], said) == (0, "ahead", "")


async def test_a_failure_is_one_sentence_without_a_row_in_it(release: Place) -> None:
    (release.folder / "src" / "migrations" / "versions" / "0002_refused.py").write_text(REFUSED)
    code, _, said = await run(release, "probe")
    assert code == 1
    assert said.startswith(
        "probe: PostgreSQL refused a migration (CheckViolationError); nothing is kept of that one"
    )
    assert "visit" not in said


@pytest.mark.parametrize(
    ("arguments", "variables", "told"),
    [
        (["nobody"], {}, "nobody: its schema was not brought up to date: ModuleNotFoundError"),
        (["probe"], {"SOCLE_DATABASE_URL": ""}, "probe: SOCLE_DATABASE_URL: missing"),
        (["probe"], {"SOCLE_MIGRATION_TRIES": "0"}, "probe: SOCLE_MIGRATION_TRIES: "),
        (["probe"], {"SOCLE_DATABASE_PASSWORD_FILE": "/dev/null"}, "InvalidPasswordError"),
        (
            ["probe", "--wait", "0"],
            {"SOCLE_DATABASE_URL": "postgresql://probe@127.0.0.1:1/probe"},
            "the database at 127.0.0.1:1 has not answered for 0 s",
        ),
    ],
)
async def test_what_cannot_be_is_one_line(
    release: Place, arguments: list[str], variables: dict[str, str], told: str
) -> None:
    code, _, said = await run(release, *arguments, **variables)
    assert code == 1
    assert told in said
    assert len(said.splitlines()) == 1
