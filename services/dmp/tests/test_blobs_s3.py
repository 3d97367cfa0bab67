"""The object store on a bucket, against a real server of the S3 protocol."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import create_connection, create_server

import pytest

from chassis.errors import Unavailable
from dmp.clients.blobs import BlobMissing, Blobs, BlobTaken, S3Options, opened

SERVER = os.environ.get("SOCLE_VERSITYGW", "")
NO_SERVER = "SOCLE_VERSITYGW is not set: `make test-bucket` needs a versitygw program as its S3 server"
pytestmark = pytest.mark.skipif(not SERVER, reason=NO_SERVER)
NAME = "2026/01/02/one"
ACCESS, SECRET = "fictitious-access", "fictitious-secret"


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The server on loopback, with one bucket; its address."""
    (folder / "bucket").mkdir(parents=True)
    with create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [SERVER, "--access", ACCESS, "--secret", SECRET, "--port", f"127.0.0.1:{port}", "posix"]
    log = (folder.parent / "s3.log").open("wb")
    with log, subprocess.Popen([*command, str(folder)], stdout=log, stderr=log) as server:
        try:
            _wait(port)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def _wait(port: int) -> None:
    until = time.monotonic() + 20
    while True:
        try:
            create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            assert time.monotonic() < until, "the server did not start"
            time.sleep(0.05)


def options(endpoint: str, folder: Path, secret: str = SECRET) -> S3Options:
    files = folder / "access", folder / "secret"
    for file, content in zip(files, (ACCESS, secret), strict=True):
        file.write_text(content + "\n")
    return S3Options(endpoint, "us-east-1", *files)


@pytest.fixture
def endpoint(tmp_path: Path) -> Iterator[str]:
    with serving(tmp_path / "s3") as address:
        yield address


@pytest.fixture
def store(endpoint: str, tmp_path: Path) -> Blobs:
    return opened("s3://bucket/some/prefix", options(endpoint, tmp_path))


async def names(store: Blobs, prefix: str = "") -> list[str]:
    return sorted([blob.name async for page in store.list(prefix) for blob in page])


async def test_what_is_put_is_given_back_under_the_prefix(store: Blobs, tmp_path: Path) -> None:
    content = os.urandom(6_000_000)
    await store.put(NAME, content)
    assert await store.get(NAME) == content
    assert (tmp_path / "s3/bucket/some/prefix" / NAME).is_file()


async def test_a_name_is_never_given_other_content(store: Blobs) -> None:
    await store.put(NAME, b"one")
    await store.put(NAME, b"one")
    with pytest.raises(BlobTaken):
        await store.put(NAME, b"other")
    assert await store.get(NAME) == b"one"


async def test_days_and_names_are_listed_and_deleted(store: Blobs) -> None:
    for day in ("2026/01/02", "2025/12/31"):
        await store.put(f"{day}/x", b"x")
    assert list(await store.days()) == ["2025/12/31", "2026/01/02"]
    await store.delete(["2026/01/02/x", "2026/01/02/never"])
    assert await names(store) == ["2025/12/31/x"]


async def test_a_missing_blob_is_our_fault(store: Blobs) -> None:
    with pytest.raises(BlobMissing):
        await store.get(NAME)


async def test_refused_credentials_are_unavailable(endpoint: str, tmp_path: Path) -> None:
    stranger = opened("s3://bucket", options(endpoint, tmp_path, "wrong"))
    with pytest.raises(Unavailable):
        await stranger.put(NAME, b"one")
