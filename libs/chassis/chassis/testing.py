"""The test kit: a migrated PostgreSQL rolled back after each test, a fixed clock, an in-process gRPC server
with all its doors, the access matrix, the goldens of events. Real servers only; the root `conftest.py` starts
them.

A service says in `tests/conftest.py` what is under test:

    @pytest.fixture(scope="session")
    def tested() -> Tested:
        return Tested("identity-ins", store.CONSTRAINTS)
"""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from inspect import isawaitable
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol
from urllib.parse import quote

import asyncpg
import grpc
import httpx
import pytest
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from socle.options.v1 import options_pb2

from . import db, migrate, rpc, transport
from .auth import Verifier
from .call import Call, utc_now
from .caller import Caller, CallerKind, Purpose
from .db import Constraints, Database, Tx
from .outbox import declared
from .settings import Issuer, Settings

NOW = datetime(2026, 6, 12, 10, 0, tzinfo=UTC)
REWRITE = "SOCLE_WRITE_GOLDENS"


class Server(Protocol):
    """What the root conftest gives as `postgres`: a server, with a superuser's address and password."""

    password: str

    def url(self, database: str) -> str: ...


@dataclass(frozen=True, slots=True)
class Tested:
    """The service under test."""

    name: str
    constraints: Constraints = field(default_factory=dict)

    @property
    def migrations(self) -> Path:
        module = __import__(self.name.replace("-", "_"))
        return Path(module.__file__ or "").parent.parent / "migrations"


async def run_sql(server: Server, statement: str) -> None:
    connection = await asyncpg.connect(server.url("postgres"), password=server.password)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@pytest.fixture(scope="session")
def templates() -> dict[str, str]:
    """The template database of each service tested in this run."""
    return {}


@pytest.fixture(scope="module")
async def template(postgres: Server, tested: Tested, templates: dict[str, str]) -> str:
    """A database with the service's schema, migrated once a run, copied for each test module.

    Not scoped to the session: pytest would give the first service's schema to every service after it.
    """
    if tested.name not in templates:
        name = f"template_{tested.name.replace('-', '_')}_{uuid.uuid4().hex[:8]}"
        await run_sql(postgres, f"CREATE DATABASE {name}")
        await asyncio.to_thread(migrate.upgrade, tested.migrations, postgres.url(name), postgres.password)
        templates[tested.name] = name
    return templates[tested.name]


@asynccontextmanager
async def copied(
    server: Server, template: str, constraints: Constraints | None = None
) -> AsyncIterator[Database]:
    """A database of one's own, copied from a template and dropped at the end."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    await run_sql(server, f"CREATE DATABASE {name} TEMPLATE {template}")
    pool = await db.connect(server.url(name), server.password, 8)
    try:
        yield Database(pool, constraints)
    finally:
        await pool.close()
        await run_sql(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
async def database(postgres: Server, template: str, tested: Tested) -> AsyncIterator[Database]:
    """The service's database, for the tests of one module (they commit in it)."""
    async with copied(postgres, template, tested.constraints) as made:
        yield made


@pytest.fixture
async def tx(database: Database) -> AsyncIterator[Tx]:
    """A transaction undone after the test; `tx.call.caller` is a doctor."""
    async with database.pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        try:
            with db.translated(database.constraints):
                yield Tx(connection, call_as(callers.doctor), open_already=True)
        finally:
            await transaction.rollback()


def call_as(caller: Caller, *, now: datetime = NOW) -> Call:
    """A call of this caller at a fixed moment."""
    return Call(caller, traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-00", clock=lambda: now)


class callers:  # noqa: N801 (reads as a namespace)
    """A caller of each kind; all fictitious."""

    doctor = Caller(
        CallerKind.PROFESSIONAL,
        "810100000011",
        "1750000018",
        "10",
        name="Anne DOCTEUR",
        assurance="eidas1",
        client="lps",
    )
    other_doctor = replace(doctor, subject="810100000029", organisation="1750000026", name="Paul AUTRE")
    nurse = replace(
        doctor, subject="810100000037", organisation="1750000034", profession="60", name="Inès SOIN"
    )
    pharmacist = replace(
        doctor, subject="810100000045", organisation="1750000042", profession="21", name="Luc OFFICINE"
    )
    staff = Caller(CallerKind.STAFF, "3750000018/0001", "1750000018", name="Rose ACCUEIL", client="lps")
    machine = Caller(CallerKind.MACHINE, "integrator", "1750000018", name="integrator", client="integrator")
    citizen = Caller(
        CallerKind.CITIZEN,
        "a" * 64 + "v1",
        person_id="01900000-0000-7000-8000-000000000001",
        assurance="eidas2",
    )
    other_citizen = replace(
        citizen, subject="b" * 64 + "v1", person_id="01900000-0000-7000-8000-000000000002"
    )
    guardian = replace(
        citizen,
        subject="c" * 64 + "v1",
        person_id="01900000-0000-7000-8000-000000000003",
        represents=frozenset({other_citizen.person_id}),
    )
    service = Caller(CallerKind.SERVICE, "dmp", name="dmp", client="dmp")
    operator = Caller(CallerKind.OPERATOR, "ops", name="ops", client="ops")
    auditor = Caller(CallerKind.AUDITOR, "auditor", name="auditor", client="auditor")

    @classmethod
    def every_kind(cls) -> dict[str, Caller]:
        """One caller a kind, by the name of the kind."""
        chosen = (cls.citizen, cls.doctor, cls.staff, cls.machine, cls.service, cls.operator, cls.auditor)
        return {c.kind.value: c for c in chosen}


def emergency(caller: Caller, reason: str = "coma, no relative to ask") -> Caller:
    """The same professional in break-glass mode."""
    return replace(caller, purpose=Purpose.BREAK_GLASS, reason=reason)


class LocalIssuer:
    """A key of our own that signs what Pro Santé Connect, FranceConnect and Keycloak would."""

    BASE = "https://issuer.test/realms"
    REALMS: Mapping[str, str] = {"pro": "pro", "citizen": "citoyen", "services": "services"}

    def __init__(self) -> None:
        self.key = ECKey.generate_key("P-256", parameters={"kid": "test"})

    def issuers(self) -> list[Issuer]:
        populations: list[Any] = ["pro", "citizen", "services"]
        return [Issuer(issuer=f"{self.BASE}/{self.REALMS[p]}", population=p) for p in populations]

    def verifier(self) -> Verifier:
        """A verifier that fetches our keys as it would fetch theirs."""
        return Verifier(self.issuers(), httpx.AsyncClient(transport=httpx.MockTransport(self._serve)))

    def _serve(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/.well-known/openid-configuration"):
            base = str(request.url).removesuffix("/.well-known/openid-configuration")
            return httpx.Response(200, json={"issuer": base, "jwks_uri": f"{base}/certs"})
        return httpx.Response(200, json=KeySet([self.key]).as_dict(private=False))

    def token(self, caller: Caller, *, seconds: int = 300, **claims: Any) -> str:
        """An access token that proves this caller; `claims` overrides any claim."""
        population, own = _claims(caller)
        now = int(utc_now().timestamp())
        whole = {
            "iss": f"{self.BASE}/{self.REALMS[population]}",
            "aud": ["socle"],
            "iat": now,
            "exp": now + seconds,
            "acr": caller.assurance,
            "azp": caller.client,
            **own,
            **claims,
        }
        return jwt.encode({"alg": "ES256", "kid": "test"}, whole, self.key, algorithms=["ES256"])


MACHINE_ROLES = {
    CallerKind.SERVICE: "socle-service",
    CallerKind.OPERATOR: "socle-operator",
    CallerKind.AUDITOR: "socle-auditor",
    CallerKind.MACHINE: "socle-integrator",
}


def _claims(caller: Caller) -> tuple[str, dict[str, Any]]:
    if caller.kind is CallerKind.CITIZEN:
        family = {"represents": sorted(caller.represents), "assists": sorted(caller.assists)}
        return "citizen", {"sub": caller.subject, "person_id": caller.person_id, **family}
    if caller.kind in MACHINE_ROLES:
        roles = {"roles": [MACHINE_ROLES[caller.kind]]}
        return "services", {
            "sub": caller.subject,
            "realm_access": roles,
            "SubjectOrganizationID": caller.organisation,
        }
    given, _, family_name = caller.name.partition(" ")
    regulation = {"Acces_Regulation_Medicale": "VRAI"} if "regulation" in caller.roles else {}
    sector = {"Secteur_Activite": f"{caller.sector}^1.2.250.1.71.4.2.4"} if caller.sector else {}
    return "pro", {
        **regulation,
        **sector,
        "sub": f"f:{uuid.uuid4()}:{caller.subject}",
        "SubjectNameID": caller.subject,
        "SubjectRole": [f"{caller.profession}^1.2.250.1.213.1.1.5.5"],
        "SubjectOrganizationID": caller.organisation,
        "given_name": given,
        "family_name": family_name,
    }


@pytest.fixture(scope="session")
def issuer() -> LocalIssuer:
    return LocalIssuer()


@dataclass(slots=True)
class Served:
    """A service answering on loopback."""

    address: str
    channel: grpc.aio.Channel
    issuer: LocalIssuer
    servicer: rpc.Servicer

    async def ask(self, method: str, request: Message, caller: Caller | None = None, **metadata: str) -> Any:
        """Calls an RPC by name as this caller; underscores of `metadata` stand for hyphens.

        Raises AioRpcError; `status.from_status` makes the error of the house of it.
        """
        descriptor = self.servicer.service.methods_by_name[method]
        call: grpc.aio.UnaryUnaryMultiCallable[Message, Any] = self.channel.unary_unary(
            f"/{self.servicer.service.full_name}/{method}",
            request_serializer=type(request).SerializeToString,
            response_deserializer=GetMessageClass(descriptor.output_type).FromString,
        )
        sent = [(k.replace("_", "-"), v) for k, v in metadata.items()]
        if caller is not None:
            sent.append(("authorization", f"Bearer {self.issuer.token(caller)}"))
            if caller.purpose is not Purpose.NORMAL:
                sent += [("socle-purpose", caller.purpose.value), ("socle-reason", quote(caller.reason))]
        return await call(request, metadata=sent, timeout=10)


@asynccontextmanager
async def served(
    servicer: rpc.Servicer, database: Database, issuer: LocalIssuer, *, now: datetime = NOW
) -> AsyncIterator[Served]:
    """An in-process server with every door, on a free port, and a channel to it."""
    runtime = rpc.Runtime(issuer.verifier(), database, clock=lambda: now)
    server = grpc.aio.server(options=transport.options(Settings()))
    server.add_generic_rpc_handlers((rpc.handlers(servicer, runtime),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    address = f"127.0.0.1:{port}"
    try:
        async with grpc.aio.insecure_channel(address, options=transport.options(Settings())) as channel:
            yield Served(address, channel, issuer, servicer)
    finally:
        await server.stop(None)


def same_as_golden(path: Path, text: str) -> None:
    """Compares with a committed file; rewrites it when SOCLE_WRITE_GOLDENS=1 (then review the diff)."""
    if os.environ.get(REWRITE) == "1":
        path.write_text(text)
    assert path.exists(), f"{path.name} is missing: run once with {REWRITE}=1, then review and commit it"
    assert text == path.read_text(), (
        f"{path.name} changed: if meant, run with {REWRITE}=1 and review the diff"
    )


class Matrix:
    """What each kind of caller gets from each RPC in each situation, as a table to review."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._rows: dict[tuple[str, str], dict[str, str]] = {}

    def add(self, rpc_name: str, situation: str, caller: str, outcome: str) -> None:
        """`outcome` in a word or two: permitted, forbidden, not found, empty..."""
        self._rows.setdefault((rpc_name, situation), {})[caller] = outcome

    def text(self) -> str:
        who = sorted({caller for row in self._rows.values() for caller in row})
        table = [["RPC", "situation", *who]]
        table += [[*key, *(row.get(w, "") for w in who)] for key, row in self._rows.items()]
        widths = [max(len(line[i]) for line in table) for i in range(len(table[0]))]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in table
        ]
        return "\n".join([self._title, "", *lines, ""])


def doors(matrix: Matrix, servicer: rpc.Servicer) -> None:
    """Adds the second door (the contract's rule of each RPC) to a matrix."""
    for method in servicer.service.methods:
        allowed = {rpc.KINDS[k] for k in rpc.rule_of(method).allow}
        for kind in CallerKind:
            matrix.add(method.name, "second door", kind.value, "open" if kind in allowed else "-")


def events_of(module: ModuleType) -> str:
    """Every event of a contract with its subject, aggregate and fields, for a golden."""
    blocks = []
    for name, descriptor in sorted(module.DESCRIPTOR.message_types_by_name.items()):
        if not descriptor.GetOptions().HasExtension(options_pb2.event):
            continue
        option = declared(descriptor)
        fields = [f"  {f.number} {f.name}" for f in descriptor.fields]
        blocks.append("\n".join([f"{name} -> {option.subject} of {option.aggregate}", *fields]))
    return "\n\n".join(blocks) + "\n"


def clock(start: datetime = NOW, step: timedelta = timedelta(seconds=1)) -> Iterator[datetime]:
    """Moments one second apart."""
    while True:
        yield start
        start += step


@asynccontextmanager
async def running(*works: Coroutine[Any, Any, None]) -> AsyncIterator[list[asyncio.Task[None]]]:
    """Background work (a relay, a consumer) that is killed when the block ends."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def until(condition: Callable[[], Awaitable[Any] | Any], seconds: float = 15) -> None:
    """Waits for a fact; TimeoutError when it does not come."""
    async with asyncio.timeout(seconds):
        while not (await found if isawaitable(found := condition()) else found):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
