"""The keys of records: a ring of master keys in a file, and what is kept of opened keys."""

import shutil
from pathlib import Path

import orjson
import pytest

from chassis.errors import Unavailable
from dmp.clients.keys import KeyDestroyed, KeyRefused, LocalKeyProvider, RecordKeys
from dmp.clients.ring import RingWrong
from dmp.domain import PersonId
from dmp.domain.sealing import Wrapped

SECRET = bytes(range(32))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "master.json"


@pytest.fixture
def provider(path: Path) -> LocalKeyProvider:
    return LocalKeyProvider.create(path)


def versions_in(path: Path) -> list[str]:
    return list(orjson.loads(path.read_bytes())["versions"])


async def test_a_wrapped_key_opens_for_its_person_only(provider: LocalKeyProvider) -> None:
    wrapped = await provider.wrap(SECRET, "person")
    assert SECRET not in wrapped.wrapped
    assert await provider.unwrap(wrapped, "person") == SECRET
    with pytest.raises(KeyRefused):
        await provider.unwrap(wrapped, "another")


@pytest.mark.parametrize("altered", [b"", b"short", bytes(60)])
async def test_altered_bytes_are_refused(provider: LocalKeyProvider, altered: bytes) -> None:
    with pytest.raises(KeyRefused):
        await provider.unwrap(Wrapped(altered, 1), "person")


async def test_rotation_keeps_old_keys_open_until_their_version_is_destroyed(
    provider: LocalKeyProvider, path: Path
) -> None:
    old = await provider.wrap(SECRET, "person")
    assert await provider.rotate() == 2
    assert await provider.versions() == [1, 2]
    assert await provider.unwrap(old, "person") == SECRET
    (new,) = await provider.rewrap([(old, "person")])
    assert new.master_version == 2
    await provider.destroy(1)
    assert await provider.unwrap(new, "person") == SECRET
    with pytest.raises(KeyDestroyed):
        await provider.unwrap(old, "person")
    assert versions_in(path) == ["2"]


async def test_the_current_version_cannot_be_destroyed(provider: LocalKeyProvider) -> None:
    with pytest.raises(ValueError, match="rotate first"):
        await provider.destroy(1)


async def test_another_process_is_followed(provider: LocalKeyProvider, path: Path) -> None:
    """The operator's command changes the file under a running service."""
    operator = LocalKeyProvider(path)
    old = await provider.wrap(SECRET, "person")
    await operator.rotate()
    assert (await provider.wrap(SECRET, "person")).master_version == 2
    await operator.destroy(1)
    with pytest.raises(KeyDestroyed):
        await provider.unwrap(old, "person")


async def test_a_ring_that_is_away_is_not_a_ring_that_is_gone(provider: LocalKeyProvider, path: Path) -> None:
    """A volume that is not mounted must not make records unreadable for good."""
    wrapped = await provider.wrap(SECRET, "person")
    away = path.with_suffix(".away")
    shutil.move(path, away)
    with pytest.raises(Unavailable):
        await provider.unwrap(wrapped, "person")
    shutil.move(away, path)
    assert await provider.unwrap(wrapped, "person") == SECRET


def test_a_ring_is_private_and_never_replaced(provider: LocalKeyProvider, path: Path) -> None:
    assert path.stat().st_mode & 0o777 == 0o600
    before = path.read_bytes()
    with pytest.raises(RingWrong, match="exists already"):
        LocalKeyProvider.create(path)
    assert path.read_bytes() == before
    path.chmod(0o644)
    with pytest.raises(RingWrong, match="chmod 600"):
        LocalKeyProvider(path)


def test_no_ring_is_made_by_reading_one(path: Path) -> None:
    with pytest.raises(RingWrong, match=r"dmp\.keys init"):
        LocalKeyProvider(path)
    assert not path.exists()


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"versions": {}}', b'{"versions": {"1": "c2hvcnQ="}}']
)
def test_a_file_that_is_no_ring_is_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(RingWrong, match="not a ring"):
        LocalKeyProvider(path)


async def test_a_rotation_that_cannot_be_written_leaves_the_old_ring(
    provider: LocalKeyProvider, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        await provider.rotate()
    assert versions_in(path) == ["1"]
    assert [left.name for left in path.parent.iterdir()] == [path.name]


class Counted:
    """A provider that counts what it is asked, and can be away."""

    def __init__(self, provider: LocalKeyProvider) -> None:
        self.provider, self.asked, self.away = provider, 0, False

    async def unwrap(self, wrapped: Wrapped, about: str) -> bytes:
        self.asked += 1
        if self.away:
            raise Unavailable
        return await self.provider.unwrap(wrapped, about)

    def __getattr__(self, name: str) -> object:
        return getattr(self.provider, name)


class Clock:
    """Seconds that pass when told."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_a_made_key_opens_what_it_sealed(provider: LocalKeyProvider) -> None:
    keys, person = RecordKeys(provider), PersonId.new()
    key, wrapped = await keys.make(person)
    opened = await keys.open(person, wrapped)
    assert opened.open(key.seal(b"clear", "about"), "about") == b"clear"


async def test_the_provider_is_asked_once_in_a_while(provider: LocalKeyProvider) -> None:
    counted, clock, person = Counted(provider), Clock(), PersonId.new()
    keys = RecordKeys(counted, seconds=300.0, timer=clock)  # type: ignore[arg-type]
    _, wrapped = await keys.make(person)
    for _ in range(3):
        await keys.open(person, wrapped)
    assert counted.asked == 1
    clock.now = 301.0
    await keys.open(person, wrapped)
    assert counted.asked == 2
    keys.forget(person)
    await keys.open(person, wrapped)
    assert counted.asked == 3


async def test_a_known_key_opens_while_the_provider_is_away(provider: LocalKeyProvider) -> None:
    counted, person = Counted(provider), PersonId.new()
    keys = RecordKeys(counted)  # type: ignore[arg-type]
    _, wrapped = await keys.make(person)
    await keys.open(person, wrapped)
    counted.away = True
    await keys.open(person, wrapped)
    _, other = await keys.make(PersonId.new())
    with pytest.raises(Unavailable):
        await keys.open(PersonId.new(), other)


async def test_a_key_wrapped_again_is_opened_again(provider: LocalKeyProvider) -> None:
    """What is kept is known by the stored bytes: a key put in the place of another is never taken for it."""
    counted, person = Counted(provider), PersonId.new()
    keys = RecordKeys(counted)  # type: ignore[arg-type]
    _, wrapped = await keys.make(person)
    _, stranger = await keys.make(PersonId.new())
    await keys.open(person, wrapped)
    with pytest.raises(KeyRefused):
        await keys.open(person, stranger)


async def test_no_more_keys_are_kept_than_asked(provider: LocalKeyProvider) -> None:
    counted = Counted(provider)
    keys = RecordKeys(counted, kept=2)  # type: ignore[arg-type]
    people = [PersonId.new() for _ in range(3)]
    made = [(await keys.make(person))[1] for person in people]
    for person, wrapped in zip(people, made, strict=True):
        await keys.open(person, wrapped)
    await keys.open(people[0], made[0])
    assert counted.asked == 4
