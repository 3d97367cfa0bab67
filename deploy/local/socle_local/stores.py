"""What a service keeps outside its database: made once, below the platform's home."""

import json
import secrets
from base64 import b64encode
from collections.abc import Callable, Mapping
from pathlib import Path

from joserfc.jwk import OKPKey

from socle_local.failures import PlatformFailedError
from socle_local.private import write_private

KEY_BYTES = 32


def kept(service: str, keeps: tuple[str, ...], home: Path) -> Mapping[str, str]:
    """The settings that tell a service where it keeps what its manifest lists (`keeps`).

    Raises PlatformFailedError for a word that is not known, and when a key is gone whose data is not.
    """
    unknown = sorted(set(keeps) - KINDS.keys())
    if unknown:
        raise PlatformFailedError(
            f"{service} keeps {unknown[0]!r} in its pyproject.toml: this platform makes {', '.join(KINDS)}."
        )
    return dict(make(service, home) for kind, make in KINDS.items() if kind in keeps)


def master_key(service: str, home: Path) -> tuple[str, str]:
    """A ring of master keys, in the form that `python -m dmp.keys init` gives it."""
    ring = home / "secrets" / "keys" / f"{service}.json"
    if not ring.exists():
        if blob_folder(service, home).exists():
            raise PlatformFailedError(
                f"{ring} is gone, and what {service} keeps cannot be read without it:"
                " restore the file, or delete all data with `make reset`."
            )
        _ring(ring)
    return "SOCLE_MASTER_KEY_FILE", str(ring)


def blob_store(service: str, home: Path) -> tuple[str, str]:
    """A folder for sealed contents."""
    folder = blob_folder(service, home)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return "SOCLE_BLOB_STORE", folder.resolve().as_uri()


def blob_folder(service: str, home: Path) -> Path:
    return home / "blobs" / service


def ledger_key(service: str, home: Path) -> tuple[str, str]:
    """An Ed25519 key, which signs the heads of the service's journal. Lost, a new one takes over: what the
    former signed still verifies with the key sets that people kept.
    """
    key = home / "secrets" / "keys" / f"{service}-ledger.pem"
    if not key.exists():
        key.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_private(key, new_signing_key())
    return "SOCLE_LEDGER_KEY_FILE", str(key)


def signing_master(service: str, home: Path) -> tuple[str, str]:
    """A ring that the local signing keys of professionals are derived from. Lost, a new one gives them new
    keys: what the former signed still verifies with the public keys that the service registered.
    """
    return "SOCLE_SIGNING_MASTER_FILE", str(_ring(home / "secrets" / "keys" / f"{service}-signing.json"))


def access_secrets(service: str, home: Path) -> tuple[str, str]:
    """A ring that access codes are derived from. Lost, papers printed before open nothing by their code; the
    number with the birth date of the patient still does.
    """
    return "SOCLE_ACCESS_SECRETS_FILE", str(_ring(home / "secrets" / "keys" / f"{service}-access.json"))


def platform_key(service: str, home: Path) -> tuple[str, str]:
    """An Ed25519 key, which signs QR codes and receipts."""
    key = home / "secrets" / "keys" / f"{service}-platform.pem"
    if not key.exists():
        key.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_private(key, new_signing_key())
    return "SOCLE_PLATFORM_KEY_FILE", str(key)


def _ring(path: Path) -> Path:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_private(path, new_ring())
    return path


def new_ring() -> bytes:
    """A fresh ring of one key, in the form that `python -m dmp.keys init` gives it."""
    key = b64encode(secrets.token_bytes(KEY_BYTES)).decode()
    return json.dumps({"versions": {"1": key}}).encode()


def new_signing_key() -> bytes:
    """A fresh Ed25519 key, PEM."""
    return OKPKey.generate_key("Ed25519").as_pem(private=True)


# In this order: a key before what it protects.
KINDS: Mapping[str, Callable[[str, Path], tuple[str, str]]] = {
    "master_key": master_key,
    "blobs": blob_store,
    "ledger_key": ledger_key,
    "signing_master": signing_master,
    "access_secrets": access_secrets,
    "platform_key": platform_key,
}
