"""The dashboards: one to begin with, then one for each concern."""

from tools.slo.model import Slo
from tools.slo.panels import Json, Panel, Query, Row, dashboard, variable

HTTP, RPC = "socle_http_duration_seconds", "socle_rpc_duration_seconds"
ASKED = "socle_rpc_client_duration_seconds"
CHOSEN = 'service_name=~"$service"'
FRONT = 'service_name="gateway"'
INSIDE = 'namespace="socle"'
SERVICE = variable("service", "Service", f"label_values({RPC}_count, service_name)")
ROUTE = variable("route", "Route", f"label_values({HTTP}_count, route)")
COPIED = "barman_cloud_cloudnative_pg_io_last_available_backup_timestamp"
ARCHIVED = "cnpg_pg_stat_archiver_seconds_since_last_archival"


def per_second(counter: str, among: str, by: str, legend: str = "") -> Query:
    """How often, by one or more labels; nothing at all is nought, not a hole."""
    summed = f"sum by ({by}) (rate({counter}{{{among}}}[5m]))"
    return Query(summed, legend or " ".join(f"{{{{{label.strip()}}}}}" for label in by.split(",")))


def quantile(share: float, histogram: str, among: str, by: str, legend: str = "") -> Query:
    """What a share of the measures of a histogram stays below."""
    summed = f"sum by (le, {by}) (rate({histogram}_bucket{{{among}}}[5m]))"
    return Query(f"histogram_quantile({share}, {summed})", legend or f"{{{{{by}}}}} p{share * 100:g}")


def both_ends(histogram: str, among: str, by: str) -> list[Query]:
    """The median and the slow end."""
    return [quantile(share, histogram, among, by) for share in (0.5, 0.99)]


def highest(gauge: str, among: str, by: str = "service_name") -> Query:
    """A gauge that each replica tells of the same thing: they may differ by a few seconds."""
    return Query(f"max by ({by}) ({gauge}{{{among}}})", f"{{{{{by}}}}}")


def overview(slos: list[Slo], faults: str) -> Json:
    """What to look at first: promises, then each service."""
    budgets = Panel(
        "Error budget left",
        [Query("slo:error_budget_left:ratio", "{{slo}}")],
        "percentunit",
        "stat",
        width=24,
        height=6,
        worry=0.25,
        falling=True,
        about="Of the last four weeks. Below zero the promise is broken: nothing new before it is mended.",
    )
    burning = Panel(
        "Speed at which budgets are spent (1 h)",
        [Query("slo:error_ratio:rate1h / slo:error_budget:ratio", "{{slo}}")],
        width=24,
        worry=14.4,
        about="1 spends a budget exactly in its four weeks; 14.4 calls someone.",
    )
    front = _red(
        "gateway", HTTP, FRONT, "status", per_second(f"{HTTP}_count", f'{FRONT},status=~"5.."', "route")
    )
    services = [_service(slo.service, faults) for slo in slos if slo.service != "gateway"]
    rows = [Row("Promises", [budgets, burning]), front, *services]
    return dashboard("socle-overview", "Socle: overview", rows)


def _service(name: str, faults: str) -> Row:
    among = f'service_name="{name}"'
    return _red(name, RPC, among, "code", per_second(f"{RPC}_count", f'{among},code=~"{faults}"', "rpc"))


def _red(title: str, histogram: str, among: str, outcome: str, faults: Query) -> Row:
    """Rate, errors, duration."""
    return Row(
        title,
        [
            Panel("Rate", [per_second(f"{histogram}_count", among, outcome)], "reqps", width=8),
            Panel("Faults of ours", [faults], "reqps", width=8),
            Panel("Duration", both_ends(histogram, among, "service_name"), "s", width=8, worry=0.5),
        ],
    )


def gateway() -> Json:
    """The public door, route by route, and what it asks of the services."""
    among = f'{FRONT},route=~"$route"'
    busiest = per_second(f"{HTTP}_count", among, "method, route")
    refused = per_second(f"{HTTP}_count", f'{among},status="429"', "route")
    slowest = [quantile(0.99, HTTP, among, "route")]
    inside = [quantile(0.99, ASKED, FRONT, "rpc")]
    rows = [
        Row(
            "Routes",
            [
                Panel("Busiest routes", [Query(f"topk(15, {busiest.expr})", busiest.legend)], "reqps"),
                Panel("Answers", [per_second(f"{HTTP}_count", among, "status")], "reqps"),
                Panel("Duration by route, p99", slowest, "s", worry=0.5),
                Panel("Refused by a rate limit", [refused], "reqps"),
            ],
        ),
        Row(
            "What the gateway asks of the services",
            [
                Panel("RPCs asked, by outcome", [per_second(f"{ASKED}_count", FRONT, "code")], "reqps"),
                Panel("Duration as seen from here, p99", inside, "s", worry=0.5),
            ],
        ),
    ]
    return dashboard("socle-gateway", "Socle: gateway", rows, [ROUTE])


def events() -> Json:
    """From the commit to the effect in another service: outbox, relay, consumers."""
    leaders = Query(f"sum by (service_name) (socle_relay_leader{{{CHOSEN}}})", "{{service_name}}")
    handled = per_second("socle_consumer_handled_total", CHOSEN, "durable, outcome")
    parked = [highest("socle_consumer_parked", CHOSEN, "durable")]
    rows = [
        Row(
            "Out: outbox and relay",
            [
                Panel(
                    "Age of the oldest event",
                    [highest("socle_outbox_oldest_age_seconds", CHOSEN)],
                    "s",
                    worry=5,
                ),
                Panel("Events waiting", [highest("socle_outbox_waiting", CHOSEN)]),
                Panel(
                    "Published", [per_second("socle_outbox_published_total", CHOSEN, "service_name")], "ops"
                ),
                Panel("Replicas that lead: 1, or nobody publishes", [leaders], worry=1, falling=True),
            ],
        ),
        Row(
            "In: consumers",
            [
                Panel(
                    "Lag to the effect", both_ends("socle_event_lag_seconds", CHOSEN, "durable"), "s", worry=1
                ),
                Panel("Events to come", [highest("socle_consumer_pending", CHOSEN, "durable")], worry=1000),
                Panel("Handled, by outcome", [handled], "ops"),
                Panel(
                    "Tries that failed",
                    [per_second("socle_consumer_retried_total", CHOSEN, "durable")],
                    "ops",
                ),
                Panel("Events put aside", parked, kind="stat", worry=1),
            ],
        ),
    ]
    return dashboard("socle-events", "Socle: events", rows, [SERVICE])


def databases() -> Json:
    """Pools, certificates, the journal with proof, PostgreSQL itself."""
    used, most = highest("socle_db_pool_used", CHOSEN), highest("socle_db_pool_most", CHOSEN)
    connections = [Query(used.expr, "{{service_name}} in use"), Query(most.expr, "{{service_name}} at most")]
    ends = Query(f"min by (service_name) (socle_tls_expires_in_seconds{{{CHOSEN}}})", "{{service_name}}")
    left = (
        f"kubelet_volume_stats_available_bytes{{{INSIDE}}} / kubelet_volume_stats_capacity_bytes{{{INSIDE}}}"
    )
    wait = both_ends("socle_db_pool_wait_seconds", CHOSEN, "service_name")
    behind = [highest("cnpg_pg_replication_lag", INSIDE, "pod")]
    archived = [Query(f"max({ARCHIVED}{{{INSIDE}}})", "archived")]
    copied = [Query(f"time() - max({COPIED}{{{INSIDE}}})", "copied")]
    rows = [
        Row(
            "Pools, schema, certificates",
            [
                Panel("Connections in use", connections),
                Panel("Wait for a connection", wait, "s", worry=0.1),
                Panel("Schema behind the program", [highest("socle_schema_behind", CHOSEN)], worry=1),
                Panel("Certificates, time left", [ends], "s", worry=8 * 3600, falling=True),
            ],
        ),
        Row(
            "Journal with proof",
            [
                Panel("Lines not yet in the tree", [highest("socle_ledger_pending", CHOSEN)]),
                Panel("Oldest of them", [highest("socle_ledger_oldest_age_seconds", CHOSEN)], "s", worry=10),
            ],
        ),
        Row(
            "PostgreSQL and volumes",
            [
                Panel("Replicas, behind their primary", behind, "s", worry=30),
                Panel("Since the last archived segment", archived, "s", worry=900),
                Panel("Since the last whole copy", copied, "s", "stat", worry=26 * 3600),
                Panel(
                    "Volumes, share left",
                    [Query(left, "{{persistentvolumeclaim}}")],
                    "percentunit",
                    worry=0.15,
                    falling=True,
                ),
            ],
        ),
    ]
    return dashboard("socle-databases", "Socle: databases", rows, [SERVICE])


def all_dashboards(slos: list[Slo], faults: str) -> dict[str, Json]:
    """File name -> dashboard. `faults`: codes of gRPC that are a fault of ours, as one pattern."""
    return {
        "overview": overview(slos, faults),
        "gateway": gateway(),
        "events": events(),
        "databases": databases(),
    }
