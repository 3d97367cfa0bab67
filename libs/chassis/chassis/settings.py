"""Settings of a service: environment variables `SOCLE_...`, a local default for each, secrets by file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import quote, urlsplit

from pydantic import BaseModel, Field, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from .schema import AUDIT_FLOOR_YEARS

Population = Literal["pro", "citizen", "services"]
SECRET = re.compile(r"password|secret|token|key|credential", re.IGNORECASE)
# `user:password@` in an address.
USERINFO = re.compile(r"(://[^/@:]*:)[^@]*@")
LOOPBACK = ("127.0.0.1:", "localhost:", "[::1]:")


class Issuer(BaseModel):
    """An OIDC issuer this platform believes, and the people it speaks for."""

    issuer: str
    population: Population
    audience: str = "socle"


class Settings(BaseSettings):
    """What every service is told. Subclass it in `app.py` to add a service's own."""

    model_config = SettingsConfigDict(env_prefix="SOCLE_", extra="ignore", frozen=True)

    profile: Literal["local", "production"] = "local"
    # Of this program, as traces and metrics tell it.
    version: str = "dev"
    grpc_listen: str = "127.0.0.1:15050"
    grpc_max_message_bytes: int = 32 * 1024 * 1024
    # Seconds after which a client is asked to connect anew: it then sees the replicas of now, and both ends
    # show certificates of now.
    grpc_connection_age_seconds: float = Field(default=300.0, gt=0)
    # grpc.health.v1 and nothing else, in clear: for probes that speak no TLS. Empty: no such port.
    health_listen: str = ""
    # Seconds a call may last when the client sets no deadline.
    default_deadline: float = 10.0
    # On SIGTERM: seconds of full service after health has said no, for those who route calls to look
    # elsewhere; then seconds given to running calls.
    drain_delay_seconds: float = Field(default=0.0, ge=0)
    drain_seconds: float = 8.0

    # Before `database_url`, which is completed with it.
    database_ca_file: Path | None = None
    database_url: str = ""
    database_password_file: Path | None = None
    database_pool: int = Field(default=8, ge=1, le=100)
    # At start: bring the schema up to date, or wait until a Job has done so.
    migrate: bool = True
    # Seconds a migration waits for a lock, at each of its tries: calls queue behind one that waits.
    migration_lock_seconds: float = Field(default=3.0, gt=0)
    migration_tries: int = Field(default=30, ge=1)
    # Years after which a line of the access journal goes; not set: never.
    audit_years: int | None = Field(default=None, ge=AUDIT_FLOOR_YEARS)

    # `tls://` shakes hands before a word is said: the server needs `handshake_first` in its tls block.
    nats_url: str = ""
    nats_user: str = ""
    nats_password_file: Path | None = None
    nats_ca_file: Path | None = None
    # Copies of each stream: 3 with a cluster of three.
    nats_replicas: int = Field(default=1, ge=1, le=5)

    oidc_base: str = "http://127.0.0.1:8081"
    oidc_issuers: list[Issuer] = []
    oidc_client_secret_file: Path | None = None
    # Who vouches for the issuers; the authorities of the system when not set.
    oidc_ca_file: Path | None = None

    tls_cert_file: Path | None = None
    tls_key_file: Path | None = None
    tls_ca_file: Path | None = None
    # First door: names (CN or SAN) of the client certificates that may knock.
    allowed_programs: list[str] = []
    services: dict[str, str] = {}

    log_format: Literal["json", "console"] = "json"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    # Share of the traces drawn at the gateway; failures and slow answers are kept beside them. A full trace
    # costs half an answer more.
    trace_ratio: float = Field(default=0.01, ge=0, le=1)

    @field_validator("database_url")
    @classmethod
    def verified(cls, url: str, told: ValidationInfo) -> str:
        """The address as the driver takes it: with an authority, encrypted and checked by name. Whoever
        connects by this address, a worker or a command, is held to it.
        """
        authority = told.data.get("database_ca_file")
        if authority is None or not url:
            return url
        if "ssl" in urlsplit(url).query:
            raise ValueError("says how to use TLS, and SOCLE_DATABASE_CA_FILE too: keep one of them")
        mark = "&" if urlsplit(url).query else "?"
        return f"{url}{mark}sslmode=verify-full&sslrootcert={quote(str(authority))}"

    @model_validator(mode="after")
    def nats_verified(self) -> Self:
        """A client that was given an authority may not be talked into plain text by whoever answers."""
        if self.nats_ca_file and not self.nats_url.startswith("tls://"):
            raise ValueError(
                "SOCLE_NATS_CA_FILE is of use with a SOCLE_NATS_URL that begins with tls:// only"
            )
        return self

    @model_validator(mode="after")
    def closed_by_default(self) -> Self:
        """Outside the local profile the first door must be a real one."""
        tls = (self.tls_cert_file, self.tls_key_file, self.tls_ca_file)
        if any(tls) and not all(tls):
            raise ValueError(
                "SOCLE_TLS_CERT_FILE, SOCLE_TLS_KEY_FILE and SOCLE_TLS_CA_FILE go together: set all three"
            )
        if all(tls):
            return self._far_and_in_clear()
        if self.profile != "local":
            raise ValueError(
                "profile production needs SOCLE_TLS_CERT_FILE, SOCLE_TLS_KEY_FILE and SOCLE_TLS_CA_FILE"
            )
        if not self.grpc_listen.startswith(LOOPBACK):
            raise ValueError(f"without TLS the service listens on loopback only, not on {self.grpc_listen}")
        return self

    def _far_and_in_clear(self) -> Self:
        """What leaves the machine is encrypted: passwords go this way, and patients' data."""
        if self.profile == "local":
            return self
        if self.database_ca_file is None and _is_far(self.database_url):
            raise ValueError(
                "profile production needs SOCLE_DATABASE_CA_FILE: the database is not on this host"
            )
        if not self.nats_url.startswith("tls://") and _is_far(self.nats_url):
            raise ValueError("profile production needs a SOCLE_NATS_URL that begins with tls://")
        return self

    @property
    def issuers(self) -> list[Issuer]:
        """The believed issuers; from `oidc_base` (Keycloak's URL shape) unless they are listed one by one."""
        if self.oidc_issuers:
            return self.oidc_issuers
        realms: dict[str, Population] = {"pro": "pro", "citoyen": "citizen", "services": "services"}
        return [Issuer(issuer=f"{self.oidc_base}/realms/{r}", population=p) for r, p in realms.items()]

    @property
    def database_password(self) -> Callable[[], str] | None:
        """Asked at each connection: a service outlives the password it began with."""
        path = self.database_password_file
        return (lambda: read_secret(path) or "") if path else None

    def shown(self) -> dict[str, Any]:
        """Every setting as it may be printed: no secret, not even one that was written into an address."""
        return {name: _shown(name, value) for name, value in self.model_dump(mode="json").items()}

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        return self.shown().items()

    __str__ = BaseSettings.__repr__


def _is_far(url: str) -> bool:
    return urlsplit(url).hostname not in (None, "127.0.0.1", "localhost", "::1")


def _shown(name: str, value: Any) -> Any:
    if SECRET.search(name) and not name.endswith("_file"):
        return "***" if value else value
    return USERINFO.sub(r"\1***@", value) if isinstance(value, str) else value


def said(error: ValidationError) -> str:
    """What is wrong with the settings, in one line, by the names of the variables."""
    return "; ".join(f"{_where(one['loc'])}: {one['msg']}" for one in error.errors())


def _where(loc: tuple[int | str, ...]) -> str:
    return "SOCLE_" + "_".join(str(part).upper() for part in loc) if loc else "settings"


def read_secret(path: Path | None) -> str | None:
    """The secret kept in a file (mounted by the platform), without its final line break."""
    return path.read_text().rstrip("\n") if path else None
