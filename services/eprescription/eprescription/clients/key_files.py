"""Secrets in files: made once, private, never replaced in silence."""

from __future__ import annotations

import os
from base64 import b64decode, b64encode
from collections.abc import Mapping
from pathlib import Path

import orjson

KEY_BYTES = 32
MODE = 0o600
# A platform that mounts a file may let the group of the service read it, and nobody else.
OTHERS = 0o037


class KeyFileWrong(OSError):
    """The file holds no keys that may be used; the text says why and what to do, nothing of its content."""


def read_private(path: Path) -> bytes:
    """The content of a private file; raises KeyFileWrong when it is away or open to others."""
    if not path.is_file():
        raise KeyFileWrong(
            f"{path} is not there: restore it, or make a first one with `python -m eprescription.keys create`"
        )
    if path.stat().st_mode & OTHERS:
        raise KeyFileWrong(f"{path} can be read or changed by others: chmod 600 {path}")
    return path.read_bytes()


def write_new(path: Path, content: bytes) -> None:
    """Makes a private file, on the disk before it is used; raises KeyFileWrong when there is one."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE)
    except FileExistsError:
        raise KeyFileWrong(f"{path} exists already: what its keys opened would be lost with it") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)


def read_ring(path: Path) -> dict[int, bytes]:
    """`{"versions": {"1": base64 of 32 bytes, ...}}`, as keys by version."""
    content = read_private(path)
    try:
        versions = orjson.loads(content)["versions"]
        ring = {int(number): b64decode(key, validate=True) for number, key in versions.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        ring = {}
    if not ring or min(ring) < 1 or any(len(key) != KEY_BYTES for key in ring.values()):
        raise KeyFileWrong(f"{path} is not a ring of keys: restore it from its safe copy")
    return ring


def ring_text(ring: Mapping[int, bytes]) -> bytes:
    """What `read_ring` reads."""
    return orjson.dumps({"versions": {str(number): b64encode(key).decode() for number, key in ring.items()}})


def create_ring(path: Path) -> None:
    """A ring with one fresh version."""
    write_new(path, ring_text({1: os.urandom(KEY_BYTES)}))


def rotate_ring(path: Path) -> int:
    """Adds a fresh version; its number. Replaced as a whole: a crash leaves the old file or the new one."""
    ring = read_ring(path)
    version = max(ring) + 1
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    write_new(draft, ring_text({**ring, version: os.urandom(KEY_BYTES)}))
    draft.replace(path)
    return version
