"""Where the keys of the service are: for the service and for the operator's commands alike."""

from __future__ import annotations

from pathlib import Path

import chassis
from eprescription.domain.secrets import Secrets

from . import key_files
from .platform_keys import PlatformKeys
from .signing import KeyService, LocalKeyService


class KeySettings(chassis.Settings):
    """No default where a key is needed: a service that made its own would hide that the right one is away."""

    # Ring that the local keys of professionals are derived from; none: they sign with their own.
    signing_master_file: Path | None = None
    # Ring that access codes and secrets of holds are derived from.
    access_secrets_file: Path
    # Ed25519 in PEM: QR tokens and receipts.
    platform_key_file: Path


def key_service_of(settings: KeySettings) -> KeyService | None:
    """None: the service signs for nobody. Raises OSError when the file is not a ring."""
    if settings.signing_master_file is None:
        return None
    return LocalKeyService.from_file(settings.signing_master_file)


def secrets_of(settings: KeySettings) -> Secrets:
    """Raises OSError when the file is not a ring."""
    ring = key_files.read_ring(settings.access_secrets_file)
    try:
        return Secrets(ring)
    except ValueError as error:
        raise key_files.KeyFileWrong(f"{settings.access_secrets_file}: {error}") from None


def platform_keys_of(settings: KeySettings) -> PlatformKeys:
    """Raises OSError when the file is not a platform key."""
    return PlatformKeys.from_file(settings.platform_key_file)
