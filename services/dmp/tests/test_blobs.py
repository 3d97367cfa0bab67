"""The object store on a folder, as by default: durable, never overwritten, clear when it is away."""

import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chassis.errors import Unavailable
from chassis.testing import NOW
from dmp.clients.blobs import BlobMissing, Blobs, BlobTaken, S3Options, in_folder, name_of, opened

NAME = "2026/01/02/one"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "blobs"
    made.mkdir()
    return made


@pytest.fixture
def store(folder: Path) -> Blobs:
    return in_folder(folder)


def test_a_name_begins_with_its_day_in_utc() -> None:
    assert name_of(datetime(2026, 1, 2, 23, 59, tzinfo=UTC), "id") == "2026/01/02/id"


def left_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def names(store: Blobs, prefix: str = "") -> list[str]:
    return sorted([blob.name async for page in store.list(prefix) for blob in page])


async def test_what_is_put_is_given_back(store: Blobs) -> None:
    await store.put(NAME, b"\x00sealed\xff")
    assert await store.get(NAME) == b"\x00sealed\xff"
    assert await names(store) == [NAME]


async def test_put_returns_once_file_and_names_are_on_the_disk(
    store: Blobs, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library leaves them in the system's cache, where a power failure finds them."""
    synced: list[str] = []
    real = os.fsync

    def seen(descriptor: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()).removeprefix(str(folder)))
        real(descriptor)

    monkeypatch.setattr("os.fsync", seen)
    await store.put(NAME, b"1")
    assert synced == [f"/{NAME}", "/2026/01/02", "/2026/01", "/2026", ""]
    synced.clear()
    await store.put("2026/01/02/two", b"2")
    assert synced == ["/2026/01/02/two", "/2026/01/02"]


async def test_a_name_is_never_given_other_content(store: Blobs) -> None:
    await store.put(NAME, b"one")
    await store.put(NAME, b"one")
    with pytest.raises(BlobTaken):
        await store.put(NAME, b"other")
    assert await store.get(NAME) == b"one"


async def test_a_missing_blob_is_our_fault_and_seen(store: Blobs) -> None:
    with pytest.raises(BlobMissing) as error:
        await store.get(NAME)
    assert error.value.kind.http == 500


async def test_deleting_twice_deletes_all(store: Blobs) -> None:
    await store.put(NAME, b"one")
    await store.put("2026/01/02/two", b"two")
    await store.delete([NAME])
    await store.delete([NAME, "2026/01/02/two", "2026/01/02/never"])
    await store.delete([])
    assert await names(store) == []


async def test_days_are_listed_oldest_first(store: Blobs) -> None:
    for day in ("2026/01/02", "2025/12/31", "2026/01/01"):
        await store.put(f"{day}/x", b"x")
    assert list(await store.days()) == ["2025/12/31", "2026/01/01", "2026/01/02"]
    assert await names(store, "2026/01") == ["2026/01/01/x", "2026/01/02/x"]


async def test_what_a_killed_put_left_is_dropped_once_it_is_old(store: Blobs, folder: Path) -> None:
    await store.put(NAME, b"one")
    left = folder / "2026/01/02/two#1"
    left.write_bytes(b"half")
    written = datetime.fromtimestamp(left.stat().st_mtime, UTC)
    assert await store.drop_unfinished("2026/01/02", written - timedelta(seconds=1)) == 0
    assert await store.drop_unfinished("2026/01/02", written + timedelta(seconds=1)) == 1
    assert not left.exists()
    assert await store.get(NAME) == b"one"


async def test_a_store_that_cannot_write_is_unavailable(store: Blobs, folder: Path) -> None:
    """As when the disk is full or the volume gone: the deposit may be sent again."""
    (folder / "2026").write_bytes(b"in the way")
    with pytest.raises(Unavailable) as error:
        await store.put(NAME, b"one")
    assert error.value.retry_after


async def test_a_full_disk_at_the_last_moment_is_unavailable(
    store: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(Unavailable):
        await store.put(NAME, b"one")


def test_a_folder_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    """A volume that is not mounted would be hidden by an empty folder."""
    with pytest.raises(OSError, match="make it"):
        in_folder(tmp_path / "away")
    assert not (tmp_path / "away").exists()


async def test_a_folder_that_went_away_is_unavailable_and_not_made_anew(store: Blobs, folder: Path) -> None:
    await store.put(NAME, b"one")
    shutil.rmtree(folder)
    with pytest.raises(Unavailable):
        await store.get(NAME)
    with pytest.raises(Unavailable):
        await store.put("2026/01/02/two", b"two")
    assert left_in(folder.parent) == []


@pytest.mark.parametrize("address", ["", "blobs", "ftp://here", "file://host/folder", "s3:///prefix"])
def test_an_address_that_is_no_store_is_refused(address: str) -> None:
    with pytest.raises(OSError, match=r"file:///folder or s3://bucket/prefix"):
        opened(address, S3Options())


async def test_an_s3_store_that_is_away_is_unavailable(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("fictitious")
    away = S3Options("http://127.0.0.1:9", "us-east-1", secret, secret)
    with pytest.raises(Unavailable):
        await opened("s3://bucket/prefix", away).put(name_of(NOW, "id"), b"x")
