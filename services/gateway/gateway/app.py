"""Composition root: settings, clients, routes; nothing imports it."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import cache, partial
from pathlib import Path

import fastapi_offline
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.staticfiles import StaticFiles

from chassis import telemetry, tls
from chassis.auth import OwnToken, Verifier
from chassis.errors import SocleError
from chassis.settings import said

from . import __version__, openapi
from .clients import Platform
from .context import Context
from .door import Door
from .feed import Feed
from .fhir import structure
from .limiter import Limiter
from .persons import Persons
from .public import Public
from .refusals import HttpRefusal, MethodNotAnswered, on_error
from .routes import (
    dispensing_history,
    dispensings,
    dmp,
    dmp_documents,
    dmp_journal,
    dmp_policy,
    dmp_records,
    exchange,
    fhir_audit,
    fhir_dispenses,
    fhir_documents,
    fhir_lots,
    fhir_medicines,
    fhir_operations,
    fhir_patch,
    fhir_patients,
    fhir_prescriptions,
    fhir_record,
    fhir_server,
    fhir_tasks,
    hl7,
    identity_ins,
    insi,
    medicines,
    pages,
    prescription_papers,
    prescriptions,
    signing_keys,
    vigilance,
)
from .server import Server
from .settings import Settings
from .shell import Shell

log = telemetry.logger("app")

# Seconds. The models of FHIR take a while to load; while a platform starts, its other parts come first.
WARM_AFTER = 3.0
# Looked through one by one at each request: what is asked for most comes first.
ROUTERS = (
    fhir_documents.router,
    fhir_patch.router,
    prescriptions.router,
    dispensings.router,
    identity_ins.router,
    insi.router,
    vigilance.router,
    exchange.router,
    dmp_documents.router,
    dmp_journal.router,
    dmp_policy.router,
    dmp_records.router,
    dmp.router,
    prescription_papers.router,
    dispensing_history.router,
    medicines.router,
    signing_keys.router,
    fhir_server.router,
    fhir_operations.router,
    fhir_patients.router,
    fhir_lots.router,
    fhir_record.router,
    fhir_audit.router,
    fhir_tasks.router,
    fhir_prescriptions.router,
    fhir_dispenses.router,
    fhir_medicines.router,
    hl7.router,
    pages.router,
)


def create_app(
    settings: Settings, verifier: Verifier | None = None, own_token: OwnToken | None = None
) -> FastAPI:
    """The application, not yet started; `verifier` and `own_token` stand for the issuers of the settings."""
    app = FastAPI(
        title="Socle",
        version=__version__,
        lifespan=partial(_lifespan, settings, verifier, own_token),
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        # Its own would hold the address of a request, and the words of an exception.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    app.state.draining = False
    for router in ROUTERS:
        # The routes themselves, not an included router: one look-up less in the way of each request.
        app.router.routes.extend(router.routes)
    app.mount("/web", StaticFiles(directory=pages.WEB), name="web")
    assets = Path(fastapi_offline.__file__).parent / "static"
    app.mount("/docs/assets", StaticFiles(directory=assets), name="swagger")
    for kind in (SocleError, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, on_error)
    app.add_exception_handler(405, _other_method)
    app.add_middleware(Shell, settings=settings)
    app.openapi = cache(partial(openapi.build, app, __version__))  # type: ignore[method-assign]
    return app


@asynccontextmanager
async def _lifespan(
    settings: Settings, verifier: Verifier | None, own_token: OwnToken | None, app: FastAPI
) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        web = await stack.enter_async_context(tls.web_client(settings))
        platform = Platform(settings)
        stack.push_async_callback(platform.close)
        persons = Persons(settings)
        feed = Feed(settings, persons)
        verifier = verifier or Verifier(settings.issuers, web)
        door = Door(settings, verifier, Limiter(settings))
        public = Public(platform, own_token or OwnToken(settings, "gateway", web))
        app.state.context = Context(settings, platform, door, persons, feed, web, public)
        if settings.nats_url:
            stack.push_async_callback(_cancelled, asyncio.create_task(feed.run()))
        if settings.drain_delay_seconds:
            # One of several, told to hand over: no request needs it at once, and its first must not wait.
            await asyncio.gather(verifier.fetch_keys(), asyncio.to_thread(structure.warm))
        else:
            stack.push_async_callback(_cancelled, asyncio.create_task(_warm()))
        yield


async def _warm() -> None:
    await asyncio.sleep(WARM_AFTER)
    await asyncio.to_thread(structure.warm)


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def _other_method(request: Request, error: Exception) -> Response:
    """405 with every method of the address; OPTIONS is answered with the same list. A route that refuses with
    405 says why itself.
    """
    if isinstance(error, HttpRefusal):
        return await on_error(request, error)
    methods = sorted({*_methods(request), "OPTIONS"})
    allow = {"Allow": ", ".join(methods)}
    if request.method == "OPTIONS":
        return Response(status_code=204, headers=allow)
    return await on_error(request, MethodNotAnswered(f"Send one of {allow['Allow']}.", allow))


def _methods(request: Request) -> set[str]:
    found: set[str] = set()
    for route in (route for router in ROUTERS for route in router.routes):
        match, _ = route.matches(request.scope)
        if match is not Match.NONE:
            found |= getattr(route, "methods", None) or set()
    return found | ({"HEAD"} if "GET" in found else set())


def main() -> None:
    """Serves until SIGTERM; a fault at start is one clear line and a non-zero exit."""
    try:
        settings = Settings()
    except ValidationError as error:
        sys.exit(f"gateway: {said(error)}")
    telemetry.configure(settings, "gateway")
    log.info("service.settings", settings=settings.shown())
    app = create_app(settings)
    # What was built so far lives as long as the process: the collector need not look at it again.
    gc.freeze()
    try:
        Server(app, settings).run()
    except OSError as error:
        sys.exit(f"gateway stops: {type(error).__name__}: {error}")
    finally:
        telemetry.flush()


if __name__ == "__main__":
    main()
