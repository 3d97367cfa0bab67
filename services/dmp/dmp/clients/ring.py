"""The master key in a file: for one machine, or where the platform mounts and protects the file."""

from __future__ import annotations

import fcntl
import os
import tempfile
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from chassis.errors import Unavailable
from dmp.domain.sealing import KEY, NONCE, Wrapped

from .provider import KeyDestroyed, KeyRefused

# As it is made; a platform that mounts it may let the group of the service read it, and nobody else.
MODE = 0o600
OTHERS = 0o037
Stamp = tuple[int, int, int]


class RingWrong(OSError):
    """The file is not a ring of master keys that may be used; the text says why and what to do."""


class LocalKeyProvider:
    """A ring of master keys in a JSON file, `{"versions": {"1": base64 of 32 bytes, ...}}`; AES-256-GCM.

    The operator's command is another process: the file is read again whenever it changed. It is replaced as a
    whole, so that a crash leaves the old ring or the new one.
    """

    def __init__(self, path: Path) -> None:
        """Raises RingWrong when there is no such ring, or when others may read it."""
        self._path = path
        self._stamp, self._ring = _read(path)

    @classmethod
    def create(cls, path: Path) -> LocalKeyProvider:
        """A new ring with one version; raises RingWrong when the file exists: a ring is never replaced."""
        with _locked(path):
            if path.exists():
                raise RingWrong(f"{path} exists already: what its keys wrapped would be lost with it")
            _write(path, {1: os.urandom(KEY)})
        return cls(path)

    async def wrap(self, secret: bytes, about: str) -> Wrapped:
        ring = self._current()
        version, nonce = max(ring), os.urandom(NONCE)
        return Wrapped(nonce + AESGCM(ring[version]).encrypt(nonce, secret, about.encode()), version)

    async def unwrap(self, wrapped: Wrapped, about: str) -> bytes:
        master = self._current().get(wrapped.master_version)
        if master is None:
            raise KeyDestroyed
        nonce, sealed = wrapped.wrapped[:NONCE], wrapped.wrapped[NONCE:]
        try:
            return AESGCM(master).decrypt(nonce, sealed, about.encode())
        except (InvalidTag, ValueError):
            raise KeyRefused from None

    async def rewrap(self, wrapped: Sequence[tuple[Wrapped, str]]) -> list[Wrapped]:
        return [await self.wrap(await self.unwrap(old, about), about) for old, about in wrapped]

    async def versions(self) -> list[int]:
        return sorted(self._current())

    async def rotate(self) -> int:
        with _locked(self._path):
            _, ring = _read(self._path)
            version = max(ring) + 1
            _write(self._path, {**ring, version: os.urandom(KEY)})
        return version

    async def destroy(self, version: int) -> None:
        with _locked(self._path):
            _, ring = _read(self._path)
            if version >= max(ring):
                raise ValueError(f"version {version} is in use: rotate first")
            _write(self._path, {number: key for number, key in ring.items() if number > version})

    def _current(self) -> Mapping[int, bytes]:
        try:
            if _stamp(self._path) != self._stamp:
                self._stamp, self._ring = _read(self._path)
        except OSError:
            raise Unavailable("The master key of this service cannot be read.", retry_after=1.0) from None
        return self._ring


def _stamp(path: Path) -> Stamp:
    stat = path.stat()
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def _read(path: Path) -> tuple[Stamp, dict[int, bytes]]:
    if not path.is_file():
        raise RingWrong(
            f"{path} is not there: restore it, or make a first one with `python -m dmp.keys init`"
        )
    if path.stat().st_mode & OTHERS:
        raise RingWrong(f"{path} can be read or changed by others: chmod 600 {path}")
    # Before the content: a ring replaced in between is then read again at the next use.
    stamp = _stamp(path)
    try:
        versions = orjson.loads(path.read_bytes())["versions"]
        ring = {int(number): b64decode(key, validate=True) for number, key in versions.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        ring = {}
    if not ring or any(len(key) != KEY for key in ring.values()):
        raise RingWrong(f"{path} is not a ring of master keys: restore it from its safe copy")
    return stamp, ring


def _write(path: Path, ring: Mapping[int, bytes]) -> None:
    """Replaces the file by one that is on the disk before it takes the name."""
    content = {"versions": {str(number): b64encode(key).decode() for number, key in sorted(ring.items())}}
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, MODE)
            file.write(orjson.dumps(content))
            file.flush()
            os.fsync(descriptor)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink()
        raise
    _sync(path.parent)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One writer at a time; the lock goes with the process that held it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _sync(folder: Path) -> None:
    """Puts the names of a folder on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
