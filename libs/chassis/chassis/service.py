"""`run`: one page, read top to bottom, of how a service starts, lives and stops."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import Any, Generic, TypeVar

import asyncpg
import grpc
import nats
import sqlalchemy as sa
import uvloop
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from nats.aio.client import Client
from pydantic import ValidationError

from . import consume, db, migrate, rpc, telemetry
from .auth import OwnToken, Verifier
from .call import Call, utc_now
from .caller import service as service_caller
from .db import Constraints, Database
from .errors import SocleError
from .relay import BACKLOG, Relay
from .schema import IDEMPOTENCY
from .settings import Settings, read_secret

S = TypeVar("S", bound=Settings)
log = telemetry.logger("service")
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING

# Told in one line: the surroundings are to be mended, not the code.
FAULTS = (
    OSError,
    SocleError,
    rpc.ContractFault,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    sa.exc.DBAPIError,
)

KEYS_KEPT = timedelta(hours=24)
OLD_KEYS = sa.delete(IDEMPOTENCY).where(IDEMPOTENCY.c.answered_at < sa.bindparam("before"))


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
        return rpc.channel(self.settings.services[service], self.settings)

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
        sys.exit(f"{name}: " + "; ".join(_said(e) for e in error.errors()))
    if not chosen.database_url:
        sys.exit(f"{name}: SOCLE_DATABASE_URL: missing, set it to postgresql://role@host:port/database")
    telemetry.configure(chosen, name)
    log.info("service.settings", settings=chosen.shown())
    try:
        uvloop.run(_live(name, build, chosen))
    except FAULTS as error:
        sys.exit(f"{name} stops: {type(error).__name__}: {error}")


def _said(error: Any) -> str:
    where = "SOCLE_" + "_".join(str(p).upper() for p in error["loc"]) if error["loc"] else "settings"
    return f"{where}: {error['msg']}"


async def _live(name: str, build: Build[S], settings: S) -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    async with AsyncExitStack() as stack:
        if settings.migrate:
            await _migrated(name, settings)
        database = await _database(stack, settings)
        base = Base(name, settings, database, OwnToken(settings, name))
        app = await build(base)
        database.constraints.update(app.constraints)
        server, healthy = await _served(stack, settings, app, runtime := _runtime(settings, database))
        failures: list[Exception] = []
        for work in _work(name, settings, database, app, runtime, healthy):
            task = asyncio.create_task(_guarded(work, failures, stopping))
            stack.push_async_callback(_cancelled, task)
        # What was built so far lives as long as the process: looked at again by each full collection, it
        # would hold every call up for a tenth of a second.
        gc.collect()
        gc.freeze()
        log.info("service.ready", address=settings.grpc_listen, profile=settings.profile)
        await stopping.wait()
        # New calls are refused, running ones may end; then consumers, relay and pool, in that order.
        log.info("service.draining", seconds=settings.drain_seconds)
        await healthy.enter_graceful_shutdown()
        await server.stop(settings.drain_seconds)
    log.info("service.stopped", count=len(failures))
    if failures:
        sys.exit(1)


async def _guarded(work: Awaitable[None], failures: list[Exception], stopping: asyncio.Event) -> None:
    """A service that lost its relay or a consumer looks healthy and is not: it stops, to be started again."""
    try:
        await work
    except Exception as error:
        log.critical("service.task_failed", exc_info=error)
        failures.append(error)
        stopping.set()


async def _migrated(name: str, settings: Settings) -> None:
    package = import_module(f"{name.replace('-', '_')}").__file__ or ""
    folder = Path(package).parent.parent / "migrations"
    password = read_secret(settings.database_password_file)
    await asyncio.to_thread(migrate.upgrade, folder, settings.database_url, password)


async def _database(stack: AsyncExitStack, settings: Settings) -> Database:
    password = read_secret(settings.database_password_file)
    pool = await db.connect(settings.database_url, password, settings.database_pool)
    stack.push_async_callback(pool.close)
    return Database(pool)


def _runtime(settings: Settings, database: Database) -> rpc.Runtime:
    allowed = frozenset(settings.allowed_programs) if settings.tls_cert_file else None
    return rpc.Runtime(Verifier(settings.issuers), database, allowed, settings.default_deadline)


async def _served(
    stack: AsyncExitStack, settings: Settings, app: App, runtime: rpc.Runtime
) -> tuple[grpc.aio.Server, health.aio.HealthServicer]:
    server = grpc.aio.server(options=rpc.server_options(settings))
    names = [reflection.SERVICE_NAME, health.SERVICE_NAME]
    for servicer in app.servicers:
        server.add_generic_rpc_handlers((rpc.handlers(servicer, runtime),))
        names.append(servicer.service.full_name)
    healthy = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(healthy, server)
    reflection.enable_server_reflection(names, server)
    _listen(server, settings)
    await server.start()
    for name in ("", *names):
        await healthy.set(name, health_pb2.HealthCheckResponse.SERVING)
    return server, healthy


def _listen(server: grpc.aio.Server, settings: Settings) -> None:
    credentials = rpc.server_credentials(settings)
    try:
        if credentials:
            server.add_secure_port(settings.grpc_listen, credentials)
        else:
            server.add_insecure_port(settings.grpc_listen)
    except RuntimeError:
        raise OSError(
            f"{settings.grpc_listen} cannot be listened on: free it or change SOCLE_GRPC_LISTEN"
        ) from None


def _work(
    name: str,
    settings: Settings,
    database: Database,
    app: App,
    runtime: rpc.Runtime,
    healthy: health.aio.HealthServicer,
) -> list[Any]:
    work: list[Any] = [task() for task in app.tasks]
    work.append(_watched(database, healthy))
    if settings.nats_url:
        work.append(_events(name, settings, database, app, runtime))
    return work


async def _events(name: str, settings: Settings, database: Database, app: App, runtime: rpc.Runtime) -> None:
    """Relay and consumers. A service answers without NATS: its events wait in the outbox."""
    client = await _nats(name, settings)
    try:
        relay = Relay(name, settings.database_url, read_secret(settings.database_password_file), client)
        runtime.emitted = relay.wake
        async with asyncio.TaskGroup() as group:
            group.create_task(relay.run())
            mine = consume.durables(app.consumers, client, database, owner=name, emitted=relay.wake)
            for durable in mine:
                group.create_task(durable.run())
    finally:
        await client.close()


async def _nats(name: str, settings: Settings) -> Client:
    while True:
        try:
            return await nats.connect(
                settings.nats_url,
                user=settings.nats_user or None,
                password=read_secret(settings.nats_password_file),
                name=name,
                inbox_prefix=f"_INBOX_{settings.nats_user or name.replace('-', '_')}".encode(),
                max_reconnect_attempts=-1,
                reconnect_time_wait=0.5,
                error_cb=_nats_said,
            )
        except (OSError, nats.errors.Error) as error:
            log.warning("nats.unreachable", error_type=type(error).__name__)
            await asyncio.sleep(0.5)


async def _nats_said(error: Exception) -> None:
    log.warning("nats.error", error_type=type(error).__name__)


async def _watched(database: Database, healthy: health.aio.HealthServicer) -> None:
    """Every two seconds: does the database answer, how old is the outbox. Hourly: old idempotency keys go."""
    for turn in count():
        state: Any = SERVING
        try:
            async with asyncio.timeout(2):
                await _looked(database)
                if turn % 1800 == 0:
                    await _forget_keys(database)
        except (SocleError, OSError) as error:
            state = NOT_SERVING
            log.warning("database.unreachable", error_type=type(error).__name__)
        await healthy.set("", state)
        await asyncio.sleep(2)


async def _looked(database: Database) -> None:
    async with database.read() as tx:
        row = await tx.one(BACKLOG)
    if row is not None:
        telemetry.OUTBOX_WAITING.set(row["waiting"])
        telemetry.OUTBOX_AGE.set(float(row["age"]))


async def _forget_keys(database: Database) -> None:
    call = Call(service_caller("housekeeping"))
    async with database.begin(call) as tx:
        await tx.change(OLD_KEYS, before=utc_now() - KEYS_KEPT)


async def _cancelled(task: asyncio.Task[Any]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError, Exception):
        await task
