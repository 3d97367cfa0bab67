"""Where keys and blobs are: said by the operator, never guessed."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from dmp.clients.keys import LocalKeyProvider
from dmp.clients.ring import RingWrong
from dmp.clients.settings import StorageSettings, blobs_of, provider_of
from dmp.clients.transit import TransitKeyProvider

TRANSIT = {"transit_url": "https://bao.example.org:8200", "transit_token_file": Path("token")}
TLS = dict.fromkeys(("tls_cert_file", "tls_key_file", "tls_ca_file"), Path("x.pem"))
PRODUCTION = {"profile": "production", **TLS}


def settings(**given: Any) -> StorageSettings:
    return StorageSettings(**given)


@pytest.mark.parametrize("profile", [{}, PRODUCTION])
@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({}, "SOCLE_MASTER_KEY_FILE or SOCLE_TRANSIT_URL"),
        ({"master_key_file": Path("ring"), **TRANSIT}, "one of the two"),
        ({"transit_url": "https://bao.example.org"}, "SOCLE_TRANSIT_TOKEN_FILE"),
        ({**TRANSIT, "transit_url": "http://bao.example.org"}, "must be https://"),
        ({"master_key_file": Path("ring"), "s3_endpoint": "http://s3.example.org"}, "must be https://"),
        ({"master_key_file": Path("ring"), "s3_access_key_file": Path("x")}, "set both"),
    ],
)
def test_what_is_missing_or_unsafe_is_said(
    profile: dict[str, Any], given: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ValidationError, match=problem):
        settings(**profile, **given)


def test_deposits_under_way_outlast_no_sweep() -> None:
    with pytest.raises(ValidationError, match="SOCLE_BLOB_GRACE_SECONDS must be 3600 or more"):
        settings(**PRODUCTION, **TRANSIT, blob_grace_seconds=60)
    assert settings(**TRANSIT, blob_grace_seconds=60).blob_grace_seconds == 60


def test_the_provider_is_the_one_that_was_set(tmp_path: Path) -> None:
    LocalKeyProvider.create(tmp_path / "ring.json")
    assert isinstance(provider_of(settings(master_key_file=tmp_path / "ring.json")), LocalKeyProvider)
    assert isinstance(provider_of(settings(**PRODUCTION, **TRANSIT)), TransitKeyProvider)


def test_a_service_makes_neither_key_nor_folder(tmp_path: Path) -> None:
    """In no profile: what it would make would hide that the right one is away."""
    given = settings(master_key_file=tmp_path / "ring.json", blob_store=f"file://{tmp_path}/blobs")
    with pytest.raises(RingWrong):
        provider_of(given)
    with pytest.raises(OSError, match="not a folder"):
        blobs_of(given)
    with pytest.raises(OSError, match="SOCLE_BLOB_STORE"):
        blobs_of(settings(master_key_file=tmp_path / "ring.json"))
    assert list(tmp_path.iterdir()) == []


def test_no_setting_shows_a_secret() -> None:
    """They travel by file; what is printed at start are names of files."""
    shown = settings(**PRODUCTION, **TRANSIT).shown()
    assert shown["transit_token_file"] == "token"
    assert shown["transit_key"] == "***"
