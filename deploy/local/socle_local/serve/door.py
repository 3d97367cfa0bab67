"""A TLS door before PostgreSQL.

The PostgreSQL of the wheel is built without OpenSSL. The door speaks the few bytes of PostgreSQL's protocol
that come before TLS ("Message Flow", SSL Session Encryption), ends TLS itself and hands the bytes over, as
they are, to the server on loopback. Passwords are still asked by PostgreSQL.
"""

import asyncio
import logging
import ssl
import struct
from contextlib import suppress

from socle_local.credentials import Certificate

REQUEST = struct.Struct("!ii")
SSL_REQUEST, GSS_REQUEST = REQUEST.pack(8, 80877103), REQUEST.pack(8, 80877104)
GREETING_SECONDS = 10.0
CHUNK = 64 * 1024
# An ErrorResponse as clients print it: severity, SQLSTATE invalid_authorization_specification, words.
REFUSAL_FIELDS = (
    b"SFATAL\0VFATAL\0C28000\0MThis server takes TLS connections only: ask for sslmode=verify-full.\0\0"
)
REFUSAL = b"E" + struct.pack("!i", 4 + len(REFUSAL_FIELDS)) + REFUSAL_FIELDS


class Door:
    """Listens for PostgreSQL's clients, lets in those who speak TLS. Belongs to one event loop."""

    def __init__(self, certificate: Certificate, inner_port: int) -> None:
        self._context = _context(certificate)
        self._inner_port = inner_port
        self._server: asyncio.Server | None = None
        self._guests: set[asyncio.Task[None]] = set()

    async def open(self, host: str, port: int) -> None:
        """Raises OSError when the address is taken."""
        # asyncio warns at the end of each connection whose TLS was started by `start_tls`; nothing is wrong.
        logging.getLogger("asyncio").setLevel(logging.ERROR)
        self._server = await asyncio.start_server(self._enter, host, port)

    def renew(self, certificate: Certificate) -> None:
        """From the next connection on. Raises OSError (ssl.SSLError is one) when the files do not fit."""
        self._context = _context(certificate)

    async def close(self) -> None:
        """No new connection; the open ones are cut."""
        if self._server is None:
            return
        self._server.close()
        for guest in self._guests:
            guest.cancel()
        await asyncio.gather(*self._guests, return_exceptions=True)
        self._server = None

    async def _enter(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - start_server runs this in a task of its own
        self._guests.add(task)
        try:
            # A probe that connects and leaves, a client that goes away: nothing to tell.
            with suppress(OSError, TimeoutError, EOFError):
                async with asyncio.timeout(GREETING_SECONDS):
                    welcome = await self._greet(reader, writer)
                if welcome:
                    await self._hand_over(reader, writer)
        finally:
            self._guests.discard(task)
            writer.close()

    async def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Agrees on TLS and starts it; False when the client did not ask for it."""
        asked = await reader.readexactly(REQUEST.size)
        if asked == GSS_REQUEST:
            writer.write(b"N")
            asked = await reader.readexactly(REQUEST.size)
        if asked != SSL_REQUEST:
            writer.write(REFUSAL)
            await writer.drain()
            return False
        writer.write(b"S")
        await writer.start_tls(self._context)
        return True

    async def _hand_over(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self._inner_port)
        both = [
            asyncio.create_task(_carry(reader, inner_writer)),
            asyncio.create_task(_carry(inner_reader, writer)),
        ]
        try:
            # TLS cannot be closed one way only: the end of one direction is the end of both.
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in both:
                task.cancel()
            inner_writer.close()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()


def _context(certificate: Certificate) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate.cert, certificate.key)
    return context
