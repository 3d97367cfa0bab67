"""Parts of a Grafana dashboard (schema 39, Grafana 11 and later), laid out on 24 columns."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
COLUMNS = 24


@dataclass(frozen=True, slots=True)
class Query:
    """An expression and what its lines are called."""

    expr: str
    legend: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One drawing. `worry` is the value from which it turns red; with `falling`, below which."""

    title: str
    queries: Sequence[Query]
    unit: str = "short"
    kind: str = "timeseries"
    width: int = 12
    height: int = 8
    worry: float | None = None
    falling: bool = False
    about: str = ""
    options: Json = field(default_factory=dict)

    def json(self, number: int, x: int, y: int) -> Json:
        """As Grafana reads it, at a place."""
        return {
            "id": number,
            "type": self.kind,
            "title": self.title,
            "description": self.about,
            "datasource": DATASOURCE,
            "gridPos": {"x": x, "y": y, "w": self.width, "h": self.height},
            "targets": [self._target(n, query) for n, query in enumerate(self.queries)],
            "fieldConfig": {"defaults": self._defaults(), "overrides": []},
            "options": self.options or OPTIONS[self.kind],
        }

    def _target(self, number: int, query: Query) -> Json:
        return {
            "refId": chr(ord("A") + number),
            "datasource": DATASOURCE,
            "expr": query.expr,
            "legendFormat": query.legend,
            "range": self.kind == "timeseries",
            "instant": self.kind != "timeseries",
        }

    def _defaults(self) -> Json:
        made: Json = {"unit": self.unit, "min": 0}
        if self.worry is not None:
            before, after = ("red", "green") if self.falling else ("green", "red")
            steps = [{"color": before, "value": None}, {"color": after, "value": self.worry}]
            made["thresholds"] = {"mode": "absolute", "steps": steps}
        if self.kind == "timeseries":
            line = {"style": {"mode": "line" if self.worry is not None else "off"}}
            made["custom"] = {"lineWidth": 1, "fillOpacity": 8, "thresholdsStyle": line["style"]}
        else:
            # Below nothing left there is no end: a budget may be spent twice.
            del made["min"]
        return made


OPTIONS: dict[str, Json] = {
    "timeseries": {
        "legend": {"displayMode": "list", "placement": "bottom"},
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    "stat": {
        "colorMode": "value",
        "graphMode": "none",
        "reduceOptions": {"calcs": ["lastNotNull"], "values": False},
        "textMode": "value_and_name",
    },
}


@dataclass(frozen=True, slots=True)
class Row:
    """A heading and the panels below it."""

    title: str
    panels: Sequence[Panel]


def laid_out(rows: Sequence[Row]) -> list[Json]:
    """Every heading and panel at its place, numbered in reading order."""
    made: list[Json] = []
    y = 0
    for row in rows:
        place = {"x": 0, "y": y, "w": COLUMNS, "h": 1}
        made.append(
            {"id": len(made) + 1, "type": "row", "title": row.title, "collapsed": False, "gridPos": place}
        )
        x, y, tallest = 0, y + 1, 0
        for panel in row.panels:
            if x + panel.width > COLUMNS:
                x, y, tallest = 0, y + tallest, 0
            made.append(panel.json(len(made) + 1, x, y))
            x, tallest = x + panel.width, max(tallest, panel.height)
        y += tallest
    return made


def variable(name: str, label: str, query: str) -> Json:
    """A choice at the top, filled from the labels of a metric; all of them at first."""
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": DATASOURCE,
        "query": {"query": query, "refId": name},
        "refresh": 2,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
        "sort": 1,
    }


def dashboard(uid: str, title: str, rows: Sequence[Row], variables: Sequence[Json] = ()) -> Json:
    """A whole dashboard. The same input gives the same bytes: no date, no version of its own."""
    source = {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}
    return {
        "uid": uid,
        "title": title,
        "tags": ["socle"],
        "schemaVersion": 39,
        "editable": False,
        "timezone": "browser",
        "time": {"from": "now-6h", "to": "now"},
        "refresh": "30s",
        "graphTooltip": 1,
        "links": [{"type": "dashboards", "title": "Socle", "tags": ["socle"], "asDropdown": True}],
        "templating": {"list": [source, *variables]},
        "panels": laid_out(rows),
    }
