"""`python -m socle_local.observe`: receive and show until told to stop."""

import os
import sys

import uvicorn

from .app import create_app

LISTEN = "SOCLE_OBSERVE_LISTEN"
USUAL = "127.0.0.1:8082"
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


def main() -> int:
    """Exit code 2, with one sentence, when the address is not one of this machine alone."""
    listen = os.environ.get(LISTEN) or USUAL
    host, _, port = listen.rpartition(":")
    if host not in LOOPBACK or not port.isdigit():
        # Nobody signs in here, and whoever reaches it learns who calls what.
        print(f"{LISTEN}={listen!r} must be a loopback address, such as {USUAL}.", file=sys.stderr)
        return 2
    uvicorn.run(create_app(), host=host.strip("[]"), port=int(port), log_level="warning", access_log=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
