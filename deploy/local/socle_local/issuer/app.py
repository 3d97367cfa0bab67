"""The web application: routes, who may call from a browser, how a refusal is written."""

import re
import time
from pathlib import Path
from typing import cast

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from . import browser, direct, machine
from .grants import Clock
from .oauth import OAuthError
from .settings import IssuerSettings, check
from .state import build

REALM = "/realms/{realm}"
PROTOCOL = REALM + "/protocol/openid-connect"
LOOPBACK_ORIGIN = r"http://(127\.0\.0\.1|localhost)(:\d+)?"


def create_app(settings: IssuerSettings, clock: Clock = lambda: int(time.time())) -> Starlette:
    """The issuer, ready to serve. Raises RefusesToStart where its settings make it an open door."""
    check(settings)
    middleware = [
        Middleware(TrustedHostMiddleware, allowed_hosts=settings.known_hosts),
        Middleware(
            CORSMiddleware,
            allow_origin_regex=LOOPBACK_ORIGIN,
            allow_methods=["GET", "POST"],
            allow_headers=["authorization", "content-type"],
        ),
    ]
    app = Starlette(routes=_routes(), middleware=middleware, exception_handlers=HANDLERS)
    app.state.issuer = build(settings, clock)
    return app


def _routes() -> list[BaseRoute]:
    return [
        Route(REALM, browser.about),
        Route(REALM + "/.well-known/openid-configuration", machine.discovery),
        Route(PROTOCOL + "/certs", machine.certs),
        Route(PROTOCOL + "/token", machine.token, methods=["POST"]),
        Route(PROTOCOL + "/token/introspect", machine.introspect, methods=["POST"]),
        Route(PROTOCOL + "/userinfo", machine.userinfo, methods=["GET", "POST"]),
        Route(PROTOCOL + "/auth", browser.authorize, methods=["GET", "POST"]),
        Route(REALM + "/login-actions/authenticate", browser.authenticate, methods=["POST"]),
        Route(PROTOCOL + "/logout", browser.logout, methods=["GET", "POST"]),
        Route("/local/token", direct.token, methods=["POST"]),
        Route("/local/personas", direct.personas),
        Route("/healthz", direct.healthz),
        Mount("/static", StaticFiles(directory=Path(__file__).parent / "static")),
    ]


async def _oauth_refusal(request: Request, error: Exception) -> Response:
    error = cast(OAuthError, error)
    headers = dict(machine.NO_STORE)
    if error.status == 401:
        headers["www-authenticate"] = 'Basic realm="socle"'
    # RFC 6749 section 5.2 allows these characters only; a quoted value from the caller may hold others.
    text = re.sub(r"[^\x20-\x21\x23-\x5b\x5d-\x7e]", "?", error.description)
    return JSONResponse({"error": error.error, "error_description": text}, error.status, headers)


async def _http_refusal(request: Request, error: Exception) -> Response:
    error = cast(HTTPException, error)
    return JSONResponse({"error": "invalid_request", "error_description": error.detail}, error.status_code)


HANDLERS = {OAuthError: _oauth_refusal, HTTPException: _http_refusal}
