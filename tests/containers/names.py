"""The names of a cluster, for a test process that stands outside it."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def resolved(names: Mapping[str, str]) -> Iterator[None]:
    """While it lasts, these names lead to these addresses, in this process.

    Dialled by name, a server's certificate is checked as any client of the cluster checks it.
    """
    real = socket.getaddrinfo

    def answer(host: Any, *rest: Any, **more: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        return real(names.get(name, host), *rest, **more)

    socket.getaddrinfo = answer
    try:
        yield
    finally:
        socket.getaddrinfo = real


@contextmanager
def trusted(authority: Path) -> Iterator[None]:
    """While it lasts, TLS clients of this process believe this authority, by OpenSSL's own variable."""
    former = os.environ.get("SSL_CERT_FILE")
    os.environ["SSL_CERT_FILE"] = str(authority)
    try:
        yield
    finally:
        del os.environ["SSL_CERT_FILE"]
        if former is not None:
            os.environ["SSL_CERT_FILE"] = former
