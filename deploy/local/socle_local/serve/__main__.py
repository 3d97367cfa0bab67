"""`python -m socle_local.serve postgres|nats|issuer`: runs one server until told to stop."""

import asyncio
import sys
from collections.abc import Callable

from pydantic import ValidationError

from socle_local.failures import PlatformFailedError
from socle_local.serve.settings import ServeSettings

Start = Callable[[ServeSettings], int]


# Imported when asked for: the issuer needs neither server, and each server not the other.
def _postgres(settings: ServeSettings) -> int:
    from socle_local.serve.living import live
    from socle_local.serve.postgres import ServedPostgres

    return asyncio.run(live(ServedPostgres(settings)))


def _nats(settings: ServeSettings) -> int:
    from socle_local.serve.living import live
    from socle_local.serve.nats import ServedNats

    return asyncio.run(live(ServedNats(settings)))


def _issuer(settings: ServeSettings) -> int:
    from socle_local.serve.issuer import serve

    return serve(settings)


SERVERS: dict[str, Start] = {"postgres": _postgres, "nats": _nats, "issuer": _issuer}


def main(words: list[str]) -> int:
    """0 after an orderly stop, 1 when the server failed, 2 for a word that names no server."""
    if len(words) != 1 or words[0] not in SERVERS:
        print(f"Name one server to run: {', '.join(SERVERS)}.", file=sys.stderr)
        return 2
    try:
        return SERVERS[words[0]](ServeSettings())
    except ValidationError as error:
        wrong = "; ".join(f"SOCLE_SERVE_{str(e['loc'][0]).upper()}: {e['msg']}" for e in error.errors())
        print(f"{words[0]} cannot read its settings: {wrong}.", file=sys.stderr)
    except PlatformFailedError as failure:
        print(f"{words[0]} stops: {failure}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
