"""The production overlay: every pod of ours starts, migrates, becomes ready and answers through HTTPS."""

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from socle_local.journey import Actor, Reach
from socle_local.personas import PERSONAS
from tests.containers.coverage import items, shared, table, untouched
from tests.containers.evidence import look, seen_inside
from tests.containers.explained import UNREAD_IN_PRODUCTION, UNSAID
from tests.containers.kubelet import wait_until
from tests.containers.live.traffic import QUESTIONS, created
from tests.containers.production import CHANGES, COLLECTOR, STANDING_IN, ProductionPlatform
from tests.containers.reports import REPORTS
from tests.reach import Actors


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProductionPlatform]:
    with ProductionPlatform(tmp_path_factory.mktemp("production")) as running:
        yield running


@pytest.fixture(scope="module")
async def people(production: ProductionPlatform) -> AsyncIterator[Actors]:
    """Everyone, at the gateway of production: by HTTPS, its certificate verified for its name."""
    reach = Reach(
        production.url(), production.issuer_url, production.nats.url, "", nats_ca=production.nats_ca
    )
    async with httpx.AsyncClient() as client:
        yield {name: Actor(name, reach, client) for name in PERSONAS}


# Production has no invented persons: who asks for one finds nobody.
ASKED = {**{name: QUESTIONS[name] for name in ("dmp", "eprescription")}, "identity-ins": created()}


@pytest.mark.parametrize("service", ASKED)
async def test_a_service_answers_an_authorised_call_through_the_gateway(people: Actors, service: str) -> None:
    assert await ASKED[service].ask(people) == ""


def test_telemetry_reaches_the_collector(production: ProductionPlatform) -> None:
    """From each of our programs, at the address that the OTEL variables give."""
    cluster = production.cluster
    ours = {one.pod.workload.name for one in cluster.lasting} - STANDING_IN

    def senders() -> set[str]:
        return {flow.source for flow in cluster.flows() if flow.target == COLLECTOR}

    assert wait_until(lambda: senders() >= ours, 60), ours - senders()
    assert "/v1/metrics" in cluster[COLLECTOR].log.read_text()


async def test_the_gateway_speaks_no_plain_http(production: ProductionPlatform) -> None:
    async with httpx.AsyncClient() as client:
        with pytest.raises(httpx.TransportError):
            await client.get(production.url().replace("https", "http") + "/livez")


def test_every_process_of_production_runs_as_its_manifest_says(production: ProductionPlatform) -> None:
    faults = []
    for pod in production.cluster.lasting:
        for one in pod.pod.containers:
            pod.looks[one.name] = seen_inside(pod, one, look(pod, one))
            faults += [f"{pod.pod.name}: {what}: {why}" for what, why in pod.looks[one.name].items() if why]
    assert faults == []


def test_what_is_seen_to_flow_is_allowed_in_production(production: ProductionPlatform) -> None:
    """But for the issuer, which production has elsewhere: its policies know Keycloak."""
    cluster = production.cluster
    parties = {one.name: one for one in cluster.parties()}
    seen = {flow for flow in cluster.flows() if flow.target != "issuer"}
    refused = [
        str(flow)
        for flow in sorted(seen)
        if not cluster.policies.allows(parties[flow.source], parties[flow.target], flow.port)
    ]
    assert (bool(seen), refused) == (True, [])


def test_services_end_in_time(production: ProductionPlatform) -> None:
    ours = [one for one in production.cluster.lasting if one.pod.workload.name not in STANDING_IN]
    for pod in ours:
        pod.stop()
        assert [end.status for end in pod.ends.values()] == [0], pod.tail()


def test_everything_production_says_of_our_pods_was_exercised(production: ProductionPlatform) -> None:
    ours = [one for one in production.cluster.pods if one.pod.workload.name not in STANDING_IN]
    found = shared(item for pod in ours for item in items(pod))
    REPORTS.append(
        table(found, "What the production overlay says of our pods, and how much of it was exercised")
    )
    lines = [f"  {one.variable}={one.value or '(not given)'}: {one.why}" for one in CHANGES]
    REPORTS.append("Settings of production replaced for this run:\n" + "\n".join(lines))
    left = [one for one in untouched(found) if one not in UNREAD_IN_PRODUCTION]
    assert left == []
    stale = [one for one in UNREAD_IN_PRODUCTION if one not in untouched(found)]
    assert stale == [], "explained, and exercised"
    assert set(UNSAID.values()) <= {one.how for one in found}, "explained, and of no manifest"
