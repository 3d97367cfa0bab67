"""`python -m socle_local.issuer`: serve the three realms until told to stop."""

import sys

import uvicorn
from pydantic import ValidationError

from .app import create_app
from .settings import IssuerSettings, RefusesToStart

WARNING = """\
**********************************************************************************************************
* WARNING: THE DEVELOPMENT ISSUER LISTENS ON {listen}, BEYOND LOOPBACK.
* Whoever reaches it signs in as any doctor or patient, WITHOUT A PASSWORD. Close the network around it.
* Never with real data: name Keycloak's realms in SOCLE_OIDC_ISSUERS instead.
**********************************************************************************************************"""


def main() -> int:
    """Exit code 2, with one sentence, when the issuer may not or cannot start."""
    try:
        settings = IssuerSettings()
        app = create_app(settings)
    except RefusesToStart as refusal:
        print(refusal, file=sys.stderr)
        return 2
    except ValidationError as error:
        wrong = "; ".join(f"SOCLE_{str(e['loc'][0]).upper()}: {e['msg']}" for e in error.errors())
        print(f"The development issuer cannot read its settings: {wrong}.", file=sys.stderr)
        return 2
    if settings.is_open:
        print(WARNING.format(listen=settings.issuer_listen), file=sys.stderr, flush=True)
    # No access log: authorization codes travel in addresses.
    uvicorn.run(app, host=settings.host, port=settings.port, log_level="warning", access_log=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
