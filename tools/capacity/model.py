"""The formulas of docs/capacity.md, each a function of the inputs."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .inputs import Inputs
from .queueing import quantile_wait, servers_for

YEAR, MONTH, DAY = 365.25 * 86400, 30.44 * 86400, 86400.0
# Where the processor time of PostgreSQL goes, by operation.
DATABASE = {
    "deposit": "dmp",
    "search": "dmp",
    "retrieve": "dmp",
    "prescription": "eprescription",
    "identity": "identity-ins",
    "identity read": "identity-ins",
}
DATABASES = "postgres "
PROGRAMS = ("gateway", "identity-ins", "dmp", "eprescription", "nats")


@dataclass(frozen=True, slots=True)
class Rate:
    """An operation: a year, a second on average, a second at the peak."""

    name: str
    a_year: float
    mean: float
    peak: float


@dataclass(frozen=True, slots=True)
class Need:
    """Processors of a program at the peak: `load` in processors, replicas of one each, `p99_wait` in ms."""

    program: str
    load: float
    replicas: int
    standing: int
    p99_wait: float


@dataclass(frozen=True, slots=True)
class Store:
    """What a database or a store grows by in a year, and after the years kept, in bytes of one copy."""

    name: str
    a_year: float
    kept: float
    shards: int


def operations(inputs: Inputs) -> dict[str, float]:
    """How many of each operation a year."""
    country, assumed = inputs.country, inputs.assumed
    documents = float(country["documents_a_year"])
    identities = country["persons"] * assumed["identities_a_person_year"]
    return {
        "deposit": documents,
        "search": documents * assumed["searches_a_document"],
        "retrieve": documents * assumed["retrieves_a_document"],
        "prescription": country["prescription_lines_a_year"] / assumed["lines_a_prescription"],
        "identity": identities,
        "identity read": identities * assumed["identity_reads"],
    }


def peak_factor(inputs: Inputs) -> float:
    """Arrivals at the peak over the mean of the year: that of the peak month, times what is asked for."""
    country = inputs.country
    monthly = country["documents_peak_month"] / MONTH / (country["documents_a_year"] / YEAR)
    return float(monthly * country["peak"])


def rates(inputs: Inputs) -> list[Rate]:
    """Every operation; all follow the documents in the month and at the peak."""
    factor = peak_factor(inputs)
    return [Rate(name, year, year / YEAR, year / YEAR * factor) for name, year in operations(inputs).items()]


def load(inputs: Inputs, program: str) -> float:
    """Processors that a program uses at the peak: the sum over operations of rate times cost."""
    speed = inputs.assumed["processor_speed"]
    return sum(rate.peak * inputs.cost[rate.name].get(program, 0.0) for rate in rates(inputs)) / speed


def database_load(inputs: Inputs, service: str) -> float:
    """The same for PostgreSQL, by the database that an operation writes to."""
    speed = inputs.assumed["processor_speed"]
    own = [rate for rate in rates(inputs) if DATABASE[rate.name] == service]
    return sum(rate.peak * inputs.cost[rate.name]["postgres"] for rate in own) / speed


def need(inputs: Inputs, program: str, busy: float) -> Need:
    """Replicas for a load, and how many must stand so that as many are left when a zone is lost."""
    zones = int(inputs.assumed["zones"])
    replicas = servers_for(busy, inputs.assumed["used_at_peak"])
    standing = max(zones, math.ceil(replicas * zones / (zones - 1)))
    if program.startswith(DATABASES):
        standing = replicas * int(inputs.assumed["database_copies"])
    return Need(program, busy, replicas, standing, 1000 * wait(inputs, program, replicas, busy))


def wait(inputs: Inputs, program: str, replicas: int, busy: float) -> float:
    """Seconds that one request in a hundred waits for a replica, at least."""
    service = mean_service(inputs, program)
    return quantile_wait(replicas, busy, service, 0.99, inputs.simulation["variation"]) if service else 0.0


def mean_service(inputs: Inputs, program: str) -> float:
    """Seconds of processor of a mean request of this program at the peak."""
    own = [(rate.peak, inputs.cost[rate.name].get(program, 0.0)) for rate in rates(inputs)]
    asked = sum(peak for peak, cost in own if cost)
    return (
        sum(peak * cost for peak, cost in own) / asked / inputs.assumed["processor_speed"] if asked else 0.0
    )


def needs(inputs: Inputs) -> list[Need]:
    """Every program, then the primary of each database."""
    programs = [need(inputs, program, load(inputs, program)) for program in PROGRAMS]
    services = sorted(set(DATABASE.values()))
    return programs + [need(inputs, f"{DATABASES}{one}", database_load(inputs, one)) for one in services]


def nodes(inputs: Inputs) -> int:
    """Nodes for all that stands: as many in each zone."""
    zones, cores = int(inputs.assumed["zones"]), sum(one.standing for one in needs(inputs))
    return zones * math.ceil(cores / zones / inputs.assumed["cores_a_node"])


def events(inputs: Inputs) -> dict[str, float]:
    """Events a year, by the service that publishes them."""
    made, assumed = operations(inputs), inputs.assumed
    return {
        "dmp": made["deposit"] * assumed["events_a_document"],
        "eprescription": made["prescription"] * assumed["events_a_prescription"],
        "identity-ins": made["identity"] * assumed["events_an_identity"],
    }


def journal_lines(inputs: Inputs) -> dict[str, float]:
    """Lines of the journal a year, by service: each reading and each change leaves one."""
    made = operations(inputs)
    return {
        "dmp": made["deposit"] + made["search"] + made["retrieve"],
        "eprescription": made["prescription"] * inputs.assumed["journal_lines_a_prescription"],
        "identity-ins": made["identity"] + made["identity read"],
    }


def stores(inputs: Inputs) -> list[Store]:
    """Databases by service, then the contents."""
    size, made = inputs.size, operations(inputs)
    own = {
        "dmp": made["deposit"] * size["document"],
        "eprescription": made["prescription"] * size["prescription"],
        "identity-ins": made["identity"] * size["identity"],
    }
    proofs = {"dmp": size["leaf"]}
    told, lines = events(inputs), journal_lines(inputs)
    found = []
    for name, rows in sorted(own.items()):
        line = size["journal_line"] + proofs.get(name, 0)
        yearly = rows + told[name] * size["event"] + lines[name] * line
        first = inputs.country["persons"] * size["person"] if name == "identity-ins" else 0.0
        kept = first + yearly * inputs.assumed["years_kept"]
        found.append(Store(name, yearly, kept, shards(inputs, kept)))
    contents = made["deposit"] * inputs.assumed["document_content_bytes"]
    return [*found, Store("contents", contents, contents * inputs.assumed["years_kept"], 0)]


def shards(inputs: Inputs, size: float) -> int:
    """Clusters a database is cut into, so that each is restored in time."""
    at_most = inputs.assumed["restore_bytes_a_second"] * inputs.assumed["restore_hours"] * 3600
    return max(1, math.ceil(size / at_most))


def stream_bytes(inputs: Inputs) -> dict[str, float]:
    """What each stream holds, one copy."""
    days, size = inputs.assumed["stream_days"], inputs.size["event_in_stream"]
    return {name: count / YEAR * DAY * days * size for name, count in events(inputs).items()}
