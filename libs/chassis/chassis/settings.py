"""Settings of a service: environment variables `SOCLE_...`, a local default for each, secrets by file."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

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
    grpc_listen: str = "127.0.0.1:15050"
    grpc_max_message_bytes: int = 32 * 1024 * 1024
    # Seconds a call may last when the client sets no deadline.
    default_deadline: float = 10.0
    # Seconds given to running calls on SIGTERM.
    drain_seconds: float = 8.0

    database_url: str = ""
    database_password_file: Path | None = None
    database_pool: int = Field(default=8, ge=1, le=100)
    migrate: bool = True

    nats_url: str = ""
    nats_user: str = ""
    nats_password_file: Path | None = None

    oidc_base: str = "http://127.0.0.1:8081"
    oidc_issuers: list[Issuer] = []
    oidc_client_secret_file: Path | None = None

    tls_cert_file: Path | None = None
    tls_key_file: Path | None = None
    tls_ca_file: Path | None = None
    # First door: names (CN or SAN) of the client certificates that may knock.
    allowed_programs: list[str] = []
    services: dict[str, str] = {}

    log_format: Literal["json", "console"] = "json"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    # Share of the traces that are kept; a full trace costs a third of the throughput.
    trace_ratio: float = Field(default=0.01, ge=0, le=1)

    @model_validator(mode="after")
    def closed_by_default(self) -> Self:
        """Outside the local profile the first door must be a real one."""
        tls = (self.tls_cert_file, self.tls_key_file, self.tls_ca_file)
        if any(tls) and not all(tls):
            raise ValueError(
                "SOCLE_TLS_CERT_FILE, SOCLE_TLS_KEY_FILE and SOCLE_TLS_CA_FILE go together: set all three"
            )
        if all(tls):
            return self
        if self.profile != "local":
            raise ValueError(
                "profile production needs SOCLE_TLS_CERT_FILE, SOCLE_TLS_KEY_FILE and SOCLE_TLS_CA_FILE"
            )
        if not self.grpc_listen.startswith(LOOPBACK):
            raise ValueError(f"without TLS the service listens on loopback only, not on {self.grpc_listen}")
        return self

    @property
    def issuers(self) -> list[Issuer]:
        """The believed issuers; from `oidc_base` (Keycloak's URL shape) unless they are listed one by one."""
        if self.oidc_issuers:
            return self.oidc_issuers
        realms: dict[str, Population] = {"pro": "pro", "citoyen": "citizen", "services": "services"}
        return [Issuer(issuer=f"{self.oidc_base}/realms/{r}", population=p) for r, p in realms.items()]

    def shown(self) -> dict[str, Any]:
        """Every setting as it may be printed: no secret, not even one that was written into an address."""
        return {name: _shown(name, value) for name, value in self.model_dump(mode="json").items()}

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        return self.shown().items()

    __str__ = BaseSettings.__repr__


def _shown(name: str, value: Any) -> Any:
    if SECRET.search(name) and not name.endswith("_file"):
        return "***" if value else value
    return USERINFO.sub(r"\1***@", value) if isinstance(value, str) else value


def read_secret(path: Path | None) -> str | None:
    """The secret kept in a file (mounted by the platform), without its final line break."""
    return path.read_text().rstrip("\n") if path else None
