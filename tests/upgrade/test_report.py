"""Figures and judgements on made-up samples."""

from .report import Row, judged, kinds_of, quantile, row_of
from .rolling import Phase
from .traffic import Sample

IDLE = Phase("idle", 0.0, 0.0, 10.0)
UPGRADE = Phase("upgrade", 10.0, 10.0, 20.0)


def sample(due: float, milliseconds: float, failure: str = "", version: str = "now") -> Sample:
    return Sample("identity: read", due, milliseconds, version, failure)


def row(phase: str, p99: float) -> Row:
    return Row(phase, 10.0, 100, 0, 1.0, p99, p99, 100, 0)


def test_quantile_is_an_observed_time() -> None:
    times = [float(n) for n in range(1, 101)]
    assert [quantile(times, share) for share in (0.5, 0.99, 1.0)] == [51.0, 100.0, 100.0]
    assert quantile([], 0.99) == 0.0


def test_a_row_counts_what_was_due_in_its_phase() -> None:
    samples = [sample(9.9, 5), sample(10.0, 7, version="next"), sample(12.0, 9, "503"), sample(20.0, 11)]
    found = row_of(UPGRADE, samples)
    assert (found.requests, found.failed, found.worst, found.former, found.following) == (2, 1, 9, 1, 1)


def test_kinds_are_those_of_the_phases_asked_for() -> None:
    assert kinds_of([UPGRADE], [sample(1.0, 5), sample(11.0, 8)]) == [("identity: read", 1, 8, 8)]


def test_one_failed_request_is_a_failed_run() -> None:
    rows = [row("idle", 20.0), row("upgrade", 30.0), row("rollback", 39.0)]
    assert all(check.held for check in judged(rows, [sample(1.0, 5)]))
    checks = judged(rows, [sample(1.0, 5), sample(2.0, 5, "503")])
    assert [check.held for check in checks] == [False, True, True]


def test_twice_the_idle_time_is_too_long() -> None:
    rows = [row("idle", 20.0), row("upgrade", 40.0), row("rollback", 39.9)]
    assert [check.held for check in judged(rows, [sample(1.0, 5)])] == [True, False, True]


def test_no_idle_figure_is_no_proof() -> None:
    rows = [row("idle", 0.0), row("upgrade", 0.0), row("rollback", 0.0)]
    assert [check.held for check in judged(rows, [])] == [True, False, False]
