"""Certificates of this program, and the authorities it believes: files that are replaced while it runs.

Certificates live a day, an authority a year: neither is a reason to restart a service. Whoever shakes hands
asks here what to show *now*. What cannot be used (a certificate written without its key yet) is left aside,
and what was shown before is shown still, until it expires: the gauge `socle.tls.expires_in` tells in time.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from . import telemetry
from .call import utc_now
from .settings import Settings

log = telemetry.logger("tls")

# Seconds between two looks at the files: what a new certificate is late by.
LOOK_EVERY = 1.0
UNUSABLE = (OSError, ValueError, TypeError, UnsupportedAlgorithm)


class CertificateFault(OSError):
    """The files of a certificate cannot be used; the text says which and why."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What a program shows and whom it believes, in PEM."""

    cert: bytes
    key: bytes
    authorities: bytes
    expires: datetime


@dataclass(frozen=True, slots=True)
class Files:
    """Where the certificate, its key and the authorities are."""

    cert: Path
    key: Path
    ca: Path

    @classmethod
    def of(cls, settings: Settings) -> Files | None:
        """The files of the settings, which give all three or none."""
        if settings.tls_cert_file and settings.tls_key_file and settings.tls_ca_file:
            return cls(settings.tls_cert_file, settings.tls_key_file, settings.tls_ca_file)
        return None

    def read(self) -> Identity:
        """Raises CertificateFault when they do not go together, OSError when one cannot be read."""
        cert, key, authorities = (path.read_bytes() for path in (self.cert, self.key, self.ca))
        try:
            leaf = x509.load_pem_x509_certificate(cert)
            pair = load_pem_private_key(key, None).public_key() == leaf.public_key()
            x509.load_pem_x509_certificates(authorities)
        except UNUSABLE as error:
            raise CertificateFault(f"{self.cert}, {self.key} or {self.ca} is not PEM: {error}") from None
        if not pair:
            raise CertificateFault(f"{self.key} is not the key of {self.cert}: replace both together")
        return Identity(cert, key, authorities, leaf.not_valid_after_utc)


class Watched:
    """Files that may be replaced; looked at once a second at most, whoever asks and however often."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths
        self._seen = self._stamps()
        self._next = time.monotonic() + LOOK_EVERY

    def changed(self) -> bool:
        """Whether they changed since the last time that this said so."""
        if time.monotonic() < self._next:
            return False
        self._next = time.monotonic() + LOOK_EVERY
        stamps = self._stamps()
        changed, self._seen = stamps != self._seen, stamps
        return changed

    def look_again(self) -> None:
        """Says at the next look that they changed: what was found this time was of no use."""
        self._seen = []

    def _stamps(self) -> list[tuple[int, int]]:
        return [stamp for path in self._paths for stamp in _stamp(path)]


def _stamp(path: Path) -> list[tuple[int, int]]:
    # A mounted Secret is replaced by turning a link: the file is another one, the date may be the same.
    with suppress(OSError):
        found = path.stat()
        return [(found.st_ino, found.st_mtime_ns)]
    return []


class Certificates:
    """The identity of this program, as its files have it."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._watched = Watched((files.cert, files.key, files.ca))
        self._identity = files.read()

    @classmethod
    def of(cls, settings: Settings) -> Certificates | None:
        """Those of the settings, if they have any. Raises OSError."""
        files = Files.of(settings)
        return cls(files) if files else None

    def now(self) -> Identity:
        """The newest identity that could be used; the same object as long as it is the same."""
        if self._watched.changed():
            try:
                self._identity = self._files.read()
                log.info("tls.replaced", seconds=round(_left(self._identity)))
            except OSError as error:
                self._watched.look_again()
                log.warning("tls.unusable", error_type=type(error).__name__)
        return self._identity


def _left(identity: Identity) -> float:
    return (identity.expires - utc_now()).total_seconds()


def expires_in(settings: Settings) -> float | None:
    """Seconds until the certificate in the files expires (below zero: since); None without any, or when the
    files cannot be used.
    """
    files = Files.of(settings)
    try:
        return _left(files.read()) if files else None
    except OSError:
        return None


def believing(ca: Path | None) -> ssl.SSLContext:
    """For a client: believes these authorities and no other, or those of the system. Raises OSError."""
    return ssl.create_default_context(cafile=ca)


def shown_to_browsers(files: Files) -> ssl.SSLContext:
    """For a server that asks for no certificate of its clients. Raises OSError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(files.cert, files.key)
    return context


async def keep_shown(context: ssl.SSLContext, files: Files) -> None:
    """Until cancelled: a context that servers listen with shows the newest certificate to who comes next."""
    held = Certificates(files)
    shown = held.now()
    while True:
        await asyncio.sleep(LOOK_EVERY)
        if held.now() is not shown:
            try:
                context.load_cert_chain(files.cert, files.key)
                shown = held.now()
            except OSError as error:
                log.warning("tls.unusable", error_type=type(error).__name__)


def web_client(settings: Settings, seconds: float = 3.0) -> httpx.AsyncClient:
    """A client for the issuers; a new authority in the file is believed at the next request."""
    ca = settings.oidc_ca_file
    if ca is None:
        return httpx.AsyncClient(timeout=seconds)
    context, watched = believing(ca), Watched((ca,))

    async def follow(_: Any) -> None:
        if watched.changed():
            try:
                context.load_verify_locations(ca)
            except OSError as error:
                watched.look_again()
                log.warning("tls.unusable", error_type=type(error).__name__)

    return httpx.AsyncClient(timeout=seconds, verify=context, event_hooks={"request": [follow]})
