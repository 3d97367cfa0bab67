"""What a run does not exercise, each with its reason. An entry that no longer applies fails the run."""

from __future__ import annotations

from collections.abc import Mapping

# Variables that the program does not print among its settings.
OTEL = "OpenTelemetry's library reads it: the collector's stand-in is sent what the services measure"
UNSAID: Mapping[str, str] = {
    "OTEL_EXPORTER_OTLP_ENDPOINT": OTEL,
    "OTEL_EXPORTER_OTLP_PROTOCOL": OTEL,
    "OTEL_METRIC_EXPORT_INTERVAL": OTEL,
}
# Files mounted and not read: `workload: volume/path`, or `volume/path` in any workload.
UNREAD: Mapping[str, str] = {
    "database/username": "the layout of a basic-auth Secret; the role stands in SOCLE_DATABASE_URL",
    "identity-ins: oidc/client-secret": "for its own calls to other services; it makes none",
}
# In production: what goes with the settings replaced in production.py, and what only a whole journey needs.
JOURNEY = "for its own calls to other services, which the run of the dev overlay makes with the same mount"
UNREAD_IN_PRODUCTION: Mapping[str, str] = {
    "dmp: file oidc/client-secret": JOURNEY,
    "eprescription: file oidc/client-secret": JOURNEY,
    "gateway: file oidc/client-secret": JOURNEY,
    "dmp: file transit/token": "goes with SOCLE_TRANSIT_URL, replaced",
    "dmp: file transit-ca/ca.crt": "goes with SOCLE_TRANSIT_URL, replaced",
}
# Flows that the policies let through and that no run shows: (source, target, port).
UNSEEN: Mapping[tuple[str, str, int], str] = {}
# Integration tests that need something this platform does not give: an address of pytest, or its beginning.
LEFT_OUT: Mapping[str, str] = {
    "tests/integration/test_events_subscriber.py::test_subscriber_with_a_wrong_password_is_refused": (
        "it speaks NATS's protocol in clear by hand; here nothing is said before TLS"
    ),
    "tests/integration/test_grpc_direct.py": (
        "they dial a service without a certificate, which is refused here: see live/test_first_door.py"
    ),
    "tests/integration/test_bad_token.py::test_wrong_token_at_a_service_alone_is_unauthenticated": (
        "it dials a service without a certificate, which is refused here: see live/test_first_door.py"
    ),
}
