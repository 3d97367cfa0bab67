"""A backup of the local platform at one consistent point: every database, the sealed contents; apart, the
keys.

One PostgreSQL server holds all the databases, so that one base backup with its log is one moment for all of
them. Contents are copied after it: whatever the databases name was stored before. NATS is not in it: its
streams are made anew from the tables. Keys and passwords go to another folder: whoever finds one finds
nothing readable.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from socle_local import backup_archive
from socle_local.credentials import Secrets
from socle_local.failures import PlatformFailedError
from socle_local.postgres import ADMIN, Postgres
from socle_local.record import read_record

NOTE, DATA, BLOBS, KEYS = "backup.json", "postgres", "blobs", "keys.tar"
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup that was taken. Any moment from `ended` on can be restored from it; moments in ISO 8601."""

    began: str
    ended: str
    megabytes: int
    folder: str = ""

    @property
    def path(self) -> Path:
        return Path(self.folder)

    @property
    def first_moment(self) -> datetime:
        return datetime.fromisoformat(self.ended)


def found(folder: Path) -> list[Backup]:
    """The backups below a folder, oldest first; one that was interrupted has no note and is none."""
    notes = sorted(note for note in folder.glob(f"*/{NOTE}") if not note.parent.name.startswith("."))
    return [Backup(**json.loads(note.read_text()), folder=str(note.parent)) for note in notes]


def chosen(folder: Path, moment: datetime | None) -> Backup:
    """The newest backup from which the moment can be restored; the newest of all without one.

    Raises PlatformFailedError when there is none.
    """
    usable = [one for one in found(folder) if moment is None or one.first_moment <= moment]
    if not usable:
        before = f" that ended before {moment.isoformat()}" if moment else ""
        raise PlatformFailedError(f"{folder} holds no backup{before}: `make backup` takes one.")
    return usable[-1]


def take(home: Path, backups: Path, keys: Path, say: Say) -> Backup:
    """Backs a running platform up. Raises PlatformFailedError when it does not run, or a step fails."""
    return take_of(running_server(home), home, backups, keys, say)


def take_of(server: Postgres, home: Path, backups: Path, keys: Path, say: Say) -> Backup:
    """The same, of a server that is known."""
    keep_log(server)
    began = datetime.now(UTC)
    name = f"{began:%Y%m%dT%H%M%SZ}"
    draft = backups / f".{name}"
    draft.mkdir(parents=True, mode=0o700)
    try:
        say("the databases, all at one moment")
        copy_server(server, draft / DATA, Secrets(home / "secrets").value("database", ADMIN))
        ended = datetime.now(UTC)
        say("the sealed contents")
        if (home / BLOBS).is_dir():
            shutil.copytree(home / BLOBS, draft / BLOBS)
        say("the keys, apart")
        pack(home / "secrets", keys / name)
        made = Backup(began.isoformat(), ended.isoformat(), megabytes_of(draft))
        (draft / NOTE).write_text(json.dumps({k: v for k, v in asdict(made).items() if v}, indent=2) + "\n")
    except BaseException:
        shutil.rmtree(draft)
        raise
    return replace(made, folder=str(draft.rename(backups / name)))


def keep_log(server: Postgres) -> None:
    """Has the server keep its log from now on. Raises PlatformFailedError when it was started not to."""
    if server.run_sql("SHOW archive_mode").strip() != "on":
        raise PlatformFailedError(
            "This PostgreSQL was started without the means to keep its log: `make down` and `make up`, once."
        )
    backup_archive.opened(server.folder)
    server.run_sql(_KEPT_OFTEN)


# A segment that is not full is kept every so often; said to the running server, who knows it from then on.
_KEPT_OFTEN = f"""
ALTER SYSTEM SET archive_timeout = '{backup_archive.AT_LEAST_EVERY}s';
SELECT pg_reload_conf();
"""


def copy_server(server: Postgres, target: Path, password: str) -> None:
    """A copy of a running server with the log that makes it consistent, each file checked against its sum.

    Raises PlatformFailedError with the words of the program that failed.
    """
    whole = ["--format=plain", "--wal-method=stream", "--checkpoint=fast", "--manifest-checksums=SHA256"]
    address = ["--dbname", server.url(ADMIN, "postgres")]
    _run([server.bin("pg_basebackup"), *address, "--no-password", "--pgdata", target, *whole], password)
    _run([server.bin("pg_verifybackup"), "--quiet", target], password)


def _run(command: list[str | Path], password: str) -> None:
    environment = {**os.environ, "PGPASSWORD": password}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PlatformFailedError(f"{Path(command[0]).name} failed: {done.stderr.strip()}")


def pack(secrets: Path, target: Path) -> None:
    """Every key and password in one file that only its owner can read."""
    target.mkdir(parents=True, mode=0o700)
    draft = target / f".{KEYS}"
    private = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(private, "wb") as file, tarfile.open(fileobj=file, mode="w") as packed:
        packed.add(secrets, arcname="secrets")
    draft.rename(target / KEYS)


def unpack(keys: Path, home: Path) -> None:
    """Puts keys and passwords into a home that has none. Raises PlatformFailedError when none were kept."""
    packed = sorted(keys.glob(f"*/{KEYS}"))
    if not packed:
        raise PlatformFailedError(
            f"{keys} holds no {KEYS}: without the keys nothing that was sealed can be read."
        )
    home.mkdir(parents=True, exist_ok=True)
    with tarfile.open(packed[-1]) as file:
        file.extractall(home, filter="data")


def running_server(home: Path) -> Postgres:
    """The server of the platform that runs on this home, to be asked, not to be started."""
    record = read_record(home)
    address = record.address("postgres") if record and record.launcher else None
    if not address:
        raise PlatformFailedError(
            f"No platform runs on {home}: `make up` starts it, then it can be backed up."
        )
    password = Secrets(home / "secrets").value("database", ADMIN)
    return Postgres(home / "postgres", int(address.rpartition(":")[2]), password)


def megabytes_of(folder: Path) -> int:
    return round(sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 2**20)
