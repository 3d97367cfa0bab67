"""`run`: one page, read top to bottom, of how a service starts, lives and stops."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import asyncpg
import grpc
import sqlalchemy as sa
import uvloop
from grpc_health.v1 import health_pb2_grpc
from grpc_health.v1.health import SERVICE_NAME as HEALTH
from grpc_reflection.v1alpha import reflection
from pydantic import ValidationError

from . import consume, db, expiry, health, housekeeping, migrate, rpc, telemetry, tls, transport
from .auth import OwnToken, Verifier
from .call import Call
from .caller import service as service_caller
from .carriers import Carriers
from .db import Constraints, Database
from .errors import SocleError
from .settings import Settings, read_secret, said
from .stopping import Stop

S = TypeVar("S", bound=Settings)
log = telemetry.logger("service")

# Seconds in which callers hear that a replica leaves, and turn elsewhere. Told as late as can be: a caller
# that knows no other asks for the addresses of then, and by then the one that takes over stands there.
LEFT_WITHIN = 0.5

# Told in one line: the surroundings are to be mended, not the code.
FAULTS = (
    OSError,
    SocleError,
    rpc.ContractFault,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    sa.exc.DBAPIError,
)


@dataclass(slots=True)
class App:
    """What a service is made of; `build` in its `app.py` returns it."""

    servicers: Sequence[rpc.Servicer] = ()
    consumers: Sequence[consume.Consumer] = ()
    constraints: Constraints = field(default_factory=dict)
    # Loops of the service's own (sending mail, timers), cancelled at stop.
    tasks: Sequence[Callable[[], Awaitable[None]]] = ()


@dataclass(slots=True)
class Base(Generic[S]):
    """What the chassis gives to `build`."""

    name: str
    settings: S
    db: Database
    own_token: OwnToken

    def channel(self, service: str) -> grpc.aio.Channel:
        """A channel to another service, by its name."""
        return transport.channel(self.settings.services[service], self.settings, service)

    async def own_call(self, call: Call) -> Call:
        """The same call on this service's own account (its own token), same deadline and trace."""
        token = f"Bearer {await self.own_token.get()}"
        return Call(
            service_caller(self.name),
            call.permission,
            token,
            call.deadline,
            call.traceparent,
            None,
            call.clock,
        )


Build = Callable[[Base[S]], Awaitable[App]]


def run(name: str, build: Build[S], settings: type[S]) -> None:
    """Runs the service until SIGTERM or SIGINT; a fault at start is one clear line and a non-zero exit."""
    try:
        chosen = settings()
    except ValidationError as error:
        sys.exit(f"{name}: {said(error)}")
    if not chosen.database_url:
        sys.exit(f"{name}: SOCLE_DATABASE_URL: missing, set it to postgresql://role@host:port/database")
    telemetry.configure(chosen, name)
    log.info("service.settings", settings=chosen.shown())
    try:
        uvloop.run(_live(name, build, chosen))
    except FAULTS as error:
        sys.exit(f"{name} stops: {type(error).__name__}: {error}")
    finally:
        telemetry.flush()


async def _live(name: str, build: Build[S], settings: S) -> None:
    stop = Stop()
    stop.listen()
    async with AsyncExitStack() as stack:
        # First of all: whoever started this process sees that it lives, however long the schema takes.
        healthy = await stack.enter_async_context(health.listening(settings))
        if not await stop.before_asked(_schema(name, settings)):
            return
        database = await _database(stack, settings)
        base = Base(name, settings, database, OwnToken(settings, name, tls.web_client(settings)))
        app = await build(base)
        app.tasks = [*app.tasks, *await expiry.tasks(name, settings, database)]
        database.constraints.update(app.constraints)
        runtime = _runtime(settings, database)
        if settings.drain_delay_seconds:
            # One of several, told to hand over: no call needs it at once, and its first must not wait.
            await runtime.verifier.fetch_keys()
        server = await _served(settings, app, runtime, healthy)
        carriers = Carriers(name, settings, database)
        failures: list[Exception] = []
        for work in _work(database, app, runtime, healthy, carriers if settings.nats_url else None):
            task = asyncio.create_task(_guarded(work, failures, stop))
            stack.push_async_callback(_cancelled, task)
        # What was built so far lives as long as the process: looked at again by each full collection, it
        # would hold every call up for a tenth of a second.
        gc.collect()
        gc.freeze()
        log.info("service.ready", address=settings.grpc_listen, profile=settings.profile)
        await stop.asked.wait()
        await _drained(server, healthy, carriers, stop, settings)
    log.info("service.stopped", count=len(failures))
    if failures:
        sys.exit(1)


async def _drained(
    server: grpc.aio.Server, healthy: health.Health, carriers: Carriers, stop: Stop, settings: Settings
) -> None:
    """Says that it is no longer ready, serves on while another takes its place, says no to its callers, then
    refuses new calls and lets running ones end; then consumers, relay and pool, in that order.
    """
    log.info("service.draining", seconds=settings.drain_delay_seconds + settings.drain_seconds)
    await healthy.drain()
    carriers.hand_over()
    left = min(settings.drain_delay_seconds, LEFT_WITHIN)
    await stop.rest(settings.drain_delay_seconds - left)
    await healthy.leave()
    await stop.rest(left)
    healthy.end_watches()
    if await stop.before_hurried(server.stop(settings.drain_seconds)):
        await stop.before_hurried(carriers.finished(settings.drain_seconds))
    else:
        await server.stop(None)


async def _guarded(work: Awaitable[None], failures: list[Exception], stop: Stop) -> None:
    """A service that lost its relay or a consumer looks healthy and is not: it stops, to be started again."""
    try:
        await work
    except Exception as error:
        log.critical("service.task_failed", exc_info=error)
        failures.append(error)
        stop.asked.set()


async def _schema(name: str, settings: Settings) -> None:
    if settings.migrate:
        await asyncio.to_thread(
            migrate.upgrade,
            migrate.folder_of(name),
            settings.database_url,
            read_secret(settings.database_password_file),
            lock_seconds=settings.migration_lock_seconds,
            tries=settings.migration_tries,
        )
    else:
        await migrate.waited_for(migrate.folder_of(name), settings)


async def _database(stack: AsyncExitStack, settings: Settings) -> Database:
    pool = await db.connect(settings.database_url, settings.database_password, settings.database_pool)
    stack.push_async_callback(pool.close)
    return Database(pool)


def _runtime(settings: Settings, database: Database) -> rpc.Runtime:
    allowed = frozenset(settings.allowed_programs) if settings.tls_cert_file else None
    verifier = Verifier(settings.issuers, tls.web_client(settings))
    return rpc.Runtime(verifier, database, allowed, settings.default_deadline)


async def _served(
    settings: Settings, app: App, runtime: rpc.Runtime, healthy: health.Health
) -> grpc.aio.Server:
    server = grpc.aio.server(options=transport.server_options(settings))
    names = [reflection.SERVICE_NAME, HEALTH]
    for servicer in app.servicers:
        server.add_generic_rpc_handlers((rpc.handlers(servicer, runtime),))
        names.append(servicer.service.full_name)
    health_pb2_grpc.add_HealthServicer_to_server(healthy, server)
    reflection.enable_server_reflection(names, server)
    transport.listen(
        server, settings.grpc_listen, transport.server_credentials(settings), "SOCLE_GRPC_LISTEN"
    )
    # Before the door opens: who watches from the first moment hears no other word.
    for name in (health.READY, health.CALLS, *names):
        await healthy.set(name, health.SERVING)
    await server.start()
    return server


def _work(
    database: Database, app: App, runtime: rpc.Runtime, healthy: health.Health, carriers: Carriers | None
) -> list[Any]:
    work: list[Any] = [task() for task in app.tasks]
    work.append(housekeeping.watch(database, healthy))
    if carriers:
        work.append(carriers.run(app.consumers, runtime))
    return work


async def _cancelled(task: asyncio.Task[Any]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError, Exception):
        await task
