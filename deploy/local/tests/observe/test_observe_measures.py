"""Measures: totals to rates, buckets to quantiles, what is a worry, what is bounded."""

import pytest

from socle_local.observe import gauges, red
from socle_local.observe.points import POINTS_MOST, Measures, take
from socle_local.observe.red import quantile

from .given import BOUNDS, NOW, counted, gauge, measured, measures, total

RPC = "/socle.dmp.v1.DmpService/GetRecord"
OK, FAULT, REFUSED = ({"rpc": RPC, "code": code} for code in ("OK", "INTERNAL", "PERMISSION_DENIED"))


def test_rate_and_errors_are_those_of_the_last_minute() -> None:
    kept = measures(
        counted(-90, (100, 0, 0, 0), OK),
        counted(-30, (160, 0, 0, 0), OK),
        counted(-5, (190, 0, 0, 0), OK),
        counted(-5, (0, 0, 0, 10), FAULT),
        counted(-5, (20, 0, 0, 0), REFUSED),
    )
    (line,) = red.rpcs(kept, NOW)
    assert (line.service, line.what) == ("dmp", RPC[1:])
    assert line.rate == pytest.approx((90 + 10 + 20) / 60)
    assert line.errors == pytest.approx(10 / 120), "what a caller may not do is no fault of ours"
    assert line.total == 190 + 10 + 20
    assert sum(line.curve) == pytest.approx((190 + 10 + 20) / (red.SHOWN / red.STEPS))


def test_a_program_that_started_again_counts_from_nought() -> None:
    kept = measures(counted(-20, (500, 0, 0, 0), OK), counted(-10, (6, 0, 0, 0), OK))
    (line,) = red.rpcs(kept, NOW)
    assert line.rate == pytest.approx((500 + 6) / 60)


def test_replicas_add_up() -> None:
    kept = Measures()
    for instance in ("pod-1", "pod-2"):
        take(measured(counted(-5, (30, 0, 0, 0), OK), instance=instance).resource_metrics, kept)
    (line,) = red.rpcs(kept, NOW)
    assert line.rate == pytest.approx(1.0)


def test_a_silent_minute_has_no_duration() -> None:
    (line,) = red.rpcs(measures(counted(-500, (5, 0, 0, 0), OK)), NOW)
    assert (line.rate, line.errors, line.p50, line.p99) == (0.0, 0.0, None, None)


def test_a_route_is_told_with_its_method_and_fails_by_5xx() -> None:
    labels = {"route": "/fhir/Binary/{id}", "method": "GET"}
    kept = measures(
        counted(-5, (3, 0, 0, 0), {**labels, "status": "200"}, "socle.http.duration"),
        counted(-5, (1, 0, 0, 0), {**labels, "status": "503"}, "socle.http.duration"),
    )
    (line,) = red.routes(kept, NOW)
    assert (line.what, line.errors) == ("GET /fhir/Binary/{id}", 0.25)


@pytest.mark.parametrize(
    ("share", "counts", "value"),
    [
        (0.5, (10, 0, 0, 0), 0.05),
        (1.0, (10, 0, 0, 0), 0.1),
        (0.5, (0, 10, 0, 0), 0.3),
        (0.75, (5, 5, 0, 0), 0.3),
        (0.99, (0, 0, 0, 10), 1.0),
        (0.5, (0, 0, 0, 0), None),
    ],
)
def test_a_quantile_is_placed_evenly_within_its_bucket(
    share: float, counts: tuple[int, ...], value: float | None
) -> None:
    assert quantile(share, counts, BOUNDS) == pytest.approx(value)


def test_gauges_stand_under_their_heading_with_their_worry() -> None:
    kept = measures(
        gauge(-10, 1.0, "socle.outbox.oldest_age"),
        gauge(-5, 61.0, "socle.outbox.oldest_age"),
        gauge(-5, 3.0, "socle.db.pool.used"),
        gauge(-5, 1.0, "socle.relay.leader"),
    )
    found = gauges.readings(kept, NOW)
    assert list(found) == [gauges.EVENTS, gauges.DATABASES]
    age, leader = found[gauges.EVENTS]
    assert (age.title, age.value, age.unit, age.worry, age.curve) == (
        "Outbox, oldest event",
        61.0,
        "s",
        True,
        [1.0, 61.0],
    )
    assert (leader.title, leader.worry) == ("Relay leads here", False)


def test_a_counter_is_shown_as_what_it_grows_by() -> None:
    name = "socle.outbox.published"
    (line,) = gauges.readings(measures(total(-70, 40, name), total(-5, 100, name)), NOW)[gauges.EVENTS]
    assert line.value == pytest.approx(1.0)


def test_an_exporter_that_sends_differences_is_understood() -> None:
    name = "socle.outbox.published"
    kept = measures(*(total(at, 30, name, delta=True) for at in (-40, -20)))
    (line,) = gauges.readings(kept, NOW)[gauges.EVENTS]
    assert line.value == pytest.approx(1.0)


def test_a_measure_nobody_knows_is_shown_all_the_same() -> None:
    (line,) = gauges.readings(measures(gauge(-5, 7.0, "socle.new.thing")), NOW)[gauges.OTHER]
    assert (line.title, line.value) == ("socle.new.thing", 7.0)


def test_of_a_program_that_started_again_the_running_one_is_shown() -> None:
    kept = Measures()
    for at, instance in ((-50, "before"), (-5, "now")):
        take(measured(gauge(at, at, "socle.outbox.waiting"), instance=instance).resource_metrics, kept)
    (line,) = gauges.readings(kept, NOW)[gauges.EVENTS]
    assert line.value == -5


def test_series_and_points_are_bounded() -> None:
    kept = Measures(series_most=2)
    every = [gauge(at, 1.0, name) for name in ("a", "b", "c") for at in range(POINTS_MOST + 60)]
    take(measured(*every).resource_metrics, kept)
    assert kept.names() == ["a", "b"]
    assert kept.left_out == POINTS_MOST + 60
    assert len(kept.named("a")[0].points) == POINTS_MOST


def test_buckets_that_do_not_fit_their_bounds_are_left_out() -> None:
    kept = measures(counted(-5, (1, 2), OK))
    assert (len(kept), kept.left_out) == (0, 1)


def test_another_version_with_other_buckets_does_not_mix() -> None:
    odd = counted(-5, (0, 0, 0, 9), OK)
    odd.histogram.data_points[0].explicit_bounds[:] = [1, 2, 3]
    (line,) = red.rpcs(measures(counted(-5, (60, 0, 0, 0), OK), odd), NOW)
    assert line.rate == pytest.approx(1.0)
