"""Generated passwords and certificates."""

import ssl
from pathlib import Path

import pytest
from cryptography import x509

from socle_local.credentials import Authority, Secrets
from socle_local.private import write_private


def test_a_password_is_made_once_and_differs_from_every_other(tmp_path: Path) -> None:
    first = Secrets(tmp_path / "secrets")
    assert first.value("nats", "dmp") == Secrets(tmp_path / "secrets").value("nats", "dmp")
    assert first.value("nats", "dmp") != first.value("database", "dmp")
    assert len(first.value("nats", "dmp")) >= 32


def test_only_the_owner_may_read_a_password(tmp_path: Path) -> None:
    file = Secrets(tmp_path / "secrets").file("nats", "dmp")
    assert file.stat().st_mode & 0o077 == 0
    assert (tmp_path / "secrets").stat().st_mode & 0o077 == 0


def test_a_private_file_is_never_seen_half_written(tmp_path: Path) -> None:
    write_private(tmp_path / "secret", b"before")
    with pytest.raises(TypeError):
        write_private(tmp_path / "secret", "not bytes")  # type: ignore[arg-type]
    assert (tmp_path / "secret").read_bytes() == b"before"


def test_a_certificate_names_its_program_and_is_kept(tmp_path: Path) -> None:
    made = Authority(tmp_path).certificates(["dmp", "gateway"])
    again = Authority(tmp_path).certificates(["dmp", "integrator"])
    assert made["dmp"].cert.read_bytes() == again["dmp"].cert.read_bytes()
    names = x509.load_pem_x509_certificate(made["dmp"].cert.read_bytes()).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert names.value.get_values_for_type(x509.DNSName) == ["dmp", "localhost"]
    for certificate in (*made.values(), *again.values()):
        assert certificate.key.stat().st_mode & 0o077 == 0
        trust = ssl.create_default_context(cafile=str(certificate.ca))
        trust.load_cert_chain(certificate.cert, certificate.key)
