"""The key that signs: read from a file, shown to whoever verifies, never said."""

from pathlib import Path
from typing import Any

import pytest
from joserfc import jws
from joserfc.jwk import ECKey, OKPKey

from chassis.ledger import Signer, payload_of


def pem(key: Any, *, private: bool = True) -> bytes:
    made: bytes = key.as_pem(private=private)
    return made


@pytest.fixture
def key() -> OKPKey:
    return OKPKey.generate_key("Ed25519")


def test_what_a_key_file_signs_verifies_with_what_it_shows(tmp_path: Path, key: OKPKey) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(pem(key))
    signer = Signer.from_file(path)
    token = signer.sign({"b": 1, "a": "é"})
    assert payload_of(token, signer.jwks()) == {"a": "é", "b": 1}
    (shown,) = signer.jwks()["keys"]
    assert shown["kid"] == signer.kid == key.thumbprint()
    assert "d" not in shown
    assert jws.extract_compact(token.encode()).headers() == {"alg": "Ed25519", "kid": signer.kid}


def test_a_key_that_took_over_still_shows_the_one_it_replaced(tmp_path: Path, key: OKPKey) -> None:
    former = Signer(key)
    token = former.sign({"n": 1})
    path = tmp_path / "key.pem"
    path.write_bytes(pem(OKPKey.generate_key("Ed25519")) + pem(key, private=False))
    signer = Signer.from_file(path)
    assert signer.kid != former.kid
    assert payload_of(token, signer.jwks()) == {"n": 1}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a key",
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        pem(ECKey.generate_key("P-256")),
        pem(OKPKey.generate_key("X25519")),
        pem(OKPKey.generate_key("Ed25519"), private=False),
    ],
)
def test_another_file_is_refused_without_a_word_of_it(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(content)
    with pytest.raises(OSError, match=r"key\.pem does not begin with an Ed25519 private key in PEM") as error:
        Signer.from_file(path)
    assert content == b"" or content.decode() not in str(error.value)


def test_a_token_that_was_touched_or_is_none_says_nothing(key: OKPKey) -> None:
    signer = Signer(key)
    head, _, signature = signer.sign({"n": 1}).split(".")
    _, other, _ = signer.sign({"n": 2}).split(".")
    for token in ("", "a.b", "a.b.c", f"{head}.{other}.{signature}"):
        assert payload_of(token, signer.jwks()) is None
    assert payload_of(signer.sign({"n": 1}), {}) is None
