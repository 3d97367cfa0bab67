"""Certificates and authorities replaced while calls run: nobody restarts, no call is lost."""

import asyncio
import socket
import ssl
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
import trustme
from cryptography import x509

from chassis import tls, transport
from chassis.settings import Settings
from chassis.testing import running, until

METHOD = "/socle.test.v1.Test/Who"


class Program:
    """A program with its three files, as a mounted Secret has them."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder, name
        folder.mkdir()
        self.serial = 0

    def shows(self, authority: trustme.CA, lasts: timedelta = timedelta(hours=24)) -> None:
        """A new certificate of this authority, key first: for a moment the two do not go together."""
        expires = datetime.now(UTC) + lasts
        leaf = authority.issue_cert(self.name, "127.0.0.1", common_name=self.name, not_after=expires)
        (self.folder / "tls.key").write_bytes(leaf.private_key_pem.bytes())
        cert = leaf.cert_chain_pems[0].bytes()
        (self.folder / "tls.crt").write_bytes(cert)
        self.serial = x509.load_pem_x509_certificate(cert).serial_number

    def believes(self, *authorities: trustme.CA) -> None:
        (self.folder / "ca.crt").write_bytes(b"".join(one.cert_pem.bytes() for one in authorities))

    def settings(self, **more: Any) -> Settings:
        return Settings(
            tls_cert_file=self.folder / "tls.crt",
            tls_key_file=self.folder / "tls.key",
            tls_ca_file=self.folder / "ca.crt",
            **more,
        )

    def shaken_hands(self, port: int) -> int:
        """The serial number of what a server shows to this program. Raises OSError when it is refused."""
        context = ssl.create_default_context(cafile=self.folder / "ca.crt")
        context.load_cert_chain(self.folder / "tls.crt", self.folder / "tls.key")
        context.set_alpn_protocols(["h2"])
        with (
            socket.create_connection(("127.0.0.1", port), timeout=5) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1") as secured,
        ):
            shown = x509.load_der_x509_certificate(secured.getpeercert(binary_form=True) or b"")
            # In TLS 1.3 the refusal of a client comes after the handshake, with the first bytes.
            if not secured.recv(1):
                raise OSError("closed: eof")
            return shown.serial_number


@pytest.fixture
def dmp(tmp_path: Path) -> Program:
    return Program(tmp_path / "dmp", "dmp")


@pytest.fixture
def gateway(tmp_path: Path) -> Program:
    return Program(tmp_path / "gateway", "gateway")


async def who(request: bytes, context: Any) -> bytes:
    """The serial number of the caller's certificate."""
    (pem,) = context.auth_context()["x509_pem_cert"]
    return str(x509.load_pem_x509_certificate(pem).serial_number).encode()


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[int]:
    server = grpc.aio.server(options=transport.server_options(settings))
    handler: Any = grpc.unary_unary_rpc_method_handler(who)
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("socle.test.v1.Test", {"Who": handler}),)
    )
    credentials = transport.server_credentials(settings)
    assert credentials is not None
    port = server.add_secure_port("127.0.0.1:0", credentials)
    await server.start()
    try:
        yield port
    finally:
        await server.stop(None)


def asking(channel: grpc.aio.Channel) -> Any:
    """The RPC, with the type its stub does not carry."""
    return channel.unary_unary(METHOD)


class Callers:
    """Calls without a pause; what came of them, and by which certificate the server knew them."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.method = asking(channel)
        self.answers: Counter[int] = Counter()
        self.refused: list[str] = []

    async def call(self) -> None:
        while True:
            try:
                self.answers[int(await self.method(b"", timeout=5))] += 1
            except grpc.aio.AioRpcError as error:
                self.refused.append(f"{error.code().name} {error.details()}")
            await asyncio.sleep(0.002)

    async def known_by(self, serial: int) -> None:
        """Waits for the server to know the caller by this certificate, and by it alone."""

        async def alone() -> bool:
            before = self.answers.copy()
            await asyncio.sleep(0.1)
            return set(self.answers - before) == {serial}

        await until(alone)


async def test_an_authority_is_replaced_under_load_without_a_lost_call(
    dmp: Program, gateway: Program
) -> None:
    """As cert-manager does it: both believed, then each shows one of the new, then the old is forgotten."""
    former, later = trustme.CA(), trustme.CA()
    for program in (dmp, gateway):
        program.believes(former)
        program.shows(former)
    async with serving(dmp.settings(grpc_connection_age_seconds=0.5)) as port:
        channel = transport.channel(f"127.0.0.1:{port}", gateway.settings(), "dmp")
        callers = Callers(channel)
        async with running(callers.call()), running(callers.call()), running(callers.call()):
            await callers.known_by(gateway.serial)
            for program in (dmp, gateway):
                program.believes(former, later)
            await asyncio.sleep(1.5 * tls.LOOK_EVERY)
            dmp.shows(later)
            await until_shown(gateway, port, dmp.serial)
            gateway.shows(later)
            await callers.known_by(gateway.serial)
            for program in (dmp, gateway):
                program.believes(later)
            await asyncio.sleep(2 * tls.LOOK_EVERY)
            await callers.known_by(gateway.serial)
        await channel.close()
        assert callers.refused == []
        assert sum(callers.answers.values()) > 100
        gateway.shows(former)
        with pytest.raises(OSError, match=r"(?i)alert|reset|eof"):
            gateway.shaken_hands(port)


async def until_shown(program: Program, port: int, serial: int) -> None:
    async def seen() -> bool:
        return await asyncio.to_thread(program.shaken_hands, port) == serial

    await until(seen)


async def test_a_certificate_without_its_key_is_not_shown(dmp: Program) -> None:
    authority = trustme.CA()
    dmp.believes(authority)
    dmp.shows(authority)
    held = tls.Certificates.of(dmp.settings())
    assert held is not None
    before = held.now()
    other = authority.issue_cert("dmp")
    (dmp.folder / "tls.key").write_bytes(other.private_key_pem.bytes())
    await asyncio.sleep(1.1 * tls.LOOK_EVERY)
    assert held.now() is before
    (dmp.folder / "tls.crt").write_bytes(other.cert_chain_pems[0].bytes())
    await asyncio.sleep(1.1 * tls.LOOK_EVERY)
    assert held.now().cert == other.cert_chain_pems[0].bytes()


def test_files_that_do_not_go_together_are_told_at_start(dmp: Program) -> None:
    authority = trustme.CA()
    dmp.believes(authority)
    dmp.shows(authority)
    (dmp.folder / "tls.key").write_bytes(authority.issue_cert("dmp").private_key_pem.bytes())
    with pytest.raises(tls.CertificateFault, match=r"tls\.key is not the key of .*tls\.crt: replace both"):
        transport.server_credentials(dmp.settings())
    (dmp.folder / "ca.crt").write_text("no certificate")
    with pytest.raises(tls.CertificateFault, match="is not PEM"):
        transport.channel("127.0.0.1:1", dmp.settings())


def test_the_gauge_counts_down_to_the_end_and_past_it(dmp: Program) -> None:
    assert tls.expires_in(Settings()) is None
    authority = trustme.CA()
    dmp.believes(authority)
    dmp.shows(authority, timedelta(hours=24))
    left = tls.expires_in(dmp.settings())
    assert left is not None
    assert 86_000 < left <= 86_400
    dmp.shows(authority, timedelta(hours=-1))
    past = tls.expires_in(dmp.settings())
    assert past is not None
    assert -3_700 < past < -3_500
    (dmp.folder / "tls.crt").unlink()
    assert tls.expires_in(dmp.settings()) is None


async def test_another_service_of_the_platform_at_this_address_is_not_believed(
    dmp: Program, gateway: Program
) -> None:
    """A certificate that is good for its address, and for another name: the name is what counts."""
    authority = trustme.CA()
    for program in (dmp, gateway):
        program.believes(authority)
        program.shows(authority)
    async with serving(dmp.settings()) as port:
        async with transport.channel(f"127.0.0.1:{port}", gateway.settings(), "dmp") as channel:
            assert await asking(channel)(b"", timeout=5) == str(gateway.serial).encode()
        async with transport.channel(f"127.0.0.1:{port}", gateway.settings(), "agenda") as channel:
            with pytest.raises(grpc.aio.AioRpcError) as error:
                await asking(channel)(b"", timeout=5)
    assert error.value.code() is grpc.StatusCode.UNAVAILABLE


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok")
    await writer.drain()
    writer.close()


async def test_an_issuer_of_a_new_authority_is_believed_once_it_is_in_the_file(dmp: Program) -> None:
    """The HTTPS server follows its files too: both ends of the change, without a restart."""
    former, later = trustme.CA(), trustme.CA()
    dmp.believes(former)
    dmp.shows(former)
    files = tls.Files.of(dmp.settings())
    assert files is not None
    context = tls.shown_to_browsers(files)
    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with (
        server,
        running(tls.keep_shown(context, files)),
        tls.web_client(Settings(oidc_ca_file=files.ca)) as client,
    ):
        assert (await client.get(url)).text == "ok"
        dmp.shows(later)
        await asyncio.sleep(2 * tls.LOOK_EVERY + 0.2)
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            await client.get(url)
        dmp.believes(later)
        await asyncio.sleep(1.1 * tls.LOOK_EVERY)
        assert (await client.get(url)).text == "ok"
