"""SIGTERM, as a cluster sends it: not ready at once, answering meanwhile, gone in time with status 0."""

import asyncio
import time

import pytest

from tests.containers.cluster import Cluster
from tests.containers.evidence import look, seen_inside
from tests.containers.live.traffic import QUESTIONS, Traffic
from tests.containers.running import RunningPod
from tests.reach import Actors

# Seconds in which readiness must say no.
AT_ONCE = 2.0
# The gateway first: started again, it knows both pods of each service, as it does where there are always two.
SERVICES = ("gateway", "dmp", "eprescription", "identity-ins")
BACKING = ("issuer", "nats", "postgres")


@pytest.fixture(scope="module", autouse=True)
def seconds(cluster: Cluster) -> None:
    """A second pod of each service, looked at like the first."""
    for service in SERVICES[1:]:
        second = cluster.another(service)
        for one in second.pod.containers:
            second.looks[one.name] = seen_inside(second, one, look(second, one))


def asked(pod: RunningPod, kind: str) -> str:
    """What a probe answers now: the reason of its failure, or nothing."""
    return next(iter(pod.kubelets.values())).ask(kind)


async def until_unready(pod: RunningPod, began: float) -> float:
    """Seconds after which readiness says no."""
    while not await asyncio.to_thread(asked, pod, "readinessProbe"):
        if time.monotonic() - began > AT_ONCE:
            pytest.fail(f"{pod.pod.name} was still ready {AT_ONCE} s after SIGTERM")
        await asyncio.sleep(0.05)
    return time.monotonic() - began


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_drains_then_ends(cluster: Cluster, actors: Actors, service: str) -> None:
    """As in a rolling update: its calls go on while it is out of the endpoints, then to another pod."""
    pod, traffic = cluster[service], Traffic()
    delay = float(pod.variables(pod.pod.containers[0])["SOCLE_DRAIN_DELAY_SECONDS"])
    question = QUESTIONS[service]
    await traffic.ask(question, actors)
    pod.hush()
    began = time.monotonic()
    stopping = asyncio.create_task(asyncio.to_thread(pod.stop))
    await until_unready(pod, began)
    while time.monotonic() - began < delay - 0.5:
        await traffic.ask(question, actors)
        assert not await asyncio.to_thread(asked, pod, "livenessProbe"), "a draining process lives"
        await asyncio.sleep(0.05)
    await stopping
    (end,) = pod.ends.values()
    assert (traffic.failures, traffic.answered > 10) == ([], True)
    assert (end.status, delay <= end.seconds < pod.pod.grace_seconds) == (0, True), (end, pod.tail())
    if service == "gateway":
        await asyncio.to_thread(pod.start_again)
    # Whoever called it has found the other, or itself again.
    await traffic.ask(question, actors)
    assert traffic.failures == []


def test_the_pods_that_took_over_end_too(cluster: Cluster) -> None:
    for pod in cluster.lasting:
        if pod.pod.workload.name in SERVICES and not pod.ends:
            pod.stop()
            assert [end.status for end in pod.ends.values()] == [0], pod.tail()


@pytest.mark.parametrize("name", BACKING)
def test_a_server_behind_the_services_ends_in_time(cluster: Cluster, name: str) -> None:
    pod = cluster[name]
    pod.stop()
    (end,) = pod.ends.values()
    assert (end.status, end.seconds < pod.pod.grace_seconds) == (0, True), (end, pod.tail())
