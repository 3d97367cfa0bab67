"""Files that the cluster mounts: passwords, certificates, and whether they have changed."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from socle_local.credentials import Certificate
from socle_local.failures import PlatformFailedError

PASSWORD = "password"  # noqa: S105


def certificate(folder: Path) -> Certificate:
    """The three files of a certificate. Raises PlatformFailedError naming the first that is missing."""
    found = Certificate(folder / "tls.crt", folder / "tls.key", folder / "ca.crt")
    for path in (found.cert, found.key, found.ca):
        if not path.is_file():
            raise PlatformFailedError(f"{path} is missing: mount the Secret of the server's certificate.")
    return found


def passwords(folder: Path) -> dict[str, str]:
    """The passwords in `folder/<name>/password`, by name, each without its final line break.

    Raises PlatformFailedError when there is none, and when one is empty: an empty password would let anyone
    in.
    """
    # A mounted Secret keeps its contents in a folder with a name in dots.
    names = sorted(path.name for path in folder.glob("*") if path.is_dir() and not path.name.startswith("."))
    if not names:
        raise PlatformFailedError(f"{folder} has no <name>/{PASSWORD}: mount a Secret for each name there.")
    return {name: _password(folder / name / PASSWORD) for name in names}


def _password(path: Path) -> str:
    if not path.is_file():
        raise PlatformFailedError(f"{path} is missing: the Secret mounted there needs the key `{PASSWORD}`.")
    password = path.read_text().rstrip("\n")
    if not password:
        raise PlatformFailedError(f"{path} is empty: write a password into the Secret.")
    return password


def fingerprint(files: Iterable[Path]) -> str:
    """SHA-256, in hexadecimal, of the names and contents of these files; absent ones count as absent.

    The contents, not the times: a mounted Secret is replaced whole, by a link to another folder.
    """
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(f"{path}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest() if path.is_file() else b"absent")
    return digest.hexdigest()
