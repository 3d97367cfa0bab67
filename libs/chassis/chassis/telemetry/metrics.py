"""What is counted and timed: every instrument of the platform, by the name under which it leaves the process.

Labels come from contracts, route templates and durable names, so their number is bounded by the code; an
address, an identifier or a name is never one.
"""

from __future__ import annotations

from opentelemetry import metrics

METER = metrics.get_meter("socle")

# Seconds. 0.5 is a boundary of its own: the goal is 99 answers of 100 below it, which is then read exactly.
ANSWER = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
LAG = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)
WAIT = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


def _seconds(name: str, what: str, boundaries: tuple[float, ...]) -> metrics.Histogram:
    return METER.create_histogram(name, "s", what, explicit_bucket_boundaries_advisory=boundaries)


HTTP_SECONDS = _seconds("socle.http.duration", "Time to answer, by route, method and status", ANSWER)
RPC_SECONDS = _seconds("socle.rpc.duration", "Time to answer an RPC, by method and code", ANSWER)
RPC_CLIENT_SECONDS = _seconds("socle.rpc.client.duration", "Time an RPC took for who asked", ANSWER)

PUBLISHED = METER.create_counter("socle.outbox.published", description="Events carried to JetStream")
OUTBOX_WAITING = METER.create_gauge("socle.outbox.waiting", description="Events not yet published")
OUTBOX_AGE = METER.create_gauge("socle.outbox.oldest_age", "s", "Age of the oldest event not published")
# 1 on the replica that publishes, 0 on the others; the sum over a service is 1, or nobody publishes.
RELAY_LEADER = METER.create_gauge("socle.relay.leader", description="This replica carries the events")

CONSUMED = METER.create_counter(
    "socle.consumer.handled", description="Events handled, by durable and outcome"
)
RETRIED = METER.create_counter("socle.consumer.retried", description="Tries that failed, by durable")
PENDING = METER.create_gauge("socle.consumer.pending", description="Events that wait for a durable")
PARKED = METER.create_gauge("socle.consumer.parked", description="Events put aside, by durable")
EVENT_LAG = _seconds("socle.event.lag", "From the moment of an event to its effect here", LAG)

POOL_USED = METER.create_gauge("socle.db.pool.used", description="Connections at work")
POOL_SIZE = METER.create_gauge("socle.db.pool.size", description="Connections open")
POOL_MOST = METER.create_gauge("socle.db.pool.most", description="Connections that may be open")
POOL_WAIT = _seconds("socle.db.pool.wait", "Time a unit of work waited for its connection", WAIT)

# 1 while the database has an older schema than this program.
SCHEMA_BEHIND = METER.create_gauge("socle.schema.behind", description="The migration has not run yet")
