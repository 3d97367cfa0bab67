"""The master key in a transit engine: the same promises as the file, whatever the server says."""

import os
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from socket import create_server

import httpx
import pytest
import trustme

from chassis.errors import Unavailable
from dmp.clients.keys import KeyDestroyed, KeyRefused
from dmp.clients.transit import BATCH, TransitKeyProvider, TransitOptions, TransitWrong
from dmp.domain.sealing import Wrapped

from .transit_given import TOKEN, Engine, serving

SECRET = bytes(range(32))
BAO = os.environ.get("SOCLE_BAO", "")
NO_BAO = (
    "SOCLE_BAO is not set: name a bao or vault program to test against the real engine (make test-openbao)"
)


@pytest.fixture
def engine() -> Engine:
    return Engine()


@contextmanager
def real(program: str) -> Iterator[str]:
    """A development server of the program, with a transit engine; its address."""
    with create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [program, "server", "-dev", f"-dev-listen-address={address}", f"-dev-root-token-id={TOKEN}"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            _mount(f"http://{address}")
            yield f"http://{address}"
        finally:
            server.terminate()


def _mount(url: str) -> None:
    until = time.monotonic() + 20
    while True:
        try:
            headers = {"X-Vault-Token": TOKEN}
            asked = httpx.post(f"{url}/v1/sys/mounts/transit", json={"type": "transit"}, headers=headers)
            asked.raise_for_status()
            return
        except httpx.TransportError:
            assert time.monotonic() < until, "the server did not start"
            time.sleep(0.1)


@pytest.fixture(params=["in-process", *(["bao"] if BAO else [])])
def url(request: pytest.FixtureRequest, engine: Engine) -> Iterator[str]:
    """Both servers: the one of the tests, and the real one when there is one."""
    with real(BAO) if request.param == "bao" else serving(engine) as address:
        yield address


@pytest.mark.skipif(not BAO, reason=NO_BAO)
def test_the_real_engine_runs() -> None:
    """Every test below that takes `url` runs against it too."""
    with real(BAO) as address:
        assert httpx.get(f"{address}/v1/transit/keys/none").status_code == httpx.codes.FORBIDDEN


def options(url: str, folder: Path, **changes: str) -> TransitOptions:
    token = folder / "token"
    token.write_text(changes.pop("token", TOKEN) + "\n")
    return TransitOptions(url, changes.pop("key", "socle-dmp"), token)


@pytest.fixture
async def provider(url: str, tmp_path: Path) -> AsyncIterator[TransitKeyProvider]:
    made = TransitKeyProvider(options(url, tmp_path))
    await made.create()
    yield made
    await made.close()


@pytest.fixture
async def faked(engine: Engine, tmp_path: Path) -> AsyncIterator[TransitKeyProvider]:
    """On the server of the tests, whose moods can be chosen."""
    with serving(engine) as address:
        made = TransitKeyProvider(options(address, tmp_path))
        await made.create()
        yield made
        await made.close()


async def test_a_wrapped_key_opens_for_its_person_only(provider: TransitKeyProvider) -> None:
    wrapped = await provider.wrap(SECRET, "person")
    assert wrapped.master_version == 1
    assert await provider.unwrap(wrapped, "person") == SECRET
    with pytest.raises(KeyRefused):
        await provider.unwrap(wrapped, "another")


@pytest.mark.parametrize("altered", [b"nothing", b"vault:v1:AAAA", b"vault:v9:AAAA"])
async def test_altered_bytes_are_refused(provider: TransitKeyProvider, altered: bytes) -> None:
    with pytest.raises(KeyRefused):
        await provider.unwrap(Wrapped(altered, 1), "person")


async def test_rotation_keeps_old_keys_open_until_their_version_is_destroyed(
    provider: TransitKeyProvider,
) -> None:
    old = await provider.wrap(SECRET, "person")
    assert await provider.rotate() == 2
    assert await provider.unwrap(old, "person") == SECRET
    (new,) = await provider.rewrap([(old, "person")])
    assert new.master_version == 2
    await provider.destroy(1)
    assert await provider.versions() == [2]
    assert await provider.unwrap(new, "person") == SECRET
    with pytest.raises(KeyDestroyed):
        await provider.unwrap(old, "person")


async def test_many_keys_are_wrapped_again_in_order(provider: TransitKeyProvider) -> None:
    one = await provider.wrap(SECRET, "person")
    await provider.rotate()
    again = await provider.rewrap([(one, "person")] * (BATCH + 1))
    assert {wrapped.master_version for wrapped in again} == {2}
    assert await provider.unwrap(again[-1], "person") == SECRET


async def test_a_key_of_another_person_is_not_wrapped_again(provider: TransitKeyProvider) -> None:
    one = await provider.wrap(SECRET, "person")
    with pytest.raises(KeyRefused):
        await provider.rewrap([(one, "person"), (one, "another")])


async def test_the_current_version_cannot_be_destroyed(provider: TransitKeyProvider) -> None:
    with pytest.raises(ValueError, match="rotate first"):
        await provider.destroy(1)


async def test_making_it_twice_keeps_the_first(provider: TransitKeyProvider) -> None:
    wrapped = await provider.wrap(SECRET, "person")
    await provider.create()
    assert await provider.unwrap(wrapped, "person") == SECRET


async def test_a_key_that_is_not_derived_is_refused(url: str, tmp_path: Path) -> None:
    """It would take no notice of whose key it wraps."""
    headers = {"X-Vault-Token": TOKEN}
    async with httpx.AsyncClient(headers=headers) as client:
        await client.post(f"{url}/v1/transit/keys/plain", json={"type": "aes256-gcm96"})
    plain = TransitKeyProvider(options(url, tmp_path, key="plain"))
    with pytest.raises(TransitWrong, match="not derived"):
        await plain.wrap(SECRET, "person")
    await plain.close()


async def test_a_wrong_token_is_unavailable(url: str, tmp_path: Path) -> None:
    """An expired token is renewed by an agent: the caller may ask again."""
    stranger = TransitKeyProvider(options(url, tmp_path, token="expired"))
    with pytest.raises(Unavailable):
        await stranger.versions()
    await stranger.close()


async def test_a_renewed_token_is_read_from_its_file(faked: TransitKeyProvider, tmp_path: Path) -> None:
    options("", tmp_path, token="expired")
    with pytest.raises(Unavailable):
        await faked.wrap(SECRET, "person")
    options("", tmp_path)
    assert (await faked.wrap(SECRET, "person")).master_version == 1


async def test_a_sealed_server_is_unavailable(faked: TransitKeyProvider, engine: Engine) -> None:
    wrapped = await faked.wrap(SECRET, "person")
    engine.sealed = True
    with pytest.raises(Unavailable) as error:
        await faked.unwrap(wrapped, "person")
    assert error.value.retry_after
    engine.sealed = False
    assert await faked.unwrap(wrapped, "person") == SECRET


async def test_a_server_that_is_away_is_unavailable(tmp_path: Path) -> None:
    away = TransitKeyProvider(options("http://127.0.0.1:9", tmp_path))
    with pytest.raises(Unavailable):
        await away.versions()
    await away.close()


async def test_a_server_that_proves_another_name_or_none_is_not_trusted(
    engine: Engine, tmp_path: Path
) -> None:
    """Only the authority that the setting names is believed."""
    authority, tls = trustme.CA(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    with serving(engine, tls) as address:
        known = TransitKeyProvider(replace(options(address, tmp_path), ca_file=tmp_path / "ca.pem"))
        await known.create()
        assert await known.versions() == [1]
        stranger = TransitKeyProvider(options(address, tmp_path))
        with pytest.raises(Unavailable):
            await stranger.versions()
        await known.close()
        await stranger.close()
