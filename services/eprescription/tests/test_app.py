"""The composition root: every contract has its servicer, and what is missing is said at start."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydantic import ValidationError

import chassis
from chassis import rpc
from chassis.auth import OwnToken
from chassis.db import Database
from chassis.testing import LocalIssuer
from eprescription import app
from eprescription.clients import key_files
from eprescription.store import CONSTRAINTS
from socle.eprescription.v1 import dispensing_pb2, eprescription_pb2, medicines_pb2, signing_pb2

SERVICES = {
    name
    for contract in (eprescription_pb2, dispensing_pb2, medicines_pb2, signing_pb2)
    for name in contract.DESCRIPTOR.services_by_name
}


@pytest.fixture
def settings(tmp_path: Path) -> app.Settings:
    """With keys of this test; the local key service is left out."""
    secrets, platform = tmp_path / "secrets.json", tmp_path / "platform.pem"
    key_files.create_ring(secrets)
    key = Ed25519PrivateKey.generate()
    key_files.write_new(platform, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    nobody = {"identity-ins": "127.0.0.1:1", "dmp": "127.0.0.1:1"}
    return app.Settings(access_secrets_file=secrets, platform_key_file=platform, services=nobody)


async def test_every_contract_has_its_servicer(
    database: Database, issuer: LocalIssuer, settings: app.Settings
) -> None:
    base = chassis.Base("eprescription", settings, database, OwnToken(settings, "eprescription"))
    built = await app.build(base)
    assert {one.service.name for one in built.servicers} == SERVICES
    for one in built.servicers:
        # Raises ContractFault where a method is missing.
        rpc.handlers(one, rpc.Runtime(issuer.verifier(), database))
    assert built.constraints == CONSTRAINTS
    assert len(built.tasks) == 4


def test_it_does_not_start_without_its_keys() -> None:
    with pytest.raises(ValidationError) as caught:
        app.Settings.model_validate({})
    missing = {str(error["loc"][0]) for error in caught.value.errors()}
    assert missing == {"access_secrets_file", "platform_key_file"}
