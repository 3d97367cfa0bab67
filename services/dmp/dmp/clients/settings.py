"""Where the keys and the blobs of records are: for the service and for the operator's commands alike."""

from __future__ import annotations

from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

import chassis

from . import blobs
from .provider import KeyProvider
from .ring import LocalKeyProvider
from .transit import TransitKeyProvider, TransitOptions

# Seconds: no call is given more, whatever deadline its caller sets (chassis `rpc.py`).
LONGEST_CALL = 3600.0
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class StorageSettings(chassis.Settings):
    """Neither has a default: a service that made its own would hide that the right one is away."""

    # The master key: a ring in a file (`python -m dmp.keys init`), or a key of a transit engine.
    master_key_file: Path | None = None
    transit_url: str = ""
    transit_mount: str = "transit"
    transit_key: str = "socle-dmp"
    transit_token_file: Path | None = None
    transit_ca_file: Path | None = None
    # file:///folder, or s3://bucket/prefix.
    blob_store: str = ""
    s3_endpoint: str = ""
    s3_region: str = "us-east-1"
    s3_access_key_file: Path | None = None
    s3_secret_key_file: Path | None = None
    s3_ca_file: Path | None = None
    # How long a blob may wait for the commit of its deposit before it is swept.
    blob_grace_seconds: float = Field(default=LONGEST_CALL, gt=0)

    @model_validator(mode="after")
    def one_provider(self) -> Self:
        """Exactly one holder of the master key, and no secret over an open wire."""
        if (self.master_key_file is None) == (self.transit_url == ""):
            raise ValueError("the master key: set SOCLE_MASTER_KEY_FILE or SOCLE_TRANSIT_URL, one of the two")
        if self.transit_url and self.transit_token_file is None:
            raise ValueError("SOCLE_TRANSIT_URL needs SOCLE_TRANSIT_TOKEN_FILE")
        for name, url in {"TRANSIT_URL": self.transit_url, "S3_ENDPOINT": self.s3_endpoint}.items():
            if url.startswith("http://") and urlsplit(url).hostname not in LOOPBACK:
                raise ValueError(f"SOCLE_{name} must be https:// beyond this machine, not {url}")
        if (self.s3_access_key_file is None) != (self.s3_secret_key_file is None):
            raise ValueError("SOCLE_S3_ACCESS_KEY_FILE and SOCLE_S3_SECRET_KEY_FILE go together: set both")
        return self

    @model_validator(mode="after")
    def grace_outlasts_calls(self) -> Self:
        """A shorter one would sweep the contents of a deposit that is still under way."""
        if self.profile != "local" and self.blob_grace_seconds < LONGEST_CALL:
            raise ValueError(
                f"SOCLE_BLOB_GRACE_SECONDS must be {LONGEST_CALL:.0f} or more: calls last that long"
            )
        return self


def provider_of(settings: StorageSettings) -> KeyProvider:
    """The holder of the master key; raises OSError when there is no such ring."""
    options = transit_of(settings)
    if options:
        return TransitKeyProvider(options)
    return LocalKeyProvider(ring_of(settings))


def ring_of(settings: StorageSettings) -> Path:
    """The file of the ring; raises OSError when the master key is elsewhere."""
    if settings.master_key_file is None:
        raise FileNotFoundError("SOCLE_MASTER_KEY_FILE is missing")
    return settings.master_key_file


def transit_of(settings: StorageSettings) -> TransitOptions | None:
    """None: the master key is in a file."""
    if not settings.transit_url or settings.transit_token_file is None:
        return None
    return TransitOptions(
        settings.transit_url,
        settings.transit_key,
        settings.transit_token_file,
        settings.transit_mount,
        settings.transit_ca_file,
    )


def blobs_of(settings: StorageSettings) -> blobs.Blobs:
    """The object store; raises OSError when the setting names none."""
    options = blobs.S3Options(
        settings.s3_endpoint,
        settings.s3_region,
        settings.s3_access_key_file,
        settings.s3_secret_key_file,
        settings.s3_ca_file,
    )
    return blobs.opened(settings.blob_store, options)
