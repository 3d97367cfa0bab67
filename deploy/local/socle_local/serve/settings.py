"""Where a server of a container finds its files, and where it listens."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

# A container is reached through its own network, which the cluster's policies close.
EVERYWHERE = "0.0.0.0"  # noqa: S104


class ServeSettings(BaseSettings):
    """Settings, prefix SOCLE_SERVE_; the defaults are the paths and ports of the manifests.

    `tls` holds `tls.crt`, `tls.key` and `ca.crt`; `databases` and `nats_users` one folder per name with a
    file `password`; `clients` one file per OIDC client. `home` is where the volumes are mounted, `scratch`
    where files that live as long as the process may be written. `postgres_inner_port` is the port of
    PostgreSQL behind its door, on loopback. `look_seconds` is how often mounted files are looked at again.
    """

    model_config = SettingsConfigDict(env_prefix="SOCLE_SERVE_", extra="ignore", frozen=True)

    home: Path = Path("/var/lib/socle")
    scratch: Path = Path("/tmp")  # noqa: S108
    tls: Path = Path("/run/socle/tls")
    databases: Path = Path("/run/socle/databases")
    nats_users: Path = Path("/run/socle/nats-users")
    clients: Path = Path("/run/socle/clients")
    host: str = EVERYWHERE
    postgres_port: int = 5432
    postgres_inner_port: int = 5433
    nats_port: int = 4222
    nats_monitor_port: int = 8222
    issuer_port: int = 8081
    look_seconds: float = Field(default=5.0, gt=0)
