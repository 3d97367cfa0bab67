"""What the kubelet does once a container runs: asks its probes, each on its own clock, and remembers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.containers.probes import Inside, Probe


@dataclass(slots=True)
class Record:
    """What one probe has answered so far. `passing` is what the kubelet would believe, thresholds counted."""

    probe: Probe
    passed: int = 0
    failed: int = 0
    passing: bool = False
    # Answers of the same kind in a row.
    row: int = 0
    last: str = "not asked yet"
    # How often it went from passing to failing.
    losses: list[str] = field(default_factory=list)

    def hear(self, reason: str) -> None:
        """One answer: the reason of a failure, or nothing."""
        good = not reason
        self.row = self.row + 1 if good == (self.last == "") else 1
        self.last = reason
        self.passed, self.failed = self.passed + good, self.failed + (not good)
        if good and self.row >= self.probe.successes:
            self.passing = True
        elif not good and self.row >= self.probe.failures and self.passing:
            self.passing = False
            self.losses.append(reason)


class Kubelet:
    """The probes of one container: startup alone until it passes, then the two others side by side."""

    def __init__(self, name: str, probes: dict[str, Probe], address: str, inside: Inside) -> None:
        self.records = {kind: Record(probe) for kind, probe in probes.items()}
        self._address, self._inside = address, inside
        self._over = threading.Event()
        self._started = threading.Event()
        self._began = time.monotonic()
        self._threads = [
            threading.Thread(target=self._watch, args=(record,), name=f"{kind} of {name}", daemon=True)
            for kind, record in self.records.items()
        ]

    def start(self) -> None:
        """Begins to ask; without a startup probe the others begin at once."""
        if "startupProbe" not in self.records:
            self._started.set()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Asks no more; what was heard stays."""
        self._over.set()
        self._started.set()
        for thread in self._threads:
            thread.join()

    @property
    def ready(self) -> bool:
        """Whether the container would be given calls."""
        if not self._started.is_set():
            return False
        readiness = self.records.get("readinessProbe")
        return readiness.passing if readiness else True

    @property
    def dead(self) -> str:
        """Why the kubelet would have started the container again, or nothing."""
        startup, liveness = self.records.get("startupProbe"), self.records.get("livenessProbe")
        if startup and not startup.passing and startup.failed >= startup.probe.failures:
            return f"startup probe failed {startup.failed} times: {startup.last}"
        return f"liveness probe: {liveness.losses[-1]}" if liveness and liveness.losses else ""

    def ask(self, kind: str) -> str:
        """Asks one probe now, beside its clock; the reason of the failure, or nothing."""
        return self.records[kind].probe.ask(self._address, self._inside)

    def _watch(self, record: Record) -> None:
        probe = record.probe
        if probe.kind != "startupProbe":
            self._started.wait()
            # Liveness is believed until it fails.
            record.passing = probe.kind == "livenessProbe"
        self._over.wait(max(0.0, self._began + probe.delay - time.monotonic()))
        while not self._over.is_set():
            record.hear(probe.ask(self._address, self._inside))
            if probe.kind == "startupProbe" and record.passing:
                self._started.set()
                return
            self._over.wait(probe.period)


def wait_until(done: Callable[[], bool], seconds: float) -> bool:
    """Whether `done()` came true within this time."""
    limit = time.monotonic() + seconds
    while not done():
        if time.monotonic() > limit:
            return False
        time.sleep(0.1)
    return True
