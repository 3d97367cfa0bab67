"""The key files: private, made once, rotated without losing what they opened; and the operator's command."""

from pathlib import Path

import orjson
import pytest
from joserfc.jwk import OKPKey
from typer.testing import CliRunner

from eprescription.clients import key_files
from eprescription.clients.key_files import KeyFileWrong
from eprescription.clients.platform_keys import PlatformKeys
from eprescription.clients.settings import KeySettings, key_service_of, secrets_of
from eprescription.clients.signing import LocalKeyService
from eprescription.domain import token
from eprescription.domain.ids import PrescriptionId
from eprescription.keys import app

from .keys_given import token as token_of


def made(folder: Path) -> dict[str, Path]:
    paths = {name: folder / "keys" / f"{name}.key" for name in ("access", "platform", "signing")}
    ran = CliRunner().invoke(
        app, ["create", *(part for name in paths for part in (f"--{name}", str(paths[name])))]
    )
    assert ran.exit_code == 0, ran.output
    return paths


def test_the_files_are_private_and_serve(tmp_path: Path) -> None:
    paths = made(tmp_path)
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in paths.values())
    assert paths["access"].parent.stat().st_mode & 0o777 == 0o700
    settings = KeySettings(
        access_secrets_file=paths["access"],
        platform_key_file=paths["platform"],
        signing_master_file=paths["signing"],
    )
    assert secrets_of(settings).access_code(PrescriptionId.new())
    assert isinstance(key_service_of(settings), LocalKeyService)
    assert key_service_of(settings.model_copy(update={"signing_master_file": None})) is None


def test_a_file_is_never_replaced(tmp_path: Path) -> None:
    paths = made(tmp_path)
    before = paths["platform"].read_bytes()
    ran = CliRunner().invoke(app, ["create", "--platform", str(paths["platform"])])
    assert (ran.exit_code, paths["platform"].read_bytes()) == (1, before)
    assert "exists already" in ran.output


def test_a_rotation_keeps_what_was_printed_open(tmp_path: Path) -> None:
    path, prescription = made(tmp_path)["access"], PrescriptionId.new()
    settings = KeySettings(access_secrets_file=path, platform_key_file=path)
    printed = secrets_of(settings).access_code(prescription)
    assert CliRunner().invoke(app, ["rotate", str(path)]).exit_code == 0
    rotated = secrets_of(settings)
    assert rotated.opens_prescription(prescription, printed)
    assert rotated.access_code(prescription)[0] == "2" != printed[0]
    assert path.stat().st_mode & 0o777 == 0o600
    assert [left.name for left in path.parent.glob(".*")] == []


def test_a_rotation_gives_professionals_new_keys(tmp_path: Path) -> None:
    path = made(tmp_path)["signing"]
    first = LocalKeyService.from_file(path)
    key_files.rotate_ring(path)
    assert first.public_key("899700367909") != LocalKeyService.from_file(path).public_key("899700367909")


def test_the_platform_key_signs_codes_and_receipts_that_its_published_keys_verify(tmp_path: Path) -> None:
    path = made(tmp_path)["platform"]
    keys = PlatformKeys.from_file(path)
    ran = CliRunner().invoke(app, ["publish", str(path)])
    published = orjson.loads(ran.stdout)
    assert published == keys.jwks()
    assert "d" not in published["keys"][0]
    made_token = token_of()
    assert token.read(token.make(made_token, keys.token_signer), published) == made_token
    assert keys.opened(keys.sign_receipt({"typ": "receipt", "n": 1})) == {"typ": "receipt", "n": 1}


def test_a_replaced_platform_key_is_still_published(tmp_path: Path) -> None:
    """Papers of the months before bear its signature."""
    paths, other = made(tmp_path), tmp_path / "next.pem"
    former = PlatformKeys.from_file(paths["platform"])
    printed = token.make(token_of(), former.token_signer)
    key_files.write_new(other, made(tmp_path / "b")["platform"].read_bytes() + public_pem(paths["platform"]))
    keys = PlatformKeys.from_file(other)
    assert len(keys.jwks()["keys"]) == 2
    assert token.read(printed, keys.jwks()).issuer == token.ISSUER
    assert keys.opened(former.sign_receipt({"a": 1})) == {"a": 1}
    assert keys.token_signer.kid != former.token_signer.kid


def public_pem(path: Path) -> bytes:
    return OKPKey.import_key(path.read_bytes()).as_pem(private=False)


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{}", b'{"versions": {}}', b'{"versions": {"1": "c2hvcnQ="}}', b'{"versions": {"0": ""}}'],
)
def test_a_file_that_is_no_ring_is_refused_without_its_content(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "ring.json"
    key_files.write_new(path, content)
    with pytest.raises(KeyFileWrong, match="not a ring") as refused:
        key_files.read_ring(path)
    assert not content or content.decode() not in str(refused.value)


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    paths = made(tmp_path)
    for path in paths.values():
        path.chmod(0o644)
    with pytest.raises(KeyFileWrong, match="chmod 600"):
        key_files.read_ring(paths["access"])
    with pytest.raises(KeyFileWrong, match="chmod 600"):
        PlatformKeys.from_file(paths["platform"])


def test_a_file_that_is_away_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(KeyFileWrong, match=r"eprescription\.keys create"):
        key_files.read_ring(tmp_path / "none.json")


def test_too_many_versions_are_said(tmp_path: Path) -> None:
    """The version is one character of the code."""
    path = tmp_path / "ring.json"
    key_files.write_new(path, key_files.ring_text({32: bytes(32)}))
    with pytest.raises(KeyFileWrong, match="1 to 31"):
        secrets_of(KeySettings(access_secrets_file=path, platform_key_file=path))


def test_a_pem_of_another_kind_is_no_platform_key(tmp_path: Path) -> None:
    path = tmp_path / "platform.pem"
    key_files.write_new(path, public_pem(made(tmp_path)["platform"]))
    with pytest.raises(OSError, match="Ed25519 private key"):
        PlatformKeys.from_file(path)
