"""Passwords and certificates of the local platform: made once, kept in files only their owner can read."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import trustme

from socle_local.private import write_private

SECRET_BYTES = 24


@dataclass(frozen=True, slots=True)
class Secrets:
    """A folder of generated passwords, one per file."""

    folder: Path

    def file(self, *name: str) -> Path:
        """The file of a password, made with a fresh one when it does not exist yet."""
        path = self.folder.joinpath(*name)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.folder.chmod(0o700)
        if not path.exists():
            write_private(path, secrets.token_urlsafe(SECRET_BYTES).encode())
        return path

    def value(self, *name: str) -> str:
        """The password itself."""
        return self.file(*name).read_text()


@dataclass(frozen=True, slots=True)
class Certificate:
    """The three files that let a program prove its name and check the name of others."""

    cert: Path
    key: Path
    ca: Path


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate authority for this machine alone. Its key never leaves `folder`."""

    folder: Path

    def certificates(self, programs: Iterable[str]) -> dict[str, Certificate]:
        """A certificate for each program, made when missing, good for loopback and for the program's name."""
        self.folder.mkdir(parents=True, exist_ok=True)
        authority = self._authority()
        return {name: self._certificate(authority, name) for name in programs}

    def _authority(self) -> trustme.CA:
        cert, key = self.folder / "ca.pem", self.folder / "ca.key"
        if not (cert.exists() and key.exists()):
            fresh = trustme.CA(organization_name="Socle, local platform")
            write_private(key, fresh.private_key_pem.bytes())
            cert.write_bytes(fresh.cert_pem.bytes())
        return trustme.CA.from_pem(cert.read_bytes(), key.read_bytes())

    def _certificate(self, authority: trustme.CA, name: str) -> Certificate:
        made = Certificate(self.folder / f"{name}.pem", self.folder / f"{name}.key", self.folder / "ca.pem")
        if not (made.cert.exists() and made.key.exists()):
            leaf = authority.issue_cert(name, "localhost", "127.0.0.1", common_name=name)
            write_private(made.key, leaf.private_key_pem.bytes())
            made.cert.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
        return made
