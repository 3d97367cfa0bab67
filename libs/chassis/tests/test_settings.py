"""Settings: local by default, closed elsewhere, never printing a secret."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from chassis.settings import Issuer, Settings, read_secret

TLS: dict[str, Any] = {f"tls_{part}_file": Path(f"/certs/{part}") for part in ("cert", "key", "ca")}


class Own(Settings):
    """A service's own settings."""

    registry_password: str = ""
    api_token: str = ""
    registry_url: str = ""


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(__import__("os").environ):
        if name.startswith("SOCLE_"):
            monkeypatch.delenv(name)


def problem(**values: Any) -> str:
    with pytest.raises(ValidationError) as error:
        Settings(**values)
    return str(error.value)


def test_local_needs_nothing() -> None:
    assert Settings().profile == "local"


def test_environment_is_read_lists_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOCLE_ALLOWED_PROGRAMS", '["gateway","dmp"]')
    monkeypatch.setenv("SOCLE_SERVICES", '{"dmp":"127.0.0.1:15052"}')
    settings = Settings()
    assert settings.allowed_programs == ["gateway", "dmp"]
    assert settings.services == {"dmp": "127.0.0.1:15052"}


def test_production_without_tls_is_refused_and_told_what_to_set() -> None:
    assert "SOCLE_TLS_CERT_FILE, SOCLE_TLS_KEY_FILE and SOCLE_TLS_CA_FILE" in problem(profile="production")


def test_production_with_tls_is_accepted_on_any_address() -> None:
    assert Settings(profile="production", grpc_listen="0.0.0.0:15051", **TLS).profile == "production"


@pytest.mark.parametrize("missing", TLS)
def test_half_a_certificate_is_refused(missing: str) -> None:
    assert "go together" in problem(**{k: v for k, v in TLS.items() if k != missing})


@pytest.mark.parametrize(
    "listen", ["0.0.0.0:15051", "[::]:15051", "10.0.0.7:15051", "127.0.0.1.evil.test:1", ":1"]
)
def test_without_tls_only_loopback_is_listened_on(listen: str) -> None:
    assert "loopback only" in problem(grpc_listen=listen)


@pytest.mark.parametrize("listen", ["127.0.0.1:1", "localhost:1", "[::1]:1"])
def test_loopback_needs_no_tls(listen: str) -> None:
    assert Settings(grpc_listen=listen).grpc_listen == listen


@pytest.mark.parametrize("values", [{"profile": "staging"}, {"log_level": "LOUD"}, {"database_pool": 0}])
def test_values_of_no_meaning_are_refused(values: dict[str, Any]) -> None:
    assert problem(**values)


def test_issuers_have_the_shape_of_keycloak_unless_listed() -> None:
    found = Settings(oidc_base="https://sso.test").issuers
    assert [(i.issuer, i.population, i.audience) for i in found] == [
        ("https://sso.test/realms/pro", "pro", "socle"),
        ("https://sso.test/realms/citoyen", "citizen", "socle"),
        ("https://sso.test/realms/services", "services", "socle"),
    ]
    listed = Issuer(issuer="https://auth.esw.test", population="pro", audience="lps")
    assert Settings(oidc_issuers=[listed]).issuers == [listed]


@pytest.mark.parametrize("printed", [str, repr, lambda s: str(s.shown())])
def test_no_way_of_printing_shows_a_secret(printed: Any) -> None:
    settings = Own(
        database_url="postgresql://dmp:hunter2@db.test/dmp",
        nats_url="nats://dmp:hunter3@nats.test:4222",
        registry_password="hunter4",
        api_token="hunter5",
        registry_url="https://host.test/path",
        database_password_file=Path("/run/secrets/database"),
    )
    text = printed(settings)
    assert "hunter" not in text
    for kept in ("postgresql://dmp:***@db.test/dmp", "https://host.test/path", "/run/secrets/database"):
        assert kept in text


def test_secret_is_the_file_without_its_line_break(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("s3cr et\n")
    assert read_secret(path) == "s3cr et"
    assert read_secret(None) is None


def test_a_database_with_an_authority_is_encrypted_and_checked_by_name() -> None:
    url = Settings(
        database_ca_file=Path("/run/ca 1.crt"), database_url="postgresql://dmp@db/dmp"
    ).database_url
    assert url == "postgresql://dmp@db/dmp?sslmode=verify-full&sslrootcert=/run/ca%201.crt"
    more = Settings(database_ca_file=Path("/ca"), database_url="postgresql://dmp@db/dmp?connect_timeout=5")
    assert more.database_url.endswith("/dmp?connect_timeout=5&sslmode=verify-full&sslrootcert=/ca")
    assert Settings(database_url="postgresql://dmp@db/dmp").database_url == "postgresql://dmp@db/dmp"


def test_the_environment_completes_the_address_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOCLE_DATABASE_URL", "postgresql://dmp@db/dmp")
    monkeypatch.setenv("SOCLE_DATABASE_CA_FILE", "/ca")
    assert Settings().database_url.endswith("sslmode=verify-full&sslrootcert=/ca")


def test_two_words_about_the_encryption_of_the_database_are_one_too_many() -> None:
    url = "postgresql://dmp@db/dmp?sslmode=disable"
    assert "keep one of them" in problem(database_ca_file=Path("/ca"), database_url=url)


def test_an_authority_of_nats_goes_with_an_encrypted_address() -> None:
    assert "begins with tls://" in problem(nats_ca_file=Path("/ca"), nats_url="nats://nats:4222")
    assert Settings(nats_ca_file=Path("/ca"), nats_url="tls://nats:4222").nats_ca_file == Path("/ca")


@pytest.mark.parametrize(
    ("far", "told"),
    [
        ({"database_url": "postgresql://dmp@db/dmp"}, "needs SOCLE_DATABASE_CA_FILE"),
        ({"nats_url": "nats://nats:4222"}, "begins with tls://"),
    ],
)
def test_in_production_nothing_leaves_the_host_in_clear(far: dict[str, str], told: str) -> None:
    assert told in problem(profile="production", **TLS, **far)
    near = {
        name: url.replace("@db", "@127.0.0.1").replace("//nats:", "//[::1]:") for name, url in far.items()
    }
    values: dict[str, Any] = {**TLS, **near}
    assert Settings(profile="production", **values).profile == "production"


def test_health_needs_no_tls_wherever_it_is_told() -> None:
    assert Settings(health_listen="0.0.0.0:15090").health_listen == "0.0.0.0:15090"
