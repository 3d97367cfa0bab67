"""Every metric that rules and dashboards may read: ours, from the code that makes it, and those of others."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tools.paths import ROOT

# Of others: name -> who exports it.
THIRD_PARTY = {
    "kube_job_status_failed": "kube-state-metrics, workload/job-metrics.md",
    "kube_statefulset_status_replicas_ready": "kube-state-metrics, workload/statefulset-metrics.md",
    "kubelet_volume_stats_available_bytes": "kubelet, /metrics",
    "kubelet_volume_stats_capacity_bytes": "kubelet, /metrics",
    "cnpg_pg_replication_lag": "CloudNativePG, default monitoring query pg_replication",
    "cnpg_pg_stat_archiver_seconds_since_last_archival": (
        "CloudNativePG, default monitoring query pg_stat_archiver; of the primary only"
    ),
    # `cnpg_collector_last_available_backup_timestamp` stays 0 when backups are made by the plugin.
    "barman_cloud_cloudnative_pg_io_last_available_backup_timestamp": "CloudNativePG, plugin barman-cloud",
}
# What a call that makes an instrument is called, and the suffixes the collector gives its name.
SUFFIXES = {
    "create_histogram": ("_bucket", "_sum", "_count"),
    "_seconds": ("_bucket", "_sum", "_count"),
    "create_counter": ("_total",),
    "create_gauge": ("",),
    "create_observable_gauge": ("",),
}


def exported(root: Path = ROOT) -> set[str]:
    """The Prometheus names of every instrument in the chassis and the services.

    Read from the source: some are made only once a service runs with a certificate or a ledger.
    """
    sources = [*root.glob("libs/chassis/chassis/**/*.py"), *root.glob("services/*/*/**/*.py")]
    return {
        name
        for source in sources
        if "tests" not in source.parts
        for name in made_in(source.read_text("utf-8"))
    }


def made_in(source: str) -> Iterator[str]:
    """The Prometheus names of the instruments that a source makes."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and (maker := name_of(node.func)) in SUFFIXES and node.args:
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                seconds = maker == "_seconds" or "s" in constants(node)
                stem = first.value.replace(".", "_") + ("_seconds" if seconds else "")
                yield from (stem + suffix for suffix in SUFFIXES[maker])


def name_of(function: ast.expr) -> str:
    """`METER.create_gauge` and `create_gauge` are both called create_gauge."""
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def constants(call: ast.Call) -> set[object]:
    """Where the unit may stand: it is the one text that is a bare `s`."""
    values = [*call.args[1:], *(keyword.value for keyword in call.keywords if keyword.arg == "unit")]
    return {value.value for value in values if isinstance(value, ast.Constant)}
