"""The development issuer in a container: its usual settings and variables, at the mounted paths."""

import os

from socle_local.issuer.__main__ import main
from socle_local.serve.settings import ServeSettings


def serve(settings: ServeSettings) -> int:
    """Serves until told to stop. It refuses without SOCLE_ISSUER_OPEN_DOOR: see `issuer/settings.py`."""
    os.environ.setdefault("SOCLE_ISSUER_LISTEN", f"{settings.host}:{settings.issuer_port}")
    os.environ.setdefault("SOCLE_ISSUER_HOME", str(settings.home / "issuer"))
    os.environ.setdefault("SOCLE_ISSUER_CLIENT_SECRETS", str(settings.clients))
    return main()
