"""Backup and restore of a real server that holds the database of each service: one moment for all."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from socle_local import backup, backup_archive, backup_command, backup_restore
from socle_local.credentials import Secrets
from socle_local.failures import PlatformFailedError
from socle_local.manifest import find_services
from socle_local.ports import Ports
from socle_local.postgres import ADMIN, Postgres

SERVICES = [service.snake for service in find_services() if service.grpc]
TABLES = """
SET ROLE :"role";
CREATE TABLE fact (id bigint PRIMARY KEY);
CREATE TABLE outbox (
    seq bigint GENERATED ALWAYS AS IDENTITY, id uuid PRIMARY KEY, subject text, aggregate text, data bytea,
    actor text, occurred_at timestamptz, position bigint UNIQUE, published_at timestamptz);
INSERT INTO outbox (id, subject, aggregate, position) VALUES (gen_random_uuid(), 's', 'a', 41);
"""
LATER = timedelta(seconds=1)


def silently(words: str) -> None:
    """Nobody watches."""


@contextmanager
def server(home: Path) -> Iterator[Postgres]:
    """The server of a home, as the platform starts it."""
    home.mkdir(parents=True, exist_ok=True)
    password, port = Secrets(home / "secrets").value("database", ADMIN), Ports.free([])["postgres"]
    running = Postgres(home / "postgres", port, password, fsync=False, settings=backup_archive.SETTINGS)
    running.start()
    try:
        yield running
    finally:
        running.stop()


def tell(running: Postgres, fact: int) -> None:
    """The same fact in every database."""
    for name in SERVICES:
        running.run_sql("INSERT INTO fact VALUES (:fact)", database=name, variables={"fact": str(fact)})


def facts(running: Postgres) -> dict[str, list[int]]:
    asked = "SELECT id FROM fact ORDER BY id"
    return {name: [int(id) for id in running.run_sql(asked, database=name).split()] for name in SERVICES}


def now(running: Postgres) -> datetime:
    return datetime.fromisoformat(running.run_sql("SELECT clock_timestamp()").strip())


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, datetime]:
    """A home with a life behind it: facts 1, a backup, 2, the moment that is given back, 3, an accident."""
    folder = tmp_path_factory.mktemp("backup")
    home = folder / "home"
    with server(home) as running:
        for name in SERVICES:
            running.create_database(name, name, Secrets(home / "secrets").value("database", name))
            running.run_sql(TABLES, database=name, variables={"role": name})
        tell(running, 1)
        blob(home, "first").write_bytes(b"sealed")
        backup.take_of(running, home, folder / "backups", folder / "keys", silently)
        tell(running, 2)
        blob(home, "second").write_bytes(b"sealed too")
        moment = now(running)
        tell(running, 3)
        running.run_sql("TRUNCATE fact", database=SERVICES[0])
    return folder, moment


def blob(home: Path, name: str) -> Path:
    path = home / "blobs" / "dmp" / "2026" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def test_every_database_stands_at_the_moment_asked_for(lived: tuple[Path, datetime]) -> None:
    folder, moment = lived
    fresh = folder / "fresh"
    kept = backup.chosen(folder / "backups", moment)
    plan = backup_restore.Plan(fresh, kept, folder / "keys", moment, folder / "home")
    done = backup_restore.restore(plan, silently)
    with server(fresh) as running:
        assert facts(running) == {name: [1, 2] for name in SERVICES}
        asked = "SELECT position FROM outbox ORDER BY position"
        marks = {running.run_sql(asked, database=name) for name in SERVICES}
    assert marks == {"41\n1000000041\n"}
    assert len(done.logs) == len(SERVICES)
    assert {path.name for path in (fresh / "blobs").rglob("*") if path.is_file()} == {"first", "second"}
    assert (fresh / "secrets").stat().st_mode & 0o077 == 0


def test_last_change_is_found_where_the_accident_happened(lived: tuple[Path, datetime]) -> None:
    folder, _ = lived
    home = folder / "home"
    kept = backup.chosen(folder / "backups", None)
    done = backup_restore.restore(backup_restore.Plan(home, kept, folder / "keys"), silently)
    assert (done.set_aside / "PG_VERSION").exists()
    with server(home) as running:
        others = {name: [1, 2, 3] for name in SERVICES[1:]}
        assert facts(running) == {SERVICES[0]: [], **others}


def test_a_moment_that_the_log_does_not_reach_is_refused(lived: tuple[Path, datetime]) -> None:
    folder, moment = lived
    kept = backup.chosen(folder / "backups", moment)
    plan = backup_restore.Plan(folder / "late", kept, folder / "keys", datetime.now(UTC) + LATER)
    with pytest.raises(PlatformFailedError, match="Ask for an earlier moment"):
        backup_restore.restore(plan, silently)


def test_a_moment_before_every_backup_has_none(lived: tuple[Path, datetime]) -> None:
    folder, moment = lived
    with pytest.raises(PlatformFailedError, match="no backup that ended before"):
        backup.chosen(folder / "backups", moment - timedelta(days=1))


def test_data_and_keys_are_apart(lived: tuple[Path, datetime]) -> None:
    folder, _ = lived
    passwords = [path.read_bytes() for path in (folder / "home" / "secrets").rglob("*") if path.is_file()]
    files = [path.read_bytes() for path in (folder / "backups").rglob("*") if path.is_file()]
    assert passwords
    assert not [one for one in passwords if any(one in content for content in files)]


def test_an_interrupted_backup_is_none(tmp_path: Path) -> None:
    (tmp_path / ".20260101T000000Z").mkdir()
    (tmp_path / ".20260101T000000Z" / backup.NOTE).write_text("{}")
    (tmp_path / "20260102T000000Z").mkdir()
    assert backup.found(tmp_path) == []


def test_newest_backup_before_the_moment_is_chosen(tmp_path: Path) -> None:
    for day in (1, 2, 3):
        folder = tmp_path / f"2026010{day}T000000Z"
        folder.mkdir()
        at = f"2026-01-0{day}T00:00:00+00:00"
        (folder / backup.NOTE).write_text(f'{{"began": "{at}", "ended": "{at}", "megabytes": 1}}')
    moment = datetime(2026, 1, 2, 12, tzinfo=UTC)
    assert backup.chosen(tmp_path, moment).ended == "2026-01-02T00:00:00+00:00"
    assert backup.chosen(tmp_path, None).ended == "2026-01-03T00:00:00+00:00"


def test_no_backup_of_a_platform_that_does_not_run(tmp_path: Path) -> None:
    with pytest.raises(PlatformFailedError, match="No platform runs on"):
        backup.take(tmp_path, tmp_path / "backups", tmp_path / "keys", silently)


@pytest.mark.parametrize("text", ["yesterday", "2026-06-12T10:00:00"])
def test_a_moment_without_its_offset_is_refused(text: str) -> None:
    with pytest.raises(PlatformFailedError, match="write a moment with its offset"):
        backup_command.moment_of(text)
