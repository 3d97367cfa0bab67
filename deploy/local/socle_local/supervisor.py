"""Starts the components as early as each can, brings back the ones that fall, stops all in order."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from enum import StrEnum

from socle_local.failures import InterruptedStartError, PlatformFailedError
from socle_local.programs import Program

START_SECONDS = 60.0
WATCH_SECONDS = 0.2
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 15.0
STEADY_SECONDS = 60.0


class State(StrEnum):
    """Where a component stands."""

    WAITING = "waiting"
    STARTING = "starting"
    READY = "ready"
    FALLEN = "fallen"
    FAILED = "failed"
    STOPPING = "stopping"
    STOPPED = "stopped"


@dataclass(slots=True)
class Component:
    """One program under supervision.

    `needs` are the components that must be ready before it starts; components stop from the highest `stage`
    to the lowest, those of one stage together. `prepare` runs once the program is ready, before anyone relies
    on it. Times are those of the monotonic clock, in seconds.
    """

    name: str
    program: Program
    address: str
    stage: int
    launch: Callable[[], None]
    is_ready: Callable[[], bool]
    needs: tuple[str, ...] = ()
    prepare: Callable[[], None] | None = None
    stop_seconds: float = 15.0
    state: State = State.WAITING
    detail: str = ""
    began: float = 0.0
    ready_after: float | None = None
    restarts: int = 0
    pause: float = FIRST_PAUSE
    due: float = 0.0
    up_since: float = 0.0
    ready: threading.Event = field(default_factory=threading.Event)


Observer = Callable[[Component], None]


class Supervisor:
    """Owns the components from start to stop. `give_up` may be called from any thread, the rest from one."""

    def __init__(self, components: Sequence[Component], observe: Observer = lambda component: None) -> None:
        self.components = list(components)
        self._observe = observe
        self._ending = threading.Event()
        self._resting: set[str] = set()

    def __getitem__(self, name: str) -> Component:
        return next(component for component in self.components if component.name == name)

    def give_up(self) -> None:
        """Asks a start or a watch under way to end; safe from a signal handler."""
        self._ending.set()

    def start(self) -> None:
        """Returns when every component is ready.

        Raises PlatformFailedError with the reason of the first that failed, everything being stopped again;
        InterruptedStartError after `give_up`.
        """
        with ThreadPoolExecutor(len(self.components)) as pool:
            tasks = [pool.submit(self._bring_up, component) for component in self.components]
            wait(tasks, return_when=FIRST_EXCEPTION)
            reason = first_reason(tasks)
            if reason:
                self._ending.set()
        if reason:
            self.stop()
            raise reason

    def watch(self) -> None:
        """Brings fallen components back, with growing pauses, until `give_up`."""
        while not self._ending.wait(WATCH_SECONDS):
            for component in self.components:
                if component.name not in self._resting:
                    self._look_after(component)

    def stop(self) -> list[str]:
        """Stops everything, last started first; the names of those that had to be killed."""
        self._ending.set()
        killed = []
        for stage in sorted({component.stage for component in self.components}, reverse=True):
            running = [c for c in self.components if c.stage == stage and c.program.running]
            for component in running:
                self._move(component, State.STOPPING)
                component.program.ask_to_stop()
            for component in running:
                if not component.program.stop(component.stop_seconds):
                    killed.append(component.name)
                self._move(component, State.STOPPED)
        return killed

    def kill(self, name: str) -> None:
        """Ends a component the hard way and leaves it down until `revive`: for tests that break things."""
        self._resting.add(name)
        self[name].program.kill()
        self._move(self[name], State.STOPPED)

    def revive(self, name: str) -> None:
        """Starts again what `kill` ended; returns when it is ready."""
        self[name].ready.clear()
        self._bring_up(self[name])
        self._resting.discard(name)

    def _bring_up(self, component: Component) -> None:
        for need in component.needs:
            while not self[need].ready.wait(WATCH_SECONDS):
                if self._ending.is_set():
                    raise InterruptedStartError
        self._begin(component)
        try:
            component.launch()
            component.program.wait_ready(component.is_ready, START_SECONDS, self._ending)
            self._finish(component)
        except InterruptedStartError:
            raise
        except PlatformFailedError:
            self._move(component, State.FAILED)
            raise

    def _begin(self, component: Component) -> None:
        component.began = time.monotonic()
        self._move(component, State.STARTING)

    def _finish(self, component: Component) -> None:
        if component.prepare:
            component.prepare()
        component.up_since = time.monotonic()
        component.ready_after = component.up_since - component.began
        self._move(component, State.READY)
        component.ready.set()

    def _look_after(self, component: Component) -> None:
        now = time.monotonic()
        if component.state is State.READY and not component.program.running:
            self._fell(component, now)
        elif component.state is State.FALLEN and now >= component.due:
            self._again(component)
        elif component.state is State.STARTING:
            self._awaited(component, now)

    def _fell(self, component: Component, now: float) -> None:
        if component.state is State.READY and now - component.up_since > STEADY_SECONDS:
            component.pause = FIRST_PAUSE
        component.due = now + component.pause
        self._move(
            component, State.FALLEN, f"{component.program.ending}, starts again in {component.pause:.1f} s"
        )
        component.pause = min(component.pause * 2, LONGEST_PAUSE)

    def _again(self, component: Component) -> None:
        component.restarts += 1
        self._begin(component)
        try:
            component.launch()
        except PlatformFailedError:
            self._fell(component, time.monotonic())

    def _awaited(self, component: Component, now: float) -> None:
        if not component.program.running:
            self._fell(component, now)
        elif component.is_ready():
            self._finish(component)
        elif now - component.began > START_SECONDS:
            component.program.kill()

    def _move(self, component: Component, state: State, detail: str = "") -> None:
        component.state, component.detail = state, detail
        self._observe(component)


def first_reason(tasks: Sequence[Future[None]]) -> BaseException | None:
    """The exception to report: a real failure rather than the interruptions it causes elsewhere."""
    raised = [error for task in tasks if task.done() and (error := task.exception())]
    return next(
        (e for e in raised if not isinstance(e, InterruptedStartError)), raised[0] if raised else None
    )
