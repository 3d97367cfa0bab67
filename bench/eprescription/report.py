"""The figures of lifecycles, with the goals beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

from bench.eprescription.lifecycle import STEPS, WARM_UP, WHOLE
from bench.eprescription.stored import Loading
from bench.load import Outcome
from bench.report import Goal
from bench.rounds import Rounds
from bench.sheet import Paper, Sheet

MEAN, STRETCH, P99_MS, RULE_MS = 32, 67, 500, 1.0
NOTE = """
PostgreSQL, NATS, every service, the gateway and the load generator share this machine. fsync on; one worker
a service. A lifecycle is five requests through the gateway, each needing the answer before it: create a
draft, sign it (rules of law, interactions against the active treatments, ES256 over canonical JSON), claim it
by its access code (signature verified again), record the delivery of its line, close with a signed receipt;
token, policy, access journal and events included, and the documents sent to the DMP meanwhile. Each person is
prescribed something once in a run. The stored prescriptions are completed ones, spread evenly over the
persons, loaded by SQL: their bodies repeat one that was signed. {clients} clients in a closed loop,
{seconds:g} s a round after {warm_up:g} s. 32 items a second is the mean of England, 28 that of Germany, each
on means of its own: a context, never a comparison.
"""


@dataclass(slots=True)
class Report(Rounds):
    """One run. `outcomes` count lifecycles; their p50 and p99 are of single requests, in milliseconds."""

    machine: dict[str, str]
    loading: Loading
    clients: int
    seconds: float
    # Milliseconds that the rules take for a line, by what is checked.
    rules: dict[str, float] = field(default_factory=dict)
    outcomes: list[Outcome] = field(default_factory=list)

    def goals(self) -> list[Goal]:
        return [
            Goal("lifecycles a second: a country's mean", self.rate, MEAN, "/s"),
            Goal("lifecycles a second: stretch", self.rate, STRETCH, "/s"),
            Goal("p99 of a request", self.p99, P99_MS, "ms", most=True),
            Goal("requests that were no success", self.refused, 0, "", most=True),
            Goal("rules, for a line", max(self.rules.values()), RULE_MS, "ms", most=True),
        ]

    def paper(self) -> Paper:
        """Everything, as tables."""
        sheets = [self._machine(), self._steps(), self._cpu(), self._rules(), self._goals()]
        title = f"e-prescription among {self.loading.prescriptions:,} stored ones"
        return Paper("eprescription", title, self._note(), sheets, self._json())

    def _machine(self) -> Sheet:
        loaded = f"{self.loading.seconds:.0f} s, {self.loading.size / 1e9:.2f} GB"
        return Sheet("Machine", ("what", ""), [*self.machine.items(), ("loaded in", loaded)])

    def _steps(self) -> Sheet:
        rates = f"{min(self.rates):.0f}-{max(self.rates):.0f}"
        title = f"Lifecycles: {self.rate:.0f} a second ({rates} over {len(self.outcomes)} rounds)"
        sheet = Sheet(title, ("request", "answers", "p50 ms", "p99 ms"))
        for name in (*STEPS, WHOLE):
            own = [one.kinds[name] for one in self.outcomes if name in one.kinds]
            p50, p99 = (median(figure[place] for figure in own) for place in (2, 3))
            sheet.rows.append((name, f"{sum(figure[0] for figure in own):,}", f"{p50:.1f}", f"{p99:.1f}"))
        return sheet

    def _cpu(self) -> Sheet:
        """Milliseconds of processor of each program for one lifecycle."""
        count = sum(one.count for one in self.outcomes)
        spent = {name: _spent(self.outcomes, name) / count for name in self.outcomes[0].cpu}
        sheet = Sheet("Processor, ms a lifecycle", ("program", "ms"))
        sheet.rows += [(name, f"{value:.2f}") for name, value in sorted(spent.items())]
        sheet.rows.append(("all", f"{sum(spent.values()):.2f}"))
        return sheet

    def _rules(self) -> Sheet:
        sheet = Sheet("Rules in this process, a line", ("what", "ms"))
        sheet.rows += [(name, f"{value:.3f}") for name, value in self.rules.items()]
        return sheet

    def _goals(self) -> Sheet:
        return Sheet("Goals", ("what", "measured", "goal", ""), [goal.row() for goal in self.goals()])

    def _note(self) -> str:
        told = NOTE.format(clients=self.clients, seconds=self.seconds, warm_up=WARM_UP)
        return " ".join(told.split())

    def _json(self) -> dict[str, Any]:
        return {
            "machine": self.machine,
            "loading": asdict(self.loading),
            "rounds": [asdict(one) for one in self.outcomes],
            "rules": self.rules,
            "goals": [{**asdict(goal), "reached": goal.reached} for goal in self.goals()],
            "note": self._note(),
        }


def _spent(outcomes: Sequence[Outcome], name: str) -> float:
    return 1000 * sum(one.cpu[name] for one in outcomes)
