"""What the issuer reads from the environment, and the conditions without which it does not start."""

import ipaddress
import socket
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class RefusesToStart(RuntimeError):
    """The issuer must not run here; the message is the one sentence to print."""


class IssuerSettings(BaseSettings):
    """Settings, prefix SOCLE_; every default fits the local platform.

    `oidc_base` is the address written in `iss`; by default the listening address. `issuer_client_secrets` is
    a folder where the file NAME holds the secret of client NAME. `issuer_open_door` lets it listen beyond
    loopback: for a development cluster whose network is closed, never where a patient is. Lifetimes are in
    seconds.
    """

    model_config = SettingsConfigDict(env_prefix="SOCLE_", extra="ignore")

    profile: str = "local"
    issuer_listen: str = "127.0.0.1:8081"
    issuer_home: Path = Path(".socle/issuer")
    issuer_client_secrets: Path = Path(".socle/issuer/clients")
    issuer_open_door: bool = False
    oidc_base: str = ""
    # Pro Santé Connect gives 2 minutes. Somebody who copies a token into curl and reads the answer needs more
    # than that, and a session that dies between two commands teaches people to switch verification off.
    issuer_access_token_seconds: int = Field(default=900, ge=1, le=43_200)
    issuer_refresh_token_seconds: int = Field(default=1_800, ge=1, le=43_200)

    @property
    def host(self) -> str:
        return self.issuer_listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        return int(self.issuer_listen.rpartition(":")[2])

    @property
    def base(self) -> str:
        return (self.oidc_base or f"http://{self.issuer_listen}").rstrip("/")

    @property
    def is_open(self) -> bool:
        """Whether other machines can reach it."""
        return not is_loopback(self.host)

    @property
    def known_hosts(self) -> list[str]:
        """The names a request may call this issuer by.

        A page of the internet whose name is made to point here would otherwise be given tokens. Beyond
        loopback it is also called by the name in `oidc_base`, and by its own address, as probes do.
        """
        loopback = ["127.0.0.1", "localhost", "::1", "[::1]"]
        if not self.is_open:
            return loopback
        return [*loopback, *filter(None, [urlsplit(self.oidc_base).hostname]), *own_addresses()]


def check(settings: IssuerSettings) -> None:
    """Raises RefusesToStart where this issuer would be an open door: anyone may sign in as anyone here."""
    if settings.profile != "local":
        raise _refusal(
            f"SOCLE_PROFILE is {settings.profile!r} and it signs anyone in without a password;"
            " name Keycloak's realms in SOCLE_OIDC_ISSUERS instead (docs/how-to/keycloak.md)."
        )
    listen = f"SOCLE_ISSUER_LISTEN={settings.issuer_listen!r}"
    if not settings.issuer_listen.rpartition(":")[2].isdecimal():
        raise _refusal(f"{listen} has no port; write an address such as 127.0.0.1:8081.")
    if settings.is_open:
        _check_open(settings, listen)


def _check_open(settings: IssuerSettings, listen: str) -> None:
    """Two things are said on purpose before the door opens: that it may, and what its name is."""
    if not settings.issuer_open_door:
        raise _refusal(
            f"{listen} can be reached from other machines; use 127.0.0.1:8081 or another loopback,"
            " or, in the closed network of a development cluster alone, set SOCLE_ISSUER_OPEN_DOOR=true."
        )
    if not settings.oidc_base:
        raise _refusal(
            "SOCLE_ISSUER_OPEN_DOOR is set without SOCLE_OIDC_BASE; write the address that the services"
            " call it by, such as http://issuer:8081."
        )


def _refusal(reason: str) -> RefusesToStart:
    return RefusesToStart(f"The development issuer refuses to start: {reason}")


def is_loopback(host: str) -> bool:
    """Whether `host` can only be reached from this machine; an unknown name is not trusted."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def own_addresses() -> list[str]:
    """The IPv4 addresses that this machine, or container, has by its own name; none when it does not know."""
    try:
        return socket.gethostbyname_ex(socket.gethostname())[2]
    except OSError:
        return []
