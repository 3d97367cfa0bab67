"""What PostgreSQL wrote since a backup, kept segment by segment, so that any moment can be gone back to.

The server copies each full segment of its write-ahead log to `archive`, beside its data, as soon as that
folder exists: the first backup makes it. Paths are relative to the data folder, which the server stands in:
the account it runs under may not be able to follow an absolute one.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from socle_local.programs import Account, unprivileged_account

ARCHIVE, SALVAGED = "archive", "salvaged"
# The same segment again is no fault (the server asks again when it was killed before it heard); another
# content under its name is one, and nothing is overwritten. `sync`: what is told to be kept is on the disk.
KEEP = (
    "test ! -d ../archive || cmp -s %p ../archive/%f || { test ! -e ../archive/%f"
    " && cp %p ../archive/%f.part && sync ../archive/%f.part && mv ../archive/%f.part ../archive/%f; }"
)
FETCH = "cp ../archive/%f %p 2>/dev/null || cp ../salvaged/%f %p 2>/dev/null"
# Seconds after which a segment that is not full is kept too: what a lost disk may cost at most.
AT_LEAST_EVERY = 60
SETTINGS = {"archive_mode": "on", "archive_command": KEEP}
SEGMENT = re.compile(r"[0-9A-F]{24}|[0-9A-F]{8}\.history")


def opened(postgres: Path) -> Path:
    """The archive of a server whose folder is `postgres`, made when missing, its own to write."""
    archive = postgres / ARCHIVE
    if not archive.exists():
        archive.mkdir(mode=0o700)
        given_to(archive, account_of(postgres))
    return archive


def account_of(postgres: Path) -> Account:
    """The account that the server of this folder runs under."""
    return unprivileged_account(postgres / "data")


def given_to(path: Path, account: Account) -> None:
    """Makes a file or a folder, with all that is in it, the account's."""
    if account.is_ours:
        return
    for one in (path, *path.rglob("*")):
        os.chown(one, account.uid, account.gid, follow_symlinks=False)


def segments(folder: Path) -> Iterator[Path]:
    """The whole segments and histories in a folder; what is half copied has another name."""
    if folder.is_dir():
        yield from (path for path in sorted(folder.iterdir()) if SEGMENT.fullmatch(path.name))


def salvage(data: Path, postgres: Path) -> int:
    """Copies what a data folder holds of its log and the archive does not: the very last changes. How many
    segments.

    They go to a folder of their own: the last one is not full, and under its name in the archive it would
    stand in the way of the whole one.
    """
    target = postgres / SALVAGED
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(mode=0o700)
    known = {path.name for path in segments(postgres / ARCHIVE)}
    found = [path for path in segments(data / "pg_wal") if path.name not in known]
    for path in found:
        shutil.copy2(path, target / path.name)
    given_to(target, account_of(postgres))
    return len(found)
