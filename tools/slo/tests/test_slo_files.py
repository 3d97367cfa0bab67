"""What may stand in `slo/`: what is written there holds, and a mistake is refused with its place."""

from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from chassis.telemetry import FAULTS
from chassis.telemetry.metrics import ANSWER, LAG
from socle_local.manifest import find_services
from tools.paths import ROOT
from tools.slo.files import SOURCES
from tools.slo.model import Counted, FileRefused, Level, read_all

SLOS, ALERTS = read_all(ROOT / SOURCES)
GOOD = yaml.safe_load((ROOT / SOURCES / "dmp.yaml").read_text())
BOUNDARIES = {"socle_event_lag_seconds_bucket": LAG}


def test_every_service_promises_something() -> None:
    assert {slo.service for slo in SLOS} == {service.name for service in find_services()}


def test_every_service_promises_availability_and_latency() -> None:
    for slo in SLOS:
        assert {"availability", "latency"} <= {objective.name for objective in slo.objectives}


def test_a_fault_of_ours_is_what_the_chassis_calls_one() -> None:
    told = [
        objective.indicator.bad
        for slo in SLOS
        for objective in slo.objectives
        if isinstance(objective.indicator, Counted) and "code=~" in objective.indicator.bad
    ]
    assert len(told) == len(SLOS) - 1
    assert all(f'code=~"{"|".join(sorted(FAULTS))}"' in selector for selector in told)


def test_a_promise_on_time_is_read_at_a_boundary_of_its_histogram() -> None:
    found = []
    for slo in SLOS:
        for objective in slo.objectives:
            if isinstance(objective.indicator, Counted) and "_bucket{" in objective.indicator.good:
                metric, _, labels = objective.indicator.good.partition("{")
                bound = labels.rpartition('le="')[2] if 'le="' in labels else labels.rpartition('le=~"')[2]
                found.append(float(bound.split('"')[0].split("|")[0]))
                assert found[-1] in BOUNDARIES.get(metric, ANSWER), objective
    assert {0.5, 1.0} <= set(found)


def test_good_and_total_are_of_the_same_events() -> None:
    for slo in SLOS:
        for objective in slo.objectives:
            if isinstance(objective.indicator, Level):
                assert f'service_name="{slo.service}"' in objective.indicator.level
                continue
            part = objective.indicator.good or objective.indicator.bad
            own = part.partition("{")[2].rstrip("}")
            for label in objective.indicator.total.partition("{")[2].rstrip("}").split('",'):
                assert label.rstrip('"') in own, objective


def test_a_target_is_exact() -> None:
    assert next(o.target for o in SLOS[0].objectives if o.name == "availability") == Decimal("99.9")


def write(folder: Path, name: str, content: object) -> Path:
    (folder / "alerts.yaml").write_text("alerts: []\n")
    (folder / name).write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return folder


def changed(**objective: object) -> dict[str, object]:
    return {**GOOD, "objectives": [{**GOOD["objectives"][0], **objective}]}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({**GOOD, "windw": "28d"}, "windw"),
        ({**GOOD, "window": "7d"}, "28d"),
        ({**GOOD, "objectives": []}, "at least 1"),
        ({**GOOD, "objectives": GOOD["objectives"][:1] * 2}, "named twice"),
        (changed(target=100), "below 100"),
        (changed(target=90), "14.4 times its budget"),
        (changed(why=""), "why"),
        (changed(indicator={"total": "a{b='c'}", "good": "a{b='c'}", "bad": "a{b='c'}"}), "one of the two"),
        (changed(indicator={"total": "a{b='c'}"}), "one of the two"),
        (changed(indicator={"total": "rate(a{b='c'}[5m])", "bad": "a{b='c'}"}), "no selector"),
        (changed(indicator={"total": "a + b", "bad": "a{b='c'}"}), "no selector"),
        ("service: [", "dmp.yaml"),
    ],
)
def test_a_mistake_is_refused_with_its_place(tmp_path: Path, content: object, says: str) -> None:
    with pytest.raises(FileRefused, match=r"^dmp\.yaml: ") as refused:
        read_all(write(tmp_path, "dmp.yaml", content))
    assert says in str(refused.value)


def test_a_file_bears_the_name_of_its_service(tmp_path: Path) -> None:
    with pytest.raises(FileRefused, match="name the file after its service"):
        read_all(write(tmp_path, "record.yaml", GOOD))
