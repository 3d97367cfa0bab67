"""One call of a client is one trace: gateway, gRPC, SQL, outbox, NATS, the services that listen. And nothing
of a patient is in it, nor in a metric, nor in a log.
"""

import re
import secrets
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from chassis.telemetry.spans import ALLOWED
from chassis.testing_otlp import Received, Span, collecting
from socle_local.journey import Actor, Patient
from socle_local.personas import PERSONAS
from socle_local.platform import Platform
from tests.integration import identities
from tests.reach import reach_of

QUALIFIED = "socle.identity_ins.identity.qualified.v1"
SERVICE = "socle.identity_ins.v1.IdentityInsService"
CHECKED = (f"/{SERVICE}/CheckIdentityPaper", "OK")
LAST_ROUTE = "/v1/dmp/{person_id}"
# Who has a part in the trace of that call.
CHAIN = {
    ("gateway", "SERVER"),
    ("gateway", "CLIENT"),
    ("identity-ins", "SERVER"),
    ("identity-ins", "PRODUCER"),
    ("dmp", "CONSUMER"),
}


@dataclass
class Day:
    """What a secretary did, and what the platform exported of it."""

    received: Received
    home: Path
    patient: Patient
    identity: dict[str, Any]
    # The trace of the call that qualified the identity, as the client began it.
    trace_id: str
    client_span: str
    # What may appear nowhere.
    secrets: list[str]

    def spans(self) -> list[Span]:
        return self.received.trace(self.trace_id)


@pytest.fixture(scope="module")
def received() -> Iterator[Received]:
    with collecting() as made:
        yield made


@pytest.fixture(scope="module")
def observed(tmp_path_factory: pytest.TempPathFactory, received: Received) -> Iterator[Platform]:
    """A platform of its own: the others export nothing."""
    home = tmp_path_factory.mktemp("observed")
    with Platform(home, fsync=False, extra=received.environment) as running:
        yield running


@pytest.fixture(scope="module")
async def day(observed: Platform, received: Received, patient: Patient) -> AsyncIterator[Day]:
    async with httpx.AsyncClient() as http:
        actor = Actor(PERSONAS["secretary"].name, reach_of(observed), http)
        held = await identities.retrieved(actor, patient)
        trace_id, span_id = secrets.token_hex(16), secrets.token_hex(8)
        began = {"traceparent": f"00-{trace_id}-{span_id}-00", "tracestate": "vendor=DUPONT"}
        path = identities.path(held)
        identity = (await actor.send("POST", f"{path}/paper-check", {"paper": "CN"}, headers=began)).json()
        ipp = identity["ipp"]
        # Where a careless program would log them: addresses, queries, refused fields, unknown routes.
        await actor.send("GET", f"/v1/identities?family={patient.birth_name}")
        await actor.send("GET", f"/v1/nothing-here/{patient.matricule}")
        await actor.send(
            "POST", "/v1/insi/search", {"birth_name": patient.birth_name, "sex": patient.matricule}
        )
        await actor.send("GET", f"/v1/dmp/{patient.person_id}")
        token = await actor.token()
        kept = [*traits(patient), ipp, identity["id"], patient.person_id, "vendor=DUPONT", token]
        made = Day(received, observed.home, patient, identity, trace_id, span_id, kept)
        # Each program sends what it has when its own clock says so.
        received.wait(lambda: {(span.service, span.kind) for span in made.spans()} >= CHAIN)
        received.wait(lambda: "dmp" in {point.service for point in received.points("socle.event.lag")})
        received.wait(lambda: CHECKED in rpcs_of(received, "duration"))
        # The last of what was asked: whatever comes before it has been sent too.
        received.wait(lambda: LAST_ROUTE in routes_of(received))
        yield made


def rpcs_of(received: Received, name: str) -> set[tuple[Any, Any]]:
    """RPCs and codes that were timed: `duration` by who answered, `client.duration` by who asked."""
    return {(p.labels["rpc"], p.labels["code"]) for p in received.points(f"socle.rpc.{name}")}


def routes_of(received: Received) -> set[str]:
    """The routes that requests were counted under."""
    return {str(point.labels["route"]) for point in received.points("socle.http.duration")}


def traits(patient: Patient) -> list[str]:
    """What tells who a person is; short names are left out, they stand in ordinary words."""
    named = [patient.birth_name, *patient.first_names, patient.birth_date, patient.matricule]
    return [one for one in named if len(one) > 4]


def chosen(spans: list[Span], kind: str, service: str, start: str = "") -> Span:
    """The one span of this kind and service whose name begins so."""
    found = [s for s in spans if (s.kind, s.service) == (kind, service) and s.name.startswith(start)]
    assert len(found) == 1, [str(span) for span in spans]
    return found[0]


async def test_the_call_and_its_effect_elsewhere_are_one_tree(day: Day) -> None:
    spans = day.spans()
    gateway = chosen(spans, "SERVER", "gateway")
    asked = chosen(spans, "CLIENT", "gateway")
    answered = chosen(spans, "SERVER", "identity-ins")
    published = chosen(spans, "PRODUCER", "identity-ins")
    followed = chosen(spans, "CONSUMER", "dmp")
    assert gateway.name == "POST /v1/identities/{identity_id}/paper-check"
    assert asked.name == answered.name
    assert asked.name.startswith(SERVICE)
    assert (published.name, followed.name) == (f"publish {QUALIFIED}", f"process {QUALIFIED}")
    chain = [gateway, asked, answered, published, followed]
    assert [span.parent_id for span in chain] == [day.client_span, *(span.span_id for span in chain[:-1])]
    assert not any(span.failed for span in spans)


async def test_each_statement_is_told_by_table_and_by_the_query_that_made_it(day: Day) -> None:
    spans = day.spans()
    answered, followed = chosen(spans, "SERVER", "identity-ins"), chosen(spans, "CONSUMER", "dmp")
    ours = [
        span for span in spans if span.parent_id == answered.span_id and "db.system.name" in span.attributes
    ]
    theirs = [span for span in spans if span.parent_id == followed.span_id]
    assert {"BEGIN", "COMMIT"} <= {span.name for span in ours}
    assert any("outbox" in span.name and "audit" in span.name for span in ours)
    assert any(span.name.startswith("INSERT inbox") for span in theirs)
    asked_by = {span.attributes["code.function.name"] for span in [*ours, *theirs]}
    assert any(name.startswith("identity_ins.store.") for name in asked_by), asked_by
    assert any(name.startswith("dmp.store.") for name in asked_by), asked_by
    took = sum(span.seconds for span in ours)
    assert 0 < took < answered.seconds


async def test_who_it_is_about_is_in_no_span_no_metric_and_no_log(day: Day) -> None:
    logs = "\n".join(
        log.read_text(errors="replace")
        for log in sorted((day.home / "logs").glob("*.log"))
        if log.stem not in ("postgres", "nats")
    )
    assert "http.refused" in logs
    assert day.received.says(LAST_ROUTE)
    for secret in day.secrets:
        assert not day.received.says(secret), f"exported: {secret[:20]}"
        assert secret not in logs, f"logged: {secret[:20]}"


async def test_nothing_is_told_but_what_is_on_our_lists(day: Day) -> None:
    """A library that measures and traces by itself would tell the address of a request."""
    assert {key for span in day.received.spans() for key in span.attributes} <= ALLOWED
    assert {point.metric.partition(".")[0] for point in day.received.points()} == {"socle"}


async def test_every_label_of_a_metric_is_one_of_the_code(day: Day, observed: Platform) -> None:
    routes = routes_of(day.received)
    assert "/v1/identities/{identity_id}/paper-check" in routes
    assert "(none)" in routes
    assert not [route for route in routes if re.search(r"\d{6,}", route)]
    assert CHECKED in rpcs_of(day.received, "duration") & rpcs_of(day.received, "client.duration")
    durables = {str(p.labels["durable"]) for p in day.received.points("socle.event.lag")}
    declared = {name for service in observed.services for name in service.durables}
    assert "dmp-follow-identities" in durables <= declared


@pytest.mark.parametrize(
    "metric",
    [
        "socle.outbox.waiting",
        "socle.outbox.oldest_age",
        "socle.relay.leader",
        "socle.consumer.pending",
        "socle.db.pool.used",
        "socle.db.pool.size",
        "socle.db.pool.wait",
        "socle.ledger.pending",
        "socle.ledger.oldest_age",
    ],
)
async def test_what_an_operator_watches_is_exported(day: Day, metric: str) -> None:
    day.received.wait(lambda: day.received.points(metric))


async def test_a_slow_answer_can_be_read_to_the_service_level_and_names_a_trace(day: Day) -> None:
    points = day.received.points("socle.http.duration")
    assert 0.5 in points[-1].boundaries
    examples = {example for point in points for example in point.examples}
    assert examples & {span.trace_id for span in day.received.spans()}


async def test_one_trace_id_finds_the_lines_of_every_service(day: Day, observed: Platform) -> None:
    """A refusal deep inside is told with the trace by each process it crossed."""
    async with httpx.AsyncClient() as http:
        actor = Actor("secretary", reach_of(observed), http)
        unknown = "/v1/identities/01890000-0000-7000-8000-000000000000"
        refused = await actor.send("GET", unknown)
    trace_id = refused.expect(404).headers["traceparent"][3:35]
    for service in ("gateway", "identity-ins"):
        lines = (day.home / "logs" / f"{service}.log").read_text().splitlines()
        assert [line for line in lines if trace_id in line], service
