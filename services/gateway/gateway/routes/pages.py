"""The landing page, the documentation, health, and the live stream: what a visitor sees without a token."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse

from gateway import __version__
from gateway.context import Context, context, enter
from gateway.feed import as_sse
from gateway.openapi import DirectRoute

router = APIRouter(include_in_schema=False, route_class=DirectRoute)
WEB = Path(__file__).parent.parent / "web"
SERVING = "serving"


def _json(body: object, status: int = 200) -> Response:
    return Response(orjson.dumps(body), status, media_type="application/json")


@router.get("/")
async def landing(request: Request) -> Response:
    """What Socle is."""
    return FileResponse(WEB / "index.html")


@router.get("/docs")
async def documentation(request: Request) -> Response:
    """The REST interface, to read and to try."""
    return FileResponse(WEB / "docs.html")


@router.get("/favicon.ico")
async def icon(request: Request) -> Response:
    """The mark of the platform."""
    return FileResponse(WEB / "icon.svg", media_type="image/svg+xml")


@router.get("/healthz")
async def alive(request: Request) -> Response:
    """This process answers."""
    return _json({"status": "ok", "version": __version__})


@router.get("/livez")
async def lives(request: Request) -> Response:
    """This process lives: asked by who would start it again."""
    return _json({"status": "ok"})


@router.get("/readyz/own")
async def ready_itself(request: Request) -> Response:
    """This replica takes requests; 503 as soon as it is asked to stop. Its neighbours have their own probes:
    were theirs counted here, one that fails would take every gateway down with it.
    """
    if request.app.state.draining:
        return _json({"status": "draining"}, 503)
    return _json({"status": "ready"})


@router.get("/readyz")
async def ready(request: Request) -> Response:
    """Every service answers; 503 with their states otherwise."""
    states = {one.service: one.status for one in await context(request).platform.probe()}
    good = all(status == SERVING for status in states.values())
    return _json({"status": "ready" if good else "not ready", "services": states}, 200 if good else 503)


@router.get("/v1/status")
async def status(request: Request) -> Response:
    """The health of each part, for people."""
    here = context(request)
    probes = await here.platform.probe()
    services = [{"name": "gateway", "status": SERVING, "milliseconds": 0.0}]
    services += [{"name": p.service, "status": p.status, "milliseconds": p.milliseconds} for p in probes]
    return _json(
        {
            "version": __version__,
            "profile": here.settings.profile,
            "services": services,
            "events": SERVING if here.feed.connected else "unavailable",
        }
    )


@router.get("/v1/personas")
async def personas(request: Request) -> Response:
    """Who can be signed in on a local platform; nobody elsewhere, or when its issuer is away."""
    here = context(request)
    return _json(await _personas(here) if here.settings.profile == "local" else [])


async def _personas(here: Context) -> object:
    try:
        answer = await here.web.get(f"{here.settings.oidc_base}/local/personas")
        return answer.raise_for_status().json()
    except (httpx.HTTPError, ValueError):
        return []


@router.get("/v1/events/stream")
async def events(request: Request) -> Response:
    """Server-sent events: id, type, time and position of each fact as it happens, nothing else.

    Open on a local platform; elsewhere the rhythm of a hospital's work is not for everyone.
    """
    here = context(request)
    if here.settings.profile != "local":
        await enter(request)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    if request.scope["socle.head"]:
        return Response(headers=headers, media_type="text/event-stream")
    return StreamingResponse(_stream(here), headers=headers, media_type="text/event-stream")


async def _stream(here: Context) -> AsyncIterator[bytes]:
    yield b"retry: 2000\n\n"
    async for event in here.feed.watch():
        yield as_sse(event)
