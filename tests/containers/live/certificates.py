"""Which certificate a server shows at this moment, each in its own way of beginning to speak TLS."""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509

SECONDS = 5.0
POSTGRES_ASKS = struct.pack("!ii", 8, 80877103)


@dataclass(frozen=True, slots=True)
class Client:
    """A program of the platform that knocks, with the certificate of its Secret."""

    folder: Path

    @classmethod
    def of(cls, secret: Mapping[str, bytes], folder: Path) -> Client:
        """The client that has this Secret's certificate; its files are written into `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in secret.items():
            (folder / name).write_bytes(content)
        return cls(folder)

    def context(self) -> ssl.SSLContext:
        """Believes the authority of the platform, shows the certificate, offers HTTP/2 as gRPC does."""
        context = ssl.create_default_context(cafile=str(self.folder / "ca.crt"))
        context.load_cert_chain(self.folder / "tls.crt", self.folder / "tls.key")
        context.set_alpn_protocols(["h2"])
        return context

    def serial(self, name: str, port: int) -> int:
        """The serial number of the certificate that the server of this name shows, verified for that name."""
        with socket.create_connection((name, port), timeout=SECONDS) as connection:
            begin(connection, port)
            with self.context().wrap_socket(connection, server_hostname=name) as secured:
                shown = secured.getpeercert(binary_form=True)
        assert shown is not None
        return x509.load_der_x509_certificate(shown).serial_number


def begin(connection: socket.socket, port: int) -> None:
    """What is said in clear before TLS: by a client to PostgreSQL, by nobody else."""
    if port == 5432:
        connection.sendall(POSTGRES_ASKS)
        assert connection.recv(1) == b"S", "PostgreSQL speaks no TLS"


def serial_of(pem: bytes) -> int:
    """The serial number of the first certificate of a file."""
    return x509.load_pem_x509_certificate(pem).serial_number
