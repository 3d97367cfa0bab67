"""Rules of Prometheus: what is recorded of each promise, and when someone is called.

Bad and total of each promise are recorded once, over five minutes; every longer window is made of these, so
that a month of raw series is never read. All carry the labels `slo`, `service_name` and `objective`.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from tools.slo.burn import BURNS, WINDOWS, Burn, budget
from tools.slo.model import Counted, Direct, Level, Objective, Slo

Rule = dict[str, Any]
# Seconds between two evaluations.
INTERVAL = 30
# Fewer bad events than this within the long window call nobody.
LEAST_BAD = 10


def runbook(alert: str) -> str:
    """Where what to do is written, from the root of the repository."""
    return "docs/runbooks/" + re.sub(r"(?<!^)(?=[A-Z])", "-", alert).lower() + ".md"


def recorded(slo: Slo, objective: Objective) -> list[Rule]:
    """What is recorded of one promise."""
    name = slo.id(objective)
    labels = {"slo": name, "service_name": slo.service, "objective": objective.name}
    indicator = objective.indicator
    bad, total, before = _level(indicator, name) if isinstance(indicator, Level) else _counted(indicator)
    rules = [*before, ("slo:bad:rate5m", bad), ("slo:total:rate5m", total)]
    rules.append(("slo:error_budget:ratio", f"vector({budget(objective.target):f})"))
    return [{"record": record, "expr": expr, "labels": labels} for record, expr in rules]


def _counted(counted: Counted) -> tuple[str, str, list[tuple[str, str]]]:
    total = f"sum(rate({counted.total}[5m]))"
    # A counter appears with its first event: until then there is none, which is not "unknown".
    if counted.bad:
        return f"sum(rate({counted.bad}[5m])) or vector(0)", total, []
    good = f"(sum(rate({counted.good}[5m])) or vector(0))"
    return f"clamp_min({total} - {good}, 0)", total, []


def _level(level: Level, name: str) -> tuple[str, str, list[tuple[str, str]]]:
    """Time is counted as events are, one a second: a minute out of line is sixty bad ones."""
    over = f'slo:over:bool{{slo="{name}"}}'
    bad, total = f"avg_over_time({over}[5m])", f"clamp_max(count_over_time({over}[5m]), 1)"
    return bad, total, [("slo:over:bool", f"max({level.level}) > bool {level.at_most:g}")]


def windows(slos: Iterable[Slo]) -> list[Rule]:
    """The share of bad events over each window, of every promise at once, and what is left of its budget."""
    rules = [{"record": "slo:error_ratio:rate5m", "expr": "slo:bad:rate5m / (slo:total:rate5m > 0)"}]
    rules += [_window(window) for window in WINDOWS if window != "5m"]
    for length in sorted({slo.window for slo in slos}):
        services = "|".join(sorted(slo.service for slo in slos if slo.window == length))
        among = f'{{service_name=~"{services}"}}'
        spent = f"{_ratio(length, among)} / slo:error_budget:ratio"
        rules.append({"record": "slo:error_budget_left:ratio", "expr": f"1 - {spent}"})
    return rules


def _window(window: str) -> Rule:
    return {"record": f"slo:error_ratio:rate{window}", "expr": _ratio(window)}


def _ratio(window: str, among: str = "") -> str:
    bad, total = f"slo:bad:rate5m{among}", f"slo:total:rate5m{among}"
    return f"sum_over_time({bad}[{window}]) / (sum_over_time({total}[{window}]) > 0)"


def burning(slos: Iterable[Slo]) -> list[Rule]:
    """An alert for each kind of promise and severity, over every service that makes it."""
    kinds = {objective.name: objective.alert for slo in slos for objective in slo.objectives}
    return [
        _burning(kind, kinds[kind], severity) for kind in sorted(kinds) for severity in ("page", "ticket")
    ]


def _burning(kind: str, alert: str, severity: str) -> Rule:
    pairs = [_pair(burn, kind) for burn in BURNS if burn.severity == severity]
    return {
        "alert": alert,
        "expr": "\nor\n".join(pairs),
        "labels": {"severity": severity},
        "annotations": {
            "summary": "{{ $labels.slo }}: its error budget is spent too fast",
            "runbook_url": runbook(alert),
        },
    }


def _pair(burn: Burn, kind: str) -> str:
    """Both windows; and enough bad events to be a fact: at night, one of three requests is a third of all."""
    among = f'{{objective="{kind}"}}'
    limit = f"{burn.factor:f} * slo:error_budget:ratio"
    parts = [f"slo:error_ratio:rate{window}{among} > {limit}" for window in (burn.long, burn.short)]
    # A rate recorded each interval, times the interval: how many they were.
    parts.append(f"sum_over_time(slo:bad:rate5m{among}[{burn.long}]) * {INTERVAL} >= {LEAST_BAD}")
    return "(\n  " + "\n  and ".join(parts) + "\n)"


def direct(alert: Direct, services: Sequence[str]) -> Rule:
    """The rule of an alert on a cause; a line with `$SERVICE` is repeated for each service."""
    lines = [
        line.replace("$SERVICE", service)
        for line in alert.expr.strip().splitlines()
        for service in (services if "$SERVICE" in line else [""])
    ]
    return {
        "alert": alert.alert,
        "expr": "\n".join(lines),
        "for": alert.lasts,
        "labels": {"severity": alert.severity},
        "annotations": {"summary": alert.says, "runbook_url": runbook(alert.alert)},
    }


def prometheus_rule(name: str, groups: dict[str, list[Rule]]) -> dict[str, Any]:
    """A PrometheusRule of the Prometheus operator."""
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {
            "name": name,
            "labels": {"app.kubernetes.io/component": "observability", "app.kubernetes.io/part-of": "socle"},
        },
        "spec": {
            "groups": [
                {"name": group, "interval": f"{INTERVAL}s", "rules": rules} for group, rules in groups.items()
            ]
        },
    }


def all_rules(slos: list[Slo], alerts: list[Direct], services: Sequence[str]) -> dict[str, dict[str, Any]]:
    """File name -> PrometheusRule. `services` are those that have a database."""
    made = {
        f"slo-{slo.service}": prometheus_rule(
            f"socle-slo-{slo.service}",
            {f"slo-{slo.service}": [r for o in slo.objectives for r in recorded(slo, o)]},
        )
        for slo in slos
    }
    burns = {"slo-windows": windows(slos), "slo-burns": burning(slos)}
    return {
        **made,
        "burns": prometheus_rule("socle-slo-burns", burns),
        "causes": prometheus_rule("socle-causes", {"causes": [direct(alert, services) for alert in alerts]}),
    }
