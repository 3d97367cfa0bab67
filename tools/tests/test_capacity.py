"""The formulas against known values, the trial against the formulas, the page against both."""

from pathlib import Path
from random import Random

import pytest

from tools.capacity import model, tables
from tools.capacity.__main__ import PAGE, page
from tools.capacity.inputs import INPUTS, Inputs, read
from tools.capacity.queueing import erlang_c, mean_wait, quantile_wait, servers_for
from tools.capacity.simulation import Loss, Pool, arrivals, service_time, trial, week


@pytest.fixture(scope="module")
def inputs() -> Inputs:
    return read()


# One server: the probability that it is busy. The rest from Erlang's tables.
@pytest.mark.parametrize(
    ("servers", "load", "waits"),
    [(1, 0.5, 0.5), (2, 1.0, 1 / 3), (5, 4.0, 0.5541), (10, 8.0, 0.4092), (100, 80.0, 0.0197), (3, 0.0, 0.0)],
)
def test_erlang_c_is_that_of_the_tables(servers: int, load: float, waits: float) -> None:
    assert erlang_c(servers, load) == pytest.approx(waits, abs=5e-4)


def test_erlang_c_holds_for_many_servers() -> None:
    assert 0 < erlang_c(1000, 950.0) < 1


def test_a_queue_that_grows_for_ever_has_no_figure() -> None:
    with pytest.raises(ValueError, match="need more than 4 servers"):
        erlang_c(4, 4.0)


def test_waits_of_one_server_are_those_of_the_textbook() -> None:
    # M/M/1 at half load: waits as long as it serves; M/D/1: half of that (Pollaczek and Khinchine).
    assert mean_wait(1, 0.5, 2.0) == pytest.approx(2.0)
    assert mean_wait(1, 0.5, 2.0, variation=0.0) == pytest.approx(1.0)
    # 99 % stay below the time where the tail 0.5 exp(-t (1 - 0.5) / 2) is 0.01.
    assert quantile_wait(1, 0.5, 2.0, 0.99) == pytest.approx(15.648, abs=1e-3)
    assert quantile_wait(100, 10.0, 2.0, 0.99) == 0.0


@pytest.mark.parametrize(("load", "used", "wanted"), [(3.0, 0.6, 5), (3.01, 0.6, 6), (0.0, 0.6, 1)])
def test_servers_are_not_used_more_than_asked(load: float, used: float, wanted: int) -> None:
    assert servers_for(load, used) == wanted


@pytest.mark.parametrize(("servers", "load"), [(1, 0.5), (4, 3.0), (12, 9.0)])
def test_a_trial_waits_as_long_as_the_formula_says(servers: int, load: float) -> None:
    service = 0.01
    seen = trial(Pool(servers, service), load / service, 400.0, seed=3)
    # Log-normal times of variation 1: the formula depends on mean and variation only.
    assert seen.mean_wait == pytest.approx(mean_wait(servers, load, service), rel=0.15)
    assert seen.used == pytest.approx(load / servers, rel=0.03)


def test_same_times_wait_half_as_long() -> None:
    seen = trial(Pool(1, 0.01, variation=0.0), 50.0, 400.0, seed=3)
    assert seen.mean_wait == pytest.approx(mean_wait(1, 0.5, 0.01, 0.0), rel=0.1)


def test_lost_replicas_are_missed() -> None:
    pool, rate = Pool(4, 0.01), 240.0
    whole, broken = trial(pool, rate, 60, 1), trial(pool, rate, 60, 1, Loss(2, 20, 40))
    assert broken.p99 > 10 * whole.p99
    # Nothing is given up: what came is answered, later.
    assert broken.arrivals == whole.arrivals
    assert broken.worst > 1.0


def test_a_loss_of_everything_is_no_trial() -> None:
    with pytest.raises(ValueError, match="nobody is left"):
        trial(Pool(2, 0.01), 10.0, 10, 1, Loss(2, 1, 2))


def test_chance_has_the_mean_asked_for() -> None:
    draw = Random(1)
    times = [service_time(Pool(1, 0.02, 2.0), draw) for _ in range(40_000)]
    assert sum(times) / len(times) == pytest.approx(0.02, rel=0.05)
    assert len(list(arrivals(50.0, 400.0, draw))) == pytest.approx(20_000, rel=0.03)


def test_a_week_has_the_mean_of_the_year() -> None:
    parts = week([1.0] * 12 + [3.0] * 12, weekend=0.5)
    assert len(parts) == 168
    assert sum(parts) / 168 == pytest.approx(1.0)
    assert parts[12] == 3 * parts[0] == 2 * parts[5 * 24 + 12]
    with pytest.raises(ValueError, match="24 parts"):
        week([1.0] * 23, 0.5)


def test_costs_are_those_the_benches_noted(inputs: Inputs) -> None:
    # bench/results: 5.52 ms of processor a search, the load generator's 0.10 left out.
    assert sum(inputs.cost["search"].values()) == pytest.approx(0.00542, abs=1e-4)
    assert inputs.cost["deposit"]["dmp"] == pytest.approx(0.00499, abs=1e-4)
    assert not any("load generator" in one or "issuer" in one for one in inputs.cost.values())


def test_peak_is_that_of_the_peak_month_times_what_is_asked(inputs: Inputs) -> None:
    deposits = next(one for one in model.rates(inputs) if one.name == "deposit")
    assert deposits.peak == pytest.approx(42_800_000 / (30.44 * 86400) * 10)


def test_load_is_rate_times_cost(inputs: Inputs) -> None:
    by_hand = sum(one.peak * inputs.cost[one.name].get("dmp", 0.0) for one in model.rates(inputs))
    assert model.load(inputs, "dmp") == pytest.approx(by_hand)
    databases = sum(model.database_load(inputs, one) for one in set(model.DATABASE.values()))
    assert databases == pytest.approx(model.load(inputs, "postgres"))


def test_a_zone_may_be_lost(inputs: Inputs) -> None:
    for one in model.needs(inputs):
        assert one.standing * 2 // 3 >= one.replicas
        assert one.load / one.replicas <= inputs.assumed["used_at_peak"] + 1e-9


def test_a_cluster_is_restored_in_time(inputs: Inputs) -> None:
    at_most = inputs.assumed["restore_bytes_a_second"] * inputs.assumed["restore_hours"] * 3600
    for one in model.stores(inputs):
        if one.shards:
            assert one.kept / one.shards <= at_most


def test_a_changed_copy_changes_the_figures(tmp_path: Path, inputs: Inputs) -> None:
    text = INPUTS.read_text()
    mine = tmp_path / "mine.toml"
    mine.write_text(text.replace("peak = 10", "peak = 20"))
    assert mine.read_text() != text
    assert model.load(read(mine), "gateway") == pytest.approx(2 * model.load(inputs, "gateway"))


def test_page_shows_what_the_command_prints(inputs: Inputs) -> None:
    text = PAGE.read_text()
    assert page(text, tables.document(inputs)) == text, "run `python -m tools.capacity --write`"
