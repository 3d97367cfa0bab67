"""The tables of docs/capacity.md, made by the command and compared by a test."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from . import model
from .inputs import Inputs
from .simulation import Loss, Pool, Seen, trial, week

BEGIN, END = "<!-- made by python -m tools.capacity: begin -->", "<!-- end -->"
TERA, GIGA = 1e12, 1e9


def document(inputs: Inputs) -> str:
    """Everything between the two marks of the page."""
    parts = [
        ("Arrivals", arrivals(inputs)),
        ("Processor of an operation", cost(inputs)),
        ("Processors at the peak", processors(inputs)),
        ("Storage", storage(inputs)),
        ("Events", streams(inputs)),
        ("A simulated peak", simulated(inputs)),
        ("A week", hours(inputs)),
    ]
    return "\n\n".join(f"### {title}\n\n{text}" for title, text in parts)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table: words to the left, figures to the right."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *rows))


def arrivals(inputs: Inputs) -> str:
    rows = [
        (one.name, f"{one.a_year / 1e6:,.0f}", f"{one.mean:,.1f}", f"{one.peak:,.0f}")
        for one in model.rates(inputs)
    ]
    return table(("operation", "million a year", "mean a second", "a second at the peak"), rows)


def cost(inputs: Inputs) -> str:
    names = (*model.PROGRAMS, "postgres")
    rows = [
        (name, *(f"{1000 * spent.get(one, 0):.2f}" for one in names), f"{1000 * sum(spent.values()):.1f}")
        for name, spent in inputs.cost.items()
    ]
    return table(("ms", *names, "all"), rows)


def processors(inputs: Inputs) -> str:
    rows = [
        (one.program, f"{one.load:.1f}", str(one.replicas), str(one.standing), f"{one.p99_wait:.1f}")
        for one in model.needs(inputs)
    ]
    cores, count = inputs.assumed["cores_a_node"], model.nodes(inputs)
    words = f"\n\nNodes of {cores} cores, so that one zone of three may be lost: **{count}**."
    return table(("program", "processors used", "needed", "standing", "p99 wait, ms"), rows) + words


def storage(inputs: Inputs) -> str:
    years = inputs.assumed["years_kept"]
    rows = [
        (one.name, f"{one.a_year / TERA:,.2f}", f"{one.kept / TERA:,.1f}", str(one.shards or "object store"))
        for one in model.stores(inputs)
    ]
    return table(("one copy", "TB a year", f"TB after {years} years", "clusters"), rows)


def streams(inputs: Inputs) -> str:
    held, factor = model.stream_bytes(inputs), model.peak_factor(inputs)
    rows = [
        (f"SOCLE_{name.replace('-', '_').upper()}", *_events(count, factor), f"{held[name] / GIGA:,.0f}")
        for name, count in model.events(inputs).items()
    ]
    days = inputs.assumed["stream_days"]
    return table(("stream", "million a year", "a second at the peak", f"GB of {days} days, one copy"), rows)


def _events(count: float, factor: float) -> tuple[str, str]:
    return f"{count / 1e6:,.0f}", f"{count / model.YEAR * factor:,.0f}"


def simulated(inputs: Inputs) -> str:
    """The gateway's replicas at the peak: all of them, a node less, too few."""
    (gateway,) = (one for one in model.needs(inputs) if one.program == "gateway")
    wanted, service = inputs.simulation, model.mean_service(inputs, "gateway")
    rate = gateway.load / service
    a_zone = math.ceil(gateway.standing / inputs.assumed["zones"])
    lost = Loss(a_zone, wanted["lost_at"], wanted["lost_at"] + wanted["back_after"])

    def seen(servers: int, loss: Loss | None = None) -> Seen:
        pool = Pool(servers, service, wanted["variation"])
        return trial(pool, rate, wanted["seconds"], int(wanted["seed"]), loss)

    cases = [
        (f"all {gateway.standing} replicas", seen(gateway.standing)),
        (f"{a_zone} of them lost for {wanted['back_after']} s", seen(gateway.standing, lost)),
        (f"the {gateway.replicas} that are needed", seen(gateway.replicas)),
        (f"only {math.ceil(gateway.load * 1.02)}", seen(math.ceil(gateway.load * 1.02))),
    ]
    rows = [(name, *_figures(one)) for name, one in cases]
    return table(("gateway at the peak", "arrivals", "used", "p50 ms", "p99 ms", "worst ms"), rows)


def _figures(seen: Seen) -> tuple[str, ...]:
    times = (f"{1000 * one:,.1f}" for one in (seen.p50, seen.p99, seen.worst))
    return (f"{seen.arrivals:,}", f"{100 * seen.used:.0f} %", *times)


def hours(inputs: Inputs) -> str:
    """Where a week's hours stand against the peak that is paid for."""
    parts = week(inputs.profile["hours"], inputs.profile["weekend"])
    monthly = model.peak_factor(inputs) / inputs.country["peak"]
    (busiest, quietest) = (max(parts), min(parts))
    deposits = next(one for one in model.rates(inputs) if one.name == "deposit")
    rows = [
        (
            "busiest hour of the peak month",
            f"{busiest * monthly:.1f}",
            f"{deposits.mean * monthly * busiest:,.0f}",
        ),
        ("mean of the peak month", f"{monthly:.2f}", f"{deposits.mean * monthly:,.1f}"),
        ("quietest hour", f"{quietest * monthly:.2f}", f"{deposits.mean * monthly * quietest:,.2f}"),
        ("the peak that is paid for", f"{model.peak_factor(inputs):.1f}", f"{deposits.peak:,.0f}"),
    ]
    return table(("when", "times the mean of the year", "deposits a second"), rows)
