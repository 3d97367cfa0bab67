"""What the gateway is told, beside what every service is told."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from chassis.settings import Settings as ChassisSettings

MEGABYTE = 1024 * 1024


class Settings(ChassisSettings):
    """`SOCLE_...` variables of the gateway."""

    http_listen: str = "127.0.0.1:8080"
    # HTTPS with this program's certificate; nothing is asked of clients but their token.
    http_tls: bool = False
    # Seconds that an idle connection is kept: longer than whatever stands before keeps it, so that it is
    # never closed here at the very moment a request leaves there.
    http_keep_alive_seconds: float = Field(default=620.0, ge=1)
    # The address the outside world uses, for the links in answers; from `http_listen` when empty.
    public_url: str = ""
    services: dict[str, str] = Field(
        default={
            "identity-ins": "127.0.0.1:15051",
            "dmp": "127.0.0.1:15052",
            "eprescription": "127.0.0.1:15053",
        },
        description="Where the services listen, by name.",
    )

    # Bytes of a body: a FHIR deposit carries documents in base64, anything else is small.
    fhir_body_limit: int = 30 * MEGABYTE
    body_limit: int = MEGABYTE
    # A lot of 100,000 verifications; it is read as it comes, never held whole.
    lot_body_limit: int = 64 * MEGABYTE
    # Seconds; the most a client may ask for with `Socle-Timeout`.
    longest_deadline: float = 60.0
    # For a lot to come in or its results to go out, unless `Socle-Timeout` says less.
    lot_deadline: float = 300.0

    # Per client program (azp of the token), in the notation of the library `limits`.
    rate_limit: str = "2000/second"
    # Per network address, for calls whose token is missing or wrong.
    refused_rate_limit: str = "100/second"
    rate_strategy: str = Field(
        default="moving-window", pattern="moving-window|fixed-window|sliding-window-counter"
    )

    # INS <-> person, cleared by identity events; nothing is kept while the events do not come.
    person_cache_seconds: float = 300.0
    person_cache_size: int = 50_000

    @model_validator(mode="after")
    def services_known(self) -> Self:
        """Every service that has routes here must have an address."""
        missing = {"identity-ins", "dmp", "eprescription"} - self.services.keys()
        if missing:
            raise ValueError(
                f"SOCLE_SERVICES must say where {', '.join(sorted(missing))} listens (host:port)"
            )
        return self

    @model_validator(mode="after")
    def certificate_given(self) -> Self:
        """HTTPS shows the certificate that services are shown."""
        if self.http_tls and self.tls_cert_file is None:
            raise ValueError(
                "SOCLE_HTTP_TLS needs SOCLE_TLS_CERT_FILE, SOCLE_TLS_KEY_FILE and SOCLE_TLS_CA_FILE"
            )
        return self

    @property
    def base_url(self) -> str:
        """The address of the gateway as seen from outside, without a final slash."""
        scheme = "https" if self.http_tls else "http"
        return (self.public_url or f"{scheme}://{self.http_listen}").rstrip("/")

    @property
    def fhir_url(self) -> str:
        """The base of the FHIR server."""
        return f"{self.base_url}/fhir"
