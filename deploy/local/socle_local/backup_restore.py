"""Going back to a moment: every database at once, the contents, the logs of events that say so.

Nothing is deleted: what stood there is set aside in the same home, under the hour of the restore.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from socle_local import backup_archive
from socle_local.backup import BLOBS, DATA, Backup, Say, unpack
from socle_local.credentials import Secrets
from socle_local.failures import PlatformFailedError
from socle_local.manifest import Service, find_services
from socle_local.ports import Ports
from socle_local.postgres import ADMIN, Postgres
from socle_local.record import locked

# A whole log may have to be played again.
RECOVERY_SECONDS = 4 * 3600.0
LAST_CHANGE = (
    "SELECT coalesce(to_char(pg_last_xact_replay_timestamp() AT TIME ZONE 'UTC', '{form}'), '')".format(
        form="YYYY-MM-DD HH24:MI:SS.US"
    )
)


@dataclass(frozen=True, slots=True)
class Restored:
    """What was done: `seconds` from the order to databases that can be served, the last change they hold."""

    seconds: float
    recovery_seconds: float
    last_change: str
    set_aside: Path
    blobs_put_back: int
    logs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """Where to, from what. `moment` is None for the last change there is. `former` is the home whose log is
    played and whose contents are taken, when it is not the one restored to. `keys` are read only when the
    home has none: an older set would bring back what was erased since.
    """

    home: Path
    backup: Backup
    keys: Path
    moment: datetime | None = None
    former: Path | None = None


def restore(plan: Plan, say: Say) -> Restored:
    """Restores a stopped platform. Raises PlatformFailedError; what was set aside stays where it is."""
    plan.home.mkdir(parents=True, exist_ok=True)
    with locked(plan.home):
        began = time.monotonic()
        if not (plan.home / "secrets").is_dir():
            say("the keys")
            unpack(plan.keys, plan.home)
        say("what stands there is set aside")
        aside = set_aside(plan.home)
        say("the databases")
        lay_down(plan, aside)
        recovery = time.monotonic()
        with recovered(plan) as server:
            took = time.monotonic() - recovery
            last = server.run_sql(LAST_CHANGE).strip()
            moment = plan.moment or _moment_of(last)
            logs = mark_all(plan.home, server, moment)
        say("the sealed contents")
        sources = [plan.backup.path / BLOBS, *([plan.former / BLOBS] if plan.former else [])]
        put_back = sum(put_blobs_back(source, plan.home / BLOBS) for source in sources)
        return Restored(time.monotonic() - began, took, last, aside, put_back, logs)


def _moment_of(last: str) -> datetime:
    """The moment of the last change that was played; now, when there was none since the backup."""
    return datetime.fromisoformat(last).replace(tzinfo=UTC) if last else datetime.now(UTC)


def set_aside(home: Path) -> Path:
    """Moves data and streams out of the way. Streams too: what they tell may not have happened any more."""
    stamp = f"before-restore-{datetime.now(UTC):%Y%m%dT%H%M%S}"
    for folder in ("postgres", "nats"):
        data = home / folder / "data"
        if data.exists():
            data.rename(data.with_name(stamp))
    return home / "postgres" / stamp


def lay_down(plan: Plan, aside: Path) -> None:
    """The files of the backup, the kept log beside them, and the word that makes the server play it."""
    postgres = plan.home / "postgres"
    postgres.mkdir(parents=True, exist_ok=True)
    account = backup_archive.account_of(postgres)
    if plan.former:
        own = backup_archive.opened(postgres)
        for segment in backup_archive.segments(plan.former / "postgres" / backup_archive.ARCHIVE):
            shutil.copy2(segment, own / segment.name)
        backup_archive.given_to(own, account)
    last = plan.former / "postgres" / "data" if plan.former else aside
    backup_archive.salvage(last, postgres)
    data = postgres / "data"
    shutil.copytree(plan.backup.path / DATA, data, symlinks=True)
    (data / "recovery.signal").touch()
    data.chmod(0o700)
    backup_archive.given_to(data, account)


@contextmanager
def recovered(plan: Plan) -> Iterator[Postgres]:
    """The server, once it has played its log up to the moment; nobody else reaches it, on a port of its own.

    Raises PlatformFailedError when the log ends before the moment, or has a hole.
    """
    port = Ports.free([])["postgres"]
    password = Secrets(plan.home / "secrets").value("database", ADMIN)
    settings = {
        **backup_archive.SETTINGS,
        "restore_command": backup_archive.FETCH,
        "recovery_target_action": "promote",
        "recovery_target_timeline": "latest",
        **({"recovery_target_time": plan.moment.isoformat()} if plan.moment else {}),
    }
    server = Postgres(
        plan.home / "postgres", port, password, log=plan.home / "logs" / "restore.log", settings=settings
    )
    try:
        server.start(RECOVERY_SECONDS)
        yield server
    except PlatformFailedError as failure:
        raise PlatformFailedError(
            f"The log could not be played up to that moment: {failure}\n"
            "Ask for an earlier moment, or for the last change there is (leave TO out)."
        ) from failure
    finally:
        server.stop()


def mark_all(home: Path, server: Postgres, moment: datetime) -> tuple[str, ...]:
    """Has the log of every service tell its subscribers, all at once; what each command said."""
    services = [service for service in find_services() if service.grpc]
    with ThreadPoolExecutor(len(services)) as pool:
        return tuple(pool.map(lambda service: mark(home, server, service, moment), services))


def mark(home: Path, server: Postgres, service: Service, moment: datetime) -> str:
    """Has the log of a service tell its subscribers. Raises PlatformFailedError with the words of the
    command.
    """
    environment = {
        **os.environ,
        "SOCLE_DATABASE_URL": server.url(service.snake, service.snake),
        "SOCLE_DATABASE_PASSWORD_FILE": str(Secrets(home / "secrets").file("database", service.snake)),
    }
    command = [sys.executable, "-m", "chassis.restored", service.name, "--to", moment.isoformat()]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PlatformFailedError(f"{service.name}'s log could not be marked: {done.stderr.strip()}")
    return done.stdout.strip()


def put_blobs_back(kept: Path, blobs: Path) -> int:
    """Copies the contents that are no longer there; how many. Those that are there are newer or the same."""
    missing = [
        path for path in kept.rglob("*") if path.is_file() and not (blobs / path.relative_to(kept)).exists()
    ]
    for path in missing:
        target = blobs / path.relative_to(kept)
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        shutil.copy2(path, target)
    return len(missing)
