"""What a service keeps outside its database, made once by the platform."""

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from chassis.ledger import Signer
from dmp.clients.blobs import S3Options, opened
from dmp.clients.keys import LocalKeyProvider
from eprescription.clients.settings import KeySettings, key_service_of, platform_keys_of, secrets_of
from eprescription.domain.ids import PrescriptionId
from socle_local.failures import PlatformFailedError
from socle_local.manifest import find_services
from socle_local.stores import kept

KEEPS = ("blobs", "master_key")
PRESCRIPTION_KEYS = ("access_secrets", "platform_key", "signing_master")


def test_the_service_can_use_what_is_made_for_it(tmp_path: Path) -> None:
    told = kept("dmp", KEEPS, tmp_path)
    provider = LocalKeyProvider(Path(told["SOCLE_MASTER_KEY_FILE"]))
    assert asyncio.run(provider.versions()) == [1]
    opened(told["SOCLE_BLOB_STORE"], S3Options())


def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    told = kept("dmp", KEEPS, tmp_path)
    ring, folder = Path(told["SOCLE_MASTER_KEY_FILE"]), Path(urlsplit(told["SOCLE_BLOB_STORE"]).path)
    assert (ring.stat().st_mode & 0o077, folder.stat().st_mode & 0o077) == (0, 0)


def test_the_next_start_finds_the_same_key(tmp_path: Path) -> None:
    told = kept("dmp", KEEPS, tmp_path)
    before = Path(told["SOCLE_MASTER_KEY_FILE"]).read_bytes()
    assert kept("dmp", KEEPS, tmp_path) == told
    assert Path(told["SOCLE_MASTER_KEY_FILE"]).read_bytes() == before


def test_a_lost_key_is_not_replaced_in_silence(tmp_path: Path) -> None:
    """A new one would start a service that can read nothing of what it keeps."""
    Path(kept("dmp", KEEPS, tmp_path)["SOCLE_MASTER_KEY_FILE"]).unlink()
    with pytest.raises(PlatformFailedError, match="restore the file"):
        kept("dmp", KEEPS, tmp_path)


def test_the_key_of_the_journal_signs_and_is_the_same_at_the_next_start(tmp_path: Path) -> None:
    told = kept("dmp", ("ledger_key",), tmp_path)
    path = Path(told["SOCLE_LEDGER_KEY_FILE"])
    assert Signer.from_file(path).kid == Signer.from_file(path).kid
    assert path.stat().st_mode & 0o077 == 0
    before = path.read_bytes()
    assert kept("dmp", ("ledger_key",), tmp_path) == told
    assert path.read_bytes() == before


def test_a_word_that_is_not_known_is_said(tmp_path: Path) -> None:
    with pytest.raises(PlatformFailedError, match="wardrobe"):
        kept("dmp", ("wardrobe",), tmp_path)
    assert kept("echo", (), tmp_path) == {}


def test_every_service_lists_what_the_platform_makes(tmp_path: Path) -> None:
    told = {service.name: kept(service.name, service.keeps, tmp_path) for service in find_services()}
    assert {"SOCLE_MASTER_KEY_FILE", "SOCLE_BLOB_STORE", "SOCLE_LEDGER_KEY_FILE"} <= told["dmp"].keys()


def test_the_keys_of_prescriptions_are_private_and_the_same_at_the_next_start(tmp_path: Path) -> None:
    told = kept("eprescription", PRESCRIPTION_KEYS, tmp_path)
    before = {name: Path(path).read_bytes() for name, path in told.items()}
    assert all(Path(path).stat().st_mode & 0o077 == 0 for path in told.values())
    assert kept("eprescription", PRESCRIPTION_KEYS, tmp_path) == told
    assert {name: Path(path).read_bytes() for name, path in told.items()} == before


def test_the_service_can_use_the_keys_of_prescriptions(tmp_path: Path) -> None:
    told = {name: Path(path) for name, path in kept("eprescription", PRESCRIPTION_KEYS, tmp_path).items()}
    settings = KeySettings(
        access_secrets_file=told["SOCLE_ACCESS_SECRETS_FILE"],
        platform_key_file=told["SOCLE_PLATFORM_KEY_FILE"],
        signing_master_file=told["SOCLE_SIGNING_MASTER_FILE"],
    )
    assert secrets_of(settings).access_code(PrescriptionId.new())
    assert platform_keys_of(settings).jwks()["keys"]
    service = key_service_of(settings)
    assert service is not None
    assert asyncio.run(service.sign("899700367909", b"{}")).jws
