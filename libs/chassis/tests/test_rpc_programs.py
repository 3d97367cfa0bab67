"""The first door: mutual TLS with real certificates, and the list of the programs that may knock."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import grpc
import pytest
import trustme

from chassis import rpc, transport
from chassis.db import Database
from chassis.errors import Kind, SocleError
from chassis.settings import Settings
from chassis.status import from_status
from chassis.testing import LocalIssuer, callers

METHOD = "/socle.probe.v1.ProbeService/ReadNote"


@dataclass
class Folder:
    """Certificates on the disk, as the platform mounts them."""

    path: Path
    authority: trustme.CA

    def settings(self, name: str, authority: trustme.CA | None = None, **more: Any) -> Settings:
        leaf = (authority or self.authority).issue_cert(name, "localhost", "127.0.0.1", common_name=name)
        files = {part: self.path / f"{name}.{part}" for part in ("cert", "key", "ca")}
        files["key"].write_bytes(leaf.private_key_pem.bytes())
        files["cert"].write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
        files["ca"].write_bytes(self.authority.cert_pem.bytes())
        return Settings(
            tls_cert_file=files["cert"], tls_key_file=files["key"], tls_ca_file=files["ca"], **more
        )


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path, trustme.CA())


@asynccontextmanager
async def listening(settings: Settings, servicer: rpc.Servicer, runtime: rpc.Runtime) -> AsyncIterator[str]:
    server = grpc.aio.server(options=transport.server_options(settings))
    server.add_generic_rpc_handlers((rpc.handlers(servicer, runtime),))
    credentials = transport.server_credentials(settings)
    assert credentials is not None
    port = server.add_secure_port("127.0.0.1:0", credentials)
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)


@pytest.fixture
async def address(
    folder: Folder,
    database: Database,
    probe: ModuleType,
    issuer: LocalIssuer,
    make_servicer: Callable[[Database, ModuleType], rpc.Servicer],
) -> AsyncIterator[str]:
    """A service that lets the gateway in, and nobody else."""
    runtime = rpc.Runtime(issuer.verifier(), database, frozenset({"gateway"}))
    async with listening(folder.settings("dmp"), make_servicer(database, probe), runtime) as address:
        yield address


def unary(channel: grpc.aio.Channel) -> Any:
    return channel.unary_unary(METHOD)


async def asked(channel: grpc.aio.Channel, issuer: LocalIssuer) -> SocleError:
    token = [("authorization", f"Bearer {issuer.token(callers.doctor)}")]
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await unary(channel)(
            b"\n\x24" + b"0" * 8 + b"-0000" * 3 + b"-" + b"0" * 12, metadata=token, timeout=5
        )
    return from_status(error.value)


async def test_a_program_on_the_list_reaches_the_method(
    address: str, folder: Folder, issuer: LocalIssuer
) -> None:
    async with transport.channel(address, folder.settings("gateway")) as channel:
        assert (await asked(channel, issuer)).reason == "NOTE_NOT_FOUND"


async def test_another_program_with_a_good_certificate_is_refused(
    address: str, folder: Folder, issuer: LocalIssuer
) -> None:
    async with transport.channel(address, folder.settings("agenda")) as channel:
        error = await asked(channel, issuer)
    assert (error.kind, error.reason) == (Kind.FORBIDDEN, "PROGRAM_NOT_ALLOWED")
    assert "SOCLE_ALLOWED_PROGRAMS" in error.hint


async def test_a_certificate_of_another_authority_cannot_connect(
    address: str, folder: Folder, issuer: LocalIssuer
) -> None:
    async with transport.channel(address, folder.settings("gateway", trustme.CA())) as channel:
        assert (await asked(channel, issuer)).kind is Kind.UNAVAILABLE


async def test_no_certificate_cannot_connect(address: str, folder: Folder, issuer: LocalIssuer) -> None:
    believed = grpc.ssl_channel_credentials(folder.authority.cert_pem.bytes())
    async with grpc.aio.secure_channel(address, believed) as channel:
        assert (await asked(channel, issuer)).kind is Kind.UNAVAILABLE


async def test_in_clear_cannot_connect(address: str, issuer: LocalIssuer) -> None:
    async with transport.channel(address, Settings()) as channel:
        assert (await asked(channel, issuer)).kind is Kind.UNAVAILABLE


async def test_without_certificates_there_is_no_secure_port() -> None:
    assert transport.server_credentials(Settings()) is None
