"""The object store: sealed bytes of documents, under names that say nothing of a person.

A folder by default, a bucket of the S3 protocol by setting. Names begin with the day they were made, so that
what no document knows of can be looked for without listing everything. Whoever can read the store sees sizes,
days and opaque identifiers.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import LocalStore, ObjectStore, S3Store

from chassis import telemetry
from chassis.call import utc_now
from chassis.errors import SocleError, Unavailable
from chassis.settings import read_secret

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig, S3Config, S3Credential

log = telemetry.logger("blobs")
FAULTS = telemetry.METER.create_counter(
    "socle.dmp.blob.faults", description="Blobs missing, or a store that is away, by fault"
)
# Names listed at a time.
PAGE = 1000
CLIENT: ClientConfig = {"connect_timeout": timedelta(seconds=2), "timeout": timedelta(seconds=30)}
RETRY: RetryConfig = {"max_retries": 3, "retry_timeout": timedelta(seconds=5)}
# Credentials are read again from their files so often: the platform renews them there.
CREDENTIALS_KEPT = timedelta(minutes=5)


class BlobMissing(SocleError):
    """The stored content of a document is missing: the operators of the platform were alerted."""


class BlobTaken(SocleError):
    """Other content is stored under the name that was chosen for this one: nothing was overwritten."""


@dataclass(frozen=True, slots=True)
class Blob:
    """What the store says of one object; `size` in bytes."""

    name: str
    size: int
    modified_at: datetime


def name_of(now: datetime, document_id: str) -> str:
    """`YYYY/MM/DD/<document_id>`, the day in UTC."""
    return f"{day_of(now)}/{document_id}"


def day_of(moment: datetime) -> str:
    """The beginning that the names made on a day (UTC) share."""
    return f"{moment.astimezone(UTC):%Y/%m/%d}"


class Blobs:
    """Puts and gives whole objects; every method raises Unavailable when the store is away, or full."""

    def __init__(self, store: ObjectStore, folder: Path | None = None) -> None:
        """`folder`: where a LocalStore keeps its files, since the library leaves them in the cache of the
        system: what was acknowledged would be lost with the power."""
        self._store, self._folder = store, folder
        self._synced = ""

    async def put(self, name: str, data: bytes) -> None:
        """Durable when it returns. Never overwrites: raises BlobTaken when the name has other content."""
        with _translated():
            self._check()
            try:
                await obstore.put_async(self._store, name, data, mode="create", use_multipart=False)
            except AlreadyExistsError:
                # A request that was sent again by the library, since the answer to the first was lost.
                if await self.get(name) != data:
                    raise BlobTaken from None
            if self._folder is not None:
                await asyncio.to_thread(self._sync, self._folder, name)

    async def get(self, name: str) -> bytes:
        """The content; raises BlobMissing, which is never the caller's fault."""
        with _translated():
            try:
                found = await obstore.get_async(self._store, name)
                return bytes(await found.bytes_async())
            except FileNotFoundError:
                self._check()
                FAULTS.add(1, {"fault": "missing"})
                log.critical("blob.missing", path=name)
                raise BlobMissing from None

    async def delete(self, names: Sequence[str]) -> None:
        """What is not there any more is no fault."""
        with _translated():
            try:
                await obstore.delete_async(self._store, names)
            except FileNotFoundError:
                for name in names:
                    await self._delete_one(name)

    async def list(self, prefix: str) -> AsyncIterator[Sequence[Blob]]:
        """The objects whose names begin with these parts, a page at a time, in no order."""
        with _translated():
            async for page in obstore.list(self._store, prefix, chunk_size=PAGE):
                yield [Blob(found["path"], found["size"], found["last_modified"]) for found in page]

    async def days(self) -> Sequence[str]:
        """The days (`YYYY/MM/DD`) that hold something, oldest first."""
        found = [""]
        for _ in range(3):
            found = [below for above in found for below in await self._below(above)]
        return sorted(found)

    async def drop_unfinished(self, day: str, before: datetime) -> int:
        """Removes what a `put` that was killed left in a folder; how many. An S3 store leaves nothing."""
        if self._folder is None:
            return 0
        with _translated():
            return await asyncio.to_thread(_drop_unfinished, self._folder / day, before.timestamp())

    async def _below(self, prefix: str) -> Sequence[str]:
        with _translated():
            found = await obstore.list_with_delimiter_async(self._store, prefix)
        return found["common_prefixes"]

    def _check(self) -> None:
        """A folder that went away is not an empty one, and the library would make it anew."""
        if self._folder is not None and not self._folder.is_dir():
            raise NotADirectoryError(self._folder)

    async def _delete_one(self, name: str) -> None:
        try:
            await obstore.delete_async(self._store, name)
        except FileNotFoundError:
            return

    def _sync(self, folder: Path, name: str) -> None:
        """The file, its name, and the names of the folders above when the day is new to this process."""
        path = folder / name
        _sync(path)
        _sync(path.parent)
        day = name.rpartition("/")[0]
        if day != self._synced:
            above = path.parent
            while above != folder:
                above = above.parent
                _sync(above)
            self._synced = day


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _drop_unfinished(day: Path, before: float) -> int:
    """The library writes to `<name>#<number>`, which no name of ours holds, then links."""
    count = 0
    for path in day.glob("*#*"):
        if path.stat().st_mtime < before:
            path.unlink(missing_ok=True)
            count += 1
    return count


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (BaseError, OSError) as error:
        FAULTS.add(1, {"fault": "away"})
        log.error("blob.store_away", error_type=type(error).__name__)
        raise Unavailable("The store of documents does not answer, or is full.", retry_after=1.0) from None


@dataclass(frozen=True, slots=True)
class S3Options:
    """How a bucket is reached; without the two files, the identity that the machine has is used."""

    # Empty: Amazon's own.
    endpoint: str = ""
    region: str = "us-east-1"
    access_key_file: Path | None = None
    secret_key_file: Path | None = None
    # Certificates (PEM) that the endpoint is verified against; the public authorities when absent.
    ca_file: Path | None = None


def opened(address: str, options: S3Options) -> Blobs:
    """The store of `file:///folder` or `s3://bucket/prefix`; raises OSError when it is none."""
    parts = urlsplit(address)
    if parts.scheme == "file" and not parts.netloc:
        return in_folder(Path(parts.path))
    if parts.scheme == "s3" and parts.netloc:
        return _in_bucket(parts.netloc, parts.path.strip("/"), options)
    raise OSError(f"SOCLE_BLOB_STORE is {address!r}: write file:///folder or s3://bucket/prefix")


def in_folder(folder: Path) -> Blobs:
    """Raises OSError when there is no such folder: one made by mistake would hide the right one."""
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is not a folder: make it, readable by this service only")
    return Blobs(LocalStore(folder), folder)


def _in_bucket(bucket: str, prefix: str, options: S3Options) -> Blobs:
    client: ClientConfig = {**CLIENT, "allow_http": options.endpoint.startswith("http://")}
    if options.ca_file:
        client["root_certificate"] = options.ca_file.read_bytes()
    config: S3Config = {"region": options.region}
    if options.endpoint:
        config["endpoint"] = options.endpoint
    store = S3Store(
        bucket,
        prefix=prefix or None,
        client_options=client,
        retry_config=RETRY,
        credential_provider=_credentials(options),
        config=config,
    )
    return Blobs(store)


def _credentials(options: S3Options) -> Callable[[], S3Credential] | None:
    if options.access_key_file is None or options.secret_key_file is None:
        return None

    def read() -> S3Credential:
        return {
            "access_key_id": read_secret(options.access_key_file) or "",
            "secret_access_key": read_secret(options.secret_key_file) or "",
            "token": None,
            "expires_at": utc_now() + CREDENTIALS_KEPT,
        }

    return read
