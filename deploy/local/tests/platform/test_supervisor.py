"""Order of start and stop, failures, and the return of what fell: with small real processes."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from socle_local.failures import InterruptedStartError, PlatformFailedError
from socle_local.programs import Program
from socle_local.supervisor import Component, State, Supervisor

# Ready once its file exists; leaves on SIGTERM.
SERVE = "import sys, time, pathlib; pathlib.Path(sys.argv[1]).touch(); time.sleep(60)"
DIE = "import sys; sys.exit('the cupboard is bare')"
DEAF = "import signal, sys, time, pathlib; signal.signal(15, signal.SIG_IGN);" + SERVE.removeprefix(
    "import sys, time, pathlib;"
)

Make = Callable[..., Component]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made: list[Component] = []

    def component(name: str, code: str = SERVE, *, stage: int = 0, needs: tuple[str, ...] = ()) -> Component:
        sign = tmp_path / f"{name}.ready"
        program = Program(name, [sys.executable, "-c", code, sign], log=tmp_path / f"{name}.log")

        def launch() -> None:
            sign.unlink(missing_ok=True)
            program.start()

        made.append(Component(name, program, "", stage, launch, sign.exists, needs, stop_seconds=0.5))
        return made[-1]

    yield component
    for component_made in made:
        component_made.program.kill()


def wait_for(condition: Callable[[], bool], seconds: float = 20) -> None:
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "it never happened"
        time.sleep(0.02)


def test_components_start_after_what_they_need_and_stop_by_stage(make: Make) -> None:
    seen: list[tuple[str, State]] = []
    components = [make("front", stage=2), make("service", stage=1, needs=("base",)), make("base")]
    supervisor = Supervisor(components, lambda c: seen.append((c.name, c.state)))
    supervisor.start()
    assert all(c.state is State.READY and c.ready_after for c in components)
    assert seen.index(("service", State.STARTING)) > seen.index(("base", State.READY))
    seen.clear()
    assert supervisor.stop() == []
    assert [name for name, state in seen if state is State.STOPPED] == ["front", "service", "base"]
    assert not any(c.program.running for c in components)


def test_one_that_fails_gives_the_reason_and_stops_the_others(make: Make) -> None:
    base, broken, later = make("base"), make("broken", DIE), make("later", needs=("broken",))
    supervisor = Supervisor([base, broken, later])
    with pytest.raises(
        PlatformFailedError, match=r"(?s)broken did not start: .*exit code 1.*cupboard is bare"
    ):
        supervisor.start()
    assert not base.program.running
    assert (later.program.pid, later.state) == (None, State.WAITING)


def test_the_words_of_an_earlier_run_are_not_the_reason_of_this_one(make: Make) -> None:
    broken = make("broken", DIE)
    broken.program.log.write_text("an old quarrel\n")
    with pytest.raises(PlatformFailedError) as failure:
        Supervisor([broken]).start()
    assert "an old quarrel" not in str(failure.value)


def test_a_start_can_be_given_up(make: Make) -> None:
    never = make("never", "import time; time.sleep(60)")
    supervisor = Supervisor([never, make("base")])
    threading.Timer(0.5, supervisor.give_up).start()
    with pytest.raises(InterruptedStartError):
        supervisor.start()
    assert not any(c.program.running for c in supervisor.components)


def test_one_that_is_killed_comes_back_with_growing_pauses(make: Make) -> None:
    details: list[str] = []
    fragile = make("fragile")
    supervisor = Supervisor([fragile], lambda c: details.append(c.detail))
    supervisor.start()
    watch = threading.Thread(target=supervisor.watch)
    watch.start()
    try:
        for times in (1, 2):
            first = fragile.program.pid
            assert first is not None
            psutil.Process(first).kill()
            wait_for(lambda times=times: fragile.restarts == times and fragile.state is State.READY)  # type: ignore[misc]
            assert fragile.program.pid != first
    finally:
        supervisor.give_up()
        watch.join()
        supervisor.stop()
    assert [d for d in details if d] == [
        "killed by SIGKILL, starts again in 0.5 s",
        "killed by SIGKILL, starts again in 1.0 s",
    ]


def test_one_killed_on_purpose_stays_down_until_it_is_revived(make: Make) -> None:
    target = make("target")
    supervisor = Supervisor([target])
    supervisor.start()
    watch = threading.Thread(target=supervisor.watch)
    watch.start()
    try:
        supervisor.kill("target")
        time.sleep(1.0)
        assert not target.program.running
        supervisor.revive("target")
        assert target.program.running
    finally:
        supervisor.give_up()
        watch.join()
        supervisor.stop()


def test_one_that_will_not_leave_is_killed_and_named(make: Make) -> None:
    supervisor = Supervisor([make("deaf", DEAF), make("polite")])
    supervisor.start()
    assert supervisor.stop() == ["deaf"]
    assert not any(c.program.running for c in supervisor.components)


def test_a_program_that_does_not_exist_is_told(tmp_path: Path) -> None:
    with pytest.raises(PlatformFailedError, match=r"ghost cannot be started: .*No such file"):
        Program("ghost", [tmp_path / "ghost"], log=tmp_path / "ghost.log").start()
