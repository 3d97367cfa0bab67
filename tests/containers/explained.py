"""What a run does not exercise, each with its reason. An entry that no longer applies fails the run."""

from __future__ import annotations

from collections.abc import Mapping

# Variables that the program does not print among its settings.
UNSAID: Mapping[str, str] = {}
# Files mounted and not read: `volume/path`.
UNREAD: Mapping[str, str] = {
    "database/username": "the layout of a basic-auth Secret; the role stands in SOCLE_DATABASE_URL",
}
# In production, what goes with the settings replaced in production.py.
UNREAD_IN_PRODUCTION: Mapping[str, str] = {
    "dmp: file transit/token": "goes with SOCLE_TRANSIT_URL, replaced",
    "dmp: file transit-ca/ca.crt": "goes with SOCLE_TRANSIT_URL, replaced",
    "dmp: file object-store/access-key": "goes with SOCLE_BLOB_STORE, replaced",
    "dmp: file object-store/secret-key": "goes with SOCLE_BLOB_STORE, replaced",
}
# Flows that the policies let through and that no run shows: (source, target, port).
UNSEEN: Mapping[tuple[str, str, int], str] = {}
# Integration tests that need something this platform does not give: an address of pytest, or its beginning.
LEFT_OUT: Mapping[str, str] = {
    "tests/integration/test_grpc_direct.py": (
        "they dial a service without a certificate, which is refused here: see live/test_first_door.py"
    ),
    "tests/integration/test_bad_token.py::test_wrong_token_at_a_service_alone_is_unauthenticated": (
        "it dials a service without a certificate, which is refused here: see live/test_first_door.py"
    ),
}
